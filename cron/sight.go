package cron

import (
	"maps"
	"time"
)

// wake reads the clock, and notices where it jumped: then the runner was not awake in between.
func (r *Runner) wake() time.Time {
	now := r.Clock.Now()
	apart := time.Duration(now.UnixNano()) - r.Clock.Passed()
	if off := apart - r.apart; r.awake.IsZero() || off > jump || off < -jump {
		if !r.awake.IsZero() {
			r.Log.Warn("the clock jumped, or the host slept", "by", off.Round(time.Millisecond))
		}
		r.awake = now
	}
	r.apart = apart
	return now
}

func (r *Runner) sight(now time.Time) Sight {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Sight{
		Awake: r.awake, UnderWay: maps.Clone(r.underWay), Refused: maps.Clone(r.refused), Begun: maps.Clone(r.begun), Told: maps.Clone(r.told),
	}
}

// ran is for how long the live runs have run. From the first look on it is told by the time that passes, so that a step of the
// clock neither ends a run nor spares it.
func (r *Runner) ran(runs []Run, now time.Time) map[string]time.Duration {
	passed := r.Clock.Passed()
	seen, ran := map[string]time.Duration{}, map[string]time.Duration{}
	for _, run := range runs {
		if run.Stage != Live {
			continue
		}
		began, known := r.began[run.Name]
		if !known {
			began = passed - max(now.Sub(run.Started), 0)
		}
		seen[run.Name], ran[run.Name] = began, passed-began
	}
	r.began = seen
	return ran
}

// forget drops what was seen of runs that are over.
func (r *Runner) forget() {
	open := map[string]bool{}
	for name, m := range r.memories {
		for _, fire := range m.Open {
			open[RunName(r.Project, name, fire.Scheduled, fire.Attempt)] = true
		}
		for _, end := range m.Untold {
			open[end.Run] = true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	gone := func(run string) bool { return !open[run] }
	maps.DeleteFunc(r.refused, func(run, _ string) bool { return gone(run) })
	maps.DeleteFunc(r.begun, func(run string, _ bool) bool { return gone(run) })
	maps.DeleteFunc(r.told, func(run string, _ bool) bool { return gone(run) })
	maps.DeleteFunc(r.attempts, func(run string, _ int) bool { return gone(run) })
}
