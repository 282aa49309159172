package command

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// exitChanges is what plan --detailed-exitcode says where there is something to do.
const exitChanges = codeError(2)

func (p *program) plan() *cli.Command {
	return &cli.Command{
		Name:      "plan",
		Usage:     "print what `up` would do, and why; changes nothing",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite plan
hyper-lite plan --detailed-exitcode       exit 0: nothing to change, exit 2: something
hyper-lite plan --format json`,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "format", Value: "text", Usage: "text or json"},
			&cli.BoolFlag{Name: "detailed-exitcode", Usage: "exit 2 where something would change"},
		}, changeFlags()...),
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
			if err := oneOf("format", c.String("format"), "text", "json"); err != nil {
				return err
			}
			project, options, err := i.wantedUp(ctx, c)
			if err != nil {
				return err
			}
			next, err := i.planned(ctx, project, options)
			if err != nil {
				return err
			}
			if err := i.printPlan(next, c.String("format")); err != nil {
				return err
			}
			if c.Bool("detailed-exitcode") && !next.Empty() {
				return exitChanges
			}
			return nil
		}),
	}
}

// planned looks at the host and decides; it changes nothing. A plan that the engine cannot do is an error.
func (i *invocation) planned(ctx context.Context, project compose.Project, options plan.Options) (plan.Plan, error) {
	host, err := i.host(ctx, project)
	if err != nil {
		return plan.Plan{}, err
	}
	next, err := host.Plan(ctx, project, options)
	if err != nil {
		return plan.Plan{}, err
	}
	return next, i.possible(ctx, next)
}

func (i *invocation) printPlan(next plan.Plan, format string) error {
	if format == "json" {
		return printJSON(i.Out, next)
	}
	i.warn(next.Warnings...)
	_, err := fmt.Fprint(i.Out, next)
	return err
}
