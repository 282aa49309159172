package plan

import (
	"slices"
	"strings"

	"hyper-lite/compose"
)

// The phases of hooks (Compose spec, "pre_start", "post_start", "pre_stop").
const (
	PreStart  = "pre_start"  // before a new container starts, in a container of its own
	PostStart = "post_start" // in a container, each time after a command started it
	PreStop   = "pre_stop"   // in a container, before a command stops it
)

// postStart plans the post_start hooks of a container that a command starts.
func (b *builder) postStart(s compose.Service, c Container, after []int) []int {
	for i, hook := range s.Body.PostStart {
		after = []int{b.add(s.Name, RunHook{Container: c, Phase: PostStart, Hook: hook, Index: i + 1}, "", after...)}
	}
	return after
}

// preStop plans the pre_stop hooks of a container that a command stops. why is the cause of the first one.
func (b *builder) preStop(group string, s compose.Service, c Container, why string, after []int) []int {
	for i, hook := range s.Body.PreStop {
		after = []int{b.add(group, RunHook{Container: c, Phase: PreStop, Hook: hook, Index: i + 1}, why, after...)}
		why = ""
	}
	return after
}

// restart restarts a replica in place, with the hooks of a stop before and those of a start after it.
func (b *builder) restart(s compose.Service, r Replica, why string, after []int) []int {
	if r.State == Running && len(s.Body.PreStop) > 0 {
		after = b.preStop(r.Service, s, b.container(r), why, after)
		why = ""
	}
	id := b.add(r.Service, Restart{Container: b.container(r), Timeout: b.opt.Timeout}, why, after...)
	return b.postStart(s, b.container(r), []int{id})
}

// preparation is how far the pre_start hooks of a service are that run once for it.
type preparation struct {
	due  bool  // they are still to come
	done []int // the nodes after which they have run
}

// prepares says whether the hooks that run once for the service run in this plan: none of its replicas that are as wanted
// ever ran. So they run again where the service changed or is replaced, and not where it is scaled or started again.
func (r *roll) prepares(turns []turn) bool {
	return !slices.ContainsFunc(turns, func(t turn) bool {
		return t.kept != nil && t.kept.State != Created && t.kept.Digest.Hash == r.service.Digest.Hash &&
			r.differs(r.service, *t.kept) == ""
	})
}

// preStart plans the pre_start hooks of a container that never ran, one after the other, and returns what its start
// waits for. Those that run once for the service run beside its first such container; the others wait for them.
func (b *builder) preStart(s compose.Service, c Container, p *preparation, after, settled []int) []int {
	if len(s.PreStart) == 0 {
		return after
	}
	after = slices.Concat(after, p.done)
	for i, hook := range s.PreStart {
		if !hook.PerReplica && !p.due {
			continue
		}
		step := RunHook{Container: c, Phase: PreStart, Service: hook.Service, Index: i + 1}
		if hook.Service.Body.Image == s.Body.Image {
			step.Service.ImageID = s.ImageID
		}
		id := b.add(s.Name, step, "", slices.Concat(after, b.foundation(hook.Service), b.leftHooks)...)
		b.nodes[id-1].Settled = unique(settled)
		after = []int{id}
	}
	if p.due {
		p.due, p.done = false, after
	}
	return after
}

// hooksOf is what the pre_start hooks of services are made of.
func hooksOf(services []compose.Service) []compose.Service {
	var hooks []compose.Service
	for _, s := range services {
		for _, hook := range s.PreStart {
			hook.Service.Replicas = s.Replicas
			hooks = append(hooks, hook.Service)
		}
	}
	return hooks
}

// hooksApart are those that have another image than their service, and one that no service builds.
func hooksApart(services []compose.Service) []compose.Service {
	return slices.DeleteFunc(hooksOf(services), func(hook compose.Service) bool {
		return slices.ContainsFunc(services, func(s compose.Service) bool {
			return s.Body.Image == hook.Body.Image && (s.Name == hook.Name || s.Body.Build != nil)
		})
	})
}

// removeLeftHooks takes away the containers of hooks that an interrupted run left: of the chosen services, and of those that are
// gone. While a command has the project, no hook of another one runs; those of jobs are the sidecar's, as long as it runs.
func (b *builder) removeLeftHooks(chosen []compose.Service) {
	for _, c := range b.have.Replicas {
		concerns := slices.ContainsFunc(chosen, func(s compose.Service) bool { return s.Name == c.Service })
		if c.Role == compose.RoleHook && (concerns || !b.known(c.Service)) && !b.atWork(c) {
			b.leftHooks = append(b.leftHooks, b.discard(c.Service, c, "left by a "+PreStart+" hook"))
		}
	}
}

// atWork says of the container of a hook that a sidecar may wait for its end: it prepares a run that has not begun, or it tells
// of an end, which may be of a fire that has no run.
func (b *builder) atWork(hook Replica) bool {
	if !b.systemRuns(compose.RoleSidecar) {
		return false
	}
	run, _, prepares := strings.Cut(hook.Name, "."+PreStart+"-")
	return strings.HasSuffix(hook.Name, "-notify") || prepares && slices.ContainsFunc(b.have.Replicas, func(r Replica) bool {
		return r.Name == run && r.Fire != "" && r.State == Created
	})
}
