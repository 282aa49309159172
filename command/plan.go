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
		UsageText: `It ends with the drift, where there is any: what of each service is not as it was in the last revision that was
applied, in the files and on the host. A rollback, rolling-update or scale shows there until the next up.`,
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
			options.Applied = i.applied(project)
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

// applied is the last revision that was applied, as a plan takes it; nil where there is none. That it cannot be read is
// a warning: the plan itself needs no state.
func (i *invocation) applied(project compose.Project) *plan.Applied {
	document, err := place{Project: project}.read()
	if err != nil {
		i.warn(fmt.Sprintf("the drift cannot be told: %v", err))
		return nil
	}
	last, ok := document.LastApplied()
	if !ok || last.Applied == nil { // the first programs recorded no services
		return nil
	}
	applied := plan.Applied{Number: last.Number, Services: map[string]plan.AppliedService{}}
	for name, s := range last.Applied {
		applied.Services[name] = plan.AppliedService{
			Digest: compose.Digest{Hash: s.Hash, Fields: s.Fields}, Replicas: s.Replicas, ImageID: s.ImageID,
		}
	}
	return &applied
}
