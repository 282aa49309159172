package cron

import (
	"fmt"
	"time"
)

// Trigger is why a run was begun.
type Trigger string

const (
	OnSchedule Trigger = "schedule"
	CatchUp    Trigger = "catch-up" // it makes up for a missed fire
	Manual     Trigger = "manual"
)

// Status is what became of a fire.
type Status string

const (
	Running   Status = "running"
	Succeeded Status = "succeeded"
	Failed    Status = "failed"
	TimedOut  Status = "timeout"
	Skipped   Status = "skipped" // it was seen, and a rule said that it does not run
	Missed    Status = "missed"  // nothing was there to start it in time
)

// Record is one line of a job's history: an instant, and what became of it.
type Record struct {
	Job       string     `json:"Job"`
	Run       string     `json:"Run"` // the container's name, of the last attempt
	Scheduled time.Time  `json:"Scheduled"`
	Trigger   Trigger    `json:"Trigger"`
	Started   *time.Time `json:"Started"`
	Finished  *time.Time `json:"Finished"`
	Status    Status     `json:"Status"`
	ExitCode  *int       `json:"ExitCode"`
	Reason    string     `json:"Reason"` // of anything but what succeeded, or runs
}

// outcome is how an ended run is judged.
func outcome(run Run, fire Fire, timeout time.Duration) (Status, string) {
	switch {
	case fire.TimedOut:
		return TimedOut, fmt.Sprintf("took longer than %s (timeout)", timeout)
	case fire.Stop != "":
		return Failed, fire.Stop
	case run.OOM:
		return Failed, "out of memory"
	case run.ExitCode == 0:
		return Succeeded, ""
	case run.ExitCode > 128 && run.ExitCode <= 128+64:
		return Failed, signalWords(run.ExitCode - 128)
	}
	return Failed, fmt.Sprintf("exited %d", run.ExitCode)
}

// signals are those that end containers; others are told by number.
var signals = map[int]string{
	1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL",
	10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
}

func signalWords(number int) string {
	if name, ok := signals[number]; ok {
		return fmt.Sprintf("ended by signal %d (%s)", number, name)
	}
	return fmt.Sprintf("ended by signal %d", number)
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
