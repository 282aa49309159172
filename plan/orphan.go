package plan

import (
	"slices"
	"sort"
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
	if b.opt.RemoveOrphans || b.opt.IgnoreOrphans {
		return
	}
	var names []string
	for _, r := range b.orphans() {
		names = append(names, r.Name)
	}
	if len(names) == 0 {
		return
	}
	sort.Strings(names)
	b.warn("orphan containers %s: their services are not in the files (--remove-orphans removes them)", strings.Join(names, ", "))
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
