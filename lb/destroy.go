package lb

import (
	"context"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// sweepAfter is how long after a container ended it is looked whether it is to be removed: one that is restarted by hand
// is stopped for a moment, too.
const sweepAfter = time.Second

// sweepAgain is how long after a failure it is tried again.
const sweepAgain = 10 * time.Second

// sweep removes the stopped containers whose service says so, once after each that ended, and once at the beginning: a
// container that the engine is about to start again is not among them, since the engine calls it restarting.
func (s *Sidecar) sweep(ctx context.Context, now time.Time) {
	s.mu.Lock()
	due := !s.sweepAt.IsZero() && !now.Before(s.sweepAt)
	s.mu.Unlock()
	if !due || !s.destroysAny() {
		return
	}
	leave, _, ok := s.gate.enter()
	if !ok {
		return
	}
	defer leave()
	s.sweepNext(time.Time{})
	replicas, err := s.engine.List(ctx, s.project)
	if err != nil {
		s.log.Warn("stopped containers are not looked for: the engine does not list the containers", "error", err)
		s.sweepNext(now.Add(sweepAgain))
		return
	}
	for _, p := range s.policies {
		for _, r := range replicasOf(p.Service, replicas) {
			if !p.destroys(r) {
				continue
			}
			c := plan.Container{Ref: r.Ref, ID: r.ID, Name: r.Name}
			if err := s.engine.Do(ctx, plan.Remove{Container: c, Volumes: true}); err != nil {
				s.log.Error("a stopped container cannot be removed", "container", r.Name, "error", err)
				s.sweepNext(now.Add(sweepAgain))
				continue
			}
			s.log.Info("a stopped container was removed", "container", r.Name, "exitCode", r.ExitCode, "autodestroy", p.Destroy)
		}
	}
}

// destroys says whether a container has stopped for good in a way in which it is removed.
func (p Policy) destroys(r plan.Replica) bool {
	if r.State != plan.Exited && r.State != plan.Dead {
		return false
	}
	return p.Destroy == compose.DestroyAlways || p.Destroy == compose.DestroyOnSuccess && r.ExitCode == 0
}

func (s *Sidecar) destroysAny() bool {
	for _, p := range s.policies {
		if p.Destroy != compose.DestroyNever {
			return true
		}
	}
	return false
}

// sweepNext says when it is looked for stopped containers again; the zero time: after the next that ends.
func (s *Sidecar) sweepNext(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweepAt = at
}
