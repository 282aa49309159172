package cron

import (
	"fmt"
	"slices"
	"time"

	"hyper-lite/compose"
)

// Memory is what is remembered of a job, beside its history. The zero value is of a job never seen before.
type Memory struct {
	Accounted time.Time      `json:"accounted"` // every instant up to here has fired, or has a record of why not
	Timing    compose.Timing `json:"timing"`    // by which they were worked out
	Paused    bool           `json:"paused,omitempty"`
	Gone      time.Time      `json:"gone,omitzero"` // when the job was first seen not to be registered any more
	Succeeded int            `json:"succeeded,omitempty"`
	Failed    int            `json:"failed,omitempty"` // timeouts and missed fires too
	Last      *Record        `json:"last,omitempty"`   // the last run that ended
	Open      []Fire         `json:"open,omitempty"`   // recorded and not over, in order
	Over      []Over         `json:"over,omitempty"`   // attempts that ended and whose containers may be there still, in order
	Untold    []Record       `json:"untold,omitempty"` // ends that Notify's policy wants told
}

// Fire is a fire that was recorded and is not over: it is about to start, waits for others, runs, or will be repeated.
type Fire struct {
	Scheduled   time.Time `json:"scheduled"`
	Trigger     Trigger   `json:"trigger"`
	MissedFires string    `json:"missed_fires,omitempty"` // its schedule's word
	Waiting     bool      `json:"waiting,omitempty"`      // for others to end (queue and replace)
	Attempt     int       `json:"attempt"`                // from 1
	Started     time.Time `json:"started,omitzero"`       // of this attempt, once its container was seen to run
	Again       time.Time `json:"again,omitzero"`         // when this attempt may begin, where it repeats one
	Stop        string    `json:"stop,omitempty"`         // why its run is to be stopped; "" if it is not
	TimedOut    bool      `json:"timed_out,omitempty"`    // it is to be stopped because of its timeout
}

// Over is an attempt that ended.
type Over struct {
	Run  string `json:"run"`
	Good bool   `json:"good,omitempty"`
}

func (m Memory) clone() Memory {
	m.Open, m.Over, m.Untold = slices.Clone(m.Open), slices.Clone(m.Over), slices.Clone(m.Untold)
	return m
}

// Unfinished are the records of fires that are not over, of those that have not begun too: no instant is left out. attended says
// that a runner is there: else nothing begins.
func (m Memory) Unfinished(project, job string, attended bool) []Record {
	var records []Record
	for _, fire := range m.Open {
		status, reason := Running, ""
		switch {
		case !fire.Started.IsZero():
		case !attended && fire.Attempt > 1:
			status, reason = Failed, fmt.Sprintf("attempt %d is for the sidecar to begin, which does not run", fire.Attempt)
		case !attended:
			status, reason = Missed, "the sidecar does not run; once it does, missed_fires says what becomes of it"
		case fire.Waiting:
			reason = "waits for the run before"
		case fire.Attempt > 1:
			reason = fmt.Sprintf("waits for attempt %d", fire.Attempt)
		default:
			reason = "is about to start"
		}
		records = append(records, fire.record(project, job, status, reason))
	}
	return records
}

// Past are those of a job's records that were there when the memory was: where both are read of a runner at work, the
// history later, no instant between the first and the last is missing of both together.
func (m Memory) Past(records []Record) []Record {
	if m.Accounted.IsZero() {
		return records
	}
	return slices.DeleteFunc(slices.Clone(records), func(r Record) bool {
		return r.Trigger != Manual && r.Scheduled.After(m.Accounted)
	})
}

func (f Fire) record(project, job string, status Status, reason string) Record {
	return Record{
		Job: job, Run: RunName(project, job, f.Scheduled, f.Attempt), Scheduled: f.Scheduled, Trigger: f.Trigger,
		Started: timeOrNil(f.Started), Status: status, Reason: reason,
	}
}

// toldOf says whether a policy wants an end told.
func toldOf(notify *compose.Notify, status Status) bool {
	if notify == nil || status == Skipped || status == Running {
		return false
	}
	switch notify.Policy {
	case compose.OnEnd:
		return true
	case compose.OnSuccess:
		return status == Succeeded
	}
	return status != Succeeded
}
