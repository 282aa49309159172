package plan

import (
	"slices"

	"hyper-lite/compose"
)

// proven awaits the replacement of a turn, and that it stays so for the time of deploy.update_config.monitor: before
// it is routed, since others serve meanwhile. What is routed was awaited before; of any other one that runs already it
// is not known whether its await came to its end.
func (r *roll) proven(t turn, started []int) []int {
	ids := r.ready(t, r.condition(), started)
	if len(ids) == 0 && (r.isUnproven(t) || r.isUntried(t)) && (r.service.Rollout.Monitor > 0 || len(r.service.Routes) == 0) {
		ids = []int{r.await(r.service, t.next, r.condition(), started)}
		r.occupantOf(t).await[r.condition()] = ids[0]
	}
	r.stays(ids)
	return ids
}

// isUnproven says that a run which was cut off left a replacement beside the one that it is for: what becomes of it was
// not seen to its end.
func (r *roll) isUnproven(t turn) bool {
	return r.replacementIsAwaited() && t.kept != nil && t.rename != "" &&
		slices.ContainsFunc(t.leaving, func(c Replica) bool { return !c.SetAside() })
}

// isUntried says that the container of a slot in which nothing ran is one of the first of its specification: it is new, as
// in a service that is changed and scaled at once, and others are replaced or stay as they were. A service that is only
// scaled has others that are proven, and one that is begun has nothing to go back to.
func (r *roll) isUntried(t turn) bool {
	if r.service.Rollout.Monitor == 0 || !r.replacementIsAwaited() || !r.changes() {
		return false
	}
	switch {
	case t.kept == nil:
		return true
	case len(r.service.Routes) > 0:
		return !slices.Contains(r.backends, t.next.Ref)
	}
	return t.next.Ref.Generation == 1 && slices.Contains(r.opt.Fresh, t.next.Ref) // its watch may have been cut short
}

// changes says whether a replica of the service runs that is not as wanted.
func (r *roll) changes() bool {
	return slices.ContainsFunc(r.have.Replicas, func(c Replica) bool {
		return c.Role == compose.RoleReplica && !c.OneOff && c.Service == r.service.Name && isRunning(c) &&
			!slices.Contains(r.opt.Failed, c.Ref) && r.differs(r.service, c) != ""
	})
}

// stays makes awaits go on for the time of the monitor.
func (r *roll) stays(awaits []int) {
	for _, id := range awaits {
		if step, ok := r.nodes[id-1].Step.(Await); ok {
			step.For = r.service.Rollout.Monitor
			r.nodes[id-1].Step = step
		}
	}
}

// monitor watches replacements that serve already, since nothing else does.
func (r *roll) monitor(wave []turn) []int {
	if r.service.Rollout.Monitor == 0 || r.opt.NoStart {
		return nil
	}
	var ids []int
	for _, t := range wave {
		ids = append(ids, r.await(r.service, t.next, r.condition(), r.routed))
	}
	r.stays(ids)
	return ids
}
