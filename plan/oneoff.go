package plan

import (
	"slices"
	"time"

	"hyper-lite/compose"
)

// OneOffOptions is what the user asked of one `run`, beyond the service itself.
type OneOffOptions struct {
	Options    // of what it depends on
	Name       string
	AutoRemove bool // the engine removes the container once it has ended
}

// OneOff decides how one container is made and started that is no replica: a one-off of its service. What the service
// depends on comes first, as `up` would bring it; nothing else changes. prepare makes the container, begin starts it, so
// that somebody can join it between.
func OneOff(want compose.Project, have Observed, s compose.Service, opt OneOffOptions) (prepare, begin Plan, err error) {
	b := newBuilder(want, have, opt.Options)
	if _, job := want.Job(s.Name); !job {
		s.PreStart = nil // as with docker compose
	}
	needed := b.neededBy(s)
	together := append(slices.Clone(needed), s)
	for _, resources := range []func([]compose.Service) error{b.images, b.networks, b.volumes} {
		if err := resources(together); err != nil {
			return Plan{}, Plan{}, err
		}
	}
	b.keepNetworks()
	b.removeOrphans(false)
	b.handOverPorts(needed)
	b.startSystem(needed)
	for _, dependency := range needed {
		b.rollOut(dependency)
	}
	b.removeOrphans(true)
	c := Container{Ref: Ref{Service: s.Name, Slot: 1, Generation: 1}, Name: opt.Name}
	b.createOneOff(s, c, opt.AutoRemove)
	b.preStart(s, c, &preparation{due: true}, []int{len(b.nodes)}, nil) // all of a job's: each run is one by itself
	if prepare, err = b.plan(); err != nil {
		return Plan{}, Plan{}, err
	}
	return prepare, starting(want.Name, s, c), nil
}

// neededBy are the services that s depends on, and what these depend on, in dependency order.
func (b *builder) neededBy(s compose.Service) []compose.Service {
	if b.opt.NoDeps {
		return nil
	}
	needed := map[string]bool{}
	var need func(compose.Service)
	need = func(s compose.Service) {
		for _, d := range s.DependsOn {
			if dependency, ok := b.want.Service(d.Service); ok && !needed[d.Service] {
				needed[d.Service] = true
				need(dependency)
			}
		}
	}
	need(s)
	return slices.DeleteFunc(slices.Clone(b.want.Services), func(s compose.Service) bool { return !needed[s.Name] })
}

// createOneOff plans the container, once what it depends on is as it asks.
func (b *builder) createOneOff(s compose.Service, c Container, autoRemove bool) {
	for _, r := range b.have.Replicas {
		if r.Name == c.Name {
			b.conflicts("container name "+c.Name, "service "+r.Service+" of this project", "choose another name, or remove it: docker rm "+c.Name)
		}
	}
	b.claimPorts(s)
	after := slices.Concat(b.foundation(s), b.claimName(c.Name, s), b.claim(s))
	var settled []int
	if !b.opt.NoDeps {
		gate, optional := b.gate(s)
		after, settled = slices.Concat(after, gate), optional
	}
	id := b.add(s.Name, Create{Container: c, Service: s, AutoRemove: autoRemove}, "run", after...)
	b.nodes[id-1].Settled = unique(settled)
}

// claimPorts notes conflicts over host ports with containers of the project: replicas do not make room for a one-off.
func (b *builder) claimPorts(s compose.Service) {
	for _, port := range fixedPorts(s) {
		for _, r := range b.have.Replicas {
			if !isRunning(r) || !slices.ContainsFunc(r.Ports, port.taken) {
				continue
			}
			hint := "publish another port with --publish"
			if r.Role == compose.RoleReplica {
				hint += ", or stop " + r.Service + " before"
			}
			b.conflicts("port "+port.String(), "container "+r.Name, hint)
		}
	}
}

// starting starts a container that was made, and runs its post_start hooks.
func starting(project string, s compose.Service, c Container) Plan {
	p := Plan{Project: project, Nodes: []Node{{ID: 1, Step: Start{Container: c}, Group: s.Name}}}
	for at, hook := range s.Body.PostStart {
		step := RunHook{Container: c, Phase: "post_start", Hook: hook, Index: at + 1}
		p.Nodes = append(p.Nodes, Node{ID: at + 2, Step: step, After: []int{at + 1}, Group: s.Name})
	}
	return p
}

// EndOneOff ends a container that OneOff made: before are its pre_stop hooks, which may take as long as its grace period, and
// end stops it, whatever came of them.
func EndOneOff(project string, s compose.Service, name string) (before, end Plan, grace time.Duration) {
	c := Container{Ref: Ref{Service: s.Name, Slot: 1, Generation: 1}, Name: name}
	before = Plan{Project: project}
	for at, hook := range s.Body.PreStop {
		node := Node{ID: at + 1, Step: RunHook{Container: c, Phase: PreStop, Hook: hook, Index: at + 1}, Group: s.Name}
		if at > 0 {
			node.After = []int{at}
		}
		before.Nodes = append(before.Nodes, node)
	}
	end = Plan{Project: project, Nodes: []Node{{ID: 1, Step: Stop{Container: c}, Group: s.Name}}}
	grace = 10 * time.Second // the engine's own
	if given := s.Body.StopGracePeriod; given != nil {
		grace = time.Duration(*given)
	}
	return before, end, grace
}
