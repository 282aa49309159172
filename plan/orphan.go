package plan

import (
	"maps"
	"slices"
	"sort"
	"strings"

	"hyper-lite/compose"
)

// orphans are the replicas of services that the files no longer have, as the host shows them.
func (b *builder) orphans() []Replica {
	return slices.DeleteFunc(slices.Clone(b.have.Replicas), func(r Replica) bool {
		return r.Role != compose.RoleReplica || r.OneOff || b.known(r.Service) || r.Elsewhere == OtherFolder
	})
}

// guests are the replicas of another project folder whose files have the same project name. They are nobody's orphans:
// no --remove-orphans means them.
func (b *builder) guests() []Replica {
	return slices.DeleteFunc(slices.Clone(b.have.Replicas), func(r Replica) bool { return !b.guest(r) })
}

func (b *builder) guest(r Replica) bool {
	return r.Role == compose.RoleReplica && !r.OneOff && r.Elsewhere == OtherFolder && !b.known(r.Service)
}

// served says whether the balancer that stays has a service.
func (b *builder) served(service string) bool {
	return b.opt.System.Balancer != nil && b.published(service) != nil
}

// removeOrphans removes orphans, where that was asked for. Those that the balancer does not serve go first: their
// names and ports may be wanted. Those that it serves are withdrawn before, and so wait for it.
func (b *builder) removeOrphans(served bool) {
	if !b.opt.RemoveOrphans {
		return
	}
	withdrawn := map[string][]int{}
	for _, r := range b.orphans() {
		if b.served(r.Service) != served {
			continue
		}
		if _, ok := withdrawn[r.Service]; !ok {
			withdrawn[r.Service] = b.withdraw("orphans", r.Service, "orphan")
		}
		id := b.retire("orphans", r, "orphan: the files have no service "+r.Service, nil, withdrawn[r.Service])
		b.frees(r, id)
		b.left[r.ID] = id
	}
}

// warnOfOrphans tells of orphans that stay, and withdraws services of which nothing is left at all.
func (b *builder) warnOfOrphans() {
	for _, p := range b.have.Published {
		if b.opt.System.Balancer != nil && !b.known(p.Service) && !b.hasReplica(p.Service) {
			b.withdraw("orphans", p.Service, "the files have no service "+p.Service)
		}
	}
	if b.opt.IgnoreOrphans {
		return
	}
	b.warnings = append(b.warnings, composedWarnings(b.want.Name, b.have)...)
	b.warnOfGuests()
	if b.opt.RemoveOrphans {
		return
	}
	for place, names := range byFiles(b.orphans()) {
		if place == "" {
			b.warn("orphan containers %s: their services are not in the files (--remove-orphans removes them)", names)
			continue
		}
		b.warn("containers %s are of another file, %s: that is not read now (-f reads it, too; --remove-orphans removes them)", names, place)
	}
}

// warnOfGuests tells of containers that no run of these files removes.
func (b *builder) warnOfGuests() {
	for place, names := range byFiles(b.guests()) {
		b.warn("containers %s are of another folder, %s, whose project is called %s, too: they stay as they are; give one of the two "+
			"another name (name: in the file, or -p)", names, place, b.want.Name)
	}
}

// byFiles are the sorted names of replicas, by the files that they come from where those are others than the project's;
// in the order of those.
func byFiles(replicas []Replica) func(yield func(place, names string) bool) {
	names := map[string][]string{}
	for _, r := range replicas {
		place := ""
		if r.Elsewhere != NotElsewhere {
			place = strings.Join(r.Files, ", ")
		}
		names[place] = append(names[place], r.Name)
	}
	return func(yield func(place, names string) bool) {
		for _, place := range slices.Sorted(maps.Keys(names)) {
			sort.Strings(names[place])
			if !yield(place, strings.Join(names[place], ", ")) {
				return
			}
		}
	}
}

func (b *builder) hasReplica(service string) bool {
	return slices.ContainsFunc(b.have.Replicas, func(r Replica) bool {
		return r.Service == service && r.Role == compose.RoleReplica
	})
}

func (b *builder) known(service string) bool {
	if _, ok := b.want.Service(service); ok {
		return true
	}
	if slices.Contains(b.want.Disabled, service) {
		return true
	}
	return slices.ContainsFunc(b.want.Jobs, func(j compose.Job) bool { return j.Name == service })
}
