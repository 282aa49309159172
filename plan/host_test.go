package plan_test

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// host is an engine and a balancer in memory. It interprets steps, and refuses those that break a promise.
type host struct {
	project   string
	replicas  []plan.Replica
	services  map[string]compose.Service // by container ID: what it was made from
	madeAs    map[string]string          // by container ID: the name it was made with, whatever it is now
	anonymous map[string]string          // by container ID: its anonymous volume
	awaited   map[string]bool            // by container ID: found healthy since its last start
	unsettled map[string]bool            // by container ID: started, and not found as it should be since then
	judges    bool                       // whose routes these are finds out first what it sends nothing to: the sidecar's own
	hooks     map[string]int             // by container ID: the last of its pre_start hooks that ran
	ready     map[string]bool            // by service and spec hash: all of its pre_start hooks ran
	networks  map[string]plan.Network
	volumes   map[string]plan.Volume
	images    map[string]plan.Image
	published []plan.Published
	foreign   []plan.Foreign
	wanted    map[string]compose.Service   // by name, as the newest project says
	jobs      map[string]bool              // that the newest project has
	templates map[string]map[string]string // by container ID and job: the spec hash of what its runs are made of
	answers   bool                         // the plan under way answers a failure
	made      int
}

func newHost(project string) *host {
	return &host{
		project:  project,
		services: map[string]compose.Service{},
		madeAs:   map[string]string{}, anonymous: map[string]string{},
		awaited: map[string]bool{}, unsettled: map[string]bool{},
		hooks: map[string]int{}, templates: map[string]map[string]string{},
		ready:    map[string]bool{},
		networks: map[string]plan.Network{},
		volumes:  map[string]plan.Volume{},
		images: map[string]plan.Image{
			"app": {ID: "sha256:app"}, "tool": {ID: "sha256:tool"}, "traefik": {ID: "sha256:traefik"}, "sidecar": {ID: "sha256:sidecar"},
		},
	}
}

// observe is one look: a copy, in an order that tells nothing.
func (h *host) observe() plan.Observed {
	have := plan.Observed{
		Replicas: slices.Clone(h.replicas), Foreign: h.foreign,
		Networks: h.networks, Volumes: h.volumes, Images: h.images,
	}
	sort.Slice(have.Replicas, func(i, j int) bool { return have.Replicas[i].ID > have.Replicas[j].ID })
	if slices.ContainsFunc(h.replicas, func(r plan.Replica) bool { return r.Role == compose.RoleBalancer || r.Role == compose.RoleSidecar }) {
		have.Published = slices.Clone(h.published)
	}
	return have
}

func (h *host) role(role compose.Role) bool {
	return slices.ContainsFunc(h.replicas, func(r plan.Replica) bool { return r.Role == role && r.State == plan.Running })
}

// find is the container of an ID, else the newest that was made with a name: an older one has another name by now.
func (h *host) find(c plan.Container) *plan.Replica {
	for i := len(h.replicas) - 1; i >= 0; i-- {
		if r := &h.replicas[i]; r.ID == c.ID || c.ID == "" && h.madeAs[r.ID] == c.Name {
			return r
		}
	}
	return nil
}

func (h *host) byRef(ref plan.Ref) *plan.Replica {
	for i := range h.replicas {
		if r := &h.replicas[i]; r.Ref == ref && r.Role == compose.RoleReplica {
			return r
		}
	}
	return nil
}

func (h *host) serves(ref plan.Ref) bool {
	return slices.ContainsFunc(h.published, func(p plan.Published) bool { return slices.Contains(p.Backends, ref) })
}

// do performs a step, or says which promise it breaks.
func (h *host) do(step plan.Step) error {
	switch s := step.(type) {
	case plan.Pull:
		h.images[s.Image] = plan.Image{ID: "sha256:pulled-" + s.Image}
	case plan.Build:
		h.made++
		h.images[s.Image] = plan.Image{ID: fmt.Sprintf("sha256:built-%d", h.made)}
	case plan.Import:
		h.images[s.Image] = plan.Image{ID: "sha256:" + s.Image}
	case plan.CreateNetwork:
		h.networks[s.Name] = plan.Network{Name: s.Name, Ours: true, Digest: s.Digest}
	case plan.RecreateNetwork:
		return h.recreateNetwork(s)
	case plan.CreateVolume:
		h.volumes[s.Name] = plan.Volume{Name: s.Name, Ours: true, Digest: s.Digest}
	case plan.RemoveNetwork:
		return h.removeNetwork(s.Name)
	case plan.RemoveVolume:
		delete(h.volumes, s.Name)
		if s.Name == plan.SystemVolume(h.project) {
			h.published = nil
		}
	case plan.Create:
		return h.create(s)
	case plan.Register:
		return h.register(s)
	case plan.Clone:
		return h.clone(s)
	case plan.Start:
		return h.start(s.Container)
	case plan.Freeze:
		h.find(s.Container).State = plan.Paused
	case plan.Unpause:
		h.find(s.Container).State = plan.Running
	case plan.Kill:
		h.find(s.Container).State = plan.Exited
	case plan.Restart:
		h.find(s.Container).State = plan.Exited
		return h.start(s.Container)
	case plan.Await:
		return h.await(s)
	case plan.Route:
		return h.route(s)
	case plan.Drain:
		if h.serves(s.Ref) {
			return fmt.Errorf("drain %s: it is still routed", s.Ref)
		}
	case plan.Stop:
		return h.stop(s.Container)
	case plan.Remove:
		return h.remove(s.Container)
	case plan.Rename:
		return h.rename(s)
	case plan.RemoveImage:
		delete(h.images, s.Image)
	case plan.RunHook:
		return h.hook(s)
	case plan.Pause:
	default:
		return fmt.Errorf("unknown step %T", step)
	}
	return nil
}

func (h *host) create(s plan.Create) error {
	image, there := h.images[cmp.Or(s.Service.ImageID, s.Service.Body.Image)]
	if !there {
		return fmt.Errorf("create %s: no image %s", s.Name, s.Service.Body.Image)
	}
	for _, n := range s.Service.Networks {
		if _, there := h.networks[n.Name]; !there {
			return fmt.Errorf("create %s: no network %s", s.Name, n.Name)
		}
	}
	for _, r := range h.replicas {
		if r.Name == s.Name {
			return fmt.Errorf("create %s: the name is taken", s.Name)
		}
		if r.Ref == s.Ref && r.Role == s.Service.Role {
			return fmt.Errorf("create %s: %s exists", s.Name, s.Ref)
		}
	}
	h.made++
	id := fmt.Sprintf("id-%04d", h.made)
	h.services[id], h.madeAs[id] = s.Service, s.Name
	var networks []string
	for _, n := range s.Service.Networks {
		networks = append(networks, n.Name)
	}
	var depends []string
	for _, d := range s.Service.DependsOn {
		depends = append(depends, d.Service)
	}
	var ports []plan.Port
	for _, p := range s.Service.Body.Ports {
		published, err := strconv.Atoi(p.Published)
		if err != nil {
			return err
		}
		ports = append(ports, plan.Port{Host: published, Container: int(p.Target), Protocol: p.Protocol})
	}
	h.replicas = append(h.replicas, plan.Replica{
		Ref: s.Ref, Role: s.Service.Role, Digest: s.Service.Digest, ID: id, Name: s.Name,
		Image: s.Service.Body.Image, ImageID: image.ID, State: plan.Created, Networks: networks, DependsOn: depends, Ports: ports,
		Anonymous: h.takeOver(id, s),
	})
	return nil
}

// takeOver gives a container the anonymous volume that its service wants: that of the one it replaces, or a new one.
func (h *host) takeOver(id string, s plan.Create) []string {
	for _, v := range s.Service.Body.Volumes {
		if v.Source == "" {
			h.anonymous[id] = cmp.Or(h.anonymous[s.Previous], "volume of "+id)
			return []string{v.Target}
		}
	}
	return nil
}

// hook runs a hook: one of pre_start beside a container that never ran, in order, and any other in one that runs.
func (h *host) hook(s plan.RunHook) error {
	r := h.find(s.Container)
	switch {
	case r == nil:
		return fmt.Errorf("hook %s: no such container", s.Ref)
	case s.Phase != plan.PreStart:
		if r.State != plan.Running && !h.wanted[r.Service].OneShot {
			return fmt.Errorf("hook %s: it is %s", s.Ref, r.State)
		}
		return nil
	case r.State != plan.Created:
		return fmt.Errorf("hook %s: it ran already", s.Ref)
	}
	for i, hook := range h.services[r.ID].PreStart[:s.Index-1] {
		if hook.PerReplica && h.hooks[r.ID] <= i {
			return fmt.Errorf("hook %s: #%d before #%d", s.Ref, s.Index, i+1)
		}
	}
	if _, there := h.images[s.Service.Body.Image]; !there {
		return fmt.Errorf("hook %s: no image %s", s.Ref, s.Service.Body.Image)
	}
	h.hooks[r.ID] = s.Index
	if s.Index == len(h.services[r.ID].PreStart) {
		h.ready[r.Service+" "+r.Digest.Hash] = true
	}
	return nil
}

func (h *host) clone(s plan.Clone) error {
	from := h.find(s.From)
	if from == nil {
		return fmt.Errorf("clone %s: no such container", s.From.Name)
	}
	for _, r := range h.replicas {
		if r.Name == s.Name || r.Ref == s.Ref && r.Role == compose.RoleReplica {
			return fmt.Errorf("clone %s: %s is there", s.Name, r.Name)
		}
	}
	h.made++
	id := fmt.Sprintf("id-%04d", h.made)
	h.services[id], h.madeAs[id] = h.services[from.ID], s.Name
	made := *from
	made.Ref, made.ID, made.Name, made.State, made.Health, made.Cause = s.Ref, id, s.Name, plan.Created, plan.NoHealth, s.Cause
	h.anonymous[id] = h.anonymous[from.ID]
	h.replicas = append(h.replicas, made)
	return nil
}

func (h *host) start(c plan.Container) error {
	r := h.find(c)
	if r == nil {
		return fmt.Errorf("start %s: no such container", c.Name)
	}
	if r.Role == compose.RoleJob {
		return fmt.Errorf("start %s: a job is registered by it", c.Name)
	}
	if r.State == plan.Running {
		return nil
	}
	for _, name := range r.Networks {
		if _, there := h.networks[name]; !there {
			return fmt.Errorf("start %s: no network %s", c.Name, name)
		}
	}
	service := h.services[r.ID]
	for i, hook := range service.PreStart {
		due := h.hooks[r.ID] <= i
		if !hook.PerReplica {
			due = !h.ready[service.Name+" "+service.Digest.Hash]
		}
		if r.State == plan.Created && due {
			return fmt.Errorf("start %s: pre_start #%d has not run", c.Name, i+1)
		}
	}
	for _, d := range h.wanted[r.Service].DependsOn {
		if h.answers { // a slot that failed is waited for no more
			break
		}
		for _, other := range h.replicas {
			if other.Service == d.Service && other.Role == compose.RoleReplica && service.Role == compose.RoleReplica && other.State == plan.Created && !h.standsIn(other) {
				return fmt.Errorf("start %s: its dependency %s has not started", c.Name, other.Name)
			}
		}
	}
	for _, p := range service.Body.Ports {
		for _, other := range h.replicas {
			if other.ID == r.ID || other.State != plan.Running {
				continue
			}
			for _, q := range h.services[other.ID].Body.Ports {
				if p.Published != "" && p.Published == q.Published {
					return fmt.Errorf("start %s: port %s is held by %s", c.Name, p.Published, other.Name)
				}
			}
		}
	}
	for _, other := range h.replicas {
		volume := h.anonymous[r.ID]
		if volume != "" && other.ID != r.ID && other.State == plan.Running && h.anonymous[other.ID] == volume && !h.wanted[r.Service].Rollout.Asked {
			return fmt.Errorf("start %s: %s works on its anonymous volume", c.Name, other.Name)
		}
	}
	r.State = plan.Running
	h.awaited[r.ID], h.unsettled[r.ID] = false, true
	if r.Cause != "" {
		r.Health = plan.Starting
	}
	if r.Role == compose.RoleSidecar && !h.routes() { // one that has no balancer forgets what was published
		h.published = nil
	}
	if h.wanted[r.Service].OneShot && r.Role == compose.RoleReplica {
		r.State, r.ExitCode = plan.Exited, 0
	}
	return nil
}

// standsIn says that a container that never ran does not count: it failed, or another one of its slot runs.
func (h *host) standsIn(c plan.Replica) bool {
	return c.SetAside() || slices.ContainsFunc(h.replicas, func(r plan.Replica) bool {
		return r.Service == c.Service && r.Slot == c.Slot && r.Role == c.Role && r.State == plan.Running
	})
}

// routes says whether the newest project needs a balancer.
func (h *host) routes() bool {
	for _, s := range h.wanted {
		if len(s.Routes) > 0 {
			return true
		}
	}
	return false
}

func (h *host) await(s plan.Await) error {
	r := h.find(s.Container)
	if r == nil {
		return fmt.Errorf("await %s: no such container", s.Ref)
	}
	completed := r.State == plan.Exited && r.ExitCode == 0
	if s.Condition == plan.AwaitCompleted && completed || s.Condition == plan.AwaitSettled && completed {
		return nil
	}
	if r.State != plan.Running {
		return fmt.Errorf("await %s %s: it is %s", s.Ref, s.Condition, r.State)
	}
	h.unsettled[r.ID] = false
	if s.Probe != nil {
		if !h.role(compose.RoleSidecar) {
			return fmt.Errorf("await %s: there is no sidecar to probe it", s.Ref)
		}
		h.awaited[r.ID] = true
	}
	if r.Health == plan.Starting {
		r.Health = plan.Healthy
	}
	return nil
}

func (h *host) route(s plan.Route) error {
	if !h.role(compose.RoleSidecar) || !h.role(compose.RoleBalancer) {
		return fmt.Errorf("route %s: sidecar or balancer does not run", s.Service)
	}
	for i, ref := range s.Backends {
		r := h.byRef(ref)
		switch {
		case slices.Contains(s.Backends[:i], ref):
			return fmt.Errorf("route %s: %s stands there twice", s.Service, ref)
		case r == nil:
			return fmt.Errorf("route %s: %s does not exist", s.Service, ref)
		case h.serves(ref):
		case r.State != plan.Running:
			return fmt.Errorf("route %s: %s is %s", s.Service, ref, r.State)
		case r.Health == plan.Unhealthy: // the sidecar knows it, and gives it nothing until it is well
		case !h.awaited[r.ID] && !h.judges:
			return fmt.Errorf("route %s: %s was not awaited", s.Service, ref)
		}
	}
	h.published = slices.DeleteFunc(h.published, func(p plan.Published) bool { return p.Service == s.Service })
	if len(s.Routes) > 0 {
		h.published = append(h.published, plan.Published{Service: s.Service, Digest: s.Digest, Backends: s.Backends})
		sort.Slice(h.published, func(i, j int) bool { return h.published[i].Service < h.published[j].Service })
	}
	return nil
}

func (h *host) stop(c plan.Container) error {
	r := h.find(c)
	if r == nil {
		return nil
	}
	if r.Role == compose.RoleReplica && h.serves(r.Ref) && h.role(compose.RoleBalancer) {
		return fmt.Errorf("stop %s: it is still routed", r.Ref)
	}
	r.State, r.ExitCode = plan.Exited, 137
	h.awaited[r.ID] = false
	return nil
}

func (h *host) remove(c plan.Container) error {
	r := h.find(c)
	if r == nil {
		return nil
	}
	if r.State == plan.Running {
		return fmt.Errorf("remove %s: it runs", r.Name)
	}
	for job := range h.templates[r.ID] {
		if h.jobs[job] && h.registrations(job) == 1 {
			return fmt.Errorf("remove %s: no other container registers %s", r.Name, job)
		}
	}
	id := r.ID
	delete(h.templates, id)
	h.replicas = slices.DeleteFunc(h.replicas, func(r plan.Replica) bool { return r.ID == id })
	return nil
}

// register makes a container of jobs, with the templates of those that it takes over from others.
func (h *host) register(s plan.Register) error {
	templates := map[string]string{}
	for _, job := range s.Jobs {
		if job.From == nil {
			if _, there := h.images[job.Service.Body.Image]; !there {
				return fmt.Errorf("register %s: no image %s", job.Job, job.Service.Body.Image)
			}
			templates[job.Job] = job.Service.Digest.Hash
			continue
		}
		r := h.find(*job.From)
		if r == nil || h.templates[r.ID][job.Job] == "" {
			return fmt.Errorf("register %s: %s does not have it", job.Job, job.From.Name)
		}
		templates[job.Job] = h.templates[r.ID][job.Job]
	}
	made := plan.Replica{
		Ref: s.Ref, Role: compose.RoleJob, Name: s.Name, Image: s.Image, ImageID: h.images[s.Image].ID, State: plan.Created, Jobs: s.Label,
		CreatedAt: time.Unix(int64(1700000000+h.made), 0).UTC(),
	}
	jobs, err := made.Registers()
	if err != nil {
		return err
	}
	for name, hash := range templates {
		if jobs[name].Digest.Hash != hash {
			return fmt.Errorf("register %s: of %s, and the label says %s", name, hash, jobs[name].Digest.Hash)
		}
	}
	if len(jobs) != len(templates) {
		return fmt.Errorf("register %s: %d jobs, and the label says %d", s.Name, len(templates), len(jobs))
	}
	for _, r := range h.replicas {
		if r.Name == s.Name || r.Ref == s.Ref && r.Role == compose.RoleJob {
			return fmt.Errorf("register %s: %s is there", s.Name, r.Name)
		}
	}
	h.made++
	made.ID = fmt.Sprintf("id-%04d", h.made)
	h.madeAs[made.ID], h.templates[made.ID] = s.Name, templates
	h.replicas = append(h.replicas, made)
	return nil
}

// registrations is by how many containers a job is registered.
func (h *host) registrations(job string) int {
	n := 0
	for _, templates := range h.templates {
		if templates[job] != "" {
			n++
		}
	}
	return n
}

// registered is what is registered: by job, how.
func (h *host) registered() map[string]plan.Registered {
	jobs := map[string]plan.Registered{}
	for name, job := range plan.RegisteredJobs(h.replicas) {
		jobs[name] = job.Registered
	}
	return jobs
}

func (h *host) rename(s plan.Rename) error {
	for _, r := range h.replicas {
		if r.Name == s.To {
			return fmt.Errorf("rename to %s: the name is taken by %s", s.To, r.ID)
		}
	}
	r := h.find(s.Container)
	if r == nil {
		return fmt.Errorf("rename %s: no such container", s.Name)
	}
	r.Name = s.To
	return nil
}

func (h *host) recreateNetwork(s plan.RecreateNetwork) error {
	for _, r := range h.replicas {
		member := slices.ContainsFunc(s.Members, func(c plan.Container) bool { return c.ID == r.ID })
		if slices.Contains(r.Networks, s.Name) != member {
			return fmt.Errorf("recreate network %s: %s is in it or is not", s.Name, r.Name)
		}
	}
	h.networks[s.Name] = plan.Network{Name: s.Name, Ours: true, Digest: s.Digest}
	return nil
}

// prune removes the networks that no running container is in, and who is in them never starts again.
func (h *host) prune() {
	for name := range h.networks {
		in := func(r plan.Replica) bool { return slices.Contains(r.Networks, name) }
		if slices.ContainsFunc(h.replicas, func(r plan.Replica) bool { return isUp(r) && in(r) }) {
			continue
		}
		delete(h.networks, name)
		for i, r := range h.replicas {
			h.replicas[i].Networks = slices.DeleteFunc(slices.Clone(r.Networks), func(other string) bool { return other == name })
		}
	}
}

func isUp(r plan.Replica) bool { return r.State == plan.Running || r.State == plan.Paused }

func (h *host) removeNetwork(name string) error {
	for _, r := range h.replicas {
		if slices.Contains(r.Networks, name) {
			return fmt.Errorf("remove network %s: %s is in it", name, r.Name)
		}
	}
	delete(h.networks, name)
	return nil
}

// picture is the state that counts, without IDs and generations: two hosts with one picture are alike.
func (h *host) picture() string {
	var lines []string
	for _, r := range h.replicas {
		state := string(r.State)
		if r.State == plan.Exited {
			state = fmt.Sprintf("exited(%d)", r.ExitCode)
		}
		lines = append(lines, fmt.Sprintf("container %s %s %s %s routed=%v", r.Name, r.Digest.Hash, r.ImageID, state, h.serves(r.Ref)))
	}
	for name, job := range h.registered() {
		lines = append(lines, fmt.Sprintf("job %s %s %s", name, job.Digest.Hash, job.Job))
	}
	for name := range h.networks {
		lines = append(lines, "network "+name)
	}
	for name := range h.volumes {
		lines = append(lines, "volume "+name)
	}
	for _, p := range h.published {
		lines = append(lines, fmt.Sprintf("route %s %s %d", p.Service, p.Digest, len(p.Backends)))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}
