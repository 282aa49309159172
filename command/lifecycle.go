package command

import (
	"context"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// lifecycle decides what a verb does to containers that are there.
type lifecycle func(project string, want *compose.Project, have plan.Observed, opt plan.LifecycleOptions) (plan.Plan, error)

// lifecycleAction is start, stop or restart.
func (p *program) lifecycleAction(verb string, decide lifecycle) cli.ActionFunc {
	return p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
		timeout, err := seconds("timeout", c.String("timeout"))
		if err != nil {
			return err
		}
		project, err := i.find(ctx)
		if err != nil {
			return err
		}
		options := plan.LifecycleOptions{Services: c.Args().Slice(), Timeout: timeout, NoDeps: c.Bool("no-deps")}
		return i.runLifecycle(ctx, project, verb, decide, options)
	})
}

func (i *invocation) runLifecycle(
	ctx context.Context, project foundProject, verb string, decide lifecycle, options plan.LifecycleOptions,
) error {
	var err error
	if options.System, err = i.system(ctx, project.Project); err != nil {
		return err
	}
	return i.apply(ctx, project, verb, withBalancer, func(have plan.Observed) (plan.Plan, error) {
		if err := noSuchService(options.Services, serviceNames(project.Project, have.Replicas)); err != nil {
			return plan.Plan{}, err
		}
		return decide(project.Name, project.wanted(), have, options)
	})
}
