// Package cron says what is to be done about a project's jobs now, and does it: which fires are due, which runs begin,
// wait, are stopped or repeated, and what is recorded. Decide is pure: time, what is remembered and what the engine
// shows are input. The Runner around it looks, decides, records and acts, in this order. It prints nothing, knows no
// engine's client, and keeps nothing in memory that a crash could lose.
package cron

import (
	"fmt"
	"time"

	"hyper-lite/compose"
	"hyper-lite/schedule"
)

// Job is a registered job.
type Job struct {
	Project, Name string
	compose.Timing
	Since time.Time // since when it is registered: no instant up to then is its own

	schedules []schedule.Schedule // as in Timing
}

// NewJob reads the schedules of a job.
func NewJob(project, name string, timing compose.Timing, since time.Time) (Job, error) {
	schedules, err := parse(timing.Schedules)
	if err != nil {
		return Job{}, fmt.Errorf("read job %s: %w", name, err)
	}
	return Job{Project: project, Name: name, Timing: timing, Since: since, schedules: schedules}, nil
}

func parse(written []compose.Schedule) ([]schedule.Schedule, error) {
	parsed := make([]schedule.Schedule, len(written))
	for i, one := range written {
		var err error
		if parsed[i], err = schedule.Parse(one.Cron, one.Timezone); err != nil {
			return nil, err
		}
	}
	return parsed, nil
}

// Next is the first instant after another at which any schedule of the job is due.
func (j Job) Next(after time.Time) (next time.Time, ok bool) {
	for _, s := range j.schedules {
		if at, due := s.Next(after); due && (!ok || at.Before(next)) {
			next, ok = at, true
		}
	}
	return next, ok
}

// RunName is the name of the container of a run: of the fire, and, for a repeated run, which time it is.
func RunName(project, job string, fire time.Time, attempt int) string {
	name := fmt.Sprintf("%s-%s-%d", project, job, fire.Unix())
	if attempt > 1 {
		name += fmt.Sprintf("-%d", attempt)
	}
	return name
}

// Run is the container of a run, as the engine shows it.
type Run struct {
	Name     string
	Job      string
	Fire     time.Time
	Attempt  int // from 1
	Trigger  Trigger
	Stage    Stage
	Started  time.Time
	Finished time.Time
	ExitCode int
	OOM      bool
}

// Stage is how far a run's container has come.
type Stage string

const (
	Created Stage = "created" // and never started
	Live    Stage = "live"    // running, paused or restarting
	Ended   Stage = "ended"
)
