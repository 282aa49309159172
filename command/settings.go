package command

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
)

// settings are the flags of every command, with the variables that stand in for them.
type settings struct {
	files     []string
	project   string
	directory string
	profiles  []string
	envFiles  []string
	progress  string // auto, tty, plain, json, quiet
	ansi      string // never, always, auto
	width     int    // steps at once
	dryRun    bool
	noWait    bool   // for another command that holds the project, --no-wait-lock
	address   string // of the engine, --host
	context   string // of the docker CLI

	allResources bool // networks and volumes that no service uses, too
}

// defaultWidth is how many steps run at once where nobody says.
const defaultWidth = 8

// noLimit is the width of --parallel -1.
const noLimit = 1 << 16

func (p *program) settings(c *cli.Context) (settings, error) {
	p.dotenv = nil
	s := settings{
		files:     c.StringSlice("file"),
		project:   c.String("project-name"),
		directory: c.String("project-directory"),
		profiles:  c.StringSlice("profile"),
		envFiles:  ofProgram(c).StringSlice("env-file"), // `cron create` has one of its own
		width:     defaultWidth,
		dryRun:    c.Bool("dry-run"),
		noWait:    c.Bool("no-wait-lock"),
		address:   c.String("host"),
		context:   c.String("context"),

		allResources: c.Bool("all-resources"),
	}
	if err := s.older(c); err != nil {
		return s, err
	}
	p.dotenv = compose.EnvFile(compose.LoadOptions{
		Files: s.files, ProjectDir: s.directory, EnvFiles: s.envFiles, Env: p.variables(),
	})
	s.progress = first(c.String("progress"), p.setting("COMPOSE_PROGRESS"), "auto")
	s.ansi = first(s.ansi, c.String("ansi"), p.setting("COMPOSE_ANSI"), "auto")
	if err := refuse(ofProgram(c), refusedFlags); err != nil {
		return s, err
	}
	if truthy(p.setting("COMPOSE_COMPATIBILITY")) {
		return s, refusedFlags[0].error()
	}
	if s.project != "" && !compose.IsProjectName(s.project) {
		return s, &usageError{msg: fmt.Sprintf("--project-name: %q is no name of a project", s.project), hint: compose.ProjectNames}
	}
	if err := oneOf("progress", s.progress, "auto", "tty", "plain", "json", "quiet"); err != nil {
		return s, err
	}
	if err := oneOf("ansi", s.ansi, "auto", "never", "always"); err != nil {
		return s, err
	}
	if s.address != "" && s.context != "" {
		return s, usagef("--host and --context name an engine both: give one of them")
	}
	if text := first(c.String("parallel"), p.setting("COMPOSE_PARALLEL_LIMIT")); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n == 0 || n < -1 {
			return s, usagef("--parallel: %q is no number of steps: it takes 1 and more, or -1 for no limit", text)
		}
		s.width = n
		if n == -1 {
			s.width = noLimit
		}
	}
	return s, nil
}

// older reads the names that docker compose once gave to flags, and still takes.
func (s *settings) older(c *cli.Context) error {
	c = ofProgram(c)
	if c.Bool("no-ansi") {
		if c.IsSet("ansi") {
			return usagef("--ansi and --no-ansi, its older form, exclude each other")
		}
		s.ansi = "never"
	}
	if folder := c.String("workdir"); folder != "" {
		if s.directory != "" {
			return usagef("--project-directory and --workdir, its older name, exclude each other")
		}
		s.directory = folder
	}
	return nil
}

// ofProgram has the flags of every command alone: a verb may have one of the same name, as exec has --workdir.
func ofProgram(c *cli.Context) *cli.Context {
	lineage := c.Lineage() // the outermost has no flags
	return lineage[max(0, len(lineage)-2)]
}

// setting is a variable that stands in for a flag: of our environment, or else of the project's env file.
func (p *program) setting(name string) string {
	if value, set := p.env[name]; set {
		return value
	}
	return p.dotenv[name]
}

func first(words ...string) string {
	for _, word := range words {
		if word != "" {
			return word
		}
	}
	return ""
}

// truthy reads a COMPOSE_* switch.
func truthy(text string) bool {
	on, err := strconv.ParseBool(text)
	return err == nil && on
}

// seconds reads -t and --wait-timeout: a number of seconds, or a duration. "" is not given.
func seconds(flag, text string) (*time.Duration, error) {
	if text == "" {
		return nil, nil
	}
	if n, err := strconv.Atoi(text); err == nil && n >= 0 {
		d := time.Duration(n) * time.Second
		return &d, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return nil, usagef("--%s: %q is no time: it takes seconds (30) or a duration (1m30s)", flag, text)
	}
	return &d, nil
}

// scales reads --scale and the arguments of scale: service=number.
func scales(entries []string) (map[string]int, error) {
	wanted := map[string]int{}
	for _, entry := range entries {
		service, text, ok := strings.Cut(entry, "=")
		n, err := strconv.Atoi(text)
		if !ok || service == "" || err != nil || n < 0 || n > compose.MaxReplicas {
			return nil, &usageError{msg: fmt.Sprintf("%q is no scale", entry), hint: fmt.Sprintf("it takes SERVICE=NUMBER, as in web=3, up to %d", compose.MaxReplicas)}
		}
		wanted[service] = n
	}
	return wanted, nil
}
