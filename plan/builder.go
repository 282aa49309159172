package plan

import (
	"math/big"
	"slices"
	"sort"
	"strings"

	"hyper-lite/compose"
)

// builder collects nodes. A node's ID is its place, so the order of nodes is always a possible order of work.
type builder struct {
	want     compose.Project
	have     Observed
	opt      Options
	nodes    []Node
	warnings []string
	conflict ConflictErrors

	base      map[string][]int      // by network, volume or image: the nodes that make it
	occupants map[string][]occupant // by service: its slots, as they will be
	changed   map[string]bool       // services with at least one replaced replica
	starts    map[string]bool       // by container ID: it did not run, and is started
	system    []int                 // the nodes after which the balancer can be told of routes
	left      map[string]int        // by container ID: the node after which an orphan is gone
	leftHooks []int                 // the nodes after which what interrupted hooks left is gone
	rollouts  map[string]string     // by service: how its replicas are replaced, where any is
	freed     map[hostPort][]int    // the nodes after which one of our own containers no longer holds a host port
	differing []CreateNetwork       // networks of ours that differ from the files
	ceased    map[string]string     // by container ID: why the plan stops it before all else, and then takes it for stopped
	barrier   []int                 // the nodes before which nothing more begins
}

func newBuilder(want compose.Project, have Observed, opt Options) *builder {
	return &builder{
		want: want, have: have, opt: opt,
		base:      map[string][]int{},
		occupants: map[string][]occupant{},
		changed:   map[string]bool{},
		starts:    map[string]bool{},
		left:      map[string]int{},
		rollouts:  map[string]string{},
		freed:     map[hostPort][]int{},
		ceased:    map[string]string{},
	}
}

// add appends a node behind the barrier and returns its ID. IDs in after may repeat and stand in any order.
func (b *builder) add(group string, step Step, why string, after ...int) int {
	id := len(b.nodes) + 1
	b.nodes = append(b.nodes, Node{ID: id, Step: step, Why: why, After: unique(slices.Concat(after, b.barrier)), Group: group})
	return id
}

func (b *builder) plan() (Plan, error) {
	if len(b.conflict) > 0 {
		slices.SortStableFunc(b.conflict, func(a, c *ConflictError) int { return strings.Compare(a.What+a.Holder, c.What+c.Holder) })
		return Plan{}, b.conflict
	}
	b.reduce()
	b.markOptional()
	return Plan{Project: b.want.Name, Nodes: b.nodes, Rollouts: b.rollouts, Warnings: b.warnings}, nil
}

func unique(ids []int) []int {
	sorted := slices.Clone(ids)
	sort.Ints(sorted)
	return slices.Compact(sorted)
}

// reduce leaves out of every node's After what its other entries wait for already. The set of a node's ancestors
// is a number with a bit for each of them: there are as many sets as nodes.
func (b *builder) reduce() {
	above := make([]big.Int, len(b.nodes)+1)
	for i, n := range b.nodes {
		all := &above[n.ID]
		for _, id := range n.After {
			all.Or(all, &above[id])
		}
		b.nodes[i].After = slices.DeleteFunc(slices.Clone(n.After), func(id int) bool { return all.Bit(id) == 1 })
		for _, id := range n.After {
			all.SetBit(all, id, 1)
		}
	}
}

// markOptional marks the awaits that only dependents with required: false wait for.
func (b *builder) markOptional() {
	hard, soft := map[int]bool{}, map[int]bool{}
	for _, n := range b.nodes {
		for _, id := range n.After {
			hard[id] = true
		}
		for _, id := range n.Settled {
			soft[id] = true
		}
	}
	for i, n := range b.nodes {
		if _, ok := n.Step.(Await); ok && soft[n.ID] && !hard[n.ID] && !b.opt.Wait {
			b.nodes[i].Optional = true
		}
	}
}
