package cron

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// mostTells is how often an end is tried to be told, first at once, then after tellPause, and each time after four times
// as long: for three minutes.
const (
	mostTells = 5
	tellPause = 2 * time.Second
)

// perform does an action beside others: as many stops as there are, which may take their grace period, and of the rest
// a bounded number at once. What fails is left alone for a while, and tried again if it is still to be done.
func (r *Runner) perform(ctx context.Context, action Action) {
	ctx, cancel := context.WithCancel(ctx)
	r.mu.Lock()
	r.underWay[action.Subject()] = true
	if _, starts := action.(Start); starts {
		r.starting[action.Subject()] = cancel
	}
	r.mu.Unlock()
	r.spawn(func() {
		defer r.Nudge(false)
		defer cancel()
		err := r.within(ctx, action)
		if pause := r.pauseAfter(action, err); pause > 0 {
			select {
			case <-r.Clock.After(pause):
			case <-ctx.Done():
			}
		}
		r.done(action, err)
	})
}

// giveUp ends a start that is under way. What it has begun by then is begun.
func (r *Runner) giveUp(run string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if cancel, ok := r.starting[run]; ok {
		cancel()
	}
}

// within does an action once there is a place for it. Who tells has places of its own: a webhook that does not answer
// holds up no start.
func (r *Runner) within(ctx context.Context, action Action) error {
	taken := place{of: r.places}
	switch action.(type) {
	case Stop:
		return r.do(ctx, action, nil)
	case Tell:
		taken.of = r.tellers
	}
	if err := taken.take(ctx); err != nil {
		return err
	}
	defer taken.leave()
	return r.do(ctx, action, func(ctx context.Context, wait func()) error { return r.aside(ctx, &taken, wait) })
}

// aside does what only waits. Others have the place of who waits meanwhile, unless very many wait already. Where the
// context ends before there is a place again, the place is lost.
func (r *Runner) aside(ctx context.Context, taken *place, wait func()) error {
	select {
	case r.waiters <- struct{}{}:
	default:
		wait()
		return ctx.Err()
	}
	taken.leave()
	wait()
	<-r.waiters
	return taken.take(ctx)
}

// place is one of the bounded number that work at once.
type place struct {
	of   chan struct{}
	held bool
}

func (p *place) take(ctx context.Context) error {
	select {
	case p.of <- struct{}{}:
		p.held = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *place) leave() {
	if p.held {
		<-p.of
		p.held = false
	}
}

// pauseAfter is how long an action is left alone that failed.
func (r *Runner) pauseAfter(action Action, err error) time.Duration {
	tell, tells := action.(Tell)
	_, starts := action.(Start)
	switch {
	case err == nil, starts && !errors.Is(err, ErrAway):
		return 0
	case tells && !errors.Is(err, ErrAway):
		r.mu.Lock()
		defer r.mu.Unlock()
		if n := r.attempts[tell.Record.Run]; n < mostTells-1 && !errors.Is(err, ErrForGood) {
			return tellPause << (2 * n)
		}
		return 0
	}
	return repeatPause
}

func (r *Runner) do(ctx context.Context, action Action, aside Aside) error {
	switch a := action.(type) {
	case Start:
		return r.Engine.Start(ctx, a, aside)
	case Stop:
		return r.Engine.Stop(ctx, a)
	case Remove:
		return r.Engine.Remove(ctx, a)
	case Tell:
		return r.Engine.Tell(ctx, a)
	}
	return fmt.Errorf("no action %T", action)
}

func (r *Runner) done(action Action, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.underWay, action.Subject())
	delete(r.starting, action.Subject())
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
			r.refused[a.Run] = OneLine(err)
		}
	case Tell:
		switch {
		case err == nil:
			r.told[a.Record.Run] = true
		case again:
		default:
			r.attempts[a.Record.Run]++
			if n := r.attempts[a.Record.Run]; n >= mostTells || errors.Is(err, ErrForGood) {
				r.told[a.Record.Run] = true
				r.Log.Error("nobody was told of the end of a run", "run", a.Record.Run, "status", a.Record.Status, "attempts", n, "error", err)
			}
		}
	}
}

// OneLine is an error as a reason that a record has: what a hook said last may be of several lines.
func OneLine(err error) string {
	said := ""
	for line := range strings.Lines(err.Error()) {
		switch line = strings.TrimSpace(line); {
		case line == "":
		case said == "" || strings.HasSuffix(said, ":"):
			said = strings.TrimSpace(said + " " + line)
		default:
			said += "; " + line
		}
	}
	return said
}
