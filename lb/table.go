package lb

import (
	"cmp"
	"slices"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// Table is all that Traefik must be told for one project. It is a value: Files is a pure function of it.
type Table struct {
	Project    string
	Credential string // the one line of basic auth that guards Traefik's API: see Credential
	Services   []Served
}

// Served is one service as the balancer serves it now.
type Served struct {
	Name     string
	Routes   []compose.Route
	Backends []plan.Ref // only those that are healthy; none: the routes stay and answer 503
}

// sorted is the table in the order in which everything is written: services by name, backends by slot and
// generation. The routes of a service keep the file's order, which their names depend on.
func (t Table) sorted() Table {
	t.Services = slices.Clone(t.Services)
	for i, s := range t.Services {
		t.Services[i].Backends = sortedRefs(s.Backends)
	}
	slices.SortFunc(t.Services, func(a, b Served) int { return cmp.Compare(a.Name, b.Name) })
	return t
}

func sortedRefs(refs []plan.Ref) []plan.Ref {
	refs = slices.Clone(refs)
	slices.SortFunc(refs, compareRefs)
	return slices.Compact(refs)
}

func compareRefs(a, b plan.Ref) int {
	return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.Generation, b.Generation))
}
