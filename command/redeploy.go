package command

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func (p *program) rollingUpdate() *cli.Command {
	return &cli.Command{
		Name:      "rolling-update",
		Usage:     "roll services to another image, and leave the files alone",
		ArgsUsage: "SERVICE...",
		Description: `hyper-lite service rolling-update --image shop:2 web
hyper-lite service rolling-update --image shop:latest --pull always web worker`,
		UsageText: `The services keep their present number of replicas; what they depend on is left alone. The files are not
edited: the next ` + "`plan`" + ` says that they and the host differ, and the next ` + "`up`" + ` goes back to them.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "image", Usage: "the `IMAGE` to roll to"},
			pullFlag(),
			timeoutFlag(),
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
			if c.NArg() == 0 || c.String("image") == "" {
				return &usageError{
					msg:  "service rolling-update needs an image and a service",
					hint: "as in `hyper-lite service rolling-update --image shop:2 web`",
				}
			}
			images := map[string]string{}
			for _, name := range c.Args().Slice() {
				images[name] = c.String("image")
			}
			return i.roll(ctx, c, "service rolling-update", images, plan.Options{})
		}),
	}
}

func (p *program) redeploy() *cli.Command {
	return &cli.Command{
		Name:      "redeploy",
		Usage:     "replace all replicas of services, even those that are as wanted",
		ArgsUsage: "SERVICE...",
		Description: `hyper-lite service redeploy web
hyper-lite service redeploy --reuse-volumes=false db      with new, empty anonymous volumes
hyper-lite service redeploy --pull always web             with the newest image of that name`,
		UsageText: `The services are replaced as their rollout says, by what the files say; they keep their present number of
replicas. What they depend on is left alone. Named volumes always stay.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "reuse-volumes", Value: true, Usage: "let replacements take over the anonymous volumes; --reuse-volumes=false gives them new ones"},
			pullFlag(),
			timeoutFlag(),
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
			if c.NArg() == 0 {
				return &usageError{msg: "service redeploy needs a service", hint: "as in `hyper-lite service redeploy web`"}
			}
			return i.roll(ctx, c, "service redeploy", nil, plan.Options{
				ForceRecreate: true, Cause: "redeploy", RenewAnonVolumes: !c.Bool("reuse-volumes"),
			})
		}),
	}
}

// roll replaces replicas of the services that were named, and of no other, as `up` does, with the numbers of replicas
// that there are.
func (i *invocation) roll(ctx context.Context, c *cli.Context, verb string, images map[string]string, options plan.Options) error {
	var err error
	options.Services, options.NoDeps = c.Args().Slice(), true
	if options.Timeout, err = seconds("timeout", c.String("timeout")); err != nil {
		return err
	}
	if options.Pull, err = pullPolicy(c); err != nil {
		return err
	}
	load := i.loadOptions(options.Services...)
	load.Images, load.NoDeps = images, true
	project, files, err := i.loadKept(ctx, load, func(p compose.Project) ([]string, error) {
		return nil, noSuchService(options.Services, withJobs(serviceNames(p, nil), p, nil))
	})
	if err != nil {
		return err
	}
	host, err := i.engine(ctx)
	if err != nil {
		return err
	}
	replicas, err := host.List(ctx, project.Name)
	if err != nil {
		return err
	}
	if err := nothingThere("replace", project.Name, options.Services, replicas); err != nil {
		return err
	}
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
	if err := i.converge(ctx, project, options, verb, false); err != nil {
		return err
	}
	for _, name := range sortedKeys(images) {
		if s, _ := files.Service(name); s.Body.Image != images[name] {
			i.say(fmt.Sprintf("%s runs %s, and the files say %s: the next `up` goes back to the files", name, images[name], s.Body.Image))
		}
	}
	return nil
}
