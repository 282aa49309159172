package command

import (
	"context"

	"github.com/urfave/cli/v2"

	"hyper-lite/plan"
)

func (p *program) scale() *cli.Command {
	return &cli.Command{
		Name:      "scale",
		Usage:     "set the number of replicas, until the next `up` goes back to the file",
		ArgsUsage: "SERVICE=NUMBER...",
		Description: `hyper-lite scale web=5
hyper-lite scale web=3 worker=0`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "no-deps", Usage: "leave alone what the services depend on"},
			timeoutFlag(),
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
			wanted, err := scales(c.Args().Slice())
			if err != nil {
				return err
			}
			if len(wanted) == 0 {
				return &usageError{msg: "scale needs a number", hint: "as in `hyper-lite scale web=3`"}
			}
			return i.scale(ctx, wanted, c)
		}),
	}
}

func (i *invocation) scale(ctx context.Context, wanted map[string]int, c *cli.Context) error {
	timeout, err := seconds("timeout", c.String("timeout"))
	if err != nil {
		return err
	}
	services := sortedKeys(wanted)
	project, err := i.loadScaled(ctx, wanted, services, c.Bool("no-deps"))
	if err != nil {
		return err
	}
	options := plan.Options{Services: services, NoDeps: c.Bool("no-deps"), Timeout: timeout, NoRecreate: true, MovePorts: true}
	if options.System, err = i.system(ctx, project); err != nil {
		return err
	}
	if i.dryRun {
		next, err := i.planned(ctx, project, options)
		if err != nil {
			return err
		}
		return i.printPlan(next, "text")
	}
	return i.converge(ctx, project, options, "scale", false)
}
