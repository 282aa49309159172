package plan

import (
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"hyper-lite/compose"
)

// Step is one thing to do: one engine call, one route change or one wait. Steps are data, and each is
// safe to repeat. Whoever interprets them switches on the type.
type Step interface {
	Verb() string    // "create"
	Subject() string // "web.1@4", "network shop_default"
}

// Container addresses an existing or planned container: by ID where it was observed, else by the name it is
// made with. A step after a rename still says the name of the creation: whoever interprets steps remembers what
// it made.
type Container struct {
	Ref  Ref    `json:"ref"`
	ID   string `json:"id,omitempty"`
	Name string `json:"name"`
}

// Address is what the engine is asked for.
func (c Container) Address() string {
	if c.ID != "" {
		return c.ID
	}
	return c.Name
}

func (c Container) Subject() string { return c.Ref.String() }

type (
	// Pull fetches an image.
	Pull struct {
		Image    string   `json:"image"`
		Platform string   `json:"platform,omitempty"`
		Services []string `json:"services"`
		There    bool     `json:"there,omitempty"` // the engine has one, which is used where this fails
	}
	// Build makes a service's image.
	Build struct {
		Service compose.Service `json:"-"`
		Image   string          `json:"image"`
		Pull    bool            `json:"pull,omitempty"` // fetch newer base images
		NoCache bool            `json:"noCache,omitempty"`
		Builder string          `json:"builder,omitempty"` // of buildx; "" is its own choice
		Memory  int64           `json:"memory,omitempty"`  // bytes that a step of the build may use; 0 is no limit
		Check   bool            `json:"check,omitempty"`   // only look for mistakes in the Dockerfile
	}
	// Push sends an image to its registry.
	Push struct {
		Image    string   `json:"image"`
		Services []string `json:"services"`
	}
	// Import makes the sidecar's image out of the running executable.
	Import struct {
		Image string `json:"image"`
	}
	// CreateNetwork makes a network with our labels.
	CreateNetwork struct {
		Project string              `json:"project,omitempty"` // "" is the project last observed
		Key     string              `json:"key"`
		Config  types.NetworkConfig `json:"-"`
		Name    string              `json:"name"`
		Digest  string              `json:"digest"`
	}
	// RecreateNetwork makes a network of ours anew that was made from another configuration. Its containers stay as they
	// are, and join the new one.
	RecreateNetwork struct {
		CreateNetwork
		Members []Container `json:"members"` // all that are in it
	}
	// CreateVolume makes a volume with our labels.
	CreateVolume struct {
		Project string             `json:"project,omitempty"` // "" is the project last observed
		Key     string             `json:"key"`
		Config  types.VolumeConfig `json:"-"`
		Name    string             `json:"name"`
		Digest  string             `json:"digest"`
	}
	// RemoveNetwork removes a network of ours.
	RemoveNetwork struct {
		Name string `json:"name"`
	}
	// RemoveVolume removes a volume of ours, and its data.
	RemoveVolume struct {
		Name string `json:"name"`
	}
	// RemoveImage removes an image if no container uses it.
	RemoveImage struct {
		Image string `json:"image"`
	}
	// Create makes a container, with its configs and secrets copied in, connected to its networks.
	Create struct {
		Container
		Service  compose.Service `json:"-"`
		Previous string          `json:"previous,omitempty"` // ID of the container whose anonymous volumes it takes over

		AutoRemove bool `json:"autoRemove,omitempty"` // the engine removes it once it has ended, with its anonymous volumes
	}
	// Clone makes a container, without starting it, as another one is: what the sidecar does, which has no file.
	Clone struct {
		Container
		From  Container `json:"from"`
		Cause string    `json:"cause"`
		Alone bool      `json:"alone,omitempty"` // the other one is stopped before it starts: it may have its addresses
	}
	// Register makes the container by which the jobs of one image are registered, which nothing ever starts, with what
	// the runs of each are made of in it.
	Register struct {
		Container
		Project string      `json:"project"`
		Image   string      `json:"image"`
		Jobs    []Template  `json:"-"` // by name
		Label   string      `json:"-"` // what a list tells of them: Replica.Jobs
		Changes []JobChange `json:"changes"`
	}
	// Start starts a created or stopped container.
	Start struct{ Container }
	// Await waits until a container is what Condition says, at most Within; 0 is without end. Then it must stay so
	// For a time: one that exits, is started again or is found unhealthy meanwhile fails.
	Await struct {
		Container
		Condition Condition      `json:"condition"`
		Within    time.Duration  `json:"within"`
		For       time.Duration  `json:"for,omitempty"`
		Probe     *compose.Probe `json:"probe,omitempty"` // also: the sidecar's own count says healthy
	}
	// Route makes the balancer serve a service from exactly these replicas, and returns once that is live.
	// No backend with no routes withdraws the service altogether.
	Route struct {
		Service  string          `json:"service"`
		Routes   []compose.Route `json:"-"`
		Probe    *compose.Probe  `json:"probe,omitempty"`
		Backends []Ref           `json:"backends"`
		Digest   string          `json:"digest"`
	}
	// Drain waits for the open requests of a withdrawn container, at most For.
	Drain struct {
		Container
		For time.Duration `json:"for"`
	}
	// RunHook runs one hook to its end. post_start and pre_stop run in a container; pre_start runs in one of its own that
	// is made of Service, sees the volumes of Container, and is taken away again.
	RunHook struct {
		Container
		Phase   string            `json:"phase"`
		Hook    types.ServiceHook `json:"-"` // post_start and pre_stop
		Service compose.Service   `json:"-"` // pre_start
		Index   int               `json:"index"`
	}
	// Stop stops a container with its stop signal. Timeout nil: the container's own grace period.
	Stop struct {
		Container
		Timeout *time.Duration `json:"timeout,omitempty"`
	}
	// Restart restarts a container in place.
	Restart struct {
		Container
		Timeout *time.Duration `json:"timeout,omitempty"`
	}
	// Freeze pauses a running container: its processes stand still.
	Freeze struct{ Container }
	// Unpause continues a paused container.
	Unpause struct{ Container }
	// Kill sends a signal to a running container, whatever it makes of it.
	Kill struct {
		Container
		Signal string `json:"signal"` // "SIGKILL", "INT", "9"
	}
	// Remove removes a stopped container.
	Remove struct {
		Container
		Volumes bool `json:"volumes,omitempty"` // its anonymous volumes too
	}
	// Rename gives a container the plain name of its slot.
	Rename struct {
		Container
		To string `json:"to"`
	}
	// Pause lets time pass between two waves (deploy.update_config.delay).
	Pause struct {
		Service string        `json:"service"`
		For     time.Duration `json:"for"`
	}
)

// Template is what the runs of a registered job are made of: a service, or where From is given what that container, which
// registers it now, has of it.
type Template struct {
	Job     string
	Service compose.Service
	From    *Container
}

// JobChange is a job that is registered anew, or no longer.
type JobChange struct {
	Job  string `json:"job"`
	Verb string `json:"verb"` // register, deregister
	Why  string `json:"why"`
}

// Condition is what an Await waits for.
type Condition string

const (
	AwaitRunning   Condition = "running"   // it runs, and did not exit
	AwaitHealthy   Condition = "healthy"   // its health checks say so
	AwaitCompleted Condition = "completed" // it exited 0
	// AwaitExit never succeeds: it ends with an UnhealthyError once the container has exited and the engine
	// does not start it again, or once it restarts over and over.
	AwaitExit    Condition = "exit"
	AwaitSettled Condition = "settled" // it runs and its health check, if any, says healthy; or it exited 0
)

func (Pull) Verb() string            { return "pull" }
func (Build) Verb() string           { return "build" }
func (Push) Verb() string            { return "push" }
func (Import) Verb() string          { return "import" }
func (CreateNetwork) Verb() string   { return "create" }
func (RecreateNetwork) Verb() string { return "recreate" }
func (CreateVolume) Verb() string    { return "create" }
func (RemoveNetwork) Verb() string   { return "remove" }
func (RemoveVolume) Verb() string    { return "remove" }
func (RemoveImage) Verb() string     { return "remove" }
func (Create) Verb() string          { return "create" }
func (Clone) Verb() string           { return "clone" }
func (Register) Verb() string        { return "register" }
func (Start) Verb() string           { return "start" }
func (Await) Verb() string           { return "await" }
func (Route) Verb() string           { return "route" }
func (Drain) Verb() string           { return "drain" }
func (RunHook) Verb() string         { return "hook" }
func (Stop) Verb() string            { return "stop" }
func (Restart) Verb() string         { return "restart" }
func (Freeze) Verb() string          { return "pause" }
func (Unpause) Verb() string         { return "unpause" }
func (Kill) Verb() string            { return "kill" }
func (Remove) Verb() string          { return "remove" }
func (Rename) Verb() string          { return "rename" }
func (Pause) Verb() string           { return "pause" }

func (s Pull) Subject() string          { return "image " + s.Image }
func (s Build) Subject() string         { return "image " + s.Image }
func (s Push) Subject() string          { return "image " + s.Image }
func (s Import) Subject() string        { return "image " + s.Image }
func (s CreateNetwork) Subject() string { return "network " + s.Name }
func (s CreateVolume) Subject() string  { return "volume " + s.Name }
func (s RemoveNetwork) Subject() string { return "network " + s.Name }
func (s RemoveVolume) Subject() string  { return "volume " + s.Name }
func (s RemoveImage) Subject() string   { return "image " + s.Image }
func (s Register) Subject() string      { return "jobs of " + s.Image }
func (s Route) Subject() string         { return s.Service }
func (s Pause) Subject() string         { return s.Service }
