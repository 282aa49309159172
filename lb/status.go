package lb

import (
	"fmt"
	"net"
	"slices"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// Status is what the sidecar knows of the balancer at one moment.
type Status struct {
	Project  string          `json:"project"`
	Revision string          `json:"revision"`          // of the file set that was last proven live
	Trouble  string          `json:"trouble,omitempty"` // why the newest one is not
	Services []ServiceStatus `json:"services"`          // by name
}

// ServiceStatus is one published service.
type ServiceStatus struct {
	Service  string          `json:"service"`
	Digest   string          `json:"digest"`
	Proven   bool            `json:"proven"` // what is published was live
	Routes   []compose.Route `json:"routes"` // certificates by their digest only
	Probe    *compose.Probe  `json:"probe,omitempty"`
	Backends []BackendStatus `json:"backends"`
}

// BackendStatus is one published replica. It gets traffic exactly when it is healthy.
type BackendStatus struct {
	Ref       plan.Ref  `json:"ref"`
	Addresses []string  `json:"addresses"` // "alias:port"
	Healthy   bool      `json:"healthy"`
	Since     time.Time `json:"since"`
	Reason    string    `json:"reason,omitempty"` // why it is not healthy
}

// status is what `lb` shows.
func (s *Sidecar) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table()
	status := Status{Project: s.project, Revision: s.revision, Trouble: s.trouble, Services: []ServiceStatus{}}
	for _, p := range s.record.Services {
		status.Services = append(status.Services, s.serviceStatus(p))
	}
	return status
}

func (s *Sidecar) serviceStatus(p publication) ServiceStatus {
	status := ServiceStatus{Service: p.Service, Digest: p.Digest, Proven: p.Proven, Routes: p.Routes, Probe: p.Probe, Backends: []BackendStatus{}}
	for _, v := range p.Health {
		b := BackendStatus{Ref: v.Ref, Healthy: v.Up, Since: v.Since, Reason: v.Reason}
		for _, r := range p.Routes {
			b.Addresses = append(b.Addresses, net.JoinHostPort(v.Ref.Alias(s.project), fmt.Sprint(r.ContainerPort)))
		}
		slices.Sort(b.Addresses)
		b.Addresses = slices.Compact(b.Addresses)
		status.Backends = append(status.Backends, b)
	}
	return status
}
