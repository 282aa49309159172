package converge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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

// Work is what Perform needs of its caller.
type Work struct {
	Look   func(context.Context) (plan.Observed, error)
	Decide func(plan.Observed) (plan.Plan, error)
	// Begins is told of every plan before it is done, an empty one too.
	Begins func(plan.Plan)
	// Resume gives back what a run that came to its end before time had taken away: was is the host before it, tried are the
	// replicas that it found not to be as they should. nil: nothing is.
	Resume func(was, now plan.Observed, tried []plan.Ref) (plan.Plan, error)
}

// Perform decides and does. A container that was started after the look, as by the engine for a command that was killed,
// is looked at again: what is to go is stopped before it is removed. Where the context ends nothing more is begun and
// waits are given up, but calls under way end; not so where all only goes, which the engine goes on with by itself.
func (h Host) Perform(ctx context.Context, w Work) error {
	for try := 1; ; try++ {
		var was plan.Observed
		p, err := h.Decide(ctx, w.Look, func(have plan.Observed) (plan.Plan, error) {
			was = have
			return w.Decide(have)
		})
		if err != nil {
			return err
		}
		w.Begins(p)
		changes := ctx
		if bringsUp(p) {
			changes = context.WithoutCancel(ctx)
		}
		err = h.apply(ctx, p, changes)
		if _, runs := errors.AsType[*plan.RunsError](err); runs && try < looks {
			continue
		}
		if err == nil || w.Resume == nil {
			return err
		}
		return errors.Join(err, h.resume(ctx, w, was, err))
	}
}

// bringsUp says whether a plan makes or starts anything.
func bringsUp(p plan.Plan) bool {
	return slices.ContainsFunc(p.Nodes, func(n plan.Node) bool {
		switch n.Step.(type) {
		case plan.Create, plan.Register, plan.Start, plan.Restart, plan.Unpause:
			return true
		}
		return false
	})
}

// resume does what is left to be done for what a run took away.
func (h Host) resume(ctx context.Context, w Work, was plan.Observed, cause error) error {
	interrupted := ctx.Err() != nil
	ctx = context.WithoutCancel(ctx)
	looking, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	now, err := w.Look(looking)
	if err != nil {
		return nil // the engine is gone, which the run says itself
	}
	p, err := w.Resume(was, now, unhealthyOf(cause))
	if err != nil || p.Empty() {
		return err
	}
	if interrupted {
		h.warn(givingBack(p.Groups(), true))
	} else {
		h.warn(strings.Join(p.Groups(), ", ") + " is served by what is well")
	}
	w.Begins(p)
	if err := h.Apply(ctx, p); err != nil {
		return fmt.Errorf("give back what was taken away: %w", err)
	}
	return nil
}

// unhealthyOf are the replicas that were not found as they should be, or whose post_start hook failed, which stops them.
func unhealthyOf(err error) []plan.Ref {
	var refs []plan.Ref
	for _, one := range apart(err) {
		if unhealthy, ok := errors.AsType[*plan.UnhealthyError](one); ok {
			refs = append(refs, unhealthy.Container.Ref)
		}
		if hook, ok := errors.AsType[*plan.HookError](one); ok && hook.Phase == plan.PostStart {
			refs = append(refs, hook.Container.Ref)
		}
	}
	return refs
}

// givingBack says that services get back what was taken away for something that came to its end before time.
func givingBack(services []string, interrupted bool) string {
	text := strings.Join(services, ", ") + " first gets back what was taken away"
	if interrupted {
		text = "interrupted: " + text + "; a second signal ends at once"
	}
	return text
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
