package compose

import (
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// MaxReplicas is how many replicas a service can have: more than a bridge network of one engine takes, and few enough to plan.
const MaxReplicas = 10000

// Service is one service, complete in itself: a step that carries it needs nothing else of the project
// to make a container of it.
type Service struct {
	Project   string
	Name      string
	Role      Role
	Replicas  int          // how many replicas the file asks for; >= 0
	DependsOn []Dependency // sorted by Service
	Digest    Digest
	Rollout   Rollout
	Rollback  Rollout // how they are taken back to an earlier revision
	Routes    []Route // what the balancer does for it; empty: nothing
	PreStart  []Hook  // what runs before a new replica starts, in this order
	Probe     *Probe  // how the sidecar judges a replica; nil exactly where Routes is empty
	OneShot   bool    // a replica that exited 0 is done and is not started again
	ImageID   string  // the very image that Body.Image meant once, in a project that Restore made; "" is what it means now

	Autoheal    time.Duration // how long a replica may be unhealthy before the sidecar replaces it; 0: it never does
	Autodestroy Autodestroy   // when the sidecar removes a container that has stopped

	// Body is the container's specification in Compose's words, fully resolved: environment (env files
	// included), absolute paths, resources and limits, `size` translated. Ports holds only what the
	// container itself publishes: what the balancer publishes was taken out.
	Body types.ServiceConfig

	// What Body refers to, by the file's key; Name is the engine's name.
	Networks map[string]types.NetworkConfig
	Volumes  map[string]types.VolumeConfig
	Configs  map[string]types.ConfigObjConfig
	Secrets  map[string]types.SecretConfig

	// Bases are the services whose images Body.Build has as contexts, complete as far as a build needs it.
	Bases []Service
}

// Watched says that the sidecar has something to do for the service: to judge its replicas for the balancer, to replace
// unhealthy ones, or to remove stopped ones.
func (s Service) Watched() bool {
	return len(s.Routes) > 0 || s.Autoheal > 0 || s.Autodestroy != DestroyNever
}

// SharesWith are the services whose containers a container of this one is bound to: it uses their namespaces or
// volumes, and is of no use once they are replaced.
func (s Service) SharesWith() []string {
	names := s.SharesNamespacesWith()
	for _, from := range s.Body.VolumesFrom {
		if !strings.HasPrefix(from, types.ContainerPrefix) {
			name, _, _ := strings.Cut(from, ":")
			names = append(names, name)
		}
	}
	return names
}

// SharesNamespacesWith are the services whose namespaces a container of this one uses: they are new ones whenever those
// services start.
func (s Service) SharesNamespacesWith() []string {
	var names []string
	for _, mode := range []string{s.Body.NetworkMode, s.Body.Ipc, s.Body.Pid} {
		if name, ok := strings.CutPrefix(mode, types.ServicePrefix); ok {
			names = append(names, name)
		}
	}
	return names
}

// Autodestroy says when a container that has stopped, and that the engine does not start again, is removed (Docker
// Cloud, service field autodestroy).
type Autodestroy string

const (
	DestroyNever     Autodestroy = ""
	DestroyOnSuccess Autodestroy = "on-success" // it exited 0
	DestroyAlways    Autodestroy = "always"
)

// Hook is one pre_start hook (Compose spec, "pre_start"): a container that runs to its end before a replica starts.
type Hook struct {
	Service    Service // of Role RoleHook, complete in itself
	PerReplica bool    // before each new replica, and not only once for the service
}

// Role says what a container is for. It is stored as a label.
type Role string

const (
	RoleReplica  Role = "replica"  // a service of the file
	RoleBalancer Role = "balancer" // the project's Traefik
	RoleSidecar  Role = "sidecar"  // this binary, in a container
	RoleJob      Role = "job"      // the created, never started template of a job
	RoleRun      Role = "run"      // one run of a job, or a one-off of `run`
	RoleHook     Role = "hook"     // a pre_start hook at work
)

// Dependency is one entry of depends_on (Compose spec, "depends_on").
type Dependency struct {
	Service   string
	Condition string // types.ServiceConditionStarted, ...Healthy, ...CompletedSuccessfully
	Required  bool   // false: a missing or failing dependency is a warning
	Restart   bool   // restart this service after the dependency was replaced or restarted
}

// Rollout says how replicas are replaced (Compose spec, "deploy.update_config" and "deploy.rollback_config").
type Rollout struct {
	Order           string        // StartFirst or StopFirst, never empty: see DefaultOrder's rule in Why
	Why             string        // the rule that chose Order, for the plan: "routed", "publishes a host port", ...
	Asked           bool          // Order is the file's own word
	Parallelism     int           // slots a wave; >= 1, or 0 for all at once
	Delay           time.Duration // pause between waves
	Monitor         time.Duration // how long a replaced replica is watched after it was found healthy
	Drain           time.Duration // the longest wait for open requests after the withdrawal; 10s
	OnFailure       string        // PauseOnFailure, ContinueOnFailure or RollBackOnFailure
	MaxFailureRatio float64       // 0..1
}

// Backwards is the service as it is taken back: by its rollback_config.
func (s Service) Backwards() Service {
	s.Rollout = s.Rollback
	return s
}

const (
	StartFirst = "start-first"
	StopFirst  = "stop-first"
)

// What is done where a replacement fails (Compose spec, "deploy.update_config.failure_action").
const (
	PauseOnFailure    = "pause"    // the rollout ends; what was not replaced yet stays as it is
	ContinueOnFailure = "continue" // the other replicas are replaced all the same
	RollBackOnFailure = "rollback" // what was replaced goes back to the last applied revision
)

// Digest identifies a container's specification. Two services with equal Hash make equal containers.
type Digest struct {
	Hash   string            // "v1:" and 64 hex digits, the versioned contract over all that needs a new container
	Fields map[string]string // by field ("image", "environment.V"): 8 hex digits, so that a plan can say what changed
}

// IsKnown says that all was there of which the container is made. The zero Digest is that of a service or job that is not known
// whole: nothing is made of it, and nothing held against it; and that of a container that was not made to its end.
func (d Digest) IsKnown() bool { return d.Hash != "" }
