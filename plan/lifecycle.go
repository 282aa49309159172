package plan

import (
	"slices"
	"time"

	"hyper-lite/compose"
)

// LifecycleOptions is what the user asked of one `stop`, `start` or `restart`.
type LifecycleOptions struct {
	Services []string // only these; empty: all
	Timeout  *time.Duration
	NoDeps   bool          // restart: not what depends on them with restart: true
	Rolling  bool          // restart: wave by wave, whether the balancer stands before a service or not
	Wait     bool          // start: await every replica
	Within   time.Duration // start: the longest await, instead of the services' own; 0: theirs
	System   System
}

// StopAll decides how running replicas stop: withdrawn, drained, then stopped, dependents first; and the live runs of
// jobs. The containers stay. Without files (want nil) nothing is known of routes: the sidecar withdraws what stops.
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
	runs := l.stopRuns()
	if len(opt.Services) == 0 {
		l.stopSystem(slices.Concat(append(valuesOf(stopped), runs)...))
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
	if opt.Wait {
		l.awaitAll()
	}
	return l.plan()
}

type lifecycle struct {
	*builder
	services []string
	rolling  bool
}

func newLifecycle(project string, want *compose.Project, have Observed, opt LifecycleOptions) (*lifecycle, error) {
	p := compose.Project{Name: project}
	if want != nil {
		p = *want
	}
	l := &lifecycle{
		builder:  newBuilder(p, have, Options{Timeout: opt.Timeout, Within: opt.Within, Wait: opt.Wait, System: opt.System}),
		services: opt.Services,
	}
	l.warnings = append(l.warnings, composedWarnings(project, have)...)
	known := sortedNames(append(l.everyName(), l.jobNames()...))
	for _, name := range opt.Services {
		if !slices.Contains(known, name) {
			return nil, &UnknownServiceError{Name: name, Known: known}
		}
	}
	return l, nil
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
		if r.Service == service && r.Role == compose.RoleReplica && !r.OneOff && !r.SetAside() {
			replicas = append(replicas, r)
		}
	}
	slices.SortFunc(replicas, newestFirst)
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
	switch {
	case !known || len(s.Routes) == 0 || l.published(name) == nil:
	case slices.ContainsFunc(s.Routes, func(r compose.Route) bool { return !r.IsWhole() }): // it cannot be served without its certificate
		after = []int{l.add(name, Route{Service: name}, "", after...)}
	default:
		after = []int{l.routeTo(s, nil, after)}
	}
	var ids []int
	for _, r := range replicas {
		stopped := l.stop(name, r, "", found, after)
		if known && s.Autodestroy == compose.DestroyAlways { // the sidecar may stop before it could
			stopped = l.add(name, Remove{Container: l.container(r), Volumes: true}, "autodestroy: ALWAYS", stopped)
		}
		ids = append(ids, stopped)
	}
	return ids
}

// startService starts what is stopped of a service, and has all of it served. It returns the nodes after which it runs.
func (l *lifecycle) startService(name string, started map[string][]int) []int {
	s, known := l.want.Service(name)
	replicas := slices.DeleteFunc(l.replicas(name), func(r Replica) bool { return r.State == Dead || r.State == Removing })
	stopped := slices.ContainsFunc(replicas, func(r Replica) bool { return r.State != Running && r.State != Restarting })
	var after, settled, ids, ready []int
	if stopped {
		after, settled = l.before(s, known, replicas, started)
	}
	var refs []Ref
	first := preparation{due: !slices.ContainsFunc(replicas, func(r Replica) bool { return r.State != Created })}
	for i, r := range replicas {
		before := after
		if r.State == Created {
			before = l.preStart(s, l.container(r), &first, after, settled)
		}
		revived := l.revive(name, s, r, before)
		for _, id := range revived {
			l.nodes[id-1].Settled = unique(settled)
		}
		if r.State != Paused && len(revived) > 0 {
			revived = l.postStart(s, l.container(r), revived)
		}
		ids = append(ids, revived...)
		l.occupants[name] = append(l.occupants[name],
			occupant{container: l.container(r), kept: &replicas[i], start: revived, await: map[Condition]int{}})
	}
	if !known || len(s.Routes) == 0 || !stopped && l.serves(name, replicas) {
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

// serves says whether every slot of a service in which something runs is served. A start or a restart that was cut off
// leaves some that are not. Without a balancer nothing is to be served.
func (l *lifecycle) serves(service string, replicas []Replica) bool {
	slots := map[int]bool{}
	for _, ref := range l.have.Serving(service) {
		slots[ref.Slot] = true
	}
	return !l.balanced() || !slices.ContainsFunc(replicas, func(r Replica) bool { return !slots[r.Slot] })
}

// awaitAll awaits every replica of the chosen services that is not as it should be.
func (l *lifecycle) awaitAll() {
	for _, name := range l.order() {
		s, _ := l.want.Service(name)
		s.Name = name
		condition := (&roll{service: s}).condition()
		for i := range l.occupants[name] {
			l.awaited(s, &l.occupants[name][i], condition)
		}
	}
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

// balanced says that balancer and sidecar are there: they run, or are started first.
func (l *lifecycle) balanced() bool {
	there := func(role compose.Role) bool {
		return slices.ContainsFunc(l.have.Replicas, func(r Replica) bool { return r.Role == role })
	}
	return there(compose.RoleBalancer) && there(compose.RoleSidecar)
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
