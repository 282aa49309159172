package command

import (
	"context"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func (p *program) push() *cli.Command {
	return &cli.Command{
		Name:      "push",
		Usage:     "send the images that are built here to their registries",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite build && hyper-lite push       the images of services with both build: and image:
hyper-lite push --include-deps web`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "include-deps", Usage: "what the services depend on, too"},
			&cli.BoolFlag{Name: "ignore-missing", Usage: "leave out images that are not here"},
			&cli.BoolFlag{Name: "ignore-push-failures", Usage: "go on where an image cannot be sent"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "show no progress"},
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
			options := plan.ImageOptions{
				Services: c.Args().Slice(), Dependencies: c.Bool("include-deps"), Ignore: c.Bool("ignore-push-failures"),
				There: c.Bool("ignore-missing"),
			}
			if c.Bool("quiet") {
				i.settings.progress = "quiet"
			}
			return i.imageAction(ctx, i.lookOptions(options.Services...), func(want compose.Project, have plan.Observed) (plan.Plan, error) {
				return plan.PushAll(want, have, options)
			}, "nothing to push: no service has both build: and image:")
		}),
	}
}
