package cron

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"hyper-lite/compose"
)

// reconcile compares the open fires with the containers, and takes in runs that it does not know: those begun by hand,
// and those of a memory that was lost.
func (d *deciding) reconcile() {
	d.adopt()
	var open []Fire
	for _, fire := range d.Memory.Open {
		if fire, over := d.follow(fire); !over {
			open = append(open, fire)
		}
	}
	d.Memory.Open = open
}

func (d *deciding) adopt() {
	known := map[string]bool{}
	for _, fire := range d.Memory.Open {
		known[d.name(fire)] = true
	}
	for _, over := range d.Memory.Over {
		known[over.Run] = true
	}
	var strange []Run
	for _, r := range d.runs {
		if !known[r.Name] && !(r.Stage == Created && r.Trigger == Manual) { // who runs it by hand starts it
			strange = append(strange, r)
		}
	}
	slices.SortFunc(strange, func(a, b Run) int {
		if c := a.Fire.Compare(b.Fire); c != 0 {
			return c
		}
		return a.Attempt - b.Attempt
	})
	for _, r := range strange {
		d.found[r.Name] = true
		d.Memory.Open = append(d.Memory.Open, Fire{Scheduled: r.Fire, Trigger: r.Trigger, Attempt: max(1, r.Attempt), MissedFires: compose.CatchUpOnce})
	}
}

// follow brings a fire up to what its container shows; over says that it has its record.
func (d *deciding) follow(fire Fire) (_ Fire, over bool) {
	run := d.run(fire)
	name := d.name(fire)
	switch {
	case run == nil && d.sight.Refused[name] != "":
		return d.ended(fire, Run{Name: name}, Failed, d.sight.Refused[name])
	case run == nil && (!fire.Started.IsZero() || d.sight.Begun[name]) && !d.sight.UnderWay[name]:
		return d.ended(fire, Run{Name: name}, Failed, "its container was removed before its end was seen")
	case run == nil:
		return fire, false
	case run.Stage == Created && d.sight.Refused[name] != "":
		return d.ended(fire, *run, Failed, d.sight.Refused[name])
	case run.Stage == Created:
		return fire, false
	}
	fire.Started = run.Started
	if run.Stage == Ended && d.sight.UnderWay[name] { // a hook of its start may be what ended it: that is told in a moment
		return fire, false
	}
	if run.Stage == Ended && d.sight.Refused[name] != "" && !fire.TimedOut && fire.Stop == "" { // by a hook of its start
		return d.ended(fire, *run, Failed, d.sight.Refused[name])
	}
	if run.Stage == Ended {
		status, reason := outcome(*run, fire, d.job.Timeout)
		return d.ended(fire, *run, status, reason)
	}
	if d.job.Timeout > 0 && fire.Stop == "" && !fire.TimedOut && d.ran(*run) >= d.job.Timeout {
		fire.TimedOut = true
	}
	return fire, false
}

// ran is for how long a live run has run.
func (d *deciding) ran(run Run) time.Duration {
	if ran, ok := d.sight.Ran[run.Name]; ok {
		return ran
	}
	return d.now.Sub(run.Started)
}

// ended is the end of an attempt: the fire is over, or is repeated.
func (d *deciding) ended(fire Fire, run Run, status Status, reason string) (_ Fire, over bool) {
	d.Memory.Over = append(d.Memory.Over, Over{Run: run.Name, Good: status == Succeeded})
	again := status != Succeeded && fire.Trigger != Manual && fire.Stop == "" && fire.Attempt <= d.job.Retries && !d.gone
	if again {
		pause := min(longestPause, firstPause<<min(fire.Attempt-1, 10))
		fire.Again = d.now.Add(pause)
		if since := d.now.Sub(run.Finished); since > 0 { // a clock that was set back leaves ends in the future
			fire.Again = d.now.Add(max(pause-since, 0))
		}
		fire.Attempt++
		fire.Started, fire.TimedOut = time.Time{}, false
		return fire, false
	}
	record := fire.record(d.job.Project, d.job.Name, status, reason)
	if fire.Attempt > 1 && status != Succeeded {
		record.Reason += fmt.Sprintf(", at attempt %d", fire.Attempt)
	}
	if run.Stage == Ended {
		code := run.ExitCode
		record.ExitCode, record.Finished = &code, timeOrNil(run.Finished)
	}
	d.close(record)
	return fire, true
}

// proceed begins what may begin, and stops what is to be stopped.
func (d *deciding) proceed() {
	var open []Fire
	last := d.lastStalled()
	for i, fire := range d.Memory.Open {
		status, reason := d.hindered(fire, i == last)
		if reason == "" {
			open = append(open, fire)
			continue
		}
		d.settle(fire, status, reason)
		if run := d.run(fire); run != nil { // made and never started
			d.Memory.Over = append(d.Memory.Over, Over{Run: run.Name})
		}
	}
	d.Memory.Open = open
	if len(open) > 0 && !slices.ContainsFunc(open, func(f Fire) bool { return !f.Waiting }) {
		open[0].Waiting = false // all that it waited for are over
	}
	for _, fire := range open {
		switch run := d.run(fire); {
		case run != nil && run.Stage == Live && (fire.Stop != "" || fire.TimedOut):
			d.act(Stop{Job: d.job.Name, Run: run.Name})
		case (run == nil || run.Stage == Created) && fire.Stop != "": // under way, or it would be hindered
			d.GiveUp = append(d.GiveUp, d.name(fire))
		case run != nil && run.Stage == Live, fire.Waiting, d.absent, d.rests(fire):
		default:
			d.act(Start{Job: d.job.Name, Run: d.name(fire), Scheduled: fire.Scheduled, Attempt: fire.Attempt, Trigger: fire.Trigger})
		}
	}
}

// rests says that a repetition is still to wait. No wait is longer than the longest: there the clock was set back.
func (d *deciding) rests(fire Fire) bool {
	left := fire.Again.Sub(d.now)
	return left > 0 && left <= longestPause
}

// stalled says that a fire was recorded in time, and that a crash or a long sleep came before its start.
func (d *deciding) stalled(fire Fire) bool {
	return !fire.Waiting && fire.Attempt == 1 && fire.Trigger == OnSchedule && !d.onTime(fire.Scheduled) && !d.live(fire)
}

// lastStalled is the index of the last stalled fire, the one that may be made up for; -1 is none.
func (d *deciding) lastStalled() int {
	last := -1
	for i, fire := range d.Memory.Open {
		if d.stalled(fire) {
			last = i
		}
	}
	return last
}

// hindered says why a fire that has not begun may not begin any more, and what it then is; "" if it may, or has begun.
func (d *deciding) hindered(fire Fire, last bool) (Status, string) {
	switch {
	case d.live(fire):
		return "", ""
	case fire.Stop != "" && fire.Attempt > 1:
		return Failed, fire.Stop
	case fire.Stop != "":
		return Skipped, fire.Stop
	case fire.Attempt > 1:
		return "", ""
	case d.expired(fire.Scheduled):
		return Skipped, fmt.Sprintf("could not start in time (start_deadline: %s)", d.job.StartDeadline)
	case !d.stalled(fire):
		return "", ""
	case fire.MissedFires == compose.CatchUpNever:
		return Missed, "the scheduler ended before it could start it (missed_fires: skip)"
	case !last:
		return Missed, "the scheduler ended before it could start it; a later run makes up for it"
	}
	return "", ""
}

// tidy tells ends, removes containers of ended runs beyond those that are kept, and forgets those that are gone. An end is
// told with its log: its container stays until then. Of a job that is just not registered, as when the runner begins
// before it is, nobody knows how many are kept.
func (d *deciding) tidy() {
	var untold []Record
	waits := map[string]bool{}
	for _, r := range d.Memory.Untold {
		if !d.sight.Told[r.Run] && d.Memory.Timing.Notify != nil {
			untold, waits[r.Run] = append(untold, r), true
			d.act(Tell{Notify: *d.Memory.Timing.Notify, Record: r})
		}
	}
	d.Memory.Untold = untold

	kept := map[bool]int{true: d.job.Keep.Successful, false: d.job.Keep.Failed}
	var over []Over
	for _, o := range slices.Backward(d.Memory.Over) {
		run, there := d.runs[o.Run]
		if !there {
			continue
		}
		over = append(over, o)
		if d.absent && !d.gone {
			continue
		}
		if kept[o.Good]--; (kept[o.Good] < 0 || run.Stage == Created) && !waits[o.Run] {
			d.act(Remove{Job: d.job.Name, Run: o.Run})
		}
	}
	slices.Reverse(over)
	d.Memory.Over = over
}

func (d *deciding) act(a Action) {
	if !d.sight.UnderWay[a.Subject()] {
		d.Actions = append(d.Actions, a)
	}
}

// plan puts the actions in order, and says when to look again.
func (d *deciding) plan() {
	slices.SortStableFunc(d.Actions, func(a, b Action) int {
		if c := rank(a) - rank(b); c != 0 {
			return c
		}
		return strings.Compare(a.Subject(), b.Subject())
	})
	wake := func(at time.Time) {
		if at.After(d.now) && (d.Wake.IsZero() || at.Before(d.Wake)) {
			d.Wake = at
		}
	}
	if at, ok := d.job.Next(later(d.now, d.Memory.Accounted)); ok && d.Memory.Gone.IsZero() {
		wake(at)
	}
	if !d.Memory.Gone.IsZero() {
		wake(d.Memory.Gone.Add(returning))
	}
	for _, fire := range d.Memory.Open {
		wake(fire.Again)
		if run := d.run(fire); d.job.Timeout > 0 && run != nil && run.Stage == Live {
			wake(d.now.Add(d.job.Timeout - d.ran(*run)))
		}
		if d.job.StartDeadline > 0 && fire.Started.IsZero() {
			wake(fire.Scheduled.Add(d.job.StartDeadline + time.Nanosecond))
		}
	}
}

// rank lets stops and starts go before what can wait.
func rank(a Action) int {
	switch a.(type) {
	case Stop:
		return 0
	case Start:
		return 1
	case Tell:
		return 2
	}
	return 3
}
