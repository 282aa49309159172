package command

import (
	"context"

	"github.com/urfave/cli/v2"
)

func (p *program) create() *cli.Command {
	return &cli.Command{
		Name:      "create",
		Usage:     "make the containers and start nothing",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite create
hyper-lite create --build web
hyper-lite start                           starts what was made`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "build", Usage: "build images before"},
			&cli.BoolFlag{Name: "force-recreate", Usage: "replace containers that are as wanted, too"},
			&cli.BoolFlag{Name: "no-build", Usage: "build no image, even a missing one"},
			&cli.BoolFlag{Name: "no-recreate", Usage: "leave containers that differ from the file"},
			&cli.StringFlag{Name: "pull", Usage: "always, missing, never, build or policy (default: policy, that of the file)"},
			&cli.BoolFlag{Name: "quiet-pull", Usage: "do not show how pulls proceed"},
			&cli.BoolFlag{Name: "remove-orphans", Usage: "remove containers of services that the files do not have"},
			&cli.StringSliceFlag{Name: "scale", Usage: "`SERVICE=NUMBER` of replicas, instead of the file's; may be repeated"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask before data is lost"},
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.create(ctx, c) }),
	}
}

func (i *invocation) create(ctx context.Context, c *cli.Context) error {
	i.quietPull = c.Bool("quiet-pull")
	build := c.String("pull") == "build"
	if build {
		if err := c.Set("pull", "policy"); err != nil {
			return err
		}
	}
	project, options, err := i.wantedUp(ctx, c)
	if err != nil {
		return err
	}
	options.NoStart = true
	options.Build = options.Build || build
	if i.dryRun {
		next, err := i.planned(ctx, project, options)
		if err != nil {
			return err
		}
		return i.printPlan(next, "text")
	}
	return i.converge(ctx, project, options, "create", c.Bool("yes"))
}
