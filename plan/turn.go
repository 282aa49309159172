package plan

import (
	"fmt"
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

// turns sorts the containers of s into slots: a turn for each wanted slot, and what is surplus.
func (b *builder) turns(s compose.Service) (turns []turn, surplus []Replica) {
	slots := map[int][]Replica{}
	for _, r := range b.have.Replicas {
		if r.Role != compose.RoleReplica || r.OneOff || r.Service != s.Name {
			continue
		}
		if r.Slot < 1 || r.Slot > s.Replicas {
			surplus = append(surplus, r)
			continue
		}
		slots[r.Slot] = append(slots[r.Slot], r)
	}
	count := 0
	for _, r := range slots {
		count += min(1, len(r))
	}
	count += len(surplus)
	for slot := 1; slot <= s.Replicas; slot++ {
		turns = append(turns, b.turn(s, slot, slots[slot], count))
	}
	sort.Slice(surplus, func(i, j int) bool { return before(surplus[i], surplus[j]) })
	return turns, surplus
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

func (b *builder) turn(s compose.Service, slot int, there []Replica, count int) turn {
	sort.Slice(there, func(i, j int) bool { return before(there[i], there[j]) })
	name := containerName(s, slot)
	t := turn{why: fmt.Sprintf("scale %d->%d", count, s.Replicas)}
	if count == 0 {
		t.why = "not found"
	}
	generation := 1
	nameTaken := false
	for i, r := range there {
		generation = max(generation, r.Generation+1)
		nameTaken = nameTaken || r.Name == name
		reason := b.differs(s, r)
		if reason == "" && t.kept == nil {
			t.kept = &there[i]
			continue
		}
		if len(t.leaving) == 0 && reason != "" {
			t.why = reason
		}
		t.leaving = append(t.leaving, r)
	}
	if t.kept != nil {
		t.next = b.container(*t.kept)
		t.why = standing(*t.kept)
	} else {
		t.next = Container{Ref: Ref{s.Name, slot, generation}, Name: name}
		if nameTaken {
			t.next.Name = fmt.Sprintf("%s-g%d", name, generation)
		}
	}
	if t.next.Name != name {
		t.rename = name
	}
	return t
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
