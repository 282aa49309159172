package plan

import (
	"maps"
	"slices"

	"hyper-lite/compose"
)

// slot is what there is of one replica number.
type slot struct {
	number  int
	place   int       // among the wanted ones, from 0
	there   []Replica // all but what failed in this run; the newest first
	highest int       // the generation of what failed in this run
	held    bool      // it keeps what it has, as wanted or not
}

// Slots are the numbers that the replicas of a service of the project have in the end, ascending. As many as are wanted of
// those that are taken stay: rather those with a container that is as wanted and well, then those with one that is as wanted,
// then the lowest. Where too few are taken, the lowest free numbers are added. So what differs from the files goes first when
// a service is scaled down, then what is not well, and no number grows for ever. One whose replacement failed in this run
// stays wanted, as it was when that was made; on the way back it is one whose replacement failed there, since fewer may be
// wanted then than before.
func Slots(want compose.Project, s compose.Service, have Observed, opt Options) []int {
	b := newBuilder(want, have, opt)
	b.releasePins()
	if pinned, ok := b.want.Service(s.Name); ok {
		s = pinned
	}
	return b.slots(s)
}

// The worth of what is in a slot.
const (
	differing = iota + 1 // none of its containers is as wanted
	standsIll            // one is, and does not run or is unhealthy
	standsWell
)

func (b *builder) slots(s compose.Service) []int {
	worth := map[int]int{} // by number of those that are taken
	failures := b.opt.Failed
	if b.goesBack(s.Name) {
		failures = b.opt.Stuck
	}
	for _, r := range b.have.Replicas {
		failed := slices.Contains(failures, r.Ref)
		if r.Role != compose.RoleReplica || r.OneOff || r.Service != s.Name || r.Slot < 1 {
			continue
		}
		if !failed && (r.SetAside() || slices.Contains(b.opt.Failed, r.Ref)) {
			continue
		}
		is := standsWell
		switch {
		case failed:
		case r.State == Dead || r.State == Removing || b.drifted(s, r) != "":
			is = differing
		case !isRunning(r) && !done(s, r) || r.Health == Unhealthy:
			is = standsIll
		}
		worth[r.Slot] = max(worth[r.Slot], is)
	}
	taken := slices.Sorted(maps.Keys(worth))
	slices.SortStableFunc(taken, func(i, j int) int { return worth[j] - worth[i] })
	numbers := taken[:min(len(taken), s.Replicas)]
	for number := 1; len(numbers) < s.Replicas; number++ {
		if worth[number] == 0 {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// holds says whether a slot keeps what it has: its service is held, or its replica failed in this run, made or not.
func (b *builder) holds(service string, number int) bool {
	in := func(ref Ref) bool { return ref.Service == service && ref.Slot == number }
	return slices.Contains(b.opt.Held, service) || slices.ContainsFunc(b.opt.Stuck, in) ||
		slices.ContainsFunc(b.opt.Failed, in) && !b.goesBack(service)
}

// goesBack says whether a service goes back to what it was: what the user asked of its replacements is no longer meant.
func (b *builder) goesBack(service string) bool { return slices.Contains(b.opt.Back, service) }
