package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"hyper-lite/plan"
)

func (p *program) rm() *cli.Command {
	return &cli.Command{
		Name:      "rm",
		Usage:     "remove containers that do not run; networks and volumes stay",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite rm                              asks first
hyper-lite rm -fsv web                     stop it before, its anonymous volumes too, without a question`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "force", Aliases: []string{"f"}, Usage: "do not ask"},
			&cli.BoolFlag{Name: "stop", Aliases: []string{"s"}, Usage: "stop what runs, before"},
			&cli.BoolFlag{Name: "volumes", Aliases: []string{"v"}, Usage: "remove anonymous volumes, too"},
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Hidden: true},
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
			return i.rm(ctx, plan.SignalOptions{
				Services: c.Args().Slice(), Stop: c.Bool("stop"), Volumes: c.Bool("volumes"),
			}, c.Bool("force"))
		}),
	}
}

func (i *invocation) rm(ctx context.Context, options plan.SignalOptions, force bool) error {
	project, err := i.find(ctx)
	if err != nil {
		return err
	}
	if options.LifecycleOptions.System, err = i.system(ctx, project.Project); err != nil {
		return err
	}
	observe := withoutBalancer
	if options.Stop {
		observe = servedToo // what stops is withdrawn before
	}
	return i.apply(ctx, project, "rm", options.Services, observe, func(have plan.Observed) (plan.Plan, error) {
		if err := noSuchService(options.Services, serviceNames(project.Project, have.Replicas)); err != nil {
			return plan.Plan{}, err
		}
		next, err := plan.RemoveAll(project.Name, project.wanted(), have, options)
		if err != nil || force || i.dryRun {
			return next, err
		}
		return next, i.agree(next)
	})
}

// agree asks, on a terminal, whether containers may go.
func (i *invocation) agree(next plan.Plan) error {
	var names []string
	for _, n := range next.Nodes {
		if r, ok := n.Step.(plan.Remove); ok {
			names = append(names, r.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	what := "going to remove " + strings.Join(names, ", ")
	if !isTerminal(i.In) || !isTerminal(i.Err) {
		return &hinted{fmt.Errorf("%s: nobody can be asked", what), "nothing was changed; --force agrees to it"}
	}
	return i.ask(what)
}
