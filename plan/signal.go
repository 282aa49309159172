package plan

import (
	"cmp"
	"slices"

	"hyper-lite/compose"
)

// SignalOptions is what the user asked of one `kill`, `pause`, `unpause` or `rm`.
type SignalOptions struct {
	Services []string // only these; empty: all
	Orphans  bool     // kill: those too that the files do not have
	Signal   string   // kill: "SIGKILL" and the like
	Stop     bool     // rm: stop what runs, before
	Volumes  bool     // rm: anonymous volumes, too

	LifecycleOptions LifecycleOptions // rm: of the stops
}

// KillAll decides which containers get a signal, all at once: the running ones, one-offs included. What the balancer
// still has of them its sidecar withdraws.
func KillAll(project string, want *compose.Project, have Observed, opt SignalOptions) Plan {
	return opt.each(project, want, have, func(r Replica) Step {
		if !isRunning(r) {
			return nil
		}
		return Kill{Container: containerOf(r), Signal: opt.Signal}
	})
}

// PauseAll decides which replicas stand still.
func PauseAll(project string, want *compose.Project, have Observed, opt SignalOptions) Plan {
	return opt.each(project, want, have, func(r Replica) Step {
		if r.State != Running || r.OneOff {
			return nil
		}
		return Freeze{Container: containerOf(r)}
	})
}

// UnpauseAll decides which replicas go on.
func UnpauseAll(project string, want *compose.Project, have Observed, opt SignalOptions) Plan {
	return opt.each(project, want, have, func(r Replica) Step {
		if r.State != Paused || r.OneOff {
			return nil
		}
		return Unpause{Container: containerOf(r)}
	})
}

// RemoveAll decides which stopped replicas go. With Stop, running ones are stopped before, as StopAll does it.
func RemoveAll(project string, want *compose.Project, have Observed, opt SignalOptions) (Plan, error) {
	stopped, err := opt.stops(project, want, have)
	if err != nil {
		return Plan{}, err
	}
	stops := map[string]int{}
	for _, n := range stopped.Nodes {
		if s, ok := n.Step.(Stop); ok {
			stops[s.ID] = n.ID
		}
	}
	removed := opt.each(project, want, have, func(r Replica) Step {
		if r.OneOff || r.Role == compose.RoleJob || r.State == Removing || (isRunning(r) && stops[r.ID] == 0) {
			return nil
		}
		return Remove{Container: containerOf(r), Volumes: opt.Volumes}
	})
	whole := stopped.Then(removed)
	if len(stopped.Warnings) > 0 { // those of the removal among them
		whole.Warnings = stopped.Warnings
	}
	for at, n := range whole.Nodes {
		if r, ok := n.Step.(Remove); ok && stops[r.ID] > 0 {
			whole.Nodes[at].After = []int{stops[r.ID]}
		}
	}
	return whole, nil
}

// stops is how that is stopped which will be removed.
func (o SignalOptions) stops(project string, want *compose.Project, have Observed) (Plan, error) {
	opt := o.LifecycleOptions
	for _, r := range o.replicas(want, have) {
		if isRunning(r) && !r.OneOff && !slices.Contains(opt.Services, r.Service) {
			opt.Services = append(opt.Services, r.Service)
		}
	}
	if !o.Stop || len(opt.Services) == 0 {
		return Plan{Project: project}, nil
	}
	return StopAll(project, want, have, opt)
}

// each plans at most one step for every replica and one-off that a verb is about.
func (o SignalOptions) each(project string, want *compose.Project, have Observed, step func(Replica) Step) Plan {
	p := Plan{Project: project, Warnings: composedWarnings(project, have)}
	for _, r := range o.replicas(want, have) {
		if s := step(r); s != nil {
			p.Nodes = append(p.Nodes, Node{ID: len(p.Nodes) + 1, Step: s, Group: r.Service})
		}
	}
	return p
}

// replicas are those that a verb is about, with one-offs, by service and slot.
func (o SignalOptions) replicas(want *compose.Project, have Observed) []Replica {
	var chosen []Replica
	for _, r := range have.Replicas {
		one := r.Role == compose.RoleReplica || r.Role == compose.RoleRun
		if one && (len(o.Services) == 0 || slices.Contains(o.Services, r.Service)) && !o.orphan(want, r) {
			chosen = append(chosen, r)
		}
	}
	slices.SortFunc(chosen, func(a, b Replica) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.Name, b.Name))
	})
	return chosen
}

// orphan says that the files, where there are any, do not have the service of a replica, and that nobody asked for it.
func (o SignalOptions) orphan(want *compose.Project, r Replica) bool {
	if want == nil || o.Orphans && r.Elsewhere != OtherFolder || slices.Contains(o.Services, r.Service) {
		return false
	}
	return !newBuilder(*want, Observed{}, Options{}).known(r.Service)
}

func containerOf(r Replica) Container {
	return Container{Ref: r.Ref, ID: r.ID, Name: r.Name}
}
