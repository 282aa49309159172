package plan

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"hyper-lite/compose"
)

// turn is what one slot needs: the container that shall fill it, and those that must leave it.
type turn struct {
	next    Container // the container of the slot after this plan
	kept    *Replica  // next, where it exists already
	leaving []Replica // other containers of the slot, the newest first
	why     string    // why next is made or started
	rename  string    // the name next must have in the end, where it has another one
	place   int       // of its slot among the wanted ones, from 0
}

// replaces says that a running replica makes room for another one: such turns go in waves.
func (t turn) replaces() bool {
	for _, r := range t.leaving {
		if isRunning(r) {
			return true
		}
	}
	return false
}

func isRunning(r Replica) bool {
	return r.State == Running || r.State == Restarting || r.State == Paused
}

// turns sorts the containers of s into slots: a turn for each wanted slot, what is surplus, and what failed in this
// run. The slot of a failed replica is left as it is, with no turn where nothing else is in it.
func (b *builder) turns(s compose.Service) (turns []turn, surplus, failed []Replica) {
	slots := map[int]*slot{}
	numbers := b.slots(s)
	for place, number := range numbers {
		slots[number] = &slot{number: number, place: place, held: !s.Digest.IsKnown() || b.holds(s.Name, number)}
	}
	count := 0
	for _, r := range b.have.Replicas {
		if r.Role != compose.RoleReplica || r.OneOff || r.Service != s.Name {
			continue
		}
		at, wanted := slots[r.Slot]
		switch {
		case slices.Contains(b.opt.Failed, r.Ref):
			failed = append(failed, r)
			if wanted {
				at.highest = max(at.highest, r.Generation)
			}
		case !wanted:
			surplus = append(surplus, r)
			count++
		default:
			if len(at.there) == 0 && !r.SetAside() {
				count++
			}
			at.there = append(at.there, r)
		}
	}
	for _, number := range numbers {
		at := slots[number]
		sort.Slice(at.there, func(i, j int) bool { return before(at.there[i], at.there[j]) })
		if !at.held || b.keep(s, *at) >= 0 {
			turns = append(turns, b.turn(s, *at, count))
		}
	}
	sort.Slice(surplus, func(i, j int) bool { return before(surplus[i], surplus[j]) })
	sort.Slice(failed, func(i, j int) bool { return before(failed[i], failed[j]) })
	return turns, surplus, failed
}

// before orders the containers of a service: slots ascending, the newest generation of a slot first.
func before(a, b Replica) bool {
	if a.Slot != b.Slot {
		return a.Slot < b.Slot
	}
	if a.Generation != b.Generation {
		return a.Generation > b.Generation
	}
	return a.Name < b.Name
}

func (b *builder) turn(s compose.Service, at slot, count int) turn {
	name := containerName(s, at.number)
	t := turn{why: fmt.Sprintf("scale %d->%d", count, s.Replicas), place: at.place}
	if count == 0 {
		t.why = "not found"
	}
	generation := at.highest + 1
	nameTaken := false
	var aside []Replica
	keep := b.keep(s, at)
	for i, r := range at.there {
		generation = max(generation, r.Generation+1)
		nameTaken = nameTaken || r.Name == name
		if r.SetAside() {
			aside = append(aside, r)
			continue
		}
		if i == keep {
			t.kept = &at.there[i]
			continue
		}
		if reason := b.differs(s, r); len(t.leaving) == 0 && reason != "" {
			t.why = reason
		}
		t.leaving = append(t.leaving, r)
	}
	t.leaving = append(t.leaving, aside...)
	if t.kept != nil {
		t.next = b.container(*t.kept)
		t.why = cmp.Or(b.ceased[t.kept.ID], standing(*t.kept))
	} else {
		t.next = Container{Ref: Ref{s.Name, at.number, generation}, Name: name}
		if nameTaken {
			t.next.Name = fmt.Sprintf("%s-g%d", name, generation)
		}
	}
	if t.next.Name != name {
		t.rename = name
	}
	return t
}

// keep is the index of the container that stays in its slot, -1 where none does: the newest that is as wanted; in a
// slot that is held the one that serves, else the newest that runs, else the newest that ever did.
func (b *builder) keep(s compose.Service, at slot) int {
	candidate := func(is func(Replica) bool) int {
		return slices.IndexFunc(at.there, func(r Replica) bool { return !r.SetAside() && is(r) })
	}
	if !at.held {
		return candidate(func(r Replica) bool { return b.differs(s, r) == "" })
	}
	published := b.published(s.Name)
	for _, is := range []func(Replica) bool{
		func(r Replica) bool { return published != nil && slices.Contains(published.Backends, r.Ref) },
		isRunning,
		func(r Replica) bool { return r.State == Exited },
	} {
		if i := candidate(is); i >= 0 {
			return i
		}
	}
	return -1
}

// containerName is the plain name of a slot: as Compose names it.
func containerName(s compose.Service, slot int) string {
	if s.Body.ContainerName != "" {
		return s.Body.ContainerName
	}
	return fmt.Sprintf("%s-%s-%d", s.Project, s.Name, slot)
}

func (b *builder) container(r Replica) Container {
	return Container{Ref: r.Ref, ID: r.ID, Name: r.Name}
}
