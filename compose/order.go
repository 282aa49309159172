package compose

import (
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// dependencies checks depends_on, implied entries included, and drops optional ones that nothing meets.
func (c *conversion) dependencies(services []Service, jobs []Job) {
	running := map[string]bool{}
	for _, s := range services {
		running[s.Name] = true
	}
	job := map[string]bool{}
	for _, j := range jobs {
		job[j.Name] = true
	}
	names := append(c.typed.ServiceNames(), c.typed.DisabledServiceNames()...)
	for i := range services {
		s := &services[i]
		s.DependsOn = slices.DeleteFunc(s.DependsOn, func(d Dependency) bool {
			return c.unmet("services", s.Name, d, running, job, names)
		})
	}
	for i := range jobs {
		j := &jobs[i]
		j.DependsOn = slices.DeleteFunc(j.DependsOn, func(d Dependency) bool {
			return !job[d.Service] && c.unmet(c.section(j.Name), j.Name, d, running, nil, names)
		})
	}
	c.cycles(Project{Services: services, Jobs: jobs}.Templates())
	c.throughJobs(jobs)
}

// throughJobs lets jobs that depend on jobs depend on the services that these depend on, as compose-go does: who asks for a job
// by hand or by its schedule gets no run of another one. What a job says of a service itself stands.
func (c *conversion) throughJobs(jobs []Job) {
	named := map[string]Job{}
	for _, j := range jobs {
		named[j.Name] = j
	}
	for i := range jobs {
		j := &jobs[i]
		own := map[string]bool{}
		for _, d := range j.DependsOn {
			own[d.Service] = true
		}
		var services []Dependency
		follow := slices.Clone(j.DependsOn)
		for n := 0; n < len(follow); n++ {
			d := follow[n]
			through, ok := named[d.Service]
			if !ok {
				services = append(services, d)
				continue
			}
			if n < len(j.DependsOn) {
				c.l.warn("job " + j.Name + " depends on job " + d.Service + ": it waits for what that one depends on, and for no run of it")
			}
			for _, d := range through.DependsOn {
				if !own[d.Service] {
					own[d.Service], follow = true, append(follow, d)
				}
			}
		}
		slices.SortFunc(services, func(a, b Dependency) int { return strings.Compare(a.Service, b.Service) })
		j.DependsOn = services
	}
}

// section is where a service or job is declared.
func (c *conversion) section(name string) string {
	if _, ok := c.typed.Jobs[name]; ok {
		return "jobs"
	}
	return "services"
}

func (c *conversion) unmet(section, name string, d Dependency, running, job map[string]bool, names []string) bool {
	if running[d.Service] {
		return false
	}
	at := append([]string{section, name}, dependencyPlace(c.typed.Services[name], d.Service)...)
	_, disabled := c.typed.DisabledServices[d.Service]
	switch {
	case job[d.Service]:
		c.report(at, d.Service+" is a job: a service cannot wait for it", "")
	case disabled && !d.Required:
	case disabled:
		c.report(at, d.Service+" is switched off by its profiles", "activate one: --profile "+
			strings.Join(c.typed.DisabledServices[d.Service].Profiles, " or ")+", or say required: false")
	default:
		c.report(at, "there is no service "+d.Service, didYouMean(d.Service, names))
	}
	return true
}

// dependencyPlace is where a service says that it needs another: depends_on, or what implies it.
func dependencyPlace(s types.ServiceConfig, other string) []string {
	names := func(e string) bool { name, _, _ := strings.Cut(e, ":"); return name == other }
	if i := slices.IndexFunc(s.Links, names); i >= 0 {
		return []string{"links", itoa(i)}
	}
	if i := slices.IndexFunc(s.VolumesFrom, names); i >= 0 {
		return []string{"volumes_from", itoa(i)}
	}
	for _, said := range [][2]string{{"network_mode", s.NetworkMode}, {"ipc", s.Ipc}, {"pid", s.Pid}, {"uts", s.Uts}, {"cgroup", s.Cgroup}} {
		if said[1] == types.ServicePrefix+other {
			return said[:1]
		}
	}
	return []string{"depends_on", other}
}

// cycles reports every ring of services and jobs that wait for each other, once.
func (c *conversion) cycles(services []Service) {
	waits := map[string][]string{}
	for _, s := range services {
		for _, d := range s.DependsOn {
			waits[s.Name] = append(waits[s.Name], d.Service)
		}
	}
	done := map[string]bool{}
	var trail []string
	var visit func(name string)
	visit = func(name string) {
		if i := slices.Index(trail, name); i >= 0 {
			ring := append(slices.Clone(trail[i:]), name)
			said := "they wait for each other: " + strings.Join(ring, " -> ")
			if len(ring) == 2 {
				said = ring[0] + " waits for itself"
			}
			c.report([]string{c.section(ring[0]), ring[0], "depends_on", ring[1]}, said, "take one of them out")
			return
		}
		if done[name] {
			return
		}
		trail = append(trail, name)
		for _, next := range waits[name] {
			visit(next)
		}
		trail = trail[:len(trail)-1]
		done[name] = true
	}
	for _, s := range services {
		visit(s.Name)
	}
}

// inOrder sorts services so that each stands after those it depends on, by name where that is open.
// What waits for itself comes last, by name.
func inOrder(services []Service) []Service {
	rest := slices.Clone(services)
	slices.SortFunc(rest, func(a, b Service) int { return strings.Compare(a.Name, b.Name) })
	open := map[string]bool{}
	for _, s := range rest {
		open[s.Name] = true
	}
	sorted := make([]Service, 0, len(rest))
	for len(rest) > 0 {
		i := slices.IndexFunc(rest, func(s Service) bool {
			return !slices.ContainsFunc(s.DependsOn, func(d Dependency) bool { return open[d.Service] })
		})
		if i < 0 {
			return append(sorted, rest...)
		}
		sorted = append(sorted, rest[i])
		delete(open, rest[i].Name)
		rest = slices.Delete(rest, i, i+1)
	}
	return sorted
}
