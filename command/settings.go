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
}

// defaultWidth is how many steps run at once where nobody says.
const defaultWidth = 8

// noLimit is the width of --parallel -1.
const noLimit = 1 << 16

func (p *program) settings(c *cli.Context) (settings, error) {
	s := settings{
		files:     c.StringSlice("file"),
		project:   c.String("project-name"),
		directory: c.String("project-directory"),
		profiles:  c.StringSlice("profile"),
		envFiles:  c.StringSlice("env-file"),
		progress:  first(c.String("progress"), p.env["COMPOSE_PROGRESS"], "auto"),
		ansi:      first(c.String("ansi"), p.env["COMPOSE_ANSI"], "auto"),
		width:     defaultWidth,
		dryRun:    c.Bool("dry-run"),
		noWait:    c.Bool("no-wait-lock"),
		address:   c.String("host"),
		context:   c.String("context"),
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
	if text := first(c.String("parallel"), p.env["COMPOSE_PARALLEL_LIMIT"]); text != "" {
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
		if !ok || service == "" || err != nil || n < 0 {
			return nil, &usageError{msg: fmt.Sprintf("%q is no scale", entry), hint: "it takes SERVICE=NUMBER, as in web=3"}
		}
		wanted[service] = n
	}
	return wanted, nil
}
