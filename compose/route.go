package compose

import (
	"strings"
	"time"
)

// Protocol is what the balancer speaks on a route (Hyper Service, field Protocol).
type Protocol string

const (
	HTTP      Protocol = "http"
	HTTPS     Protocol = "https" // TLS passes through to the replica
	TCP       Protocol = "tcp"
	HTTPSTerm Protocol = "httpsTerm" // TLS ends at the balancer, http behind it
)

// Algorithm is how the balancer chooses a replica (Hyper Service, field Algorithm).
type Algorithm string

const (
	RoundRobin Algorithm = "roundrobin"
	LeastConn  Algorithm = "leastconn"
	Source     Algorithm = "source"
)

// ControlPort is where the balancer answers the sidecar: no service port.
const ControlPort = 7799

// Route is one way into a service through the balancer.
type Route struct {
	Service       string
	Protocol      Protocol
	ServicePort   int        // where the balancer listens inside the project's networks, as <service>-lb:ServicePort
	ContainerPort int        // where a replica listens
	Publish       []HostPort // where the engine's host listens; empty: inside the networks only
	Algorithm     Algorithm
	Affinity      bool // sticky cookie; http and httpsTerm only
	Cert          *Certificate
	Hosts         []string // host names, "*.example.com" allowed; empty: every host
	PathPrefix    string   // "" or "/...", without a slash at its end

	// Replay asks another replica again where one died in the middle of a GET or HEAD. Answers are held back
	// until they are whole; those that never end (WebSockets, event streams) are passed through. http and
	// httpsTerm only; on where there is more than one replica and the file does not say otherwise.
	Replay bool `json:",omitempty"`
}

// BalancedName is the name by which a routed service is reached through the balancer inside the project's networks:
// "web-lb".
func BalancedName(service string) string { return service + "-lb" }

// IsWhole says that nothing of a route is missing. Who only looks (LoadOptions.Looking) may find no certificate.
func (r Route) IsWhole() bool { return r.Protocol != HTTPSTerm || r.Cert != nil }

// HostPort is an address of the engine's host.
type HostPort struct {
	IP   string // "" is every address
	Port int
}

// SameAddress says whether two addresses of the host cannot both hold one port. Every address of IPv4 is none of
// IPv6, and the other way round.
func SameAddress(a, b string) bool {
	every := func(ip, other string) bool {
		six := strings.Contains(other, ":")
		return ip == "" || ip == "0.0.0.0" && !six || ip == "::" && (six || other == "")
	}
	return a == b || every(a, b) || every(b, a)
}

// Certificate is a PEM chain and its key, checked to belong together at Load.
type Certificate struct {
	Source string // the file's path or "secret NAME", for messages
	Chain  string // PEM; never printed, never in a label
	Key    string // PEM; never printed, never in a label
	Digest string // 12 hex digits over both
}

// Probe is how the sidecar judges a routed replica (Hyper Service, HealthCheckInterval, Fall, Rise).
type Probe struct {
	Port          int
	TLS           bool          // speak TLS first, without verification
	Path          string        // "": a TCP connect is enough
	Status        int           // 0: 200..399; else exactly this code
	Interval      time.Duration // 5s
	StartInterval time.Duration // until a new replica was first found healthy; 250ms
	Timeout       time.Duration // 2s
	Fall          int           // consecutive failures that withdraw it; 3
	Rise          int           // consecutive successes that publish it; 2
}
