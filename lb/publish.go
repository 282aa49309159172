package lb

import (
	"context"
	"errors"
	"slices"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// publish makes a service be served from these replicas, and returns once Traefik does. What the probes know
// of a replica stays; one that nobody asked about yet is taken to be up, since the plan found it so.
func (s *Sidecar) publish(ctx context.Context, args PublishArgs) error {
	if s.alone {
		return errors.New("this sidecar has no balancer")
	}
	routes := withoutCertificates(args.Routes)
	// A wrong route must not stand in the way of the other services: it is refused before it is in the record.
	if _, err := serviceDocument(s.project, Served{Name: args.Service, Routes: routes}); err != nil {
		return err
	}
	p := publication{Service: args.Service, Digest: args.Digest, Backends: sortedRefs(args.Backends), Routes: routes, Probe: args.Probe}
	if err := s.accept(p, args.Routes); err != nil {
		return err
	}
	if err := s.apply(ctx, args.Service); err != nil {
		return err
	}
	if err := s.proveCertificates(ctx, args.Routes); err != nil {
		return err
	}
	return s.proven(p)
}

// accept takes a publication into the record, and its certificates into the volume: both under the lock, or the end
// of another publication would find certificates that nobody names, and remove them.
func (s *Sidecar) accept(p publication, routes []compose.Route) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.store.putCertificates(routes); err != nil {
		return err
	}
	s.put(p)
	now := time.Now()
	for _, ref := range p.Backends {
		s.watch(ref, p.Probe, judgement{Up: true, EverUp: true, Since: now})
	}
	return nil
}

// put replaces a service's publication, or removes it where nothing is left of it. It needs the lock. Until the new
// one is proven, those of the old one may still be served: who finds the record then must not stop them.
func (s *Sidecar) put(p publication) {
	services := slices.DeleteFunc(slices.Clone(s.record.Services), func(old publication) bool {
		if old.Service != p.Service {
			return false
		}
		p.Before = slices.DeleteFunc(slices.Concat(old.Backends, old.Before), func(ref plan.Ref) bool { return slices.Contains(p.Backends, ref) })
		return true
	})
	if len(p.Routes) > 0 {
		services = append(services, p)
	}
	slices.SortFunc(services, func(a, b publication) int {
		return compareRefs(plan.Ref{Service: a.Service}, plan.Ref{Service: b.Service})
	})
	s.record.Services = services
	for _, ref := range p.Backends {
		delete(s.awaited, ref)
	}
	wanted := map[plan.Ref]bool{}
	for _, service := range services {
		for _, ref := range service.Backends {
			wanted[ref] = true
		}
	}
	for ref, asked := range s.awaited {
		if time.Since(asked) > awaitedFor {
			delete(s.awaited, ref)
		} else {
			wanted[ref] = true
		}
	}
	s.prober.keep(func(ref plan.Ref) bool { return wanted[ref] })
}

// awaitedFor is how long a replica is watched that was asked about and then not published.
const awaitedFor = 10 * time.Minute

// proven records that a publication was live, unless another one took its place meanwhile.
func (s *Sidecar) proven(p publication) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, now := range s.record.Services {
		if now.Service == p.Service && now.Digest == p.Digest && slices.Equal(now.Backends, p.Backends) {
			s.record.Services[i].Proven = true
			s.record.Services[i].Before = nil
		}
	}
	if err := s.store.save(s.record); err != nil {
		return err
	}
	return s.store.pruneCertificates(s.table())
}
