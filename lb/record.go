package lb

import (
	"encoding/json"
	"slices"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

const (
	recordFile    = "state/routes.json"
	recordVersion = 1
)

// record is what the sidecar keeps over a restart: what the plan published, and what the probes found. No
// certificate is in it: those lie in files of their own, and here only their digests.
type record struct {
	Version  int           `json:"version"`
	Project  string        `json:"project"`
	Services []publication `json:"services"` // by name
	Cares    []care        `json:"cares,omitempty"`
	Heals    []Heal        `json:"heals,omitempty"` // the oldest first
}

// publication is one service as the plan wants it served.
type publication struct {
	Service  string          `json:"service"`
	Digest   string          `json:"digest"`
	Backends []plan.Ref      `json:"backends"`
	Before   []plan.Ref      `json:"before,omitempty"` // served until then, and not proven to be withdrawn
	Routes   []compose.Route `json:"routes"`
	Probe    *compose.Probe  `json:"probe,omitempty"`
	Proven   bool            `json:"proven"` // it was live once since it was published
	Health   []verdict       `json:"health"` // of Backends, in their order
}

// verdict is what the sidecar holds of one backend.
type verdict struct {
	Ref    plan.Ref  `json:"ref"`
	Up     bool      `json:"up"`
	Since  time.Time `json:"since"`
	WasUp  bool      `json:"wasUp,omitempty"`  // once since it was started
	Reason string    `json:"reason,omitempty"` // why it is not up
}

func (r record) published() []plan.Published {
	published := make([]plan.Published, 0, len(r.Services))
	for _, s := range r.Services {
		p := plan.Published{Service: s.Service, Backends: slices.Concat(s.Backends, s.Before)}
		if s.Proven {
			p.Digest = s.Digest
		}
		published = append(published, p)
	}
	return published
}

func (r record) encode() ([]byte, error) { return json.MarshalIndent(r, "", "\t") }

// withoutCertificates leaves of a route's certificate what may be shown.
func withoutCertificates(routes []compose.Route) []compose.Route {
	routes = slices.Clone(routes)
	for i, r := range routes {
		if r.Cert != nil {
			routes[i].Cert = &compose.Certificate{Source: r.Cert.Source, Digest: r.Cert.Digest}
		}
	}
	return routes
}
