package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"hyper-lite/compose"
)

// roll is one service on its way to what is wanted. The replacement is routed before the old one is
// withdrawn (start-first), or the old one is withdrawn before it is stopped (stop-first): never a stop of a
// routed replica, never a route to one that was not awaited.
type roll struct {
	*builder
	service  compose.Service
	gate     []int // what its dependencies must have become
	settled  []int
	backends []Ref // what the balancer serves, as of the last planned route
	serves   bool  // the balancer already has this service, with its present routes
	routed   []int // the last route
	wave     []int // all that must be done before the next wave
	aside    []int // what failed in this run is stopped
	made     map[Ref][]int
	preparation
}

func (b *builder) rollOut(s compose.Service) {
	turns, surplus, failed := b.turns(s)
	r := &roll{builder: b, service: s, made: map[Ref][]int{}}
	if len(s.Routes) == 0 {
		r.routed = b.withdraw(s.Name, s.Name, "no longer routed")
	}
	r.look()
	b.occupants[s.Name] = make([]occupant, s.Replicas)
	r.setAside(failed)

	var first, cleared, later []turn
	for _, t := range turns {
		switch {
		case !t.replaces():
			first = append(first, t)
		case r.stands(t):
			cleared = append(cleared, t)
		default:
			later = append(later, t)
		}
	}
	r.due = r.prepares(turns)
	if r.works(turns) && !r.opt.NoStart {
		r.gate, r.settled = b.gate(s)
	}
	r.fill(first, len(later) > 0)
	for _, t := range cleared {
		r.wave = append(r.wave, r.leave(t, nil)...)
	}
	slices.SortStableFunc(later, func(a, b turn) int { return r.rank(a) - r.rank(b) })
	rollout := r.ordered(later)
	width := rollout.Parallelism
	if width < 1 || !r.serves && len(s.Routes) > 0 && rollout.Order == compose.StartFirst {
		width = len(later) // other routes would not fit the old replicas: all change hands in one route
	}
	if slices.ContainsFunc(later, func(t turn) bool { return t.kept == nil }) {
		b.rollouts[s.Name] = describe(rollout, width)
	}
	for i, wave := range chunks(later, width) {
		if i > 0 && rollout.Delay > 0 {
			r.wave = []int{b.add(s.Name, Pause{Service: s.Name, For: rollout.Delay}, "", r.wave...)}
		}
		if rollout.Order == compose.StopFirst {
			r.stopFirst(wave)
			continue
		}
		r.startFirst(wave)
	}
	r.shrink(surplus)
	r.settle(turns)
	b.restartAfterDependencies(s, turns)
}

// ordered is the rollout of a service, stop-first where anonymous volumes go over from containers that run: unless the
// file asks for it, no two containers ever work on one, whose data is theirs alone.
func (r *roll) ordered(turns []turn) compose.Rollout {
	rollout := r.service.Rollout
	if rollout.Order == compose.StopFirst || rollout.Asked || r.renews() {
		return rollout
	}
	if slices.ContainsFunc(turns, func(t turn) bool { return slices.ContainsFunc(t.leaving, r.handsOver) }) {
		rollout.Order, rollout.Why = compose.StopFirst, "its anonymous volumes go over"
	}
	return rollout
}

// handsOver says whether a container runs on an anonymous volume that its successor takes over: one in whose place the
// file mounts nothing else.
func (r *roll) handsOver(c Replica) bool {
	return isRunning(c) && slices.ContainsFunc(c.Anonymous, func(place string) bool {
		return !slices.ContainsFunc(r.service.Body.Volumes, func(v types.ServiceVolumeConfig) bool {
			return path.Clean(v.Target) == place && (v.Type != types.VolumeTypeVolume || v.Source != "")
		}) && !slices.ContainsFunc(r.service.Body.Tmpfs, func(t string) bool {
			target, _, _ := strings.Cut(t, ":")
			return path.Clean(target) == place
		})
	})
}

// describe is the rollout as the plan's heading has it.
func describe(r compose.Rollout, width int) string {
	return fmt.Sprintf("%s, %d at a time (%s)", r.Order, max(width, 1), r.Why)
}

// setAside withdraws and stops what failed in this run, and keeps it under a name that says so.
func (r *roll) setAside(failed []Replica) {
	if left := without(r.backends, failed); len(left) != len(r.backends) {
		r.route(left, nil)
	}
	for _, c := range failed {
		after := r.routed
		if isRunning(c) {
			after = []int{r.add(r.service.Name, Stop{Container: r.container(c), Timeout: r.opt.Timeout}, "failed", after...)}
		}
		r.aside = append(r.aside, after...)
		if !c.SetAside() {
			name := containerName(r.service, c.Slot) + failedSuffix(c.Generation)
			r.aside = append(r.aside, r.add(r.service.Name, Rename{Container: r.container(c), To: name}, "kept until the next up", after...))
		}
	}
}

// look takes in what the balancer serves of this service now.
func (r *roll) look() {
	published := r.published(r.service.Name)
	if published == nil || len(r.service.Routes) == 0 {
		return
	}
	r.serves = published.Digest == RoutesDigest(r.service.Routes, r.service.Probe)
	for _, ref := range published.Backends {
		if slices.ContainsFunc(r.have.Replicas, func(c Replica) bool { return c.Ref == ref && c.Role == compose.RoleReplica }) {
			r.backends = append(r.backends, ref)
		}
	}
	if len(r.backends) != len(published.Backends) {
		r.serves = false
	}
}

// stands says whether a slot has its container, and nobody is served by the others in it: what an interrupted rollout
// left is taken away before more is begun.
func (r *roll) stands(t turn) bool {
	if t.kept == nil || t.kept.State != Running || r.opt.NoStart {
		return false
	}
	if slices.ContainsFunc(t.leaving, func(c Replica) bool { return slices.Contains(r.backends, c.Ref) }) {
		return false
	}
	return len(r.service.Routes) == 0 && t.rename == "" || slices.Contains(r.backends, t.next.Ref)
}

// rank puts the slots that serve nobody before those that do: what an interrupted rollout took away comes back before
// more is taken.
func (r *roll) rank(t turn) int {
	for _, c := range t.leaving {
		if slices.Contains(r.backends, c.Ref) {
			return 1
		}
	}
	if slices.Contains(r.backends, t.next.Ref) {
		return 1
	}
	return 0
}

// works says whether any container of the service will be made or started.
func (r *roll) works(turns []turn) bool {
	return slices.ContainsFunc(turns, func(t turn) bool {
		return t.kept == nil || !isRunning(*t.kept) && !r.over(*t.kept)
	})
}

// fill brings up the slots in which nothing runs, all at once, and routes them together. Those of a specification that is
// only just being rolled out are held to the monitor, and no wave begins before; nor before those are back that had a
// replica already, or more would be taken away than a wave.
func (r *roll) fill(turns []turn, waves bool) {
	others := len(r.service.Routes) == 0 || len(r.backends) > 0
	var arrived []Ref
	var untried, back []turn
	var ready []int
	for _, t := range turns {
		made := r.create(t, nil)
		started := r.start(t, made)
		isNew := !slices.Contains(r.backends, t.next.Ref)
		if len(r.service.Routes) > 0 && !r.opt.NoStart {
			if len(started) > 0 || isNew || !r.serves {
				ready = append(ready, r.ready(t, AwaitHealthy, started)...)
			}
			if isNew {
				arrived = append(arrived, t.next.Ref)
			}
		} else if r.opt.Wait || r.comesBack(t) && (waves || r.givesBack()) {
			ready = append(ready, r.ready(t, r.condition(), started)...)
		}
		if r.comesBack(t) || r.isUnproven(t) {
			back = append(back, t)
		}
		if r.isUntried(t) {
			untried = append(untried, t)
		}
		if others && (r.isUnproven(t) || r.isUntried(t)) {
			ready = append(ready, r.proven(t, started)...)
		}
	}
	backends := slices.Clone(r.backends)
	for _, t := range turns {
		backends = without(backends, t.leaving)
	}
	if len(arrived) > 0 || len(backends) != len(r.backends) {
		r.route(append(backends, arrived...), ready)
	}
	if !others {
		ready = append(ready, r.monitor(untried)...)
	}
	if len(untried) > 0 || len(back) > 0 {
		r.wave = slices.Concat(r.wave, ready, r.routed)
	}
	for _, t := range turns {
		r.leave(t, slices.Concat(ready, r.routed, r.made[t.next.Ref], r.occupantOf(t).start))
	}
}

// comesBack says that a slot in which nothing runs has or had a replica, which a run that failed or was cut off took away, which
// ended by itself, or which was only made and never ran.
func (r *roll) comesBack(t turn) bool {
	if !r.replacementIsAwaited() || t.kept != nil && t.kept.State == Running {
		return false
	}
	return t.kept != nil || slices.ContainsFunc(t.leaving, func(c Replica) bool { return !c.SetAside() })
}

// givesBack says that replacements of the service failed in this run: what was done about it is told once it is so.
func (r *roll) givesBack() bool {
	return slices.ContainsFunc(r.opt.Failed, func(ref Ref) bool { return ref.Service == r.service.Name })
}

// startFirst replaces a wave: new ones up, one route from old to new, old ones drained and gone.
func (r *roll) startFirst(wave []turn) {
	var ready []int
	backends := slices.Clone(r.backends)
	for _, t := range wave {
		started := r.start(t, r.create(t, r.wave))
		if r.replacementIsAwaited() {
			ready = append(ready, r.proven(t, started)...)
		}
		backends = append(without(backends, t.leaving), t.next.Ref)
	}
	r.route(backends, ready)
	var gone []int
	for _, t := range wave {
		gone = append(gone, r.leave(t, slices.Concat(ready, r.routed, r.made[t.next.Ref], r.occupantOf(t).start))...)
	}
	r.wave = slices.Concat(ready, r.routed, gone)
}

// stopFirst replaces a wave: old ones withdrawn, drained and stopped, new ones up and routed. The old
// containers are removed last, so that until then there is something to go back to.
func (r *roll) stopFirst(wave []turn) {
	var made []int
	backends := slices.Clone(r.backends)
	for _, t := range wave {
		made = append(made, r.create(t, r.wave)...)
		backends = without(backends, t.leaving)
	}
	before := slices.Concat(r.wave, made, r.routed)
	if len(backends) != len(r.backends) {
		r.route(backends, before)
		before = slices.Concat(before, r.routed)
	}
	others := len(backends) > 0 || len(r.service.Routes) == 0
	var ready []int
	for _, t := range wave {
		stopped := r.stopLeaving(t, before)
		started := r.start(t, slices.Concat(stopped, before))
		switch {
		case !r.replacementIsAwaited():
		case others:
			ready = append(ready, r.proven(t, started)...)
		default:
			ready = append(ready, r.ready(t, r.condition(), started)...)
		}
		backends = append(backends, t.next.Ref)
	}
	r.route(backends, ready)
	if !others {
		ready = append(ready, r.monitor(wave)...)
	}
	var gone []int
	for _, t := range wave {
		gone = append(gone, r.removeLeaving(t, slices.Concat(ready, r.routed, r.occupantOf(t).start))...)
	}
	r.wave = slices.Concat(ready, r.routed, gone)
}

// condition is what a replica of this service is awaited to become where nobody asked for something else.
func (r *roll) condition() Condition {
	switch {
	case len(r.service.Routes) > 0:
		return AwaitHealthy
	case r.service.OneShot:
		return AwaitCompleted
	}
	return AwaitSettled
}

// replacementIsAwaited: a one-shot is not, since its predecessor has nothing left to do; nor is one that is
// only created.
func (r *roll) replacementIsAwaited() bool {
	return !r.opt.NoStart && (!r.service.OneShot || r.opt.Wait)
}

// shrink withdraws and removes what the wanted number of replicas has no place for.
func (r *roll) shrink(surplus []Replica) {
	if len(surplus) == 0 {
		return
	}
	after := slices.Concat(r.wave, r.routed)
	if left := without(r.backends, surplus); len(left) != len(r.backends) {
		r.route(left, r.wave)
		after = r.routed
	}
	why := fmt.Sprintf("scale %d->%d", r.service.Replicas+occupied(surplus), r.service.Replicas)
	if r.service.Replicas == 0 {
		why = "scale to 0"
	}
	for _, c := range surplus {
		r.retire(r.service.Name, c, why, &r.service, after)
	}
}

func occupied(replicas []Replica) int {
	slots := map[int]bool{}
	for _, r := range replicas {
		slots[r.Slot] = true
	}
	return len(slots)
}

// settle makes sure that the balancer serves exactly the wanted replicas, with the wanted routes. A balancer
// that is started serves them once it has read its files: a route that changes nothing waits for that.
func (r *roll) settle(turns []turn) {
	if len(r.service.Routes) == 0 || r.opt.NoStart {
		return
	}
	var wanted []Ref
	for _, t := range turns {
		wanted = append(wanted, t.next.Ref)
	}
	same := r.serves && slices.Equal(r.backends, wanted)
	if same && (len(r.system) == 0 || len(r.routed) > 0) {
		return
	}
	var ready []int
	for _, t := range turns {
		if start := r.occupantOf(t).start; !same || len(start) > 0 {
			ready = append(ready, r.ready(t, AwaitHealthy, start)...)
		}
	}
	r.route(wanted, slices.Concat(ready, r.wave))
}

// route plans that the balancer serves exactly these backends. A set that is served already is not routed again.
func (r *roll) route(backends []Ref, after []int) {
	if len(r.service.Routes) == 0 || r.opt.NoStart {
		return
	}
	sortRefs(backends)
	backends = slices.Compact(backends)
	if r.serves && slices.Equal(backends, r.backends) && (len(r.system) == 0 || len(r.routed) > 0) {
		return
	}
	digest := RoutesDigest(r.service.Routes, r.service.Probe)
	step := Route{
		Service: r.service.Name, Routes: r.service.Routes, Probe: r.service.Probe,
		Backends: slices.Clone(backends), Digest: digest,
	}
	why := ""
	if !r.serves && r.published(r.service.Name) != nil {
		why = "routes changed"
	}
	r.routed = []int{r.add(r.service.Name, step, why, slices.Concat(after, r.routed, r.system)...)}
	r.backends = slices.Clone(backends)
	r.serves = true
}
