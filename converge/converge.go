// Package converge is the loop: lock, observe, plan, apply, record. It prints nothing and knows neither
// Docker nor Traefik; both stand behind the small interfaces it declares here.
package converge

import (
	"context"
	"fmt"
	"time"

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
	// Hold makes the sidecar leave the containers alone until Release, and says for how long it has done so already.
	Hold(ctx context.Context, have plan.Observed) (quiet time.Duration, err error)
	// Started tells that a container was started, which may be the sidecar's own.
	Started(c plan.Container)
	// Release lets the sidecar work by itself again.
	Release() error
}

// Host is one engine with the project's balancer on it, and how work on it is done.
type Host struct {
	Engine   Engine
	Balancer Balancer
	Width    int          // how many engine calls at once; < 1 is no limit
	Report   func(Event)  // told every change of a node, from one goroutine at a time; may be nil
	Warn     func(string) // told what to know and does not stop us; may be nil
}

// Observe looks at the host once.
func (h Host) Observe(ctx context.Context, project compose.Project) (plan.Observed, error) {
	have, err := h.Engine.Observe(ctx, project)
	if err != nil {
		return plan.Observed{}, err
	}
	have.Published, err = h.Balancer.Published(ctx, have)
	if err != nil {
		return plan.Observed{}, fmt.Errorf("look at the balancer: %w", err)
	}
	return have, nil
}

// Plan looks at the host and decides what would change. It changes nothing.
func (h Host) Plan(ctx context.Context, want compose.Project, opt plan.Options) (plan.Plan, error) {
	have, err := h.Observe(ctx, want)
	if err != nil {
		return plan.Plan{}, err
	}
	return plan.Make(want, have, opt)
}

// Run is what one Up needs of its caller. Every function may be nil.
type Run struct {
	// Confirm sees the first plan before anything changes; an error of its ends the run.
	Confirm func(plan.Plan) error
	// Replan is told of a plan that answers failed replacements, before it begins.
	Replan func(plan.Plan)
	// Warn is told what the user should know and what is no error.
	Warn func(string)
	// Applied is the last applied revision, for a service to go back to, and its number; false where there is none.
	Applied func(ctx context.Context, service string) (compose.Project, int, bool, error)
	// System is what a project needs besides its services.
	System func(compose.Project) (plan.System, error)
}

// Up turns the host into the wanted project, and returns the plan it worked by. Images are fetched and built
// first; since that can change what must be done, the host is then observed and planned again, and a bad
// image never touches a serving replica. Where replicas cannot be replaced, the failure action of their service is
// done, and the error is a *plan.RolloutError for each such service.
func (h Host) Up(ctx context.Context, want compose.Project, opt plan.Options, run Run) (plan.Plan, error) {
	p, have, err := h.settled(ctx, want, opt)
	if err != nil {
		return p, err
	}
	if run.Confirm != nil {
		if err := run.Confirm(p); err != nil {
			return p, err
		}
	}
	images := p.Images()
	if !images.Empty() {
		if err := h.Apply(ctx, images); err != nil {
			return images, err
		}
		opt.ImagesReady = true
		if p, have, err = h.settled(ctx, want, opt); err != nil {
			return images, err
		}
	}
	r := rollout{host: h, want: want, opt: opt, run: run}
	return images.Then(p), r.do(ctx, p, have)
}
