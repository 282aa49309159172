package command

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/converge"
	"hyper-lite/plan"
)

func (p *program) down() *cli.Command {
	return &cli.Command{
		Name:      "down",
		Usage:     "stop and remove the project's containers and networks; volumes stay",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite down
hyper-lite down -v                         the volumes and their data, too
hyper-lite -p shop down                    from anywhere, without the files`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "volumes", Aliases: []string{"v"}, Usage: "remove the project's volumes and their data, too"},
			&cli.StringFlag{Name: "rmi", Usage: "remove images, too: all, or local (those that were built and have no name of their own)"},
			&cli.BoolFlag{Name: "remove-orphans", Usage: "remove containers of services that the files do not have, too"},
			timeoutFlag(),
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.down(ctx, c) }),
	}
}

func (i *invocation) down(ctx context.Context, c *cli.Context) error {
	timeout, err := seconds("timeout", c.String("timeout"))
	if err != nil {
		return err
	}
	if rmi := c.String("rmi"); rmi != "" {
		if err := oneOf("rmi", rmi, "all", "local"); err != nil {
			return err
		}
	}
	project, err := i.find(ctx)
	if err != nil {
		return err
	}
	options := plan.DownOptions{
		Want: project.wanted(), Services: c.Args().Slice(), Volumes: c.Bool("volumes"), Images: c.String("rmi"), Timeout: timeout,
		RemoveOrphans: c.Bool("remove-orphans") || truthy(i.setting("COMPOSE_REMOVE_ORPHANS")),
	}
	observe := withoutBalancer
	if len(options.Services) > 0 {
		observe = servedToo
	}
	return i.apply(ctx, project, "down", options.Services, observe, func(have plan.Observed) (plan.Plan, error) {
		err := noSuchService(options.Services, withJobs(serviceNames(project.Project, have.Replicas), project.Project, have.Replicas))
		if err != nil {
			return plan.Plan{}, err
		}
		return plan.Down(project.Name, have, options), nil
	})
}

// look is how a host is observed.
type look func(ctx context.Context, host converge.Host, project compose.Project) (plan.Observed, error)

func withBalancer(ctx context.Context, host converge.Host, project compose.Project) (plan.Observed, error) {
	return host.Observe(ctx, project)
}

// withoutBalancer asks the engine alone: what the balancer serves matters to nobody who takes it down, and it may be
// in whatever state.
func withoutBalancer(ctx context.Context, host converge.Host, project compose.Project) (plan.Observed, error) {
	return host.Engine.Observe(ctx, project)
}

// servedToo is withBalancer where one serves, and else withoutBalancer: what is not served need not be withdrawn.
func servedToo(ctx context.Context, host converge.Host, project compose.Project) (plan.Observed, error) {
	have, err := withBalancer(ctx, host, project)
	if err != nil || !have.Serves() {
		return withoutBalancer(ctx, host, project)
	}
	return have, nil
}

// apply is applyResuming for verbs that take nothing away that they would give back.
func (i *invocation) apply(
	ctx context.Context, project foundProject, verb string, services []string, observe look, decide func(plan.Observed) (plan.Plan, error),
) error {
	return i.applyResuming(ctx, project, verb, services, observe, decide, nil)
}

// applyResuming observes a project, decides and does, under the project's lock. services are what the verb is about; none is
// all. resume decides what is given back where that ends before time. With --dry-run it prints what it decided and does
// nothing.
func (i *invocation) applyResuming(
	ctx context.Context, project foundProject, verb string, services []string, observe look, decide func(plan.Observed) (plan.Plan, error),
	resume func(was, now plan.Observed, tried []plan.Ref) (plan.Plan, error),
) (err error) {
	host, err := i.host(ctx, project.Project)
	if err != nil {
		return err
	}
	watch := func(ctx context.Context) (plan.Observed, error) { return observe(ctx, host, project.Project) }
	if i.dryRun {
		return i.rehearse(ctx, watch, decide)
	}
	held, err := i.lockLoosely(ctx, project.Project, verb, services)
	if err != nil {
		return err
	}
	defer held.release(&err)
	defer heedPipes()() // what was begun is done, though nobody reads how it goes
	defer func() { err = errors.Join(err, host.Release()) }()
	defer i.finishProgress()
	began := false
	return host.Perform(ctx, converge.Work{Look: watch, Decide: decide, Resume: resume, Begins: func(next plan.Plan) {
		switch {
		case !next.Empty():
			began = true
			i.announce(next)
		case !began:
			i.warn(next.Warnings...)
			i.say("nothing to change")
		}
	}})
}

// rehearse prints what would be done.
func (i *invocation) rehearse(
	ctx context.Context, watch func(context.Context) (plan.Observed, error), decide func(plan.Observed) (plan.Plan, error),
) error {
	have, err := watch(ctx)
	if err != nil {
		return err
	}
	next, err := decide(have)
	if err != nil {
		return err
	}
	return i.printPlan(next, "text")
}
