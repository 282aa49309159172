package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"hyper-lite/compose"
)

// Applied is the last revision that was applied.
type Applied struct {
	Number   int
	Services map[string]AppliedService
}

// AppliedService is what a revision made of one service.
type AppliedService struct {
	Digest   compose.Digest
	Replicas int
	ImageID  string // "" where it is not known
}

// Drift is how the files and the host differ from a revision. What differs in neither is not in it.
type Drift struct {
	Revision int            `json:"revision"`
	Services []ServiceDrift `json:"services"` // by name
}

// ServiceDrift is one service of a drift.
type ServiceDrift struct {
	Service string   `json:"service"`
	Files   []string `json:"files,omitempty"` // "environment.V", "scale 3->5", "added"
	Host    []string `json:"host,omitempty"`  // "2 of 3 replicas: environment.V", "web.2: exited (137)"
}

// drift compares the chosen services with the last revision that was applied: nil where there is no difference, or no
// such revision. Services that neither the files nor the revision have are orphans, which are told elsewhere.
func (b *builder) drift(chosen []compose.Service) *Drift {
	applied := b.opt.Applied
	if applied == nil {
		return nil
	}
	wanted := map[string]*compose.Service{}
	for _, s := range chosen {
		wanted[s.Name] = &s
	}
	names := maps.Clone(wanted)
	if len(b.opt.Services) == 0 {
		for name := range applied.Services {
			names[name] = nil
		}
	}
	drift := Drift{Revision: applied.Number}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		s, want := ServiceDrift{Service: name}, wanted[name]
		was, ok := applied.Services[name]
		switch {
		case !ok:
			s.Files = []string{"added"}
			if n := len(b.standing(name)); n > 0 {
				s.Host = []string{"added: " + count(n, "replica")}
			}
		default:
			s.Files, s.Host = b.filesDrift(name, was, want), b.hostDrift(name, was, want)
		}
		if len(s.Files)+len(s.Host) > 0 {
			drift.Services = append(drift.Services, s)
		}
	}
	if len(drift.Services) == 0 {
		return nil
	}
	return &drift
}

// filesDrift is how the files differ from what was applied of a service.
func (b *builder) filesDrift(name string, was AppliedService, want *compose.Service) []string {
	if want == nil {
		if slices.Contains(b.want.Disabled, name) {
			return []string{"switched off by its profiles"}
		}
		return []string{"removed"}
	}
	differences := fieldsBetween(was.Digest, want.Digest)
	if id, there := b.imageOf(*want); there && was.ImageID != "" && id != was.ImageID && !slices.Contains(differences, "image") {
		differences = append(differences, fmt.Sprintf("%s is another image now %s->%s", want.Body.Image, short(was.ImageID), short(id)))
	}
	if was.Replicas != want.Replicas {
		differences = append(differences, fmt.Sprintf("scale %d->%d", was.Replicas, want.Replicas))
	}
	return differences
}

// hostDrift is how the containers of a service differ from what was applied.
func (b *builder) hostDrift(name string, was AppliedService, want *compose.Service) []string {
	replicas := b.standing(name)
	slots := map[int]bool{}
	differing := map[string][]Replica{}
	for _, r := range replicas {
		slots[r.Slot] = true
		if difference := differenceFrom(was, want, r); difference != "" {
			differing[difference] = append(differing[difference], r)
		}
	}
	var differences []string
	if len(slots) != was.Replicas {
		differences = append(differences, fmt.Sprintf("scale %d->%d", was.Replicas, len(slots)))
	}
	for _, difference := range slices.Sorted(maps.Keys(differing)) {
		whose := differing[difference]
		who := fmt.Sprintf("%d of %s", len(whose), count(len(replicas), "replica"))
		if len(whose) == 1 {
			who = fmt.Sprintf("%s.%d", name, whose[0].Slot)
		}
		differences = append(differences, who+": "+difference)
	}
	return differences
}

// differenceFrom is how one replica differs from what was applied, "" where it does not.
func differenceFrom(was AppliedService, want *compose.Service, r Replica) string {
	switch fields := fieldsBetween(was.Digest, r.Digest); {
	case len(fields) > 0:
		return strings.Join(fields, ", ")
	case was.ImageID != "" && r.ImageID != "" && was.ImageID != r.ImageID:
		return fmt.Sprintf("another image %s->%s", short(was.ImageID), short(r.ImageID))
	case r.State == Running || want != nil && done(*want, r):
		return ""
	}
	return standing(r)
}

// fieldsBetween are the fields in which two specifications differ.
func fieldsBetween(old, new compose.Digest) []string {
	if old.Hash == new.Hash {
		return nil
	}
	if fields := compose.ChangedFields(old, new); len(fields) > 0 {
		return fields
	}
	return []string{"specification"}
}

// standing are the replicas that stand for a service: neither runs of it nor those that were set aside.
func (b *builder) standing(service string) []Replica {
	var replicas []Replica
	for _, r := range b.have.Replicas {
		if r.Service == service && r.Role == compose.RoleReplica && !r.OneOff && !r.SetAside() {
			replicas = append(replicas, r)
		}
	}
	return replicas
}

// String is the drift as a plan shows it.
//
//	drift against revision 4
//	  web  files  environment.V, scale 3->5
//	       host   web.2: exited (137)
func (d Drift) String() string {
	width := 0
	for _, s := range d.Services {
		width = max(width, len(s.Service))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "drift against revision %d\n", d.Revision)
	for _, s := range d.Services {
		name := s.Service
		for _, side := range [][2]string{{"files", strings.Join(s.Files, ", ")}, {"host", strings.Join(s.Host, "; ")}} {
			if side[1] != "" {
				fmt.Fprintf(&b, "  %-*s  %-5s  %s\n", width, name, side[0], side[1])
				name = ""
			}
		}
	}
	return b.String()
}
