package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hyper-lite/compose"
)

// JobsVolume is the name of the volume in which the sidecar of a project remembers what its jobs did.
func JobsVolume(project string) string { return project + "_hyper-lite-jobs" }

// runsOf is a job as the service that its runs are made of: one container a run, that nothing but a fire ever starts, the
// engine itself included.
func runsOf(j compose.Job) compose.Service {
	s := j.Service
	s.Role, s.Replicas, s.OneShot = compose.RoleJob, 1, true
	s.Body.ContainerName, s.Body.Restart = "", ""
	if s.Body.Deploy != nil {
		deploy := *s.Body.Deploy
		deploy.RestartPolicy = nil
		s.Body.Deploy = &deploy
	}
	return s
}

func (b *builder) registration(j compose.Job) string {
	is := compose.Registration{Timing: j.Timing, DependsOn: j.DependsOn, PostStart: j.Body.PostStart, PreStop: j.Body.PreStop}
	for _, hook := range j.PreStart {
		image := "" // the job's own: what is registered anew when that changes
		if hook.Service.Body.Image != j.Body.Image {
			image, _ = b.imageOf(hook.Service)
		}
		is.PreStart = append(is.PreStart, image)
	}
	if grace := j.Body.StopGracePeriod; grace != nil && len(is.PreStop) > 0 {
		is.Grace = time.Duration(*grace)
	}
	text, err := json.Marshal(is)
	if err != nil {
		panic(err) // plain data only: cannot fail
	}
	return string(text)
}

// jobs are the jobs that this run is about: all, or those that are named.
func (b *builder) jobs() []compose.Job {
	var chosen []compose.Job
	for _, j := range b.want.Jobs {
		if j.Digest.IsKnown() && (len(b.opt.Services) == 0 || slices.Contains(b.opt.Services, j.Name)) {
			chosen = append(chosen, j)
		}
	}
	return chosen
}

// registry is the jobs of one image: what a container registers together. It keeps the image.
type registry struct {
	service string // of its container's Ref
	image   string
	jobs    map[string]Registered
	from    map[string]Template
	changes []JobChange
	there   []Replica // the containers by which they are registered now, newest first
	kept    *Replica  // the one of them that is as wanted
	next    Container // the one that stays, or is to be made
	after   []int     // what must be there before it is made
}

// registrar plans how jobs are registered.
type registrar struct {
	*builder
	now        map[string]RegisteredJob
	registries map[string]*registry // by service
}

func (b *builder) registrar() *registrar {
	r := &registrar{builder: b, now: RegisteredJobs(b.have.Replicas), registries: map[string]*registry{}}
	for _, c := range b.have.Replicas {
		if c.Role == compose.RoleJob {
			g := r.registry(c.Service, c.Image)
			g.there = append(g.there, c)
		}
	}
	for _, g := range r.registries {
		slices.SortFunc(g.there, func(a, b Replica) int { return newer(b, a) })
	}
	return r
}

func (r *registrar) registry(service, image string) *registry {
	if r.registries[service] == nil {
		r.registries[service] = &registry{service: service, image: image, jobs: map[string]Registered{}, from: map[string]Template{}}
	}
	return r.registries[service]
}

// registryOf names the registry of a job: that of the very image that its runs are made from, as far as it is known yet.
func (b *builder) registryOf(s compose.Service) string {
	image, ok := b.imageOf(s)
	if !ok {
		image = s.Body.Image
	}
	sum := sha256.Sum256([]byte(image + "\x00" + s.Body.Platform))
	return "jobs-" + hex.EncodeToString(sum[:4])
}

// register plans that jobs are registered as the files have them, that those which are gone no longer are, and that all
// others stay as they are. The new registration is there before the old one goes: at no time is a job unknown to whoever
// fires it. gone says why, by job.
func (b *builder) register(jobs []compose.Job, gone map[string]string) {
	r := b.registrar()
	for _, j := range jobs {
		r.take(j)
	}
	for _, name := range slices.Sorted(maps.Keys(r.now)) {
		was := r.now[name]
		if slices.ContainsFunc(jobs, func(j compose.Job) bool { return j.Name == name }) {
			continue
		}
		g := r.registry(was.By.Service, was.By.Image)
		if why, ok := gone[name]; ok {
			g.changes = append(g.changes, JobChange{Job: name, Verb: "deregister", Why: why})
			continue
		}
		from := b.container(was.By)
		g.jobs[name], g.from[name] = was.Registered, Template{Job: name, From: &from}
	}
	r.apply()
}

// take makes a job of the files part of the registry of its image.
func (r *registrar) take(j compose.Job) {
	s := runsOf(j)
	g := r.registry(r.registryOf(s), s.Body.Image)
	g.after = append(g.after, r.foundation(s)...)
	for at, hook := range s.PreStart {
		g.after = append(g.after, r.foundation(hook.Service)...)
		if hook.Service.Body.Image == s.Body.Image {
			s.PreStart = slices.Clone(s.PreStart)
			s.PreStart[at].Service.ImageID = s.ImageID
		}
	}
	was, known := r.now[j.Name]
	is := Registered{Digest: s.Digest, Generation: was.Generation + 1, Job: r.registration(j)}
	why := "not found"
	if known {
		why = r.outdated(s, is, was)
	}
	if why == "" {
		is.Generation, is.Since = was.Generation, was.Since
	} else {
		g.changes = append(g.changes, JobChange{Job: j.Name, Verb: "register", Why: why})
	}
	g.jobs[j.Name], g.from[j.Name] = is, Template{Job: j.Name, Service: s}
}

// outdated says why a job is not registered as it is wanted, or "" where it is.
func (b *builder) outdated(s compose.Service, is Registered, was RegisteredJob) string {
	if was.Digest.Hash != is.Digest.Hash {
		return fmt.Sprintf("spec hash %s->%s%s", short(was.Digest.Hash), short(is.Digest.Hash), fieldDrift(was.Digest.Fields, is.Digest.Fields))
	}
	if id, there := b.imageOf(s); there && was.By.ImageID != "" && id != was.By.ImageID {
		return fmt.Sprintf("image digest changed %s->%s", short(was.By.ImageID), short(id))
	}
	switch {
	case was.By.State != Created:
		return "its container was started, and is for its runs to be made of only"
	case was.Job != is.Job:
		return "when it runs, or what becomes of its runs, changed"
	}
	return ""
}

// apply plans what makes the host have exactly these registries.
func (r *registrar) apply() {
	var made []int
	services := slices.Sorted(maps.Keys(r.registries))
	for _, service := range services {
		g := r.registries[service]
		g.settle(r.want.Name)
		if len(g.jobs) > 0 && g.kept == nil {
			made = append(made, r.make(g))
		}
	}
	for _, service := range services {
		r.leave(r.registries[service], made)
	}
}

// settle finds the container that registers exactly these jobs, as they are wanted, and else what is to be made.
func (g *registry) settle(project string) {
	plain := registrationName(project, g.service)
	g.next = Container{Ref: Ref{Service: g.service, Slot: 1, Generation: 1}, Name: plain}
	for i, c := range g.there {
		jobs, err := c.Registers()
		if g.kept == nil && err == nil && c.State == Created && len(jobs) > 0 && maps.EqualFunc(jobs, g.jobs, Registered.same) {
			g.kept, g.next = &g.there[i], containerOf(c)
			return
		}
		g.next.Ref.Generation = max(g.next.Ref.Generation, c.Generation+1)
	}
	if slices.ContainsFunc(g.there, func(c Replica) bool { return c.Name == plain }) {
		g.next.Name = fmt.Sprintf("%s-g%d", plain, g.next.Ref.Generation)
	}
}

// registrationName is the name of the container that registers the jobs of an image.
func registrationName(project, service string) string { return project + "-hyper-lite-" + service }

// Again is the container that registers the jobs of one which is gone, as it did, and its label.
func Again(project string, gone Replica) (Container, string) {
	label := gone.Jobs
	if jobs, err := gone.Registers(); err == nil {
		label = jobsLabel(jobs)
	}
	return Container{Ref: gone.Ref, Name: registrationName(project, gone.Service)}, label
}

// IsRegistration says of a container by its name whether it is one that registers jobs.
func (c Container) IsRegistration() bool {
	return strings.Contains(c.Name, "-hyper-lite-"+c.Ref.Service) && strings.HasPrefix(c.Ref.Service, "jobs-")
}

func (r *registrar) make(g *registry) int {
	step := Register{Container: g.next, Project: r.want.Name, Image: g.image, Label: jobsLabel(g.jobs), Changes: g.changes}
	for _, name := range slices.Sorted(maps.Keys(g.from)) {
		step.Jobs = append(step.Jobs, g.from[name])
	}
	slices.SortFunc(step.Changes, func(a, b JobChange) int { return strings.Compare(a.Job, b.Job) })
	who := compose.Service{Name: g.service, Role: compose.RoleJob}
	after := slices.Concat(g.after, r.claimName(g.next.Name, who), r.claimName(registrationName(r.want.Name, g.service), who))
	return r.add("jobs", step, "", after...)
}

// leave removes the containers of a registry that do not register its jobs as they are wanted, once all that do are
// there, and gives the one that does its plain name.
func (r *registrar) leave(g *registry, made []int) {
	why := ""
	if len(g.jobs) == 0 { // else the one that is made says so
		var gone []string
		for _, c := range g.changes {
			gone = append(gone, c.Job+": "+c.Why)
		}
		why = strings.Join(gone, "; ")
	}
	last := made
	for _, c := range g.there {
		if g.kept != nil && c.ID == g.kept.ID {
			continue
		}
		last = append(slices.Clone(last), r.removeRegistration(c, cmp.Or(why, r.unread(c)), made))
		why = ""
	}
	if plain := registrationName(r.want.Name, g.service); len(g.jobs) > 0 && g.next.Name != plain {
		r.add("jobs", Rename{Container: g.next, To: plain}, "", last...)
	}
}

// unread says of a registration that nothing is known of what it registers.
func (r *registrar) unread(c Replica) string {
	if jobs, err := c.Registers(); err != nil || len(jobs) == 0 {
		return "which jobs it registers cannot be read"
	}
	return ""
}

func (b *builder) removeRegistration(r Replica, why string, after []int) int {
	if isRunning(r) {
		after = []int{b.add("jobs", Stop{Container: b.container(r), Timeout: b.opt.Timeout}, why, after...)}
		why = ""
	}
	return b.add("jobs", Remove{Container: b.container(r), Volumes: true}, why, after...)
}

// gone are the registered jobs that the files no longer have, and why they go. Their live runs go on, which is said.
func (b *builder) gone() map[string]string {
	gone := map[string]string{}
	if len(b.opt.Services) > 0 {
		return gone
	}
	unknown := func(name string) bool {
		_, ok := b.want.Job(name)
		return !ok && !slices.Contains(b.want.Disabled, name)
	}
	for name := range RegisteredJobs(b.have.Replicas) {
		if unknown(name) {
			gone[name] = "the files have no job " + name
		}
	}
	for _, r := range b.have.Replicas {
		if r.Fire != "" && isRunning(r) && unknown(r.Service) {
			b.warn("%s goes on to its end: the files have no job %s any more", r.Name, r.Service)
		}
	}
	return gone
}

// jobNames are the jobs of the files and of the host.
func (b *builder) jobNames() []string {
	var names []string
	for _, j := range b.want.Jobs {
		names = append(names, j.Name)
	}
	for name := range RegisteredJobs(b.have.Replicas) {
		names = append(names, name)
	}
	return sortedNames(names)
}

// stopRuns stops the live runs of the chosen jobs.
func (l *lifecycle) stopRuns() []int {
	var stopped []int
	for _, r := range l.have.Replicas {
		if r.Fire != "" && isRunning(r) && (len(l.services) == 0 || slices.Contains(l.services, r.Service)) {
			stopped = append(stopped, l.add(r.Service, Stop{Container: l.container(r), Timeout: l.opt.Timeout}, ""))
		}
	}
	return stopped
}
