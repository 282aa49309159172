package plan

import (
	"cmp"
	"slices"
	"strings"

	"hyper-lite/compose"
)

// concerned is what this run has to look after of the balancer and the sidecar, the sidecar first: nothing where none
// of the chosen services has to do with them.
func (b *builder) concerned(chosen []compose.Service) []compose.Service {
	var system []compose.Service
	if s := b.opt.System.Sidecar; s != nil && slices.ContainsFunc(chosen, b.watched) {
		system = append(system, *s)
	}
	routed := func(s compose.Service) bool { return len(s.Routes) > 0 }
	if s := b.opt.System.Balancer; s != nil && slices.ContainsFunc(chosen, routed) {
		system = append(system, *s)
	}
	return system
}

// watched says that the sidecar has something to do for a service, or for a job as it is registered.
func (b *builder) watched(s compose.Service) bool {
	if s.Role == compose.RoleJob {
		job, ok := b.want.Job(s.Name)
		return ok && job.Scheduled()
	}
	return s.Watched()
}

const unrouted = "nothing is routed any more"

// removeObsoleteSystem removes the balancer of a project that routes nothing any more, and the sidecar of one that
// needs none.
func (b *builder) removeObsoleteSystem() {
	why := "nothing is left for it to do"
	if b.opt.System.Balancer == nil && len(b.removeSystem(compose.RoleBalancer, unrouted)) > 0 {
		why = unrouted
	}
	if b.opt.System.Sidecar != nil {
		return
	}
	removed := b.removeSystem(compose.RoleSidecar, why)
	if name := SystemVolume(b.want.Name); b.have.Volumes[name].Ours {
		b.add("balancer", RemoveVolume{Name: name}, why, removed...)
	}
}

// removeSystem removes the containers of a role, and returns the nodes after which it and those before are gone.
func (b *builder) removeSystem(role compose.Role, why string) []int {
	for _, r := range b.have.Replicas {
		if r.Role == role {
			id := b.discard("balancer", r, why)
			b.frees(r, id)
			b.system = append(b.system, id)
		}
	}
	return b.system
}

// hasSystem says whether any container of the balancer or the sidecar exists, in whatever state.
func (b *builder) hasSystem() bool {
	return slices.ContainsFunc(b.have.Replicas, func(r Replica) bool {
		return r.Role == compose.RoleBalancer || r.Role == compose.RoleSidecar
	})
}

// systemRuns says whether the balancer or the sidecar runs.
func (b *builder) systemRuns(role compose.Role) bool {
	return slices.ContainsFunc(b.have.Replicas, func(r Replica) bool { return r.Role == role && r.State == Running })
}

// SystemVolume is the name of the volume that the balancer and the sidecar of a project share.
func SystemVolume(project string) string { return project + "_hyper-lite" }

// startSystem brings up the sidecar and then the balancer, and replaces them where they differ.
func (b *builder) startSystem(chosen []compose.Service) {
	var running []int
	for _, s := range b.concerned(chosen) {
		if image := s.Body.Image; s.Role == compose.RoleSidecar && image != "" {
			if _, there := b.have.Images[image]; !there {
				b.base["image "+image] = []int{b.add("balancer", Import{Image: image}, "not found")}
			}
		}
		running = append(running, b.systemService(s, running)...)
	}
	b.system = append(b.system, running...)
}

// systemService plans the one container of a system service: removed before it is made anew, because the
// balancer's ports can be held only once. It returns the nodes after which the container runs. The image that
// an older hyper-lite made for its sidecar goes with it.
func (b *builder) systemService(s compose.Service, after []int) []int {
	var gone []int
	var superseded string
	generation, why := 1, "not found"
	for _, r := range b.have.Replicas {
		if r.Role != s.Role {
			continue
		}
		if s.Role == compose.RoleSidecar && r.Image != s.Body.Image {
			superseded = r.Image
		}
		if reason := b.differs(s, r); reason != "" {
			why = reason
			if s.Role == compose.RoleBalancer && isRunning(r) {
				b.warn("the balancer is replaced, %s: open connections are dropped, and its ports are closed for a moment", reason)
			}
			generation = max(generation, r.Generation+1)
			id := b.discard("balancer", r, reason)
			b.frees(r, id)
			gone = append(gone, id)
			continue
		}
		return b.revive("balancer", s, r, after)
	}
	ref := Ref{Service: s.Name, Slot: 1, Generation: generation}
	c := Container{Ref: ref, Name: s.Body.ContainerName}
	gone = append(gone, b.claimName(c.Name, s)...)
	create := b.add("balancer", Create{Container: c, Service: s}, why, append(gone, b.foundation(s)...)...)
	if b.opt.NoStart {
		return nil
	}
	start := b.add("balancer", Start{Container: c}, "", append(append(b.claim(s), after...), create)...)
	if superseded != "" {
		b.add("balancer", RemoveImage{Image: superseded}, "superseded", start)
	}
	return []int{start}
}

// revive starts a container that is as wanted but does not run.
func (b *builder) revive(group string, s compose.Service, r Replica, after []int) []int {
	switch {
	case r.State == Running || r.State == Restarting || b.opt.NoStart:
		return nil
	case r.State == Paused:
		return []int{b.add(group, Unpause{Container: b.container(r)}, "paused", after...)}
	}
	why := cmp.Or(b.ceased[r.ID], standing(r))
	return []int{b.add(group, Start{Container: b.container(r)}, why, append(b.claim(s), after...)...)}
}

// discard stops and removes a container in one go.
func (b *builder) discard(group string, r Replica, why string) int {
	var after []int
	if r.State == Running || r.State == Paused || r.State == Restarting {
		after = []int{b.add(group, Stop{Container: b.container(r), Timeout: b.opt.Timeout}, why)}
		why = ""
	}
	return b.add(group, Remove{Container: b.container(r), Volumes: true}, why, after...)
}

// claimName returns the nodes after which the name of a container to be made is free, and notes a conflict where
// it stays taken: by what is not ours, or by another service of ours.
func (b *builder) claimName(name string, s compose.Service) []int {
	b.claimService(name, s)
	var after []int
	for _, r := range b.have.Replicas {
		if r.Name != name || r.Service == s.Name && r.Role == s.Role {
			continue
		}
		if id, leaves := b.left[r.ID]; leaves {
			after = append(after, id)
			continue
		}
		b.conflicts("container name "+name, "service "+r.Service+" of this project", b.wayOut(r))
	}
	for _, f := range b.have.Foreign {
		if f.Name != name {
			continue
		}
		hint := "rename or remove it: docker rm " + name
		if f.Project == b.want.Name {
			hint = takeOver(b.want.Name)
		}
		if strings.TrimSpace(s.Body.ContainerName) != "" && s.Role == compose.RoleReplica {
			hint += ", or give the service another container_name"
		}
		holder := "a container that is not ours"
		if f.Project != "" {
			holder = "a container of project " + f.Project
		}
		b.conflicts("container name "+name, holder, hint)
	}
	return after
}

// wayOut says how a replica that stands in the way goes.
func (b *builder) wayOut(r Replica) string {
	if !b.opt.RemoveOrphans && !b.known(r.Service) {
		return "the files do not have service " + r.Service + " any more: --remove-orphans removes it"
	}
	return "`hyper-lite down " + r.Service + "` first"
}
