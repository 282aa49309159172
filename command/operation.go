package command

import (
	"context"
	"fmt"
	"strings"

	"hyper-lite/plan"
	"hyper-lite/state"
)

// operation is what another command does to a project at this moment, as its lock says. Where the lock cannot be looked
// at, that is told, and nothing is known.
func (i *invocation) operation(project foundProject) plan.Operation {
	if project.Dir == "" {
		return plan.Operation{}
	}
	store, err := state.Open(project.Dir, project.Name)
	if err != nil {
		i.warn(err.Error())
		return plan.Operation{}
	}
	holder, held, err := store.Holder()
	if err != nil {
		i.warn(fmt.Sprintf("whether another command works on the project cannot be seen: %v", err))
	}
	if !held {
		return plan.Operation{}
	}
	return plan.Operation{Verb: strings.TrimPrefix(holder.Command, programName+" "), Services: holder.On}
}

// publishedNow is what the balancer serves, nil where nothing is routed or where it cannot be read, which is told.
func (i *invocation) publishedNow(ctx context.Context, project foundProject, replicas []plan.Replica) []plan.Published {
	if len(project.Routes()) == 0 {
		return nil
	}
	balancer, err := i.balance(ctx, project.Name)
	if err != nil {
		i.warn(err.Error())
		return nil
	}
	published, err := balancer.Published(ctx, plan.Observed{Replicas: replicas})
	if err != nil {
		i.warn(err.Error())
		return nil
	}
	return published
}
