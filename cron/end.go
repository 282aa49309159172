package cron

import (
	"strconv"
	"time"
)

// LogLines is how many of the last lines of a run's log are told with its end.
const LogLines = 100

// End is what is told of the end of a run: a webhook gets it as JSON, a command has its Environment, and the log on its
// standard input.
type End struct {
	Project string
	Record
	Log []string
}

// Environment is what a command that is told of an end has beside its own.
func (e End) Environment() map[string]string {
	env := map[string]string{
		"HYPER_LITE_PROJECT": e.Project, "HYPER_LITE_JOB": e.Job, "HYPER_LITE_RUN": e.Run, "HYPER_LITE_STATUS": string(e.Status),
		"HYPER_LITE_REASON": e.Reason, "HYPER_LITE_SCHEDULED": e.Scheduled.Format(time.RFC3339), "HYPER_LITE_TRIGGER": string(e.Trigger),
	}
	if e.ExitCode != nil {
		env["HYPER_LITE_EXIT_CODE"] = strconv.Itoa(*e.ExitCode)
	}
	return env
}
