package command

import (
	"context"

	"github.com/urfave/cli/v2"

	"hyper-lite/plan"
)

func (p *program) pauseVerb() *cli.Command {
	return &cli.Command{
		Name:      "pause",
		Usage:     "let containers stand still; the balancer has none of them meanwhile",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite pause worker
hyper-lite unpause worker                  lets it go on`,
		Action: p.pauseAction("pause", plan.PauseAll),
	}
}

func (p *program) unpauseVerb() *cli.Command {
	return &cli.Command{
		Name:        "unpause",
		Usage:       "let paused containers go on",
		ArgsUsage:   "[SERVICE...]",
		Description: `hyper-lite unpause worker`,
		Action:      p.pauseAction("unpause", plan.UnpauseAll),
	}
}

func (p *program) pauseAction(verb string, decide signalled) cli.ActionFunc {
	return p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
		project, err := i.find(ctx)
		if err != nil {
			return err
		}
		options := plan.SignalOptions{Services: c.Args().Slice()}
		return i.apply(ctx, project, verb, options.Services, withoutBalancer, i.signals(project, options, decide))
	})
}
