package plan

import (
	"maps"
	"slices"
	"strings"

	"hyper-lite/compose"
)

// orphans are the replicas of services that the files no longer have, as the host shows them.
func (b *builder) orphans() []Replica {
	return slices.DeleteFunc(slices.Clone(b.have.Replicas), func(r Replica) bool {
		return r.Role != compose.RoleReplica || r.OneOff || b.known(r.Service)
	})
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
	if b.opt.RemoveOrphans {
		return
	}
	for _, o := range b.byOrigin(b.orphans()) {
		if o.files != "" {
			b.warn("orphan containers %s: they were made from other files, %s (--remove-orphans removes them; where those are another project's, %s)",
				o.names, o.files, ownName)
			continue
		}
		b.warn("orphan containers %s: their services are not in the files (--remove-orphans removes them)", o.names)
	}
}

// ownName is how two projects of one name are told apart for good.
const ownName = "-p NAME or `name:` in a file keeps the two apart"

// origin is what orphans were made from.
type origin struct {
	files string // "" is the files of this project, as they were
	names string // the containers
}

// byOrigin puts orphans together that were made from the same files, those of this project's own files first. Files
// that nobody knows, here or there, are no other files.
func (b *builder) byOrigin(orphans []Replica) []origin {
	names := map[string][]string{}
	for _, r := range orphans {
		files := strings.Join(r.Files, ", ")
		shared := func(file string) bool { return slices.Contains(b.want.Files, file) }
		if len(b.want.Files) == 0 || slices.ContainsFunc(r.Files, shared) {
			files = ""
		}
		names[files] = append(names[files], r.Name)
	}
	var all []origin
	for _, files := range slices.Sorted(maps.Keys(names)) {
		all = append(all, origin{files, strings.Join(sortedNames(names[files]), ", ")})
	}
	return all
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
