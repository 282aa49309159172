package plan

import (
	"slices"
	"strings"
	"time"

	"hyper-lite/compose"
)

// LifecycleOptions is what the user asked of one `stop`, `start` or `restart`.
type LifecycleOptions struct {
	Services []string // only these; empty: all
	Timeout  *time.Duration
	NoDeps   bool // restart: not what depends on them with restart: true
	System   System
}

// StopAll decides how running replicas stop: withdrawn, drained, then stopped, dependents first. The containers
// stay. Without files (want nil) nothing is known of routes: the sidecar withdraws what stops.
func StopAll(project string, want *compose.Project, have Observed, opt LifecycleOptions) (Plan, error) {
	l, err := newLifecycle(project, want, have, opt)
	if err != nil {
		return Plan{}, err
	}
	if !l.have.Serves() {
		l.have.Published = nil // nothing is routed to what stops, and nobody could withdraw it
	}
	stopped := map[string][]int{}
	order := l.order()
	slices.Reverse(order)
	for _, name := range order {
		var after []int
		for _, r := range l.have.Replicas {
			if slices.Contains(r.DependsOn, name) {
				after = append(after, stopped[r.Service]...)
			}
		}
		stopped[name] = l.stopService(name, unique(after))
	}
	if len(opt.Services) == 0 {
		l.stopSystem(slices.Concat(valuesOf(stopped)...))
	}
	return l.plan()
}

// StartAll decides how existing, stopped replicas start again: after their dependencies have become what depends_on
// asks, as far as these are among the chosen services; awaited and routed. Without files (want nil) only the order of
// the starts is known.
func StartAll(project string, want *compose.Project, have Observed, opt LifecycleOptions) (Plan, error) {
	l, err := newLifecycle(project, want, have, opt)
	if err != nil {
		return Plan{}, err
	}
	l.reviveSystem()
	started := map[string][]int{}
	for _, name := range l.order() {
		started[name] = l.startService(name, started)
	}
	return l.plan()
}

// RestartAll decides how replicas are restarted in place, in dependency order. What depends on a restarted service
// with restart: true is restarted too.
func RestartAll(project string, want *compose.Project, have Observed, opt LifecycleOptions) (Plan, error) {
	l, err := newLifecycle(project, want, have, opt)
	if err != nil {
		return Plan{}, err
	}
	if len(opt.Services) > 0 && !opt.NoDeps {
		l.services = l.withDependents(opt.Services)
	}
	l.reviveSystem()
	restarted := map[string][]int{}
	for _, name := range l.order() {
		var after []int
		for _, r := range l.replicas(name) {
			for _, dependency := range r.DependsOn {
				after = append(after, restarted[dependency]...)
			}
		}
		restarted[name] = l.restartService(name, unique(after))
	}
	return l.plan()
}

type lifecycle struct {
	*builder
	services []string
}

func newLifecycle(project string, want *compose.Project, have Observed, opt LifecycleOptions) (*lifecycle, error) {
	p := compose.Project{Name: project}
	if want != nil {
		p = *want
	}
	l := &lifecycle{
		builder:  newBuilder(p, have, Options{Timeout: opt.Timeout, System: opt.System}),
		services: opt.Services,
	}
	known := l.everyName()
	for _, name := range opt.Services {
		if !slices.Contains(known, name) {
			return nil, &UnknownServiceError{Name: name, Known: known}
		}
	}
	return l, nil
}

// withDependents adds to services those that depend on them with restart: true, and so on.
func (l *lifecycle) withDependents(services []string) []string {
	services = slices.Clone(services)
	for at := 0; at < len(services); at++ {
		for _, s := range l.want.Services {
			depends := func(d compose.Dependency) bool { return d.Service == services[at] && d.Restart }
			if slices.ContainsFunc(s.DependsOn, depends) && !slices.Contains(services, s.Name) {
				services = append(services, s.Name)
			}
		}
	}
	return services
}

// everyName is every service of the files and of the host, sorted.
func (l *lifecycle) everyName() []string {
	names := l.names()
	for _, r := range l.have.Replicas {
		if r.Role == compose.RoleReplica {
			names = append(names, r.Service)
		}
	}
	return sortedNames(names)
}

// order is the chosen services, what they depend on first.
func (l *lifecycle) order() []string {
	depends := map[string][]string{}
	for _, r := range l.have.Replicas {
		depends[r.Service] = append(depends[r.Service], r.DependsOn...)
	}
	var order []string
	var visit func(name string, path []string)
	visit = func(name string, path []string) {
		if slices.Contains(order, name) || slices.Contains(path, name) {
			return
		}
		for _, d := range sortedNames(depends[name]) {
			visit(d, append(path, name))
		}
		order = append(order, name)
	}
	for _, name := range l.everyName() {
		visit(name, nil)
	}
	return slices.DeleteFunc(order, func(name string) bool {
		return len(l.services) > 0 && !slices.Contains(l.services, name)
	})
}

func (l *lifecycle) replicas(service string) []Replica {
	var replicas []Replica
	for _, r := range l.have.Replicas {
		if r.Service == service && r.Role == compose.RoleReplica && !r.OneOff {
			replicas = append(replicas, r)
		}
	}
	slices.SortFunc(replicas, func(a, b Replica) int {
		if before(a, b) {
			return -1
		}
		return strings.Compare(b.Name, a.Name)
	})
	return replicas
}

func (l *lifecycle) stopService(name string, after []int) []int {
	s, known := l.want.Service(name)
	var found *compose.Service
	if known {
		found = &s
	}
	replicas := slices.DeleteFunc(l.replicas(name), func(r Replica) bool { return !isRunning(r) })
	if len(replicas) == 0 {
		return after
	}
	if known && len(s.Routes) > 0 && l.published(name) != nil {
		after = []int{l.routeTo(s, nil, after)}
	}
	var ids []int
	for _, r := range replicas {
		ids = append(ids, l.stop(name, r, "", found, after))
	}
	return ids
}

// startService starts what is stopped of a service. It returns the nodes after which it runs.
func (l *lifecycle) startService(name string, started map[string][]int) []int {
	s, known := l.want.Service(name)
	replicas := slices.DeleteFunc(l.replicas(name), func(r Replica) bool { return r.State == Dead || r.State == Removing })
	stopped := slices.ContainsFunc(replicas, func(r Replica) bool { return r.State != Running && r.State != Restarting })
	var after, settled, ids, ready []int
	if stopped {
		after, settled = l.before(s, known, replicas, started)
	}
	var refs []Ref
	for i, r := range replicas {
		revived := l.revive(name, s, r, after)
		for _, id := range revived {
			l.nodes[id-1].Settled = unique(settled)
		}
		ids = append(ids, revived...)
		l.occupants[name] = append(l.occupants[name],
			occupant{container: l.container(r), kept: &replicas[i], start: revived, await: map[Condition]int{}})
	}
	if !stopped || !known || len(s.Routes) == 0 {
		return ids
	}
	for i, r := range replicas {
		refs = append(refs, r.Ref)
		o := &l.occupants[name][i]
		o.await[AwaitHealthy] = l.await(s, o.container, AwaitHealthy, slices.Concat(after, o.start))
		ready = append(ready, o.await[AwaitHealthy])
	}
	l.routeTo(s, refs, ready)
	return ids
}

// before is what a service waits for before it starts: by the files, or else by the labels of its replicas.
func (l *lifecycle) before(s compose.Service, known bool, replicas []Replica, started map[string][]int) (after, settled []int) {
	if known {
		return l.gate(s)
	}
	for _, r := range replicas {
		for _, dependency := range r.DependsOn {
			after = append(after, started[dependency]...)
		}
	}
	return unique(after), nil
}

// restartService restarts all replicas of a service at once; those that the balancer serves wave by wave instead,
// withdrawn and drained before, so that no request is lost where there is more than one.
func (l *lifecycle) restartService(name string, after []int) []int {
	s, known := l.want.Service(name)
	replicas := l.replicas(name)
	published := l.published(name)
	if !known || len(s.Routes) == 0 || published == nil || !l.have.Serves() {
		var ids []int
		for _, r := range replicas {
			ids = append(ids, l.restart(r, after))
		}
		return slices.Concat(after, ids)
	}
	serving := slices.Clone(published.Backends)
	width := s.Rollout.Parallelism
	if width < 1 {
		width = len(replicas)
	}
	for wave := range slices.Chunk(replicas, max(width, 1)) {
		left := without(serving, wave)
		if len(left) != len(serving) {
			after = []int{l.routeTo(s, left, after)}
		}
		back := slices.Clone(left)
		var ready []int
		for _, r := range wave {
			last := after
			if slices.Contains(serving, r.Ref) && s.Rollout.Drain > 0 && r.State == Running {
				last = []int{l.add(name, Drain{Container: l.container(r), For: s.Rollout.Drain}, "", after...)}
			}
			ready = append(ready, l.await(s, l.container(r), AwaitHealthy, []int{l.restart(r, last)}))
			back = append(back, r.Ref)
		}
		serving = back
		after = []int{l.routeTo(s, slices.Clone(back), ready)}
	}
	return after
}

func (l *lifecycle) restart(r Replica, after []int) int {
	return l.add(r.Service, Restart{Container: l.container(r), Timeout: l.opt.Timeout}, "restart", after...)
}

// routeTo plans that the balancer serves a service from these replicas.
func (l *lifecycle) routeTo(s compose.Service, refs []Ref, after []int) int {
	sortRefs(refs)
	step := Route{
		Service: s.Name, Routes: s.Routes, Probe: s.Probe, Backends: refs,
		Digest: RoutesDigest(s.Routes, s.Probe),
	}
	return l.add(s.Name, step, "", slices.Concat(after, l.system)...)
}

// stopSystem stops the balancer, then the sidecar.
func (l *lifecycle) stopSystem(after []int) {
	for _, role := range []compose.Role{compose.RoleBalancer, compose.RoleSidecar} {
		for _, r := range l.have.Replicas {
			if r.Role == role && isRunning(r) {
				after = []int{l.add("balancer", Stop{Container: l.container(r), Timeout: l.opt.Timeout}, "", after...)}
			}
		}
	}
}

// reviveSystem starts the sidecar and the balancer where they exist and do not run.
func (l *lifecycle) reviveSystem() {
	for _, role := range []compose.Role{compose.RoleSidecar, compose.RoleBalancer} {
		for _, r := range l.have.Replicas {
			if r.Role == role {
				l.system = append(l.system, l.revive("balancer", compose.Service{Name: r.Service, Role: role}, r, l.system)...)
			}
		}
	}
}

func valuesOf(ids map[string][]int) [][]int {
	var all [][]int
	for _, some := range ids {
		all = append(all, some)
	}
	return all
}
