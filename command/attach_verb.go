package command

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"hyper-lite/engine"
)

func (p *program) attachVerb() *cli.Command {
	return &cli.Command{
		Name:      "attach",
		Usage:     "give standard input, output and error to a container of a service",
		ArgsUsage: "SERVICE",
		Description: `hyper-lite attach web                       until it ends, with its exit code; Ctrl-C reaches it
hyper-lite attach --no-stdin --index 2 web  look on only
hyper-lite attach --sig-proxy=false web     Ctrl-C leaves it alone`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "detach-keys", Usage: "`KEYS` that leave a container with a terminal alone (default: ctrl-p,ctrl-q)"},
			indexFlag(),
			&cli.BoolFlag{Name: "no-stdin", Usage: "send it nothing"},
			&cli.BoolFlag{Name: "sig-proxy", Value: true, Usage: "pass signals on to it; --sig-proxy=false does not"},
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.attachTo(ctx, c) }),
	}
}

func (i *invocation) attachTo(ctx context.Context, c *cli.Context) error {
	if c.NArg() != 1 {
		return &usageError{msg: "attach needs one service", hint: "as in `hyper-lite attach web`"}
	}
	keys := c.String("detach-keys")
	if keys != "" && !engine.IsDetachKeys(keys) {
		return &usageError{msg: fmt.Sprintf("--detach-keys: %q are no keys", keys), hint: "as in ctrl-p,ctrl-q: letters, or ctrl- with a letter or one of @^[,_"}
	}
	index, err := readIndex(c)
	if err != nil {
		return err
	}
	project, replicas, err := i.listed(ctx, nil)
	if err != nil {
		return err
	}
	to, err := target(project.Project, replicas, c.Args().First(), index)
	if err != nil {
		return err
	}
	process, err := i.opened.Process(ctx, to.ID)
	if err != nil {
		return err
	}
	if i.dryRun {
		fmt.Fprintf(i.Out, "attach to %s\n", to.Name)
		return nil
	}
	stdin := process.Stdin && !c.Bool("no-stdin")
	if process.TTY && stdin && !isTerminal(i.In) {
		return &usageError{msg: to.Name + " has a terminal, and the standard input is none", hint: "--no-stdin only looks on"}
	}
	return i.join(ctx, i.opened, joining{
		container: to.ID, name: to.Name, ending: engine.Stopped, tty: process.TTY, stdin: stdin, keys: keys,
		endless: !process.Once, looks: true, proxy: c.Bool("sig-proxy"),
	})
}
