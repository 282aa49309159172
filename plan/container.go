package plan

import (
	"slices"
	"sort"

	"hyper-lite/compose"
)

// occupantOf is where the next container of a turn is kept for those who depend on it.
func (r *roll) occupantOf(t turn) *occupant {
	f := &r.occupants[r.service.Name][t.place]
	if f.await == nil {
		*f = occupant{container: t.next, kept: t.kept, await: map[Condition]int{}}
	}
	return f
}

// create plans the container of a turn, where there is none.
func (r *roll) create(t turn, after []int) []int {
	if t.kept != nil {
		return nil
	}
	after = slices.Concat(after, r.claimName(t.next.Name, r.service))
	if t.rename != "" {
		after = slices.Concat(after, r.claimName(t.rename, r.service))
	}
	if len(t.leaving) > 0 {
		r.changed[r.service.Name] = true
	}
	ids := slices.Concat(after, r.aside, r.foundation(r.service))
	if len(sharesWith(r.service)) > 0 || len(r.service.Body.Links) > 0 {
		ids = append(ids, r.gate...)
	}
	for _, name := range sharesWith(r.service) {
		for _, o := range r.occupants[name] {
			ids = append(ids, o.made...)
		}
	}
	step := Create{Container: t.next, Service: r.service}
	if len(t.leaving) > 0 && !r.renews() {
		step.Previous = t.leaving[0].ID
	}
	r.made[t.next.Ref] = []int{r.add(r.service.Name, step, t.why, ids...)}
	r.occupantOf(t).made = r.made[t.next.Ref]
	return r.made[t.next.Ref]
}

// renews says whether the replacements of a service get new anonymous volumes.
func (r *roll) renews() bool { return r.opt.RenewAnonVolumes && !r.goesBack(r.service.Name) }

// start plans that the container of a turn runs. It returns the nodes after which it does.
func (r *roll) start(t turn, after []int) []int {
	f := r.occupantOf(t)
	if t.kept != nil && (t.kept.State == Running || t.kept.State == Restarting || r.over(*t.kept)) {
		return nil
	}
	if r.opt.NoStart {
		return nil
	}
	why := ""
	if t.kept != nil {
		why = t.why
	}
	after = slices.Concat(after, r.gate, r.aside)
	if t.kept == nil || t.kept.State == Created {
		after = r.preStart(r.service, t.next, &r.preparation, after, r.settled)
	}
	if t.kept != nil {
		r.starts[t.kept.ID] = true
	}
	var step Step = Start{Container: t.next}
	if t.kept != nil && t.kept.State == Paused {
		step = Unpause{Container: t.next}
	}
	id := r.add(r.service.Name, step, why, slices.Concat(after, r.gate, r.aside, r.claim(r.service))...)
	r.nodes[id-1].Settled = unique(r.settled)
	f.start = []int{id}
	if _, starts := step.(Start); starts {
		f.start = r.postStart(r.service, t.next, f.start)
	}
	return f.start
}

// over says whether a replica has no more to do: a one-shot that is done, or that this run made and that has ended.
func (r *roll) over(c Replica) bool {
	return done(r.service, c) || r.service.OneShot && c.State == Exited && slices.Contains(r.opt.Fresh, c.Ref)
}

// ready plans the await of a turn's container, once.
func (r *roll) ready(t turn, condition Condition, after []int) []int {
	if t.kept != nil && done(r.service, *t.kept) {
		return nil
	}
	f := r.occupantOf(t)
	f.start = after
	return r.awaited(r.service, f, condition)
}

// leave takes the leaving containers of a turn away, and gives the next one its plain name.
func (r *roll) leave(t turn, after []int) []int {
	stopped := r.stopLeaving(t, after)
	return r.removeLeaving(t, slices.Concat(after, stopped))
}

// stopLeaving drains and stops the leaving containers of a turn that run.
func (r *roll) stopLeaving(t turn, after []int) []int {
	var stopped []int
	for _, c := range t.leaving {
		if isRunning(c) {
			stopped = append(stopped, r.stop(r.service.Name, c, "", &r.service, after))
		}
	}
	return stopped
}

func (r *roll) removeLeaving(t turn, after []int) []int {
	last := after
	var gone []int
	for _, c := range t.leaving {
		why := ""
		if c.SetAside() {
			why = "failed, and was kept until now"
		}
		gone = append(gone, r.add(r.service.Name, Remove{Container: r.container(c), Volumes: r.renews()}, why, last...))
	}
	if t.rename == "" {
		return gone
	}
	step := Rename{Container: t.next, To: t.rename}
	id := r.add(r.service.Name, step, "", slices.Concat(gone, r.occupantOf(t).start, after)...)
	return append(gone, id)
}

// stop plans a drain, the pre_stop hooks and the stop of one container.
func (b *builder) stop(group string, c Replica, why string, s *compose.Service, after []int) int {
	if s != nil && s.Rollout.Drain > 0 && len(s.Routes) > 0 && c.State == Running && b.mayAnswer(c) {
		after = []int{b.add(group, Drain{Container: b.container(c), For: s.Rollout.Drain}, why, after...)}
		why = ""
	}
	if s != nil && c.State == Running && len(s.Body.PreStop) > 0 {
		after = b.preStop(group, *s, b.container(c), why, after)
		why = ""
	}
	return b.add(group, Stop{Container: b.container(c), Timeout: b.opt.Timeout}, why, after...)
}

// mayAnswer says whether requests can be open to a replica: it is served, or it was and a run that was cut off withdrew
// it. One that stands beside an older one of its slot which is served never was.
func (b *builder) mayAnswer(c Replica) bool {
	published := b.published(c.Service)
	if published == nil {
		return false
	}
	return !slices.ContainsFunc(published.Backends, func(ref Ref) bool {
		return ref.Slot == c.Slot && ref.Generation < c.Generation
	})
}

// retire drains, stops and removes one container. s is its service, nil where the files no longer have it.
func (b *builder) retire(group string, c Replica, why string, s *compose.Service, after []int) int {
	if isRunning(c) {
		after = []int{b.stop(group, c, why, s, after)}
		why = ""
	}
	return b.add(group, Remove{Container: b.container(c), Volumes: true}, why, after...)
}

// published is what the balancer serves of a service, nil where it does not know it.
func (b *builder) published(service string) *Published {
	for i, p := range b.have.Published {
		if p.Service == service {
			return &b.have.Published[i]
		}
	}
	return nil
}

// withdraw takes a whole service from the balancer, and returns the nodes after which it is withdrawn: the
// removal of the balancer itself, where nothing is routed any more. A balancer that is away, and not made in this run, serves
// nobody: the next run that has to do with it withdraws.
func (b *builder) withdraw(group, service, why string) []int {
	away := len(b.system) == 0 && !(b.systemRuns(compose.RoleBalancer) && b.systemRuns(compose.RoleSidecar))
	if b.published(service) == nil || away {
		return nil
	}
	if b.opt.System.Balancer == nil {
		return b.system
	}
	return []int{b.add(group, Route{Service: service}, why, b.system...)}
}

// restartAfterDependencies restarts kept replicas whose dependency was replaced, where depends_on says so, and those
// that share a namespace with a service whose container starts again: it starts with a new one.
func (b *builder) restartAfterDependencies(s compose.Service, turns []turn) {
	starts := func(id string) bool { return b.starts[id] }
	for _, d := range s.DependsOn {
		replaced := d.Restart && b.changed[d.Service]
		shared := slices.Contains(s.SharesNamespacesWith(), d.Service)
		if !replaced && !shared {
			continue
		}
		why, after := d.Service+" was replaced", b.fulfil(d)
		if !replaced {
			why = "shares a namespace with " + d.Service + ", which starts again"
		}
		restarts := false
		for _, t := range turns {
			if t.kept != nil && t.kept.State == Running && (replaced || slices.ContainsFunc(t.kept.Shares, starts)) {
				b.restart(s, *t.kept, why, after)
				restarts = true
			}
		}
		if replaced || restarts {
			return
		}
	}
}

func without(refs []Ref, replicas []Replica) []Ref {
	return slices.DeleteFunc(slices.Clone(refs), func(ref Ref) bool {
		return slices.ContainsFunc(replicas, func(r Replica) bool { return r.Ref == ref })
	})
}

// sortRefs orders backends by service, slot and generation.
func sortRefs(refs []Ref) {
	sort.Slice(refs, func(i, j int) bool {
		a, b := refs[i], refs[j]
		if a.Service != b.Service {
			return a.Service < b.Service
		}
		if a.Slot != b.Slot {
			return a.Slot < b.Slot
		}
		return a.Generation < b.Generation
	})
}

func chunks(turns []turn, width int) [][]turn {
	var waves [][]turn
	for len(turns) > 0 {
		n := min(max(width, 1), len(turns))
		waves = append(waves, turns[:n])
		turns = turns[n:]
	}
	return waves
}
