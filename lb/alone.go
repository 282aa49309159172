package lb

import (
	"context"
	"time"

	"hyper-lite/plan"
)

// Alone waits until no command works on the project, and begins a piece of the sidecar's own work then, which leave ends.
// work ends as soon as a command wants to work: what can be given up is given up then.
func (s *Sidecar) Alone(ctx context.Context) (work context.Context, leave func(), err error) {
	for {
		done, shut, ok := s.gate.enter()
		if !ok {
			if err := s.gate.released(ctx); err != nil {
				return nil, nil, err
			}
			continue
		}
		work, cancel := context.WithCancel(ctx)
		go func() {
			select {
			case <-shut:
				cancel()
			case <-work.Done():
			}
		}()
		return work, func() { cancel(); done() }, nil
	}
}

// HeldAt says whether a command was at work on the project at an instant that is not long ago: what happened to a
// container then was its doing.
func (s *Sidecar) HeldAt(at time.Time) bool { return s.gate.held(at) }

// released waits until no command holds.
func (g *gate) released(ctx context.Context) error {
	for {
		g.mu.Lock()
		holds, changed := g.holds, g.changed
		g.mu.Unlock()
		if holds == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Fulfilled waits until a replica is what an await says. Of one that the balancer serves, healthy means that our own
// count says so, too.
func (s *Sidecar) Fulfilled(ctx context.Context, step plan.Await) error {
	if step.Condition == plan.AwaitHealthy {
		s.mu.Lock()
		if served := s.served(step.Ref.Service); served.Route != nil {
			step.Probe = served.Route.Probe
		}
		s.mu.Unlock()
	}
	return s.Do(ctx, step)
}
