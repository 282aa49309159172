package plan

import (
	"slices"

	"hyper-lite/compose"
)

// RestartAll decides how replicas are restarted in place, in dependency order. What depends on a restarted service
// with restart: true is restarted too.
func RestartAll(project string, want *compose.Project, have Observed, opt LifecycleOptions) (Plan, error) {
	l, err := newLifecycle(project, want, have, opt)
	if err != nil {
		return Plan{}, err
	}
	if len(opt.Services) > 0 && !opt.NoDeps {
		l.services = WithDependents(l.want, opt.Services)
	}
	l.reviveSystem()
	l.rolling = opt.Rolling
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

// WithDependents adds to services those that depend on them with restart: true, and those that use their namespaces, which
// are new ones after a restart; and so on.
func WithDependents(want compose.Project, services []string) []string {
	services = slices.Clone(services)
	for at := 0; at < len(services); at++ {
		for _, s := range want.Services {
			depends := func(d compose.Dependency) bool { return d.Service == services[at] && d.Restart }
			bound := slices.ContainsFunc(s.DependsOn, depends) || slices.Contains(s.SharesNamespacesWith(), services[at])
			if bound && !slices.Contains(services, s.Name) {
				services = append(services, s.Name)
			}
		}
	}
	return services
}

// restartService restarts all replicas of a service at once. Those that the balancer serves are restarted wave by wave
// instead, withdrawn and drained before, so that no request is lost where there is more than one; a rolling restart does
// so with all, and goes on to the next wave once one has settled.
func (l *lifecycle) restartService(name string, after []int) []int {
	s, known := l.want.Service(name)
	replicas := l.replicas(name)
	serves := known && len(s.Routes) > 0 && l.balanced()
	if !serves && !l.rolling {
		ids := slices.Clone(after)
		for _, r := range replicas {
			ids = append(ids, l.restart(s, r, "restart", after)...)
		}
		return ids
	}
	var serving []Ref
	if published := l.published(name); serves && published != nil {
		there := func(ref Ref) bool { return slices.ContainsFunc(replicas, func(r Replica) bool { return r.Ref == ref }) }
		serving = slices.DeleteFunc(slices.Clone(published.Backends), func(ref Ref) bool { return !there(ref) })
	}
	width := s.Rollout.Parallelism
	if !known {
		s.Name, width = name, 1
	}
	if width < 1 || !l.rolling && len(serving) == 0 { // where nobody is served, nobody loses anything
		width = max(len(replicas), 1)
	}
	l.warnOfGap(s, serving, replicas, width)
	for i, wave := range slices.Collect(slices.Chunk(replicas, width)) {
		if i > 0 && s.Rollout.Delay > 0 {
			after = []int{l.add(name, Pause{Service: name, For: s.Rollout.Delay}, "", after...)}
		}
		serving, after = l.restartWave(s, wave, serving, serves, after)
	}
	return after
}

// restartWave withdraws a wave, restarts it and routes it again. It returns what serves then, and the nodes after which
// all of it is so.
func (l *lifecycle) restartWave(s compose.Service, wave []Replica, serving []Ref, serves bool, after []int) ([]Ref, []int) {
	left := without(serving, wave)
	if len(left) != len(serving) {
		after = []int{l.routeTo(s, left, after)}
	}
	condition := AwaitSettled
	if serves {
		condition = AwaitHealthy
	}
	back := slices.Clone(left)
	ready := slices.Clone(after)
	for _, r := range wave {
		last := after
		if slices.Contains(serving, r.Ref) && s.Rollout.Drain > 0 && r.State == Running {
			last = []int{l.add(s.Name, Drain{Container: l.container(r), For: s.Rollout.Drain}, "", after...)}
		}
		ready = append(ready, l.await(s, l.container(r), condition, l.restart(s, r, "restart", last)))
		back = append(back, r.Ref)
	}
	if !serves {
		return nil, ready
	}
	return back, []int{l.routeTo(s, slices.Clone(back), ready)}
}

// warnOfGap says that a service in front of which the balancer stands will not be served for a while.
func (l *lifecycle) warnOfGap(s compose.Service, serving []Ref, replicas []Replica, width int) {
	for wave := range slices.Chunk(replicas, width) {
		if len(serving) == 0 || len(without(serving, wave)) > 0 {
			continue
		}
		l.warn("nothing serves %s while its %s in place: `hyper-lite service redeploy %s` replaces %s as its rollout says (%s)",
			s.Name, plural(len(serving), "only replica restarts", "replicas restart all at once"), s.Name,
			plural(len(serving), "it", "them"), s.Rollout.Order)
		return
	}
}

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// Resume decides how those serve again that a restart withdrew and that its end, before time, left so: each is started where
// it does not run, awaited and routed. was is the host before it. tried are those whose await came to nothing already, which
// stay as they are, and because of which the others that run were not served: so they are.
func Resume(project string, want *compose.Project, was, have Observed, tried []Ref, opt LifecycleOptions) (Plan, error) {
	l, err := newLifecycle(project, want, have, opt)
	if err != nil || want == nil || !have.Serves() {
		return Plan{}, err
	}
	chosen := WithDependents(l.want, opt.Services)
	for _, s := range want.Services {
		if len(s.Routes) == 0 || len(chosen) > 0 && !slices.Contains(chosen, s.Name) {
			continue
		}
		var before []Ref
		for _, p := range was.Published {
			if p.Service == s.Name {
				before = p.Backends
			}
		}
		l.resume(s, before, tried)
	}
	return l.plan()
}

func (l *lifecycle) resume(s compose.Service, before, tried []Ref) {
	serving := l.have.Serving(s.Name)
	back := slices.Clone(serving)
	var ready []int
	for _, r := range l.replicas(s.Name) {
		meant := slices.Contains(before, r.Ref) || len(tried) > 0 && r.State == Running
		if !meant || r.State == Dead || r.State == Removing || slices.Contains(serving, r.Ref) || slices.Contains(tried, r.Ref) {
			continue
		}
		revived := l.revive(s.Name, s, r, nil)
		if r.State != Paused && len(revived) > 0 {
			revived = l.postStart(s, l.container(r), revived)
		}
		ready = append(ready, l.await(s, l.container(r), AwaitHealthy, revived))
		back = append(back, r.Ref)
	}
	if len(ready) > 0 {
		l.routeTo(s, back, ready)
	}
}
