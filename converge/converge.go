// Package converge is the loop: lock, observe, plan, apply, record. It prints nothing and knows neither
// Docker nor Traefik; both stand behind the small interfaces it declares here.
package converge

import (
	"context"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// Engine observes the host and performs single steps.
type Engine interface {
	// Observe looks at the host once: one container list, and no call per container.
	Observe(ctx context.Context, project compose.Project) (plan.Observed, error)
	// Do performs one step. It is safe to repeat.
	Do(ctx context.Context, step plan.Step) error
}

// Balancer observes and changes what is routed.
type Balancer interface {
	// Published is what the balancer serves now, or nil where there is no balancer. It changes nothing.
	Published(ctx context.Context, have plan.Observed) ([]plan.Published, error)
	// Do performs a plan.Route (and returns once it is live), a plan.Drain, or the probe of a plan.Await.
	Do(ctx context.Context, step plan.Step) error
}
