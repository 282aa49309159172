// Package compose turns Compose files into a Project: the desired state, in our own nouns.
// It owns Project, Service, Job, Route, Probe, Rollout and the spec hash. It never talks to an
// engine, never writes, and knows nothing of plans.
package compose

import (
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// Project is everything the files of one project ask for. It is a value: nobody changes it after Load.
type Project struct {
	Name     string   // [a-z0-9][a-z0-9_-]*
	Dir      string   // the project folder, absolute; relative paths in the files start here
	Files    []string // the files read with -f or found by name, absolute, in order of precedence
	Services []Service
	Jobs     []Job
	Added    []string // jobs that stand in no file (LoadOptions.Added), sorted
	Disabled []string // services switched off by their profiles, sorted; their containers are not orphans

	Networks map[string]types.NetworkConfig // by the file's key; Name is the engine's name
	Volumes  map[string]types.VolumeConfig  // by the file's key; Name is the engine's name
	Configs  map[string]types.ConfigObjConfig
	Secrets  map[string]types.SecretConfig

	Settings Settings
	Model    *types.Project // the canonical Compose model, for `config`; never for decisions

	raw     map[string]any // the merged tree of a load without interpolation; nil otherwise
	omitted Omissions      // the steps that were left out
}

// Settings is the top-level x-hyper-lite mapping: what holds for the whole project.
type Settings struct {
	BalancerImage   string        // key balancer.image; default DefaultBalancerImage
	BalancerOptions []string      // key balancer.options: extra static options of Traefik, "--name=value"
	Drain           time.Duration // key drain: default of the services' drain; 10s
	SidecarMemory   int64         // key sidecar.memory, in bytes; 0 is no limit
	SidecarCPUs     float64       // key sidecar.cpus; 0 is no limit
	Revisions       int           // key revisions: how many applied revisions state keeps; 10, 0 keeps none
}

// DefaultBalancerImage is the Traefik that the generated configuration is tested with.
const DefaultBalancerImage = "traefik:v3.6.12"

// Service returns the service of that name.
func (p Project) Service(name string) (Service, bool) {
	i := slices.IndexFunc(p.Services, func(s Service) bool { return s.Name == name })
	if i < 0 {
		return Service{}, false
	}
	return p.Services[i], true
}

// Job returns the job of that name.
func (p Project) Job(name string) (Job, bool) {
	i := slices.IndexFunc(p.Jobs, func(j Job) bool { return j.Name == name })
	if i < 0 {
		return Job{}, false
	}
	return p.Jobs[i], true
}

// Templates are all that containers are made of: the services, and then the jobs.
func (p Project) Templates() []Service {
	all := slices.Clone(p.Services)
	for _, j := range p.Jobs {
		all = append(all, j.Service)
	}
	return all
}

// WithHooks are the templates, each followed by its pre_start hooks.
func (p Project) WithHooks() []Service {
	var all []Service
	for _, s := range p.Templates() {
		all = append(all, s)
		for _, hook := range s.PreStart {
			all = append(all, hook.Service)
		}
	}
	return all
}

// Watched says that the project needs a sidecar.
func (p Project) Watched() bool {
	return slices.ContainsFunc(p.Services, Service.Watched) || slices.ContainsFunc(p.Jobs, Job.Scheduled)
}

// BalancedName is BalancedName of a service, or "" where the files give that name to something else, whose it stays.
func (p Project) BalancedName(service string) string {
	name := BalancedName(service)
	for _, s := range p.Services {
		if s.Name == name || s.Body.ContainerName == name {
			return ""
		}
		for _, network := range s.Body.Networks {
			if network != nil && slices.Contains(network.Aliases, name) {
				return ""
			}
		}
	}
	return name
}

// Routes returns the routes of all services, in the order of the services.
func (p Project) Routes() []Route {
	var routes []Route
	for _, s := range p.Services {
		routes = append(routes, s.Routes...)
	}
	return routes
}
