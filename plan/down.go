package plan

import (
	"maps"
	"slices"
	"sort"
	"time"

	"hyper-lite/compose"
)

// DownOptions is what the user asked of one `down`.
type DownOptions struct {
	Want          *compose.Project // the files, nil where there are none: then everything of the project goes
	Services      []string         // only these; empty: all, with the networks, the balancer and the sidecar
	RemoveOrphans bool
	Volumes       bool   // the named volumes of the files, and anonymous ones, too
	Images        string // "", "local" (images that were built and have no name of their own) or "all"
	Timeout       *time.Duration
}

// Down decides what takes a project away: the balancer first, so that nothing is routed to what stops, then
// the services, dependents before what they depend on. Where only some services go the balancer stays, and they are
// withdrawn and drained. Volumes stay unless asked for. It never touches what is not ours, and works on whatever
// state it meets; what the balancer serves need not be known for it.
func Down(project string, have Observed, opt DownOptions) Plan {
	want := compose.Project{Name: project}
	if opt.Want != nil {
		want = *opt.Want
	}
	d := &down{builder: newBuilder(want, have, Options{Timeout: opt.Timeout}), opt: opt}
	d.warnings = append(d.warnings, composedWarnings(project, have)...)
	whole := len(opt.Services) == 0
	var gone []int
	if whole {
		d.have.Published = nil // the balancer goes, and with it all that it serves
		gone = d.removeRole("balancer", compose.RoleBalancer, nil)
	}
	removed, left := d.containers(gone)
	if !whole {
		d.deregister(opt.Services, "it goes down")
		return d.whole()
	}
	removed = append(removed, d.removeRole("jobs", compose.RoleJob, nil)...)
	removed = append(removed, gone...)
	removed = append(removed, d.removeRole("balancer", compose.RoleSidecar, removed)...)
	d.networks(removed, left)
	d.volumes(removed)
	d.images(removed)
	return d.whole()
}

type down struct {
	*builder
	opt DownOptions
}

func (d *down) removeRole(group string, role compose.Role, after []int) []int {
	var gone []int
	for _, r := range d.have.Replicas {
		if r.Role == role {
			gone = append(gone, d.retireBare(group, r, after))
		}
	}
	return gone
}

func (d *down) retireBare(group string, r Replica, after []int) int {
	if isRunning(r) {
		after = []int{d.add(group, Stop{Container: d.container(r), Timeout: d.opt.Timeout}, "", after...)}
	}
	volumes := d.opt.Volumes || r.OneOff || r.Role != compose.RoleReplica // nobody's data is in the system's
	return d.add(group, Remove{Container: d.container(r), Volumes: volumes}, "", after...)
}

// containers removes the containers of the services, dependents first. left are those that stay.
func (d *down) containers(after []int) (removed []int, left []Replica) {
	byService := map[string][]Replica{}
	dependents := map[string][]string{}
	var orphans []Replica
	for _, r := range d.have.Replicas {
		if r.Role == compose.RoleBalancer || r.Role == compose.RoleSidecar || r.Role == compose.RoleJob {
			continue
		}
		if len(d.opt.Services) > 0 && !slices.Contains(d.opt.Services, r.Service) {
			continue
		}
		ofJob := r.Fire != "" // no job outlives its project, whatever the files say of it by now
		if d.opt.Want != nil && d.guest(r) {
			left = append(left, r)
			continue
		}
		if d.opt.Want != nil && !d.opt.RemoveOrphans && !ofJob && !d.known(r.Service) {
			left = append(left, r)
			orphans = append(orphans, r)
			continue
		}
		byService[r.Service] = append(byService[r.Service], r)
		for _, dependency := range r.DependsOn {
			dependents[dependency] = append(dependents[dependency], r.Service)
		}
	}
	if d.opt.Want != nil {
		d.warnOfGuests()
	}
	for place, names := range byFiles(orphans) {
		if place == "" {
			d.warn("orphan containers %s stay, and so do their networks (--remove-orphans removes them)", names)
			continue
		}
		d.warn("containers %s of another file, %s, stay, and so do their networks (--remove-orphans removes them)", names, place)
	}
	stopped := map[string][]int{}
	var visit func(service string, path []string) []int
	visit = func(service string, path []string) []int {
		if ids, ok := stopped[service]; ok || slices.Contains(path, service) {
			return ids
		}
		wait := slices.Concat(after, d.unpublish(service))
		for _, dependent := range sortedNames(dependents[service]) {
			wait = append(wait, visit(dependent, append(path, service))...)
		}
		var ids []int
		for _, r := range byService[service] {
			ids = append(ids, d.removeOne(r, wait))
		}
		if len(byService[service]) == 0 {
			ids = wait
		}
		stopped[service] = ids
		return ids
	}
	for _, service := range slices.Sorted(maps.Keys(byService)) {
		removed = append(removed, visit(service, nil)...)
	}
	return removed, left
}

// unpublish withdraws a service that goes while the balancer stays.
func (d *down) unpublish(service string) []int {
	if d.published(service) == nil {
		return nil
	}
	return []int{d.add(service, Route{Service: service}, "")}
}

// removeOne drains, stops and removes one container, with the pre_stop hooks that the files give its service.
func (d *down) removeOne(r Replica, after []int) int {
	s, ok := d.want.Service(r.Service)
	if !ok || !isRunning(r) || r.Role != compose.RoleReplica || r.OneOff {
		return d.retireBare(r.Service, r, after)
	}
	after = []int{d.stop(r.Service, r, "", &s, after)}
	return d.add(r.Service, Remove{Container: d.container(r), Volumes: d.opt.Volumes}, "", after...)
}

func (d *down) networks(after []int, left []Replica) {
	for _, name := range slices.Sorted(maps.Keys(d.have.Networks)) {
		used := slices.ContainsFunc(left, func(r Replica) bool { return slices.Contains(r.Networks, name) })
		if d.have.Networks[name].Ours && !used {
			d.add("networks", RemoveNetwork{Name: name}, "", after...)
		}
	}
}

// volumes removes the system's volumes always, since they hold only what is made anew and what is remembered of jobs
// that are gone, and the named volumes where asked for.
func (d *down) volumes(after []int) {
	for _, name := range slices.Sorted(maps.Keys(d.have.Volumes)) {
		if !d.have.Volumes[name].Ours {
			continue
		}
		if name == SystemVolume(d.want.Name) || name == JobsVolume(d.want.Name) || d.opt.Volumes {
			d.add("volumes", RemoveVolume{Name: name}, "", after...)
		}
	}
}

func (d *down) images(after []int) {
	if d.opt.Images == "" {
		return
	}
	used := map[string]bool{}
	for _, s := range d.want.Services {
		local := s.Body.Build != nil && d.want.Model != nil && d.want.Model.Services[s.Name].Image == ""
		if _, there := d.have.Images[s.Body.Image]; there && (d.opt.Images == "all" || local) {
			used[s.Body.Image] = true
		}
	}
	for _, image := range slices.Sorted(maps.Keys(used)) {
		d.add("images", RemoveImage{Image: image}, "", after...)
	}
}

func sortedNames(names []string) []string {
	sorted := slices.Clone(names)
	sort.Strings(sorted)
	return slices.Compact(sorted)
}

// whole is the finished plan. Nothing that is not ours can stand in the way of taking ours away.
func (d *down) whole() Plan {
	d.reduce()
	return Plan{Project: d.want.Name, Nodes: d.nodes, Warnings: d.warnings}
}
