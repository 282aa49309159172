package command

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mattn/go-shellwords"
	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
)

// scheduleFlags are the five fields as Hyper's `cron create` took them, in the order in which they are written.
var scheduleFlags = []struct{ name, otherwise, usage string }{
	{"minute", "0", "`MINUTE`, 0-59 with * / , -"},
	{"hour", "0", "`HOUR`, 0-23"},
	{"dom", "*", "`DAY` of the month, 1-31"},
	{"month", "*", "`MONTH`, 1-12 or JAN-DEC"},
	{"week", "*", "`DAY` of the week, 0-6 or SUN-SAT"},
}

// refusedCronFlags are flags of Hyper's `cron create` that have no meaning here, and why.
var refusedCronFlags = map[string]string{
	"container-name": "a run's container is named after its project, job and instant, so that none runs twice",
	"mailto":         "no mail is sent from here: --notify takes a webhook URL or a command",
	"access-key":     "there is no account here whose key a job would need",
	"secret-key":     "there is no account here whose key a job would need",
	"sg":             "there are no security groups here: a job is in the project's default network",
	"noauto-volume":  "the volumes of an image are anonymous here, and go with the run's container",
	"publish":        "a job publishes no ports: it runs and ends (-p NAME for the project stands before `cron`)",
	"publish-all":    "a job publishes no ports: it runs and ends",
}

func (p *program) cronCreate() *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "name", Usage: "`NAME` of the job"},
		&cli.StringFlag{Name: "schedule", Usage: "`EXPRESSION` instead of the five fields: '*/5 * * * *', '@daily', '@every 90m'"},
		&cli.StringFlag{Name: "timezone", Usage: "IANA `ZONE` of the fields (default: UTC)"},
		&cli.StringSliceFlag{Name: "env", Aliases: []string{"e"}, Usage: "`NAME=VALUE` of a variable, or NAME for the value it has here; may be repeated"},
		&cli.StringSliceFlag{Name: "env-file", Usage: "`FILE` with variables, read now; may be repeated"},
		&cli.StringFlag{Name: "entrypoint", Usage: "`PROGRAM` with arguments, instead of the image's"},
		&cli.StringFlag{Name: "workdir", Aliases: []string{"w"}, Usage: "in this `FOLDER` of the container"},
		&cli.StringFlag{Name: "hostname", Aliases: []string{"h"}, Usage: "host `NAME` of the container"},
		&cli.StringSliceFlag{Name: "volume", Aliases: []string{"v"}, Usage: "`SOURCE:TARGET` to mount: a path, or a volume of the project; may be repeated"},
		&cli.StringSliceFlag{Name: "label", Aliases: []string{"l"}, Usage: "`NAME=VALUE` of a label; may be repeated"},
		&cli.StringSliceFlag{Name: "label-file", Usage: "`FILE` with a label a line, read now; may be repeated"},
		&cli.StringSliceFlag{Name: "link", Usage: "`SERVICE[:ALIAS]` that must run, by another name; may be repeated"},
		&cli.StringSliceFlag{Name: "expose", Usage: "`PORT` that it listens on; may be repeated"},
		&cli.StringFlag{Name: "size", Usage: "Hyper's `SIZE` of the container: s1-s4, m1-m3, l1-l3 (default: no limit)"},
		&cli.StringFlag{Name: "stop-signal", Usage: "`SIGNAL` that stops it"},
		&cli.StringFlag{Name: "restart", Usage: "no, or on-failure:TIMES, which is --retries TIMES (default: no)"},
		&cli.StringFlag{Name: "mail", Usage: "whose ends --notify is told of: on-failure, on-success or all (default: on-failure)"},
		&cli.StringFlag{Name: "notify", Usage: "webhook `URL`, or a command, that is told of ends"},
		&cli.StringFlag{Name: "concurrency", Usage: "forbid, queue, allow or replace (default: forbid)"},
		&cli.StringFlag{Name: "missed-fires", Usage: "one or skip (default: one)"},
		&cli.StringFlag{Name: "start-deadline", Usage: "`DURATION` in which a fire must start (default: none)"},
		&cli.StringFlag{Name: "timeout", Usage: "`DURATION` after which a run is stopped (default: none)"},
		&cli.IntFlag{Name: "retries", Usage: "how often a failed run is repeated"},
		&cli.StringFlag{Name: "pull", Usage: "always, missing or never (default: missing)"},
	}
	for at, f := range scheduleFlags {
		flags = slices.Insert(flags, 1+at, cli.Flag(&cli.StringFlag{Name: f.name, Usage: fmt.Sprintf("%s (default: %s)", f.usage, f.otherwise)}))
	}
	for _, name := range sortedKeys(refusedCronFlags) {
		switch name {
		case "noauto-volume":
			flags = append(flags, &cli.BoolFlag{Name: name, Hidden: true})
		case "publish-all":
			flags = append(flags, &cli.BoolFlag{Name: name, Aliases: []string{"P"}, Hidden: true})
		case "publish":
			flags = append(flags, &cli.StringSliceFlag{Name: name, Aliases: []string{"p"}, Hidden: true})
		default:
			flags = append(flags, &cli.StringSliceFlag{Name: name, Hidden: true})
		}
	}
	return &cli.Command{
		Name:      "create",
		Usage:     "make a job that stands in no file, with the flags of Hyper's cron",
		ArgsUsage: "IMAGE [COMMAND] [ARG...]",
		Description: `hyper-lite cron create --name tidy --minute 30 --hour 2 shop ./tidy --all
hyper-lite cron create --name ping --schedule '@every 30s' -e TARGET=web busybox wget -qO- http://web
hyper-lite cron create --name report --week mon-fri --hour 6 --timezone Europe/Berlin --size s3 shop report
hyper-lite cron rm tidy`,
		UsageText: `The job is kept in .hyper-lite/ of the project folder, the values of its variables included, and is a job of the project
from then on: ` + "`up`, `plan`, `cron ls`" + ` and the others see it, ` + "`config`" + ` prints the files alone. Where the project's
sidecar runs it is registered at once, elsewhere with the next ` + "`up`" + `.`,
		Flags:  flags,
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.cronCreate(ctx, c) }),
	}
}

func (i *invocation) cronCreate(ctx context.Context, c *cli.Context) error {
	for _, name := range sortedKeys(refusedCronFlags) {
		if c.IsSet(name) {
			return &usageError{msg: "cron create: --" + name + " is not supported", hint: refusedCronFlags[name]}
		}
	}
	name, job, err := i.typedJob(c)
	if err != nil {
		return err
	}
	files, err := i.loadFiles(ctx, i.lookOptions())
	if err != nil {
		return err
	}
	if what := nounOf(files, name); what != "" {
		return fmt.Errorf("the files have a %s %s already", what, name)
	}
	if err := i.tryJob(ctx, files, name, job); err != nil {
		return err
	}
	if i.dryRun {
		i.say("would make job " + name)
		return nil
	}
	err = changeCronRecord(files, func(r *cronRecord) error {
		if _, ok := r.Jobs[name]; ok {
			return &hinted{fmt.Errorf("there is a job %s already", name), fmt.Sprintf("`%s cron rm %s` takes it away", programName, name)}
		}
		if r.Jobs == nil {
			r.Jobs = map[string]madeJob{}
		}
		r.Jobs[name] = job
		return nil
	})
	if err != nil {
		return err
	}
	return i.registerMade(ctx, name)
}

// typedJob is the job that the flags and arguments describe.
func (i *invocation) typedJob(c *cli.Context) (string, madeJob, error) {
	job := madeJob{At: time.Now().UTC().Truncate(time.Second), By: person(i.env)}
	name := c.String("name")
	switch {
	case c.NArg() == 0:
		return name, job, &usageError{msg: "cron create needs an image", hint: "as in `hyper-lite cron create --name tidy --hour 3 shop ./tidy`"}
	case name == "":
		return name, job, &usageError{msg: "cron create needs --name", hint: "as in `hyper-lite cron create --name tidy --hour 3 shop ./tidy`"}
	case !jobName.MatchString(name):
		return name, job, &usageError{msg: "--name: " + quoted(name) + " is not allowed", hint: "it is made of letters, digits, dots, dashes and underscores, and starts with a letter or digit"}
	}
	timing, err := typedTiming(c)
	if err != nil {
		return name, job, err
	}
	service := map[string]any{"image": c.Args().First(), "cron": timing}
	if command := c.Args().Tail(); len(command) > 0 {
		service["command"] = command
	}
	for flag, key := range map[string]string{
		"workdir": "working_dir", "hostname": "hostname", "size": "size", "stop-signal": "stop_signal", "pull": "pull_policy",
	} {
		if c.IsSet(flag) {
			service[key] = c.String(flag)
		}
	}
	for flag, key := range map[string]string{"link": "links", "expose": "expose"} {
		if c.IsSet(flag) {
			service[key] = c.StringSlice(flag)
		}
	}
	if c.IsSet("entrypoint") {
		words, err := shellwords.Parse(c.String("entrypoint"))
		if err != nil {
			return name, job, usagef("--entrypoint: %q: %v", c.String("entrypoint"), err)
		}
		service["entrypoint"] = append([]string{}, words...)
	}
	if service["environment"], err = i.typedVariables(c); err != nil {
		return name, job, err
	}
	if service["labels"], err = typedLabels(c); err != nil {
		return name, job, err
	}
	if service["volumes"], job.Volumes, err = typedVolumes(c.StringSlice("volume")); err != nil {
		return name, job, err
	}
	text, err := json.Marshal(literal(service))
	job.Service = text
	return name, job, err
}

var jobName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]*$`)

// typedTiming is when it runs, as the key `cron` says it.
func typedTiming(c *cli.Context) (map[string]any, error) {
	var fields, given []string
	for _, f := range scheduleFlags {
		field := f.otherwise
		if c.IsSet(f.name) {
			field = c.String(f.name)
			given = append(given, "--"+f.name)
			if len(strings.Fields(field)) != 1 {
				return nil, usagef("--%s: %q is not one field", f.name, field)
			}
		}
		fields = append(fields, field)
	}
	timing := map[string]any{"schedule": strings.Join(fields, " ")}
	switch {
	case c.IsSet("schedule") && len(given) > 0:
		return nil, usagef("--schedule and %s exclude each other", given[0])
	case c.IsSet("schedule"):
		timing["schedule"] = c.String("schedule")
	case len(given) == 0:
		return nil, &usageError{msg: "cron create needs a schedule", hint: "at least one of --minute, --hour, --dom, --month and --week, or --schedule"}
	}
	for flag, key := range map[string]string{
		"timezone": "timezone", "concurrency": "concurrency", "missed-fires": "missed_fires", "start-deadline": "start_deadline",
		"timeout": "timeout", "mail": "mail", "notify": "notify",
	} {
		if c.IsSet(flag) {
			timing[key] = c.String(flag)
		}
	}
	retries, err := typedRetries(c)
	if retries != nil {
		timing["retries"] = *retries
	}
	return timing, err
}

// typedRetries is how often a run that failed is repeated, which Hyper's --restart says, too; nil where nothing does.
func typedRetries(c *cli.Context) (*int, error) {
	restart := c.String("restart")
	policy, times, bounded := strings.Cut(restart, ":")
	n, err := strconv.Atoi(times)
	switch {
	case c.IsSet("retries"):
		n = c.Int("retries")
		if restart != "" && restart != "no" {
			return nil, usagef("--restart and --retries exclude each other")
		}
	case restart == "" || restart == "no":
		return nil, nil
	case policy == "on-failure" && bounded && err == nil && n >= 0:
	case policy == "on-failure" && !bounded:
		return nil, &usageError{msg: "--restart: on-failure would repeat a run that fails for ever", hint: "say how often, as in on-failure:3"}
	case policy == "always" || policy == "unless-stopped":
		return nil, &usageError{msg: "--restart: a run would never end with " + policy, hint: "use --retries for runs that fail"}
	default:
		return nil, &usageError{msg: "--restart: " + quoted(restart) + " is not allowed", hint: "it is no, or on-failure:TIMES"}
	}
	return &n, nil
}

// typedVariables are the job's, with the values that they have now.
func (i *invocation) typedVariables(c *cli.Context) (map[string]string, error) {
	variables := map[string]string{}
	for _, name := range c.StringSlice("env-file") {
		warnings, err := compose.AddVariables(variables, name, i.env)
		if err != nil {
			return nil, usagef("--env-file: %q: %v", name, err)
		}
		i.warn(warnings...)
	}
	for _, text := range c.StringSlice("env") {
		name, value, given := strings.Cut(text, "=")
		if name == "" {
			return nil, usagef("--env: %q: it takes NAME=VALUE, or NAME", text)
		}
		if !given {
			if value, given = i.env[name]; !given {
				continue // as docker does with a variable that is not set
			}
		}
		variables[name] = value
	}
	return variables, nil
}

func typedLabels(c *cli.Context) (map[string]string, error) {
	labels := map[string]string{}
	add := func(flag, text string) error {
		name, value, _ := strings.Cut(text, "=")
		if name == "" {
			return usagef("--%s: %q: it takes NAME=VALUE", flag, text)
		}
		labels[name] = value
		return nil
	}
	for _, name := range c.StringSlice("label-file") {
		file, err := os.Open(name)
		if err != nil {
			return nil, usagef("--label-file: %v", err)
		}
		lines := bufio.NewScanner(file)
		for lines.Scan() && err == nil {
			if line := strings.TrimSpace(lines.Text()); line != "" && !strings.HasPrefix(line, "#") {
				err = add("label-file", line)
			}
		}
		if err := errors.Join(err, lines.Err(), file.Close()); err != nil {
			return nil, err
		}
	}
	for _, text := range c.StringSlice("label") {
		if err := add("label", text); err != nil {
			return nil, err
		}
	}
	return labels, nil
}

// typedVolumes makes relative paths absolute, and tells which volumes are named.
func typedVolumes(typed []string) (mounts, named []string, err error) {
	for _, text := range typed {
		source, rest, ok := strings.Cut(text, ":")
		switch {
		case !ok: // an anonymous one
		case strings.HasPrefix(source, "."):
			if source, err = filepath.Abs(source); err != nil {
				return nil, nil, fmt.Errorf("find %s: %w", text, err)
			}
			text = source + ":" + rest
		case !strings.HasPrefix(source, "/") && !strings.HasPrefix(source, "~"):
			named = append(named, source)
		}
		mounts = append(mounts, text)
	}
	return mounts, named, nil
}

// literal doubles every dollar sign: what was typed has its values already.
func literal(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "$", "$$")
	case []string:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = literal(e)
		}
		return list
	case map[string]string:
		m := map[string]any{}
		for k, e := range v {
			m[k] = literal(e)
		}
		return m
	case map[string]any:
		m := map[string]any{}
		for k, e := range v {
			m[k] = literal(e)
		}
		return m
	}
	return v
}

// tryJob reads the project with the job in it.
func (i *invocation) tryJob(ctx context.Context, files compose.Project, name string, job madeJob) error {
	record, err := readCronRecord(files)
	if err != nil {
		return err
	}
	if _, ok := record.Jobs[name]; ok {
		return &hinted{fmt.Errorf("there is a job %s already", name), fmt.Sprintf("`%s cron rm %s` takes it away", programName, name)}
	}
	options := i.aloneOptions(name)
	if slices.Contains(options.Files, "-") {
		return usagef("cron create cannot read the compose file from the standard input: the job is kept beside files")
	}
	if options.Added, err = (cronRecord{Jobs: map[string]madeJob{name: job}}).documents(files.Name); err != nil {
		return err
	}
	_, _, err = compose.Load(ctx, options)
	if mistakes, ok := errors.AsType[compose.FieldErrors](err); ok {
		return typedMistakes(mistakes, name)
	}
	return err
}

// typedMistakes are mistakes in a job that has no lines, told by its keys.
func typedMistakes(mistakes compose.FieldErrors, name string) error {
	lines := make([]string, len(mistakes))
	for at, m := range mistakes {
		key := strings.TrimPrefix(m.Path, "services."+name+".")
		key = strings.TrimPrefix(strings.TrimPrefix(key, "x-hyper-lite."), "cron.")
		lines[at] = fmt.Sprintf("%s: %s", key, m.Msg)
		if m.Hint != "" {
			lines[at] += " (" + m.Hint + ")"
		}
	}
	return &usageError{msg: "cron create: " + strings.Join(lines, "; ")}
}
