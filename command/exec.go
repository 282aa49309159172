package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

func (p *program) exec() *cli.Command {
	return &cli.Command{
		Name:      "exec",
		Usage:     "run a command in a container of a service that runs",
		ArgsUsage: "SERVICE COMMAND [ARG...]",
		Description: `hyper-lite exec web sh                      a shell; its exit code is ours
hyper-lite exec --index 2 -u root web id     in replica 2, as root
hyper-lite exec -T db pg_dump shop > shop.sql
hyper-lite exec -T db psql shop < shop.sql   what follows SERVICE is the command's, flags too`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "begin the command and leave it to itself"},
			&cli.StringSliceFlag{Name: "env", Aliases: []string{"e"}, Usage: "`NAME=VALUE` of a variable, or NAME for the value it has here; may be repeated"},
			indexFlag(),
			&cli.BoolFlag{Name: "privileged", Usage: "with all that the engine's host may do"},
			&cli.StringFlag{Name: "user", Aliases: []string{"u"}, Usage: "as this `USER`"},
			&cli.StringFlag{Name: "workdir", Aliases: []string{"w"}, Usage: "in this `FOLDER` of the container"},
		}, terminalFlags(true)...),
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.exec(ctx, c) }),
	}
}

// terminalFlags are those of a process with streams. -it is what docker's own users type.
func terminalFlags(hidden bool) []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "no-tty", Aliases: []string{"T", "no-TTY"}, Usage: "without a terminal (default: with one where input and output are terminals)"},
		&cli.BoolFlag{Name: "interactive", Aliases: []string{"i"}, Value: true, Hidden: hidden, Usage: "send it the standard input; --interactive=false does not"},
		&cli.BoolFlag{Name: "tty", Aliases: []string{"t"}, Hidden: true},
	}
}

// terminalOf reads the terminalFlags.
func (i *invocation) terminalOf(c *cli.Context) (tty, stdin bool, err error) {
	said := func(name string) *bool {
		if !c.IsSet(name) {
			return nil
		}
		value := c.Bool(name)
		return &value
	}
	stdin = c.Bool("interactive")
	tty, err = i.wantsTerminal(said("tty"), said("no-tty"), stdin, c.Bool("detach"))
	return tty, stdin, err
}

func (i *invocation) exec(ctx context.Context, c *cli.Context) error {
	if c.NArg() < 2 {
		return &usageError{msg: "exec needs a service and a command", hint: "as in `hyper-lite exec web sh`"}
	}
	index, err := readIndex(c)
	if err != nil {
		return err
	}
	tty, stdin, err := i.terminalOf(c)
	if err != nil {
		return err
	}
	project, replicas, err := i.listed(ctx, nil)
	if err != nil {
		return err
	}
	in, err := target(project.Project, replicas, c.Args().First(), index)
	if err != nil {
		return err
	}
	if in.State == plan.Paused {
		return &hinted{fmt.Errorf("%s is paused: no command begins in it", in.Name), "`" + programName + " unpause " + in.Service + "` lets it go on"}
	}
	command := engine.Command{
		Argv: c.Args().Tail(), Env: i.environmentOf(project.Project, c.StringSlice("env")), User: c.String("user"),
		WorkDir: c.String("workdir"), Privileged: c.Bool("privileged"), Detached: c.Bool("detach"),
	}
	if i.dryRun {
		fmt.Fprintf(i.Out, "exec in %s: %q\n", in.Name, command.Argv)
		return nil
	}
	defer heedPipes()()
	session, cancel := context.WithCancel(ctx)
	defer cancel()
	streams, restore, err := i.processStreams(session, tty, stdin && !command.Detached)
	if err != nil {
		return err
	}
	defer restore()
	code, err := i.opened.Exec(session, in.ID, command, streams)
	restore()
	switch {
	case errors.Is(err, errUnread):
		return codeError(exitUnread)
	case errors.Is(err, engine.ErrDetached):
		fmt.Fprintf(i.Err, "\ndetached: the command goes on in %s\n", in.Name)
		return nil
	case err != nil && ctx.Err() != nil:
		return codeError(exitInterrupted)
	case err != nil:
		return err
	}
	return exited(code)
}

// environmentOf gives variables that were typed without a value the one they have here. One that has none is taken away
// from the process.
func (i *invocation) environmentOf(project compose.Project, typed []string) []string {
	all := slices.Clone(typed)
	for at, pair := range all {
		if strings.Contains(pair, "=") {
			continue
		}
		value, ok := i.env[pair]
		if !ok && project.Model != nil {
			value, ok = project.Model.Environment[pair]
		}
		if ok {
			all[at] = pair + "=" + value
		}
	}
	return all
}
