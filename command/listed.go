package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"hyper-lite/engine"
	"hyper-lite/plan"
)

// listed finds the project and its containers, and checks that the services that were named are known.
func (i *invocation) listed(ctx context.Context, services []string) (foundProject, []plan.Replica, error) {
	project, host, err := i.findOnHost(ctx)
	if err != nil {
		return foundProject{}, nil, err
	}
	replicas, err := host.List(ctx, project.Name)
	if err != nil {
		return foundProject{}, nil, err
	}
	return project, replicas, i.checkListed(ctx, project, replicas, services)
}

// listedWhole is listed with all that the engine's list tells of a container.
func (i *invocation) listedWhole(ctx context.Context, services []string) (foundProject, []engine.Listed, error) {
	project, host, err := i.findOnHost(ctx)
	if err != nil {
		return foundProject{}, nil, err
	}
	containers, err := host.Listing(ctx, project.Name)
	if err != nil {
		return foundProject{}, nil, err
	}
	return project, containers, i.checkListed(ctx, project, replicasOf(containers), services)
}

func (i *invocation) findOnHost(ctx context.Context) (foundProject, Engine, error) {
	project, err := i.find(ctx)
	if err != nil {
		return foundProject{}, nil, err
	}
	host, err := i.engine(ctx)
	return project, host, err
}

func (i *invocation) checkListed(ctx context.Context, project foundProject, replicas []plan.Replica, services []string) error {
	if err := i.tellOfCompose(ctx, project.Name, len(replicas)); err != nil {
		return err
	}
	return noSuchService(services, serviceNames(project.Project, replicas))
}

// tellOfCompose warns where a project without a container of ours has some that docker compose made: they are not shown.
func (i *invocation) tellOfCompose(ctx context.Context, project string, ours int) error {
	if ours > 0 {
		return nil
	}
	names, err := i.opened.Composed(ctx, project)
	if err != nil || len(names) == 0 {
		return err
	}
	i.warn(plan.ComposedText(project, names))
	return nil
}

func replicasOf(containers []engine.Listed) []plan.Replica {
	replicas := make([]plan.Replica, len(containers))
	for at, c := range containers {
		replicas[at] = c.Replica
	}
	return replicas
}

// checkFormat refuses a --format before anything is asked of the engine.
func checkFormat[T any](format string) error {
	switch format {
	case "", "table", "json":
		return nil
	}
	_, err := parseTemplate[T](strings.TrimPrefix(format, "table "))
	return err
}

// one is the container that the first argument and --index name: the first that runs, or where none does, the first.
func (i *invocation) one(ctx context.Context, c *cli.Context) (plan.Replica, error) {
	index, err := readIndex(c)
	if err != nil {
		return plan.Replica{}, err
	}
	service := c.Args().First()
	project, replicas, err := i.listed(ctx, []string{service})
	if err != nil {
		return plan.Replica{}, err
	}
	if running, err := target(project.Project, replicas, service, index); err == nil {
		return running, nil
	}
	there := containersOf(replicas, service, index)
	if len(there) == 0 && index > 0 {
		return plan.Replica{}, fmt.Errorf("%s has no replica %d", service, index)
	}
	if len(there) == 0 {
		return plan.Replica{}, nothingThere("use", project.Name, []string{service}, nil)
	}
	return there[0], nil
}
