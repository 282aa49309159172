// Package plan decides what must change, in which order, and why. It is pure: no clock, no I/O, no
// logger, no context. It never touches a host; it does not know that there is one.
package plan

import "hyper-lite/compose"

// Plan is a directed acyclic graph of steps, in an order in which they could run one after the other.
type Plan struct {
	Project  string
	Nodes    []Node
	Rollouts map[string]string // by service, where replicas are replaced: the order, how many at a time, and why so
	Warnings []string
	Drift    *Drift // from the last revision that was applied; nil where there is none
}

// Node is one step, with its cause and what must be done before it.
type Node struct {
	ID       int // from 1, ascending: every node stands after those it waits for
	Step     Step
	Why      string // "not found", "spec hash 3ab1->9f2c (environment.V changed)"; empty for a mere consequence
	After    []int  // IDs of nodes that must be done before; sorted
	Settled  []int  // IDs of nodes that must have ended before, well or not; sorted
	Optional bool   // only nodes that are satisfied with its end wait for it: its failure is a warning
	Group    string // the heading it is printed under: a service's name, "networks", "balancer"
}

// Empty says that nothing has to change.
func (p Plan) Empty() bool { return len(p.Nodes) == 0 }

// System is what we add to a project ourselves: the balancer and the sidecar, as services like any other.
type System struct {
	Balancer *compose.Service // nil where nothing is routed
	Sidecar  *compose.Service // nil where no service is Watched; never nil beside a balancer
}

// Images is the part of a plan that fetches and builds images. It depends on nothing else.
func (p Plan) Images() Plan {
	images := Plan{Project: p.Project}
	for _, n := range p.Nodes {
		switch n.Step.(type) {
		case Pull, Build:
			images.Nodes = append(images.Nodes, n)
		}
	}
	return images
}

// Then is both plans as one, the second after the first, for the record.
func (p Plan) Then(next Plan) Plan {
	offset := 0
	for _, n := range p.Nodes {
		offset = max(offset, n.ID)
	}
	joined := Plan{Project: p.Project, Nodes: append([]Node(nil), p.Nodes...), Rollouts: next.Rollouts, Warnings: next.Warnings}
	for _, n := range next.Nodes {
		n.ID += offset
		n.After = shifted(n.After, offset)
		n.Settled = shifted(n.Settled, offset)
		joined.Nodes = append(joined.Nodes, n)
	}
	return joined
}

func shifted(ids []int, by int) []int {
	var moved []int
	for _, id := range ids {
		moved = append(moved, id+by)
	}
	return moved
}
