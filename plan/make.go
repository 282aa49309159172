package plan

import (
	"fmt"
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
	b.removeOrphans(false)
	b.handOverPorts(chosen)
	b.startSystem(chosen)
	for _, s := range chosen {
		b.rollOut(s)
	}
	b.removeOrphans(true)
	b.warnOfOrphans()
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
