package converge

import (
	"context"
	"errors"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// Decide looks at the host and decides what is to be done. Where that is anything, the sidecar leaves the project alone
// from then on until Release: it neither replaces nor removes a container while we work by a plan. What it changed
// by itself after the look is looked at again, so that the plan returned is one for the host as it is. A sidecar
// that cannot be told is warned of, and stands in nobody's way.
func (h Host) Decide(
	ctx context.Context, look func(context.Context) (plan.Observed, error), decide func(plan.Observed) (plan.Plan, error),
) (plan.Plan, error) {
	for {
		begun := time.Now()
		have, err := look(ctx)
		if err != nil {
			return plan.Plan{}, err
		}
		p, err := decide(have)
		if err != nil || p.Empty() || !p.Images().Empty() { // images are fetched before anything changes
			return p, err
		}
		quiet, err := h.Balancer.Hold(ctx, have)
		if err != nil {
			h.warn(err.Error())
			return p, ctx.Err()
		}
		if quiet > time.Since(begun) {
			return p, nil
		}
	}
}

// looks is how often a host is looked at anew that changes while a plan for it is done.
const looks = 3

// Perform decides and does. A container that was started after the look, as by the engine for a command that was killed,
// is looked at again: what is to go is stopped before it is removed. begins is told of every plan before it is
// done, an empty one too.
func (h Host) Perform(
	ctx context.Context, look func(context.Context) (plan.Observed, error), decide func(plan.Observed) (plan.Plan, error), begins func(plan.Plan),
) error {
	for try := 1; ; try++ {
		p, err := h.Decide(ctx, look, decide)
		if err != nil {
			return err
		}
		begins(p)
		err = h.Apply(ctx, p)
		if _, runs := errors.AsType[*plan.RunsError](err); !runs || try == looks {
			return err
		}
	}
}

// Release lets the sidecar work by itself again.
func (h Host) Release() error { return h.Balancer.Release() }

// settled is Plan with the sidecar held, where there is anything to do, and what the plan was made from.
func (h Host) settled(ctx context.Context, want compose.Project, opt plan.Options) (p plan.Plan, have plan.Observed, err error) {
	look := func(ctx context.Context) (plan.Observed, error) { return h.Observe(ctx, want) }
	p, err = h.Decide(ctx, look, func(seen plan.Observed) (plan.Plan, error) {
		have = seen
		return plan.Make(want, seen, opt)
	})
	return p, have, err
}

func (h Host) warn(text string) {
	if h.Warn != nil {
		h.Warn(text)
	}
}
