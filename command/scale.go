package command

import (
	"context"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
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
	options := plan.Options{NoDeps: c.Bool("no-deps"), NoRecreate: true, Timeout: timeout}
	for _, name := range sortedKeys(wanted) {
		options.Services = append(options.Services, name)
	}
	var project compose.Project
	if project, err = i.load(ctx, i.loadOptions(options.Services...)); err != nil {
		return err
	}
	if project, err = scaled(project, wanted); err != nil {
		return err
	}
	if options.System, err = i.system(ctx, project); err != nil {
		return err
	}
	return i.scaleReplicas(ctx, project, options)
}
