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
	b.releasePins()
	chosen, err := b.choose()
	if err != nil {
		return Plan{}, err
	}
	jobs := b.jobs()
	all := slices.Clone(chosen)
	for _, j := range jobs {
		all = append(all, runsOf(j))
	}
	for _, resources := range []func([]compose.Service) error{b.images, b.networks, b.volumes} {
		if err := resources(all); err != nil {
			return Plan{}, err
		}
	}
	b.renewNetworks(chosen)
	b.removeObsoleteSystem()
	b.removeOrphans(false)
	b.removeLeftHooks(chosen)
	b.handOverPorts(chosen)
	b.startSystem(all)
	for _, s := range chosen {
		b.rollOut(s)
	}
	b.register(jobs, b.gone())
	b.removeOrphans(true)
	b.warnOfOrphans()
	p, err := b.plan()
	p.Drift = b.drift(chosen)
	return p, err
}

// choose returns the services that this run is about, in dependency order.
func (b *builder) choose() ([]compose.Service, error) {
	left := func(s compose.Service) bool { return slices.Contains(b.opt.Left, s.Name) }
	if len(b.opt.Services) == 0 {
		return slices.DeleteFunc(slices.Clone(b.want.Services), left), nil
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
		if j, ok := b.want.Job(name); ok {
			for _, d := range j.DependsOn {
				if !b.opt.NoDeps {
					pick(d.Service)
				}
			}
			continue
		}
		if _, ok := b.want.Service(name); !ok {
			return nil, &UnknownServiceError{Name: name, Known: b.names()}
		}
		pick(name)
	}
	var chosen []compose.Service
	for _, s := range b.want.Services {
		if picked[s.Name] && !left(s) {
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
