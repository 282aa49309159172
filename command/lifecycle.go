package command

import (
	"context"
	"fmt"
	"slices"

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
		options := plan.LifecycleOptions{
			Services: c.Args().Slice(), Timeout: timeout, NoDeps: c.Bool("no-deps"), Rolling: c.Bool("rolling"), Wait: c.Bool("wait"),
		}
		for _, name := range options.Services {
			if verb != "stop" && slices.Contains(jobNames(project.Project), name) { // its runs are stopped, and never started
				return &hinted{fmt.Errorf("%s is a job, and has nothing to %s", name, verb), "`" + programName + " cron run " + name + "` runs it now"}
			}
		}
		if err := i.needsWhole(ctx, verb, project, options); err != nil {
			return err
		}
		patience, err := seconds("wait-timeout", c.String("wait-timeout"))
		if err != nil {
			return err
		}
		if patience != nil {
			options.Within = *patience
		}
		if err := i.runLifecycle(ctx, project, verb, decide, options); err != nil {
			return i.explained(ctx, project.Project, err)
		}
		return nil
	})
}

// needsWhole is what is wrong with the files where a verb needs what is not known: certificates of what it has served, and what
// pre_start hooks hold, which run in containers of their own. What it is not about may lack anything.
func (i *invocation) needsWhole(ctx context.Context, verb string, project foundProject, options plan.LifecycleOptions) error {
	works := options.Services
	if verb == "restart" && !options.NoDeps {
		works = plan.WithDependents(project.Project, works)
	}
	load := i.loadOptions()
	load.NoDeps = true
	for _, s := range project.Services {
		about := len(works) == 0 || slices.Contains(works, s.Name)
		needs := len(s.PreStart) > 0 || slices.ContainsFunc(s.Routes, func(r compose.Route) bool { return !r.IsWhole() })
		if verb != "stop" && about && needs && !s.Digest.IsKnown() {
			load.Only = append(load.Only, s.Name)
		}
	}
	if len(load.Only) == 0 {
		return nil
	}
	_, err := i.load(ctx, load)
	return err
}

func (i *invocation) runLifecycle(
	ctx context.Context, project foundProject, verb string, decide lifecycle, options plan.LifecycleOptions,
) error {
	var err error
	if options.System, err = i.system(ctx, project.Project); err != nil {
		return err
	}
	var resume func(was, now plan.Observed, tried []plan.Ref) (plan.Plan, error)
	if verb != "stop" {
		resume = func(was, now plan.Observed, tried []plan.Ref) (plan.Plan, error) {
			return plan.Resume(project.Name, project.wanted(), was, now, tried, options)
		}
	}
	decided := func(have plan.Observed) (plan.Plan, error) {
		known := serviceNames(project.Project, have.Replicas)
		if verb == "stop" { // its runs
			known = withJobs(known, project.Project, have.Replicas)
		}
		if err := noSuchService(options.Services, known); err != nil {
			return plan.Plan{}, err
		}
		if verb != "stop" { // nothing to stop is as wanted
			if err := nothingThere(verb, project.Name, options.Services, have.Replicas); err != nil {
				return plan.Plan{}, err
			}
		}
		return decide(project.Name, project.wanted(), have, options)
	}
	return i.applyResuming(ctx, project, verb, options.Services, withBalancer, decided, resume)
}

// nothingThere is an error where a project, or a service that was named, has no container. A project may be jobs alone.
func nothingThere(verb, project string, services []string, replicas []plan.Replica) error {
	there := logged(replicas, services, 0)
	const hint = "`" + programName + " up -d` makes them"
	registers := func(r plan.Replica) bool { return r.Role == compose.RoleJob }
	if len(there) == 0 && len(services) == 0 && !slices.ContainsFunc(replicas, registers) {
		return &hinted{fmt.Errorf("project %s has no containers", project), hint}
	}
	for _, name := range services {
		if !slices.ContainsFunc(there, func(r plan.Replica) bool { return r.Service == name && !r.OneOff }) {
			return &hinted{fmt.Errorf("service %q has no container to %s", name, verb), hint}
		}
	}
	return nil
}
