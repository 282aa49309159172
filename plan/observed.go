package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"hyper-lite/compose"
)

// Observed is one look at the host. No engine type is in it.
type Observed struct {
	Replicas  []Replica          // every container with this project's label, runs and one-offs included
	Foreign   []Foreign          // every other container on the host: what of it can stand in the way
	Networks  map[string]Network // by the engine's name; all that are ours, and those of the wanted project
	Volumes   map[string]Volume  // by the engine's name; all that are ours, and those of the wanted project
	Images    map[string]Image   // by the reference or ID the project uses; absent where the engine has no such image
	Published []Published        // what the balancer serves; nil where there is no balancer
}

// Serves says whether the balancer and the sidecar both run.
func (o Observed) Serves() bool {
	runs := func(role compose.Role) bool {
		return slices.ContainsFunc(o.Replicas, func(r Replica) bool { return r.Role == role && r.State == Running })
	}
	return runs(compose.RoleBalancer) && runs(compose.RoleSidecar)
}

// Serving is what the balancer serves of a service for sure: replicas that are there, and none as long as its last change is
// not proven to be live, when it may be fewer than Published tells.
func (o Observed) Serving(service string) []Ref {
	var serving []Ref
	for _, p := range o.Published {
		if p.Service != service || p.Digest == "" {
			continue
		}
		for _, ref := range p.Backends {
			if slices.ContainsFunc(o.Replicas, func(r Replica) bool { return r.Ref == ref && r.Role == compose.RoleReplica }) {
				serving = append(serving, ref)
			}
		}
	}
	return serving
}

// Ref names a replica: web.1@4 is slot 1 of web in its fourth generation. A slot outlives its containers.
type Ref struct {
	Service    string `json:"service"`
	Slot       int    `json:"slot"`
	Generation int    `json:"generation"`
}

func (r Ref) String() string { return fmt.Sprintf("%s.%d@%d", r.Service, r.Slot, r.Generation) }

// Alias is the network alias by which the balancer reaches exactly this container.
func (r Ref) Alias(project string) string {
	return HostName(fmt.Sprintf("%s-%s-%d-g%d", project, r.Service, r.Slot, r.Generation))
}

// HostName is a name under which a container can be found. The end of one that is longer than a label of a DNS name
// may be is a hash of the whole: no resolver asks for a longer one.
func HostName(name string) string {
	if len(name) <= longestLabel {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	hash := "-" + hex.EncodeToString(sum[:6])
	return name[:longestLabel-len(hash)] + hash
}

const longestLabel = 63 // RFC 1035, section 2.3.4

// State is a container's state in the engine's words.
type State string

const (
	Created    State = "created"
	Running    State = "running"
	Paused     State = "paused"
	Restarting State = "restarting"
	Exited     State = "exited"
	Dead       State = "dead"
	Removing   State = "removing"
)

// Health is the engine's own health check: "" where the container has none.
type Health string

const (
	NoHealth  Health = ""
	Starting  Health = "starting"
	Healthy   Health = "healthy"
	Unhealthy Health = "unhealthy"
)

// Replica is one container of the project as the engine shows it.
type Replica struct {
	Ref
	Role      compose.Role
	OneOff    bool // a `run`, a job's run or a hook: never counted, never replaced
	Digest    compose.Digest
	ID        string // 64 hex digits
	Name      string // without the leading slash
	Image     string // the reference it was created from
	ImageID   string
	State     State
	Health    Health
	ExitCode  int    // where State is exited or dead
	Status    string // the engine's sentence: "Up 3 minutes (healthy)"
	Command   string
	CreatedAt time.Time
	Ports     []Port
	Networks  []string // those it is in, by the engine's names, sorted
	DependsOn []string // services, from its label: the order of `down` without a file
	WorkDir   string   // the project folder, from its label
	Files     []string // the compose files, from its label
	Jobs      string   // of a container that registers jobs: which, from its label; see Registers
	Fire      string   // of the run of a job: its instant, from its label
	Cause     string   // why the sidecar made it of another one, from its label; "" where a command made it

	Elsewhere Elsewhere // whether other files than the project's made it
	Shares    []string  // IDs of the project's containers whose namespaces or volumes it uses, from its label
	Anonymous []string  // where its anonymous volumes are mounted, sorted; not those that hold only what was copied in
}

// Elsewhere says that a replica was made from files that are still there, none of which is the project's: then it may
// be another file's service under the same project name, and not one that was taken out of the files.
type Elsewhere string

const (
	NotElsewhere Elsewhere = ""
	OtherFile    Elsewhere = "file"   // another file of the project folder
	OtherFolder  Elsewhere = "folder" // a file of another project folder: very likely another project
)

// SetAside says that a replica failed and was set aside: it is stopped, and kept for inspection until the next `up`.
// Nothing but its name tells it, since the engine changes no label of a container that exists.
func (r Replica) SetAside() bool { return strings.HasSuffix(r.Name, failedSuffix(r.Generation)) }

func failedSuffix(generation int) string { return fmt.Sprintf("-g%d-failed", generation) }

// Port is one published or exposed port of a container.
type Port struct {
	HostIP    string // "" where not published
	Host      int    // 0 where not published
	Container int
	Protocol  string // tcp, udp, sctp
}

// Foreign is a container that is not ours. It is never touched: it only can stand in the way.
type Foreign struct {
	ID       string
	Name     string
	Project  string // its compose or hyper-lite project, "" if none
	Service  string // the service that docker compose made it for; "" where it is none of docker compose's, or a one-off
	Running  bool   // or paused, or about to be started again: it holds its ports
	Ports    []Port
	Networks []string // those it is in, by the engine's names, sorted
}

// Network is a network of the engine.
type Network struct {
	Name   string
	ID     string
	Ours   bool   // carries this project's label
	Digest string // of the configuration it was created with; "" where it is not ours
}

// Volume is a volume of the engine.
type Volume struct {
	Name   string
	Ours   bool
	Digest string
}

// Image is an image that the engine has.
type Image struct {
	ID       string
	Platform string // "linux/arm64/v8"; "" where it is not known, which is where no service asks for one
}

// Published is what the balancer serves for one service, as the sidecar last proved it.
type Published struct {
	Service  string `json:"service"`
	Digest   string `json:"digest"` // RoutesDigest of the routes it was made from; "" while its last change is not proven live
	Backends []Ref  `json:"backends"`
}
