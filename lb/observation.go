package lb

import (
	"fmt"
	"slices"
	"time"

	"hyper-lite/plan"
)

// harmless are the signals that ask a process for something else than to end: HUP, USR1, USR2, WINCH, CONT, CHLD.
var harmless = []string{"1", "10", "12", "28", "18", "17", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGCONT", "SIGCHLD"}

// unwellReason is why a replica is not up that answers.
const unwellReason = "its health check in the engine fails"

// told is the judgement after an event of the engine. What ends a replica counts before it has ended: the
// engine announces the signal before it sends it.
func (j judgement) told(e Event, now time.Time) judgement {
	switch e.Action {
	case "kill":
		if e.Signal == "" || slices.Contains(harmless, e.Signal) {
			return j
		}
		return j.down("it was told to end", now)
	case "die":
		return j.stopped(fmt.Sprintf("exited (%d)", e.ExitCode), now)
	case "stop", "destroy":
		if j.Stopped {
			return j // the reason is known better
		}
		return j.stopped("stopped", now)
	case "pause":
		return j.stopped("paused", now)
	case "start", "unpause":
		return j.started(now)
	case "health_status":
		if e.Health == plan.Unhealthy {
			return j.unwell(now)
		}
		return j.well()
	default:
		return j
	}
}

// seen is the judgement after a look at the engine's containers; there is false where it has none.
func (j judgement) seen(r plan.Replica, there bool, now time.Time) judgement {
	switch {
	case !there:
		return j.stopped("there is no such container", now)
	case r.State != plan.Running:
		return j.stopped(describe(r), now)
	case j.Stopped:
		j = j.started(now)
	}
	if r.Health == plan.Unhealthy {
		return j.unwell(now)
	}
	return j.well()
}

// describe is a container's state in a word or two.
func describe(r plan.Replica) string {
	if r.State == plan.Exited || r.State == plan.Dead {
		return fmt.Sprintf("%s (%d)", r.State, r.ExitCode)
	}
	return string(r.State)
}
