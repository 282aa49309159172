package lb

import (
	"context"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// followEngine follows the engine's events. Whenever the stream begins, the present is read once: nothing
// that happened without us is missed.
func (s *Sidecar) followEngine(ctx context.Context) error {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		err := s.engine.Events(ctx, s.project, func() { s.resync(ctx) }, s.happened)
		if ctx.Err() != nil {
			return nil
		}
		s.log.Warn("the engine's events ended; looking again", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// glances is how often the containers are listed at most until nothing happened meanwhile.
const glances = 5

// resync compares the watched replicas with the engine's containers. A list may be older than what happened while it was
// made, so then they are listed again.
func (s *Sidecar) resync(ctx context.Context) {
	for left := glances; ; left-- {
		s.following.Lock()
		before := s.events
		s.following.Unlock()
		replicas, err := s.engine.List(ctx, s.project)
		if err != nil {
			s.log.Warn("the engine does not list the containers", "error", err)
			return
		}
		s.following.Lock()
		if s.events == before || left <= 1 {
			s.compare(replicas, time.Now())
			s.following.Unlock()
			break
		}
		s.following.Unlock()
	}
	s.flipped()
}

// compare takes in what the engine lists. It needs the lock of what is followed.
func (s *Sidecar) compare(replicas []plan.Replica, now time.Time) {
	present := map[plan.Ref]plan.Replica{}
	for _, r := range replicas {
		if r.Role == compose.RoleReplica && !r.OneOff {
			present[r.Ref] = r
		}
	}
	s.mu.Lock()
	s.seen(present)
	clear(s.halted)
	for ref, r := range present {
		if j := (judgement{}).seen(r, true, now); j.Stopped && r.State != plan.Created {
			s.halted[ref] = j.Reason
		}
	}
	s.mu.Unlock()
	for _, ref := range s.prober.refs() {
		r, ok := present[ref]
		s.prober.observe(ref, func(j judgement) judgement { return j.seen(r, ok, now) })
	}
}

// happened takes in one event of the engine.
func (s *Sidecar) happened(e Event) {
	if e.Role == compose.RoleBalancer {
		if e.Action == "start" {
			s.flipped() // it read the files itself; look whether it took them
		}
		return
	}
	if e.Role == compose.RoleReplica {
		s.following.Lock()
		defer s.following.Unlock()
		s.events++
		s.mu.Lock()
		s.noticed(e, time.Now())
		if j := (judgement{}).told(e, time.Now()); j.Stopped && e.Action != "destroy" {
			s.halted[e.Ref] = j.Reason
		} else {
			delete(s.halted, e.Ref)
		}
		s.mu.Unlock()
		s.prober.observe(e.Ref, func(j judgement) judgement { return j.told(e, time.Now()) })
	}
}
