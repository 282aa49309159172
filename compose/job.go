package compose

import (
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// Job is a service template that runs to completion on a schedule or by hand. `up` never starts one.
// It comes from `cron:` on a service or from the top-level `jobs:` of the Compose spec.
type Job struct {
	Service
	Timing
}

// Scheduled says that the job runs by itself, and not only by hand.
func (j Job) Scheduled() bool { return len(j.Schedules) > 0 }

// Registration is what whoever fires a job has to know of it beyond what its runs are made of.
type Registration struct {
	Timing
	DependsOn []Dependency        `json:"depends_on,omitempty"`
	PreStart  []string            `json:"pre_start,omitempty"`  // by hook, the ID of its image; "": the job's
	PostStart []types.ServiceHook `json:"post_start,omitempty"` // run in a run's container, once it has started
	PreStop   []types.ServiceHook `json:"pre_stop,omitempty"`   // run in it before it is stopped, for as long as Grace
	Grace     time.Duration       `json:"grace,omitempty"`      // stop_grace_period; 0: the engine's own
}

// Timing is when a job runs, and what becomes of its runs. It is no part of what a container is made from.
type Timing struct {
	Schedules     []Schedule    `json:"schedules,omitempty"`
	Manual        bool          `json:"manual"`                   // may be run by hand; true unless the file says false
	Timeout       time.Duration `json:"timeout,omitempty"`        // a run that takes longer is stopped; 0: none
	StartDeadline time.Duration `json:"start_deadline,omitempty"` // a fire that could not start in this time does not; 0: none
	Retries       int           `json:"retries,omitempty"`        // how often a failed run is repeated; 0
	Keep          Keep          `json:"keep"`
	History       int           `json:"history"` // records kept; 100
	Notify        *Notify       `json:"notify,omitempty"`
}

// DefaultTiming is that of a job of which the file says nothing.
func DefaultTiming() Timing {
	return Timing{Manual: true, Keep: Keep{Successful: 3, Failed: 3}, History: 100}
}

// Keep is how many finished containers of a job stay on the host, by their outcome.
type Keep struct {
	Successful int `json:"successful"` // 3
	Failed     int `json:"failed"`     // 3
}

// Schedule is one entry of triggers.schedule (Compose spec, "jobs").
type Schedule struct {
	Cron        string `json:"cron"`         // as schedule.Parse takes it
	Timezone    string `json:"timezone"`     // IANA name; "UTC" when the file does not say
	Concurrency string `json:"concurrency"`  // Forbid, Queue, Allow or Replace: what becomes of a fire while a run is live
	MissedFires string `json:"missed_fires"` // CatchUpOnce or CatchUpNever
}

const (
	Forbid  = "forbid"  // the fire is skipped
	Queue   = "queue"   // it waits; at most one does
	Allow   = "allow"   // it runs beside the other
	Replace = "replace" // the other is stopped

	CatchUpOnce  = "one"  // the last of the missed fires is made up for
	CatchUpNever = "skip" // none is
)

// Notify is who is told of a run's end, with the last 100 lines of its log. Exactly one of Command and Webhook is
// given. The command runs in a container like the run's own, with those lines on its standard input; the webhook
// gets them in a POST of JSON.
type Notify struct {
	Policy  string   `json:"policy"` // OnFailure, OnSuccess or OnEnd
	Command []string `json:"command,omitempty"`
	Webhook string   `json:"webhook,omitempty"` // an http or https URL
}

const (
	OnFailure = "on-failure" // runs that failed or timed out, and fires that were missed
	OnSuccess = "on-success"
	OnEnd     = "all"
)

// Labels of the container of a run, beside those of every container.
const (
	LabelFire    = "hyper-lite.fire"    // the instant, in seconds since 1970
	LabelTrigger = "hyper-lite.trigger" // schedule, catch-up or manual
	LabelAttempt = "hyper-lite.attempt" // from 1
)
