package cron

import (
	"errors"
	"time"
)

// RemoteName is what a Remote is called among those that answer in the sidecar.
const RemoteName = "Cron"

// Remote is a runner as it is asked from outside its process, by net/rpc. Every method is safe to repeat.
type Remote struct{ Runner *Runner }

type (
	// PauseArgs asks to let a job's instants pass, or to end that.
	PauseArgs struct {
		Job    string `json:"job"`
		Paused bool   `json:"paused"`
	}
	// PauseReply says whether anything changed.
	PauseReply struct {
		Known   bool `json:"known"` // false: there is no such job, as far as the runner has seen
		Changed bool `json:"changed"`
	}
)

// settling is how long a job may take to be seen that was only just registered.
const settling = 5 * time.Second

// Pause pauses a job, or resumes it, and remembers that before it answers.
func (r *Remote) Pause(args PauseArgs, reply *PauseReply) error {
	for begun := r.Runner.Clock.Passed(); ; {
		changed, err := r.Runner.Pause(args.Job, args.Paused)
		_, unknown := errors.AsType[*UnknownError](err)
		if !unknown || r.Runner.Clock.Passed()-begun >= settling {
			*reply = PauseReply{Known: !unknown, Changed: changed}
			if unknown {
				return nil
			}
			return err
		}
		r.Runner.Nudge(true)
		<-r.Runner.Clock.After(100 * time.Millisecond)
	}
}
