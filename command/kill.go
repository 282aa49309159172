package command

import (
	"context"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func (p *program) killVerb() *cli.Command {
	return &cli.Command{
		Name:      "kill",
		Usage:     "send a signal to containers that run: SIGKILL, or another",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite kill                            everything, at once
hyper-lite kill -s SIGHUP web              as many servers read their configuration again`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "signal", Aliases: []string{"s"}, Value: "SIGKILL", Usage: "`SIGNAL` to send (default: SIGKILL)"},
			&cli.BoolFlag{Name: "remove-orphans", Usage: "containers of services that the files do not have, too"},
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
			return i.kill(ctx, plan.SignalOptions{
				Services: c.Args().Slice(), Signal: c.String("signal"), Orphans: c.Bool("remove-orphans"),
			})
		}),
	}
}

// kill waits for nobody who holds the project, and asks nobody to hold still: that may be what hangs.
func (i *invocation) kill(ctx context.Context, options plan.SignalOptions) error {
	project, err := i.find(ctx)
	if err != nil {
		return err
	}
	host, err := i.host(ctx, project.Project)
	if err != nil {
		return err
	}
	have, err := withoutBalancer(ctx, host, project.Project)
	if err != nil {
		return err
	}
	next, err := i.signals(project, options, plan.KillAll)(have)
	if err != nil {
		return err
	}
	if i.dryRun {
		return i.printPlan(next, "text")
	}
	if next.Empty() {
		i.warn(next.Warnings...)
		i.say("no container to kill")
		return nil
	}
	i.announce(next)
	err = host.Apply(ctx, next)
	i.finishProgress()
	return err
}

// signalled decides what a verb does to containers as they are.
type signalled func(project string, want *compose.Project, have plan.Observed, opt plan.SignalOptions) plan.Plan

// signals is a decision about services that must be known.
func (i *invocation) signals(project foundProject, options plan.SignalOptions, decide signalled) func(plan.Observed) (plan.Plan, error) {
	return func(have plan.Observed) (plan.Plan, error) {
		if err := noSuchService(options.Services, serviceNames(project.Project, have.Replicas)); err != nil {
			return plan.Plan{}, err
		}
		return decide(project.Name, project.wanted(), have, options), nil
	}
}
