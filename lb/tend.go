package lb

import (
	"context"
	"slices"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// settling is how long a sidecar that has begun changes no container by itself: whoever started it may be about to, and
// holds it by then; and an engine that was just started starts containers again.
const settling = 10 * time.Second

// sighting is what the engine says of a replica.
type sighting struct {
	running bool
	health  plan.Health
}

// tend looks after the containers of the services with a policy, until the context ends.
func (s *Sidecar) tend(ctx context.Context) error {
	if len(s.policies) == 0 {
		<-ctx.Done()
		return nil
	}
	pace := time.NewTicker(s.pace)
	defer pace.Stop()
	begun := time.Now()
	defer s.healing.Wait() // a step under way is not left behind
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-pace.C:
			due := s.look(now)
			if now.Sub(begun) < s.settling {
				continue
			}
			s.mendAll(ctx)
			s.sweep(ctx, now)
			for _, d := range due {
				s.beginHeal(ctx, d)
			}
		}
	}
}

// sick is a replica that is to be replaced.
type sick struct {
	policy Policy
	care   care
}

// look brings what is kept of every replica up to date, and returns which are to be replaced: one of each service, the
// one that has been sick for longest.
func (s *Sidecar) look(now time.Time) []sick {
	s.mu.Lock()
	defer s.mu.Unlock()
	var cares []care
	found := map[string]care{}
	for ref := range s.sightings {
		p, ok := s.policies[ref.Service]
		if !ok || p.Heal == 0 {
			continue
		}
		h := s.health(ref)
		c := s.careOf(ref).looked(h, p.Heal, now)
		cares = append(cares, c)
		if other, some := found[ref.Service]; c.due(h, p, now) && (!some || c.Sick.Before(other.Sick)) {
			found[ref.Service] = c
		}
	}
	slices.SortFunc(cares, func(a, b care) int { return compareRefs(a.Ref, b.Ref) })
	if !slices.Equal(cares, s.record.Cares) {
		s.record.Cares = cares
		s.save()
	}
	var due []sick
	for _, c := range found {
		due = append(due, sick{s.policies[c.Ref.Service], c})
	}
	return due
}

// careOf is what is kept of a replica. It needs the lock.
func (s *Sidecar) careOf(ref plan.Ref) care {
	for _, c := range s.record.Cares {
		if c.Ref == ref {
			return c
		}
	}
	return care{Ref: ref}
}

// health is how a replica is: by our own judgement where it is published, else by the engine's. It needs the lock.
func (s *Sidecar) health(ref plan.Ref) health {
	seen, there := s.sightings[ref]
	if !there || !seen.running {
		return health{}
	}
	if s.published(ref) {
		j, _, watched := s.prober.look(ref)
		if !watched || j.Stopped {
			return health{}
		}
		return health{running: true, sick: !j.Up, young: !j.EverUp, reason: j.Reason}
	}
	if s.routed(ref.Service) { // on its way in or out
		return health{}
	}
	return health{running: true, sick: seen.health == plan.Unhealthy, reason: unwellReason}
}

// routed says whether the balancer serves a service. It needs the lock.
func (s *Sidecar) routed(service string) bool {
	return slices.ContainsFunc(s.record.Services, func(p publication) bool { return p.Service == service })
}

// save keeps the record; what cannot be kept is told, and tried again at the next change. It needs the lock.
func (s *Sidecar) save() {
	if err := s.store.save(s.record); err != nil {
		s.log.Error("what the sidecar remembers cannot be kept", "error", err)
	}
}

// seen takes in the engine's list of containers. It needs the lock.
func (s *Sidecar) seen(present map[plan.Ref]plan.Replica) {
	clear(s.sightings)
	for ref, r := range present {
		s.sightings[ref] = sighting{running: r.State == plan.Running, health: r.Health}
	}
	s.sweepAt = time.Now()
}

// noticed takes in an event. It needs the lock.
func (s *Sidecar) noticed(e Event, now time.Time) {
	seen := s.sightings[e.Ref]
	switch e.Action {
	case "start", "unpause":
		seen.running, seen.health = true, plan.NoHealth
	case "pause":
		seen.running = false
	case "die":
		seen.running = false
		s.sweepAt = now.Add(sweepAfter)
	case "health_status":
		seen.health = e.Health
	case "destroy":
		delete(s.sightings, e.Ref)
		return
	default:
		return
	}
	s.sightings[e.Ref] = seen
}

// Do performs a step on the engine or on the balancer: what a healing consists of.
func (s *Sidecar) Do(ctx context.Context, step plan.Step) error {
	switch step := step.(type) {
	case plan.Route:
		return s.reroute(ctx, step)
	case plan.Drain:
		_, err := s.drain(ctx, DrainArgs{Ref: step.Ref, For: step.For})
		return err
	case plan.Await:
		return s.awaitBoth(ctx, step)
	}
	return s.engine.Do(ctx, step)
}

// awaitBoth waits until the engine, and where the service is routed our own count too, find a replica healthy.
func (s *Sidecar) awaitBoth(ctx context.Context, step plan.Await) error {
	begun := time.Now()
	if err := s.engine.Do(ctx, step); err != nil || step.Probe == nil {
		return err
	}
	within := step.Within
	if within > 0 {
		within = max(within-time.Since(begun), time.Second)
	}
	reply, err := s.await(ctx, AwaitArgs{Ref: step.Ref, Probe: *step.Probe, Within: within})
	if err != nil || reply.Healthy {
		return err
	}
	return &plan.UnhealthyError{Container: step.Container, Condition: step.Condition, Reason: reply.Reason, After: time.Since(begun)}
}

// reroute publishes other replicas of a service that is published. What is not known of them has to be found out first:
// nothing is sent to them until then. Where Traefik does not take it over, what was published stays.
func (s *Sidecar) reroute(ctx context.Context, step plan.Route) error {
	p := publication{
		Service: step.Service, Digest: step.Digest, Backends: sortedRefs(step.Backends), Routes: step.Routes, Probe: step.Probe,
	}
	s.mu.Lock()
	i := slices.IndexFunc(s.record.Services, func(p publication) bool { return p.Service == step.Service })
	if i < 0 {
		s.mu.Unlock()
		return errUnpublished
	}
	before := s.record.Services[i]
	s.publishUnproven(p)
	s.mu.Unlock()
	err := s.apply(ctx, p.Service)
	if err == nil {
		return s.proven(p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.publishUnproven(before)
	s.flipped()
	return err
}

// publishUnproven needs the lock.
func (s *Sidecar) publishUnproven(p publication) {
	s.put(p)
	for _, ref := range p.Backends {
		s.watch(ref, p.Probe, judgement{Since: time.Now(), Reason: "it was not probed yet"})
	}
}

// served is how the balancer serves a service. It needs the lock.
func (s *Sidecar) served(service string) plan.Served {
	served := plan.Served{Drain: s.policies[service].Drain}
	for _, p := range s.record.Services {
		if p.Service == service {
			served.Route = &plan.Route{
				Service: service, Routes: p.Routes, Probe: p.Probe, Backends: slices.Clone(p.Backends), Digest: p.Digest,
			}
		}
	}
	return served
}

// replicasOf are a service's replicas, runs and what was set aside left out.
func replicasOf(service string, all []plan.Replica) []plan.Replica {
	var own []plan.Replica
	for _, r := range all {
		if r.Service == service && r.Role == compose.RoleReplica && !r.OneOff && !r.SetAside() {
			own = append(own, r)
		}
	}
	return own
}
