package lb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hyper-lite/plan"
)

var (
	errUnpublished = errors.New("it is not published any more")
	errHeld        = errors.New("a command began to change the project")
	errRecovered   = errors.New("the replica recovered")
)

// beginHeal replaces a sick replica, unless a command is at work or another one of its service is being replaced.
func (s *Sidecar) beginHeal(ctx context.Context, d sick) {
	service := d.policy.Service
	s.mu.Lock()
	busy := s.busy[service]
	s.mu.Unlock()
	if busy {
		return
	}
	leave, shut, ok := s.gate.enter()
	if !ok {
		return
	}
	s.setBusy(service, true)
	s.healing.Go(func() {
		defer leave()
		defer s.setBusy(service, false)
		s.heal(ctx, d, shut)
	})
}

func (s *Sidecar) setBusy(service string, busy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy[service] = busy
}

// heal replaces one sick replica, and undoes what it did where that cannot be.
func (s *Sidecar) heal(ctx context.Context, d sick, shut <-chan struct{}) {
	ref := d.care.Ref
	begun := time.Now()
	replicas, err := s.engine.List(ctx, s.project)
	if err != nil {
		s.log.Warn("a sick replica is not replaced: the engine does not list the containers", "replica", ref, "error", err)
		return
	}
	old, ok := replaceable(replicasOf(ref.Service, replicas), ref)
	if !ok {
		return
	}
	reason := fmt.Sprintf("%s for %s", d.care.Reason, begun.Sub(d.care.Sick).Round(time.Second))
	h := Heal{Ref: ref, Time: begun.UTC(), Reason: reason, Attempt: d.care.Attempt + 1, Outcome: HealUnderWay}
	s.noteHeal(h)
	s.log.Warn("a sick replica is replaced", "replica", ref, "reason", reason, "attempt", h.Attempt)

	s.mu.Lock()
	healing := plan.Healing{
		Old: old, Cause: "autoheal: " + reason, Order: d.policy.Order, Within: d.policy.Within, Served: s.served(ref.Service),
	}
	s.mu.Unlock()
	p := plan.Heal(s.project, replicas, healing)
	err = s.perform(ctx, p, ref, shut)
	if err != nil {
		s.forgetAwaited(p)
		if ctx.Err() != nil || !s.mend(ctx, ref.Service) {
			s.unmended.Store(true)
		}
	}
	s.end(h, d, p, err)
}

// replaceable finds a replica to replace. It runs, and is alone in its slot: what a command left there is for the next
// one to end.
func replaceable(own []plan.Replica, ref plan.Ref) (plan.Replica, bool) {
	var there []plan.Replica
	for _, r := range own {
		if r.Slot == ref.Slot {
			there = append(there, r)
		}
	}
	if len(there) != 1 || there[0].Ref != ref || there[0].State != plan.Running {
		return plan.Replica{}, false
	}
	return there[0], true
}

// perform does a healing's steps one after the other. As long as the clone was not found healthy all can be undone, and
// is for a command; for an old replica that recovers only until something was taken from that.
func (s *Sidecar) perform(ctx context.Context, p plan.Plan, old plan.Ref, shut <-chan struct{}) error {
	touched, healthy := false, false
	doubt := func() error { return s.doubt(old, touched, shut) }
	for _, n := range p.Nodes {
		if !healthy {
			if err := doubt(); err != nil {
				return err
			}
		}
		touched = touched || touches(n.Step, old)
		await, waits := n.Step.(plan.Await)
		if !waits {
			if err := s.Do(ctx, n.Step); err != nil {
				return err
			}
			continue
		}
		if err := s.awaitInDoubt(ctx, await, doubt); err != nil {
			return err
		}
		if err := doubt(); err != nil {
			return err
		}
		healthy = true
	}
	return nil
}

// awaitInDoubt gives an await up as soon as there is a doubt, and returns that.
func (s *Sidecar) awaitInDoubt(ctx context.Context, step plan.Await, doubt func() error) error {
	waiting, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	ended := make(chan error, 1)
	go func() { ended <- s.Do(waiting, step) }()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-again.C:
			if err := doubt(); err != nil {
				giveUp(err)
				<-ended
				return err
			}
		}
	}
}

// touches says that a step takes something from the old replica: its traffic, or its life.
func touches(step plan.Step, old plan.Ref) bool {
	switch s := step.(type) {
	case plan.Route:
		return !slices.Contains(s.Backends, old)
	case plan.Stop:
		return s.Ref == old
	}
	return false
}

// doubt is why a healing should not go on.
func (s *Sidecar) doubt(old plan.Ref, touched bool, shut <-chan struct{}) error {
	select {
	case <-shut:
		return errHeld
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.health(old); !touched && h.running && !h.sick {
		return errRecovered
	}
	return nil
}

// mendAll ends what a sidecar before this one, or an attempt that could not be undone, left.
func (s *Sidecar) mendAll(ctx context.Context) {
	if !s.unmended.Load() {
		return
	}
	leave, _, ok := s.gate.enter()
	if !ok {
		return
	}
	defer leave()
	s.unmended.Store(false)
	for service := range s.policies {
		s.mu.Lock()
		busy := s.busy[service]
		s.mu.Unlock()
		if busy || !s.mend(ctx, service) {
			s.unmended.Store(true)
		}
	}
}

// mend ends what is left of healings of one service, and says whether nothing is.
func (s *Sidecar) mend(ctx context.Context, service string) bool {
	replicas, err := s.engine.List(ctx, s.project)
	if err != nil {
		s.log.Warn("what is left of a replacement is not looked for: the engine does not list the containers", "error", err)
		return false
	}
	s.mu.Lock()
	served := map[string]plan.Served{service: s.served(service)}
	s.mu.Unlock()
	p := plan.Mend(s.project, replicasOf(service, replicas), served)
	for _, n := range p.Nodes {
		s.log.Info("what is left of a replacement is ended", "step", n.Step.Verb(), "on", n.Step.Subject())
		if err := s.Do(ctx, n.Step); err != nil {
			s.log.Error("what is left of a replacement cannot be ended yet", "step", n.Step.Verb(), "on", n.Step.Subject(), "error", err)
			return false
		}
	}
	return true
}

// forgetAwaited watches a clone no longer that came to nothing.
func (s *Sidecar) forgetAwaited(p plan.Plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range p.Nodes {
		if clone, ok := n.Step.(plan.Clone); ok && !s.published(clone.Ref) {
			delete(s.awaited, clone.Ref)
			s.prober.keep(func(ref plan.Ref) bool { return ref != clone.Ref })
		}
	}
}

// noteHeal keeps a replacement that begins.
func (s *Sidecar) noteHeal(h Heal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record.Heals = noted(s.record.Heals, h)
	s.save()
}

// end keeps how a replacement ended. After one that failed the other replicas of the service wait as long: what ails one
// clone may ail them all.
func (s *Sidecar) end(h Heal, d sick, p plan.Plan, err error) {
	now := time.Now()
	h.Took = now.Sub(h.Time).Round(time.Millisecond)
	h.Next = now.Add(pause(d.policy.Heal, h.Attempt)).UTC()
	attempt := h.Attempt
	heir := h.Ref
	switch {
	case err == nil:
		h.Outcome = HealReplaced
		heir = p.Nodes[0].Step.(plan.Clone).Ref
	case errors.Is(err, errRecovered):
		h.Outcome = HealRecovered
	case errors.Is(err, errHeld):
		h.Outcome = HealHeld
		attempt, h.Next = h.Attempt-1, time.Time{}
	case errors.Is(err, context.Canceled):
		h.Outcome = HealCutOff
	default:
		h.Outcome, h.Detail = HealFailed, err.Error()
	}
	s.log.Info("the replacement ended", "replica", h.Ref, "outcome", h.Outcome, "error", h.Detail)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record.Heals = noted(s.record.Heals, h)
	cares := slices.DeleteFunc(slices.Clone(s.record.Cares), func(c care) bool { return c.Ref == h.Ref || c.Ref == heir })
	next := care{}
	if heir == h.Ref {
		next = s.careOf(h.Ref)
	}
	cares = append(cares, next.tried(heir, attempt, h.Next))
	for i, c := range cares {
		if h.Outcome == HealFailed && c.Ref.Service == h.Ref.Service && c.Next.Before(h.Next) {
			cares[i].Next = h.Next
		}
	}
	slices.SortFunc(cares, func(a, b care) int { return compareRefs(a.Ref, b.Ref) })
	s.record.Cares = cares
	s.save()
}
