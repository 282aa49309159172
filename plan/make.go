package plan

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"hyper-lite/compose"
)

// Make decides what turns the observed host into the wanted project. The same input gives the same plan.
// It returns ConflictErrors where something that is not ours stands in the way: then nothing may be done.
func Make(want compose.Project, have Observed, opt Options) (Plan, error) {
	b := newBuilder(want, have, opt)
	chosen, err := b.choose()
	if err != nil {
		return Plan{}, err
	}
	for _, resources := range []func([]compose.Service) error{b.images, b.networks, b.volumes} {
		if err := resources(chosen); err != nil {
			return Plan{}, err
		}
	}
	b.removeObsoleteSystem()
	b.handOverPorts(chosen)
	b.startSystem(chosen)
	for _, s := range chosen {
		b.rollOut(s)
	}
	b.orphans()
	return b.plan()
}

// choose returns the services that this run is about, in dependency order.
func (b *builder) choose() ([]compose.Service, error) {
	if len(b.opt.Services) == 0 {
		return b.want.Services, nil
	}
	picked := map[string]bool{}
	var pick func(name string)
	pick = func(name string) {
		s, ok := b.want.Service(name)
		if !ok || picked[name] {
			return
		}
		picked[name] = true
		if b.opt.NoDeps {
			return
		}
		for _, d := range s.DependsOn {
			pick(d.Service)
		}
	}
	for _, name := range b.opt.Services {
		if _, ok := b.want.Service(name); !ok {
			return nil, &UnknownServiceError{Name: name, Known: b.names()}
		}
		pick(name)
	}
	var chosen []compose.Service
	for _, s := range b.want.Services {
		if picked[s.Name] {
			chosen = append(chosen, s)
		}
	}
	return chosen, nil
}

func (b *builder) names() []string {
	var names []string
	for _, s := range b.want.Services {
		names = append(names, s.Name)
	}
	sort.Strings(names)
	return names
}

// UnknownServiceError says that a service was named which the files do not have.
type UnknownServiceError struct {
	Name  string
	Known []string // sorted
}

func (e *UnknownServiceError) Error() string {
	return fmt.Sprintf("no such service: %s (the files have %s)", e.Name, strings.Join(e.Known, ", "))
}

// orphans deals with replicas of services that the files no longer have.
func (b *builder) orphans() {
	var names []string
	withdrawn := map[string][]int{}
	for _, r := range b.have.Replicas {
		if r.Role != compose.RoleReplica || r.OneOff || b.known(r.Service) {
			continue
		}
		if !b.opt.RemoveOrphans {
			names = append(names, r.Name)
			continue
		}
		if _, ok := withdrawn[r.Service]; !ok {
			withdrawn[r.Service] = b.withdraw("orphans", r.Service, "orphan")
		}
		b.retire("orphans", r, "orphan: the files have no service "+r.Service, nil, withdrawn[r.Service])
	}
	for _, p := range b.have.Published {
		if _, ok := withdrawn[p.Service]; !ok && b.opt.System.Balancer != nil && !b.known(p.Service) && !b.hasReplica(p.Service) {
			b.withdraw("orphans", p.Service, "the files have no service "+p.Service)
		}
	}
	if len(names) == 0 {
		return
	}
	sort.Strings(names)
	b.warnings = append(b.warnings, fmt.Sprintf(
		"orphan containers %s: their services are not in the files (--remove-orphans removes them)", strings.Join(names, ", ")))
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
