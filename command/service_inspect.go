package command

import (
	"context"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// serviceView is what `service inspect` prints. No environment value, config or secret is in it.
type serviceView struct {
	Name       string           `json:"name"`
	Project    string           `json:"project"`
	State      string           `json:"state"`
	Image      string           `json:"image"`
	Replicas   int              `json:"replicas"` // that the files ask for
	Running    int              `json:"running"`
	Healthy    int              `json:"healthy"`
	Hash       string           `json:"hash,omitempty"`
	DependsOn  []dependencyView `json:"dependsOn,omitempty"`
	Rollout    *rolloutView     `json:"rollout,omitempty"`
	Routes     []routeView      `json:"routes,omitempty"`
	Probe      *probeView       `json:"healthCheck,omitempty"`
	Auto       *autoView        `json:"auto,omitempty"`
	Heals      []healView       `json:"heals,omitempty"` // the last replacements of unhealthy replicas, the oldest first
	Containers []containerView  `json:"containers"`
}

type dependencyView struct {
	Service   string `json:"service"`
	Condition string `json:"condition"`
	Required  bool   `json:"required"`
	Restart   bool   `json:"restart"`
}

type rolloutView struct {
	Order           string  `json:"order"`
	Why             string  `json:"why"`
	Parallelism     int     `json:"parallelism"`
	Delay           string  `json:"delay"`
	Monitor         string  `json:"monitor"`
	Drain           string  `json:"drain"`
	OnFailure       string  `json:"onFailure"`
	MaxFailureRatio float64 `json:"maxFailureRatio"`
}

type routeView struct {
	Protocol      string   `json:"protocol"`
	ServicePort   int      `json:"servicePort"`
	ContainerPort int      `json:"containerPort"`
	Published     []string `json:"published"` // addresses of the host
	Algorithm     string   `json:"algorithm"`
	Affinity      bool     `json:"sessionAffinity"`
	Certificate   string   `json:"certificate,omitempty"` // where it comes from, never what it is
	Hosts         []string `json:"hosts,omitempty"`
	PathPrefix    string   `json:"pathPrefix,omitempty"`
}

type probeView struct {
	Port     int    `json:"port"`
	TLS      bool   `json:"tls"`
	Path     string `json:"path,omitempty"`   // without one, a connection is enough
	Status   int    `json:"status,omitempty"` // 0 is 200 to 399
	Interval string `json:"interval"`
	Timeout  string `json:"timeout"`
	Fall     int    `json:"fall"`
	Rise     int    `json:"rise"`
}

type containerView struct {
	ID         string      `json:"id"`
	Name       string      `json:"name"`
	Slot       int         `json:"slot"`
	Generation int         `json:"generation"`
	Hash       string      `json:"hash"`
	Image      string      `json:"image"`
	ImageID    string      `json:"imageId"`
	State      string      `json:"state"`
	Health     string      `json:"health,omitempty"`
	ExitCode   int         `json:"exitCode"`
	Status     string      `json:"status"`
	CreatedAt  string      `json:"createdAt"`
	Networks   []string    `json:"networks"`
	Ports      []publisher `json:"ports"`
	Judged     *judgedView `json:"judged,omitempty"` // by the sidecar
	Cause      string      `json:"cause,omitempty"`  // why the sidecar made it
}

func (i *invocation) serviceInspect(ctx context.Context, names []string) error {
	project, replicas, err := i.listed(ctx, nil)
	if err != nil {
		return err
	}
	if err := noSuchService(names, serviceNames(project.Project, replicas)); err != nil {
		return err
	}
	memory, err := i.remembered(ctx, project, replicas)
	if err != nil {
		return err
	}
	views := make([]serviceView, len(names))
	states := i.serviceStates(ctx, project, replicas)
	for at, name := range names {
		views[at] = newServiceView(project, name, replicas)
		views[at].State = string(states[name])
		views[at].remember(memory)
	}
	return printJSON(i.Out, views)
}

func newServiceView(project foundProject, name string, replicas []plan.Replica) serviceView {
	row := newServiceRow(project, name, replicas)
	view := serviceView{
		Name: name, Project: project.Name, Image: row.Image, Replicas: row.Replicas, Running: row.Running,
		Healthy: row.Healthy, Hash: row.Hash, Containers: []containerView{},
	}
	if service, ok := project.Service(name); ok {
		view.describe(service)
	}
	for _, r := range logged(replicas, []string{name}, 0) {
		view.Containers = append(view.Containers, newContainerView(r))
	}
	return view
}

// describe adds what the files say.
func (v *serviceView) describe(s compose.Service) {
	for _, d := range s.DependsOn {
		v.DependsOn = append(v.DependsOn, dependencyView(d))
	}
	r := s.Rollout
	v.Rollout = &rolloutView{
		Order: r.Order, Why: r.Why, Parallelism: r.Parallelism, Delay: r.Delay.String(), Monitor: r.Monitor.String(),
		Drain: r.Drain.String(), OnFailure: r.OnFailure, MaxFailureRatio: r.MaxFailureRatio,
	}
	v.Auto = newAutoView(s)
	for _, r := range s.Routes {
		v.Routes = append(v.Routes, newRouteView(r))
	}
	if p := s.Probe; p != nil {
		v.Probe = &probeView{
			Port: p.Port, TLS: p.TLS, Path: p.Path, Status: p.Status,
			Interval: p.Interval.String(), Timeout: p.Timeout.String(), Fall: p.Fall, Rise: p.Rise,
		}
	}
}

func newRouteView(r compose.Route) routeView {
	view := routeView{
		Protocol: string(r.Protocol), ServicePort: r.ServicePort, ContainerPort: r.ContainerPort, Published: []string{},
		Algorithm: string(r.Algorithm), Affinity: r.Affinity, Hosts: r.Hosts, PathPrefix: r.PathPrefix,
	}
	for _, p := range r.Publish {
		view.Published = append(view.Published, hostPort(p))
	}
	if r.Cert != nil {
		view.Certificate = r.Cert.Source
	}
	return view
}

func newContainerView(r plan.Replica) containerView {
	view := containerView{
		ID: r.ID, Name: r.Name, Slot: r.Slot, Generation: r.Generation, Hash: r.Digest.Hash, Image: r.Image,
		ImageID: r.ImageID, State: string(r.State), Health: string(r.Health), ExitCode: r.ExitCode, Status: r.Status,
		CreatedAt: r.CreatedAt.Format(time.RFC3339), Networks: r.Networks, Ports: []publisher{}, Cause: r.Cause,
	}
	for _, p := range r.Ports {
		view.Ports = append(view.Ports, publisher{p.HostIP, p.Container, p.Host, p.Protocol})
	}
	return view
}
