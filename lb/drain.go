package lb

import (
	"context"
	"errors"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// drain waits for what is still open to a withdrawn replica, at most as long as asked, and says whether
// nothing was open any more when it returned.
//
// Traefik counts nothing per replica. What it does count is the connections that clients hold to each of its
// ports, idle ones included. A replica that no file names gets nothing new, so the wait is over early when
// one of these holds: no client is connected to any port that leads to the service; the replica does not
// run; the balancer does not run. Else the whole time is waited, which ends normal requests; what is still
// open then (a websocket, a TCP session) the replica is told by its stop signal.
func (s *Sidecar) drain(ctx context.Context, args DrainArgs) (bool, error) {
	s.mu.Lock()
	published := s.published(args.Ref)
	s.mu.Unlock()
	if published {
		return false, errors.New("it is still published")
	}
	deadline := time.After(args.For)
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	ports := s.portsOf(args.Ref.Service)
	if s.halts(ctx, args.Ref) {
		return true, nil
	}
	for {
		open, err := s.control.openConnections(ctx, ports)
		if err == nil && open == 0 {
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-deadline:
			return false, nil
		case <-look.C:
		}
	}
}

// portsOf are the balancer's ports that lead to a service; all of them where the service is published no
// more, since nobody knows then which were its.
func (s *Sidecar) portsOf(service string) entryPoints {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.record.Services {
		if p.Service != service {
			continue
		}
		ports := entryPoints{}
		for _, r := range p.Routes {
			ports[entryPoint(r.ServicePort)] = true
		}
		return ports
	}
	return nil
}

// entryPoints is a set of Traefik's ports; nil is every one but the control port.
type entryPoints map[string]bool

func (e entryPoints) contains(name string) bool {
	if e == nil {
		return name != controlEntryPoint
	}
	return e[name]
}

// halts says that the engine knows the replica or the balancer not to run. Where the engine does not answer
// nothing is known.
func (s *Sidecar) halts(ctx context.Context, ref plan.Ref) bool {
	replicas, err := s.engine.List(ctx, s.project)
	if err != nil {
		return false
	}
	balancer, replica := false, false
	for _, r := range replicas {
		running := r.State == plan.Running || r.State == plan.Paused
		switch {
		case r.Role == compose.RoleBalancer:
			balancer = balancer || running
		case r.Role == compose.RoleReplica && r.Ref == ref:
			replica = replica || running
		}
	}
	return !balancer || !replica
}
