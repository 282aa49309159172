package cron

import (
	"context"
	"errors"
	"fmt"
)

// perform does an action beside others: as many stops as there are, which may take their grace period, and of the rest
// a bounded number at once. What fails is left alone for a while, and tried again if it is still to be done.
func (r *Runner) perform(ctx context.Context, action Action) {
	r.mu.Lock()
	r.underWay[action.Subject()] = true
	r.mu.Unlock()
	r.spawn(func() {
		defer r.Nudge(false)
		if _, stop := action.(Stop); !stop {
			select {
			case r.slots <- struct{}{}:
				defer func() { <-r.slots }()
			case <-ctx.Done():
				r.done(action, ctx.Err())
				return
			}
		}
		err := r.do(ctx, action)
		if _, start := action.(Start); err != nil && (!start || errors.Is(err, ErrAway)) {
			select {
			case <-r.Clock.After(repeatPause):
			case <-ctx.Done():
			}
		}
		r.done(action, err)
	})
}

func (r *Runner) do(ctx context.Context, action Action) error {
	switch a := action.(type) {
	case Start:
		return r.Engine.Start(ctx, a)
	case Stop:
		return r.Engine.Stop(ctx, a.Run)
	case Remove:
		return r.Engine.Remove(ctx, a.Run)
	case Tell:
		return r.Engine.Tell(ctx, a)
	}
	return fmt.Errorf("no action %T", action)
}

// mostTells is how often an end is tried to be told.
const mostTells = 3

func (r *Runner) done(action Action, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.underWay, action.Subject())
	again := errors.Is(err, ErrAway) || errors.Is(err, context.Canceled)
	if err != nil && !again {
		r.Log.Warn("a job's run", "about", action.Subject(), "error", err)
	}
	switch a := action.(type) {
	case Start:
		switch {
		case err == nil:
			r.begun[a.Run] = true
			r.Log.Info("a run began", "run", a.Run, "trigger", a.Trigger)
		case !again:
			r.refused[a.Run] = err.Error()
		}
	case Tell:
		if r.attempts[a.Record.Run]++; err == nil || r.attempts[a.Record.Run] >= mostTells {
			r.told[a.Record.Run] = true
		}
	}
}
