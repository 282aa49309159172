package command

import (
	"context"
	"errors"
	"slices"

	"hyper-lite/compose"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

// possible is an error where the engine cannot make a container or a network that a plan would create. It names all
// that stands in the way, and is asked before anything is changed.
func (i *invocation) possible(ctx context.Context, next plan.Plan) error {
	host, err := i.engine(ctx)
	if err != nil {
		return err
	}
	type template struct {
		role compose.Role
		name string
	}
	var errs []error
	if slices.ContainsFunc(next.Nodes, func(n plan.Node) bool { _, creates := n.Step.(plan.Create); return creates }) {
		errs = append(errs, engine.CheckConfiguration())
	}
	checked := map[template]bool{} // the replicas of a service are all alike
	check := func(service compose.Service) {
		if one := (template{service.Role, service.Name}); !checked[one] {
			checked[one] = true
			errs = append(errs, engine.Check(service, host.APIVersion())...)
		}
	}
	for _, n := range next.Nodes {
		switch s := n.Step.(type) {
		case plan.CreateNetwork:
			errs = append(errs, engine.CheckNetwork(s, host.APIVersion()))
		case plan.RecreateNetwork:
			errs = append(errs, engine.CheckNetwork(s.CreateNetwork, host.APIVersion()))
		case plan.Create:
			check(s.Service)
		case plan.Register:
			for _, job := range s.Jobs {
				if job.From == nil {
					check(job.Service)
				}
			}
		}
	}
	return errors.Join(errs...)
}
