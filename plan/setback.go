package plan

import (
	"slices"
	"strings"

	"hyper-lite/compose"
)

// Setback says whether the failure of a node is that of a replacement: of a container that the plan makes, for which
// another one of its slot goes, or that is held to a monitor, while its service still has another replica that runs. It
// returns that container.
func (p Plan) Setback(n Node, have Observed) (Container, bool) {
	c, ok := replaced(n.Step)
	await, _ := n.Step.(Await)
	if !ok || !p.bringsUp(c) && await.For == 0 {
		return Container{}, false
	}
	for _, r := range have.Replicas {
		if c.is(r) && r.Role != compose.RoleReplica {
			return Container{}, false
		}
	}
	other := func(r Replica) bool {
		return r.Role == compose.RoleReplica && !r.OneOff && r.Service == c.Ref.Service && !c.is(r) && isRunning(r)
	}
	return c, slices.ContainsFunc(have.Replicas, other)
}

// is says whether a replica is this container.
func (c Container) is(r Replica) bool { return c.ID == r.ID || c.ID == "" && c.Name == r.Name }

// replaced is the container of a step that makes a replacement ready.
func replaced(step Step) (Container, bool) {
	switch s := step.(type) {
	case Create:
		return s.Container, s.Service.Role == compose.RoleReplica
	case Start:
		return s.Container, true
	case Await:
		return s.Container, true
	case RunHook:
		return s.Container, s.Phase != PreStop
	}
	return Container{}, false
}

// bringsUp says whether a plan makes a container, or takes another one of its slot away.
func (p Plan) bringsUp(c Container) bool {
	return slices.ContainsFunc(p.Nodes, func(n Node) bool {
		switch s := n.Step.(type) {
		case Create:
			return s.Container == c
		case Stop:
			return s.Ref.Service == c.Ref.Service && s.Ref.Slot == c.Ref.Slot && s.Container != c
		case Remove:
			return s.Ref.Service == c.Ref.Service && s.Ref.Slot == c.Ref.Slot && s.Container != c &&
				!strings.HasSuffix(s.Name, failedSuffix(s.Ref.Generation))
		}
		return false
	})
}

// Made are the replicas that a plan makes.
func (p Plan) Made() []Ref {
	var made []Ref
	for _, n := range p.Nodes {
		if s, ok := n.Step.(Create); ok {
			made = append(made, s.Ref)
		}
	}
	return made
}
