package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hyper-lite/compose"
)

// Healing is a replica that the sidecar replaces by itself, and what it knows of the service. It has no files: the
// replacement is a clone.
type Healing struct {
	Old    Replica
	Cause  string        // "autoheal: GET /health answered 503 for 1m0s"
	Order  string        // compose.StartFirst or StopFirst
	Within time.Duration // how long the clone may take to become healthy; 0 is without end
	Served
}

// Served is how the balancer serves a service.
type Served struct {
	Route *Route        // as it is served now; nil: it is not routed
	Drain time.Duration // the longest wait for open requests
}

// Heal decides how a replica is replaced by a clone of itself, one step after the other. Start-first the old one stays,
// as it is, until the clone was found healthy and is served; stop-first it can be started again until then. What
// is left of a plan that fails or is cut off, Mend ends.
func Heal(project string, have []Replica, h Healing) Plan {
	c := chain{builder: newBuilder(compose.Project{Name: project}, Observed{Replicas: have}, Options{}), group: h.Old.Service}
	next := Container{Ref: h.Old.Ref}
	for _, r := range have {
		if r.Role == compose.RoleReplica && r.Service == h.Old.Service && r.Slot == h.Old.Slot {
			next.Ref.Generation = max(next.Ref.Generation, r.Generation)
		}
	}
	next.Ref.Generation++
	plain := plainName(h.Old)
	next.Name = fmt.Sprintf("%s-g%d", plain, next.Ref.Generation)
	old := c.container(h.Old)
	stopFirst := h.Order == compose.StopFirst || len(h.Old.Anonymous) > 0 // which are the clone's then

	c.then(Clone{Container: next, From: old, Cause: h.Cause, Alone: stopFirst}, h.Cause)
	if stopFirst {
		c.routeTo(h.Route, without(h.backends(), []Replica{h.Old}))
		c.leave(h.Old, h.Served)
	}
	c.then(Start{Container: next}, "")
	await := Await{Container: next, Condition: AwaitHealthy, Within: h.Within}
	if h.Route != nil {
		await.Probe = h.Route.Probe
	}
	c.then(await, "")
	c.routeTo(h.Route, append(without(h.backends(), []Replica{h.Old}), next.Ref))
	if !stopFirst {
		c.leave(h.Old, h.Served)
	}
	c.then(Remove{Container: old}, "")
	c.then(Rename{Container: next, To: plain}, "")
	return c.whole()
}

func (s Served) backends() []Ref {
	if s.Route == nil {
		return nil
	}
	return s.Route.Backends
}

// Mend decides what ends every healing that was cut off or came to nothing. A clone that is served, or that is healthy
// where nothing is routed and its original is not, takes the slot; any other one goes, and its original is as it
// was before. What commands left unfinished is theirs to finish. served is by service.
func Mend(project string, have []Replica, served map[string]Served) Plan {
	b := newBuilder(compose.Project{Name: project}, Observed{Replicas: have}, Options{})
	type slot struct {
		service string
		number  int
	}
	slots := map[slot][]Replica{}
	var order []slot
	for _, r := range have {
		if r.Role != compose.RoleReplica || r.OneOff || r.SetAside() || r.Slot < 1 {
			continue
		}
		at := slot{r.Service, r.Slot}
		if _, known := slots[at]; !known {
			order = append(order, at)
		}
		slots[at] = append(slots[at], r)
	}
	slices.SortFunc(order, func(a, b slot) int {
		return strings.Compare(fmt.Sprintf("%s %09d", a.service, a.number), fmt.Sprintf("%s %09d", b.service, b.number))
	})
	for _, at := range order {
		there := slots[at]
		slices.SortFunc(there, newestFirst)
		c := chain{builder: b, group: at.service}
		c.mend(there, served[at.service])
	}
	return (&chain{builder: b}).whole()
}

func newestFirst(a, b Replica) int {
	if before(a, b) {
		return -1
	}
	return 1
}

// mend ends what was begun in one slot.
func (c *chain) mend(there []Replica, served Served) {
	clone := there[0]
	if clone.Cause == "" {
		return
	}
	if !clone.Digest.IsKnown() {
		c.then(Remove{Container: c.container(clone)}, "its making was cut off")
		if there = there[1:]; len(there) > 0 {
			c.mend(there, served)
		}
		return
	}
	if len(there) == 1 {
		if plain := plainName(clone); plain != clone.Name {
			c.then(Rename{Container: c.container(clone), To: plain}, "")
		}
		return
	}
	if takesOver(clone, there[1], served) {
		c.forward(clone, there[1:], served)
		return
	}
	c.back(clone, there[1], served)
}

func takesOver(clone, old Replica, served Served) bool {
	if clone.State != Running {
		return false
	}
	if served.Route != nil {
		return slices.Contains(served.Route.Backends, clone.Ref)
	}
	return clone.Health == Healthy && !(old.State == Running && old.Health == Healthy)
}

// forward brings a healing to its end: nothing is left of the original.
func (c *chain) forward(clone Replica, old []Replica, served Served) {
	c.routeTo(served.Route, without(served.backends(), old))
	for _, r := range old {
		c.leave(r, served)
		c.then(Remove{Container: c.container(r)}, "replaced")
	}
	c.then(Rename{Container: c.container(clone), To: plainName(clone)}, "")
}

// back undoes a healing: nothing is left of the clone. That the original is sick is known to who serves it: it gets
// nothing until it is well.
func (c *chain) back(clone, old Replica, served Served) {
	if isRunning(clone) {
		c.then(Stop{Container: c.container(clone)}, "not healthy in time")
	}
	switch old.State {
	case Paused:
		c.then(Unpause{Container: c.container(old)}, "")
	case Created, Exited:
		c.then(Start{Container: c.container(old)}, "")
	}
	c.routeTo(served.Route, append(without(served.backends(), []Replica{clone, old}), old.Ref))
	c.then(Remove{Container: c.container(clone)}, "")
}

// chain is a part of a plan in which each step waits for the one before.
type chain struct {
	*builder
	group string
	last  []int
}

func (c *chain) then(step Step, why string) {
	c.last = []int{c.add(c.group, step, why, c.last...)}
}

// routeTo makes the balancer serve exactly these replicas, where it does not.
func (c *chain) routeTo(now *Route, backends []Ref) {
	if now == nil {
		return
	}
	sortRefs(backends)
	was := slices.Clone(now.Backends)
	sortRefs(was)
	if slices.Equal(was, backends) {
		return
	}
	step := *now
	step.Backends = backends
	c.then(step, "")
}

// leave drains and stops a replica that is served no more.
func (c *chain) leave(r Replica, served Served) {
	if !isRunning(r) {
		return
	}
	if served.Route != nil && served.Drain > 0 && r.State == Running {
		c.then(Drain{Container: c.container(r), For: served.Drain}, "")
	}
	c.then(Stop{Container: c.container(r)}, "")
}

func (c *chain) whole() Plan {
	c.reduce()
	return Plan{Project: c.want.Name, Nodes: c.nodes}
}

// plainName is the name of a replica's slot.
func plainName(r Replica) string {
	return strings.TrimSuffix(r.Name, fmt.Sprintf("-g%d", r.Generation))
}
