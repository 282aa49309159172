package command

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"hyper-lite/engine"
	"hyper-lite/plan"
)

func (p *program) wait() *cli.Command {
	return &cli.Command{
		Name:      "wait",
		Usage:     "wait until the containers of services stop, and exit with their code",
		ArgsUsage: "SERVICE...",
		Description: `hyper-lite wait migrate
hyper-lite wait --down-project test        take the project down once the first has stopped`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "down-project", Usage: "take the project down once the first of them has stopped"},
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
			return i.wait(ctx, c.Args().Slice(), c.Bool("down-project"))
		}),
	}
}

func (i *invocation) wait(ctx context.Context, services []string, down bool) error {
	if len(services) == 0 {
		return &usageError{msg: "wait needs a service", hint: "as in `hyper-lite wait migrate`"}
	}
	project, replicas, err := i.listed(ctx, services)
	if err != nil {
		return err
	}
	awaited := endingOf(replicas, services)
	if len(awaited) == 0 {
		return &hinted{fmt.Errorf("no container to wait for"), "`" + programName + " up -d` starts the services"}
	}
	code, err := i.waitFor(ctx, i.opened, awaited, down)
	if err != nil {
		return err
	}
	if down {
		err := i.apply(ctx, project, "wait", nil, withoutBalancer, func(have plan.Observed) (plan.Plan, error) {
			return plan.Down(project.Name, have, plan.DownOptions{Want: project.wanted(), RemoveOrphans: true}), nil
		})
		if err != nil {
			return err
		}
	}
	return exited(code)
}

// endingOf are the containers of services that run, or else those that have run to their end: their code is known.
func endingOf(replicas []plan.Replica, services []string) []plan.Replica {
	var all []plan.Replica
	for _, service := range services {
		running := runningOf(replicas, []string{service})
		all = append(all, running...)
		for _, r := range containersOf(replicas, service, 0) {
			if len(running) == 0 && !r.OneOff && (r.State == plan.Exited || r.State == plan.Dead) {
				all = append(all, r)
			}
		}
	}
	return all
}

// waitFor waits until all containers have stopped, or only the first of them. It returns the first exit code that is not 0,
// in the order in which they stopped.
func (i *invocation) waitFor(ctx context.Context, host Engine, containers []plan.Replica, first bool) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type end struct {
		of   plan.Replica
		code int
		err  error
	}
	ends := make(chan end, len(containers))
	for _, r := range containers {
		stopped := host.Wait(ctx, r.ID, engine.Stopped)
		go func() {
			code, err := stopped()
			ends <- end{r, code, err}
		}()
	}
	code := 0
	for range containers {
		e := <-ends
		if e.err != nil {
			return 0, e.err
		}
		fmt.Fprintf(i.Out, "container %q exited with status code %d\n", e.of.Name, e.code)
		if code == 0 {
			code = e.code
		}
		if first {
			return code, nil
		}
	}
	return code, nil
}
