package command

import (
	"context"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func (p *program) pull() *cli.Command {
	return &cli.Command{
		Name:      "pull",
		Usage:     "fetch the images of services, newer ones in place of those that are there",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite pull
hyper-lite pull --include-deps web
hyper-lite pull --policy missing           only what is not there`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "include-deps", Usage: "what the services depend on, too"},
			&cli.BoolFlag{Name: "ignore-buildable", Usage: "not the images that can be built"},
			&cli.BoolFlag{Name: "ignore-pull-failures", Usage: "go on where an image cannot be fetched"},
			&cli.StringFlag{Name: "policy", Usage: "missing or always, instead of what the file says"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "show no progress"},
		}, obsolete("no-parallel")...),
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.pull(ctx, c) }),
	}
}

func (i *invocation) pull(ctx context.Context, c *cli.Context) error {
	options := plan.ImageOptions{
		Services: c.Args().Slice(), Dependencies: c.Bool("include-deps"), Ignore: c.Bool("ignore-pull-failures"),
		Policy: c.String("policy"), Buildable: !c.Bool("ignore-buildable"),
	}
	if options.Policy != "" {
		if err := oneOf("policy", options.Policy, "missing", "always"); err != nil {
			return err
		}
	}
	if c.Bool("quiet") {
		i.settings.progress = "quiet"
	}
	i.withoutEffect(c, "no-parallel")
	return i.imageAction(ctx, i.lookOptions(options.Services...), func(want compose.Project, have plan.Observed) (plan.Plan, error) {
		return plan.PullAll(want, have, options)
	}, "nothing to pull")
}
