package compose

import (
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

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
	Routes    []Route // what the balancer does for it; empty: nothing
	Probe     *Probe  // how the sidecar judges a replica; nil exactly where Routes is empty
	OneShot   bool    // a replica that exited 0 is done and is not started again

	// Body is the container's specification in Compose's words, fully resolved: environment (env files
	// included), absolute paths, resources and limits, `size` translated. Ports holds only what the
	// container itself publishes: what the balancer publishes was taken out.
	Body types.ServiceConfig

	// What Body refers to, by the file's key; Name is the engine's name.
	Networks map[string]types.NetworkConfig
	Volumes  map[string]types.VolumeConfig
	Configs  map[string]types.ConfigObjConfig
	Secrets  map[string]types.SecretConfig
}

// Role says what a container is for. It is stored as a label.
type Role string

const (
	RoleReplica  Role = "replica"  // a service of the file
	RoleBalancer Role = "balancer" // the project's Traefik
	RoleSidecar  Role = "sidecar"  // this binary, in a container
	RoleJob      Role = "job"      // the created, never started template of a job
	RoleRun      Role = "run"      // one run of a job, or a one-off of `run`
)

// Dependency is one entry of depends_on (Compose spec, "depends_on").
type Dependency struct {
	Service   string
	Condition string // types.ServiceConditionStarted, ...Healthy, ...CompletedSuccessfully
	Required  bool   // false: a missing or failing dependency is a warning
	Restart   bool   // restart this service after the dependency was replaced or restarted
}

// Rollout says how replicas are replaced (Compose spec, "deploy.update_config").
type Rollout struct {
	Order           string        // StartFirst or StopFirst, never empty: see DefaultOrder's rule in Why
	Why             string        // the rule that chose Order, for the plan: "routed", "publishes a host port", ...
	Parallelism     int           // slots a wave; >= 1, or 0 for all at once
	Delay           time.Duration // pause between waves
	Monitor         time.Duration // how long a replaced replica is watched after it was found healthy
	Drain           time.Duration // the longest wait for open requests after the withdrawal; 10s
	OnFailure       string        // pause, continue or rollback
	MaxFailureRatio float64       // 0..1
}

const (
	StartFirst = "start-first"
	StopFirst  = "stop-first"
)

// Digest identifies a container's specification. Two services with equal Hash make equal containers.
type Digest struct {
	Hash   string            // "v1:" and 64 hex digits, the versioned contract over all that needs a new container
	Fields map[string]string // by field ("image", "environment.V"): 8 hex digits, so that a plan can say what changed
}
