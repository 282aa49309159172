package command

import (
	"context"
	"errors"

	"hyper-lite/compose"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

// possible is an error where the engine cannot make a container that a plan would create. It names all that
// stands in the way, and is asked before anything is changed.
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
	checked := map[template]bool{} // the replicas of a service are all alike
	check := func(service compose.Service) {
		if one := (template{service.Role, service.Name}); !checked[one] {
			checked[one] = true
			errs = append(errs, engine.Check(service, host.APIVersion())...)
		}
	}
	for _, n := range next.Nodes {
		switch s := n.Step.(type) {
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
