package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"hyper-lite/compose"
)

// JobsVolume is the name of the volume in which the sidecar of a project remembers what its jobs did.
func JobsVolume(project string) string { return project + "_hyper-lite-jobs" }

// registrationName is the name of the container by which a job is registered: no replica's and no run's, since these
// end with a number.
func registrationName(s compose.Service) string { return s.Project + "-" + s.Name + "-job" }

// registered is a job as the service that its registration is made of: one container, complete as its runs are, that
// nothing ever starts, the engine itself included.
func registered(j compose.Job) compose.Service {
	s := j.Service
	s.Role, s.Replicas, s.OneShot, s.PreStart = compose.RoleJob, 1, true, nil
	s.Body.ContainerName, s.Body.Restart = "", ""
	if s.Body.Deploy != nil {
		deploy := *s.Body.Deploy
		deploy.RestartPolicy = nil
		s.Body.Deploy = &deploy
	}
	labels := map[string]string{compose.LabelJob: registration(j)}
	for name, value := range s.Body.CustomLabels {
		labels[name] = value
	}
	s.Body.CustomLabels = labels
	return s
}

func registration(j compose.Job) string {
	is := compose.Registration{Timing: j.Timing, DependsOn: j.DependsOn, PostStart: j.Body.PostStart, PreStop: j.Body.PreStop}
	if grace := j.Body.StopGracePeriod; grace != nil && len(is.PreStop) > 0 {
		is.Grace = time.Duration(*grace)
	}
	text, err := json.Marshal(is)
	if err != nil {
		panic(err) // plain data only: cannot fail
	}
	return string(text)
}

// jobs are the jobs that this run is about, as they are registered: all, or those that are named.
func (b *builder) jobs() []compose.Service {
	var chosen []compose.Service
	for _, j := range b.want.Jobs {
		if len(b.opt.Services) == 0 || slices.Contains(b.opt.Services, j.Name) {
			chosen = append(chosen, registered(j))
		}
	}
	return chosen
}

// register plans that a job is registered as it is wanted. Where that differs the new registration is there before the
// old one goes: at no time is the job unknown to whoever fires it.
func (b *builder) register(s compose.Service) {
	kept, leaving, next, why := b.registrations(s)
	plain := registrationName(s)
	var made []int
	if kept == nil {
		after := slices.Concat(b.foundation(s), b.claimName(next.Name, s), b.claimName(plain, s))
		for _, name := range sharesWith(s) {
			for _, o := range b.occupants[name] {
				after = append(after, o.made...)
			}
		}
		made = []int{b.add(s.Name, Create{Container: next, Service: s}, why, after...)}
	}
	var gone []int
	for _, r := range leaving {
		gone = append(gone, b.removeRegistration(r, "", made))
	}
	if next.Name != plain {
		b.add(s.Name, Rename{Container: next, To: plain}, "", append(gone, made...)...)
	}
}

// registrations sorts the containers by which a job is registered: one that is as wanted, if any, and those that go.
// next is the one that stays, or is to be made, and why.
func (b *builder) registrations(s compose.Service) (kept *Replica, leaving []Replica, next Container, why string) {
	var there []Replica
	for _, r := range b.have.Replicas {
		if r.Role == compose.RoleJob && r.Service == s.Name {
			there = append(there, r)
		}
	}
	slices.SortFunc(there, newestFirst)
	next = Container{Ref: Ref{Service: s.Name, Slot: 1, Generation: 1}, Name: registrationName(s)}
	why = "not found"
	for i, r := range there {
		reason := b.outdated(s, r)
		if reason == "" && kept == nil {
			kept = &there[i]
			continue
		}
		if reason != "" && len(leaving) == 0 {
			why = reason
		}
		next.Ref.Generation = max(next.Ref.Generation, r.Generation+1)
		leaving = append(leaving, r)
	}
	if kept != nil {
		return kept, leaving, b.container(*kept), ""
	}
	if slices.ContainsFunc(there, func(r Replica) bool { return r.Name == next.Name }) {
		next.Name = fmt.Sprintf("%s-g%d", next.Name, next.Ref.Generation)
	}
	return nil, leaving, next, why
}

// outdated says why a job is not registered as it is wanted, or "" where it is.
func (b *builder) outdated(s compose.Service, r Replica) string {
	if reason := b.differs(s, r); reason != "" {
		return reason
	}
	switch {
	case r.State != Created:
		return "it was started, and is for its runs to be made of only"
	case r.Job != s.Body.CustomLabels[compose.LabelJob]:
		return "when it runs, or what becomes of its runs, changed"
	}
	return ""
}

func (b *builder) removeRegistration(r Replica, why string, after []int) int {
	if isRunning(r) {
		after = []int{b.add(r.Service, Stop{Container: b.container(r), Timeout: b.opt.Timeout}, why, after...)}
		why = ""
	}
	return b.add(r.Service, Remove{Container: b.container(r), Volumes: true}, why, after...)
}

// deregister removes the registrations of jobs that the files no longer have. Their live runs go on, which is said.
func (b *builder) deregister() {
	if len(b.opt.Services) > 0 {
		return
	}
	for _, r := range b.have.Replicas {
		if _, ok := b.want.Job(r.Service); ok || slices.Contains(b.want.Disabled, r.Service) {
			continue
		}
		switch {
		case r.Role == compose.RoleJob:
			b.removeRegistration(r, "the files have no job "+r.Service, nil)
		case r.Fire != "" && isRunning(r):
			b.warn("%s goes on to its end: the files have no job %s any more", r.Name, r.Service)
		}
	}
}

// jobNames are the jobs of the files and of the host.
func (b *builder) jobNames() []string {
	var names []string
	for _, j := range b.want.Jobs {
		names = append(names, j.Name)
	}
	for _, r := range b.have.Replicas {
		if r.Role == compose.RoleJob {
			names = append(names, r.Service)
		}
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
