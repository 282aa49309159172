package cron

import (
	"fmt"
	"slices"
	"time"

	"hyper-lite/compose"
)

const (
	// punctual is how late a fire may be and still be on time, whatever happened before.
	punctual = 2 * time.Second
	// patient is how late it may be where the runner has been awake all the time: then it is only slow.
	patient = time.Minute
	// returning is how soon a job that is registered again counts as never gone.
	returning = time.Minute
	// mostMissed bounds the records that one look makes of missed instants.
	mostMissed = 200
	// mostUntold bounds the ends that wait to be told.
	mostUntold = 10
	// firstPause is the wait before the first repetition. It doubles with each, up to longestPause.
	firstPause, longestPause = time.Second, time.Minute
)

// Sight is what the runner itself has seen. All of it may be empty: a runner that was just begun has seen nothing.
type Sight struct {
	Awake    time.Time                // since when it has looked without a break
	Ran      map[string]time.Duration // for how long live runs have run; of one that is missing the clock tells
	UnderWay map[string]bool          // runs that something is being done about
	Refused  map[string]string        // runs that the engine would not start, and why
	Begun    map[string]bool          // runs that the engine said to have started
	Told     map[string]bool          // runs whose end was told, or could not be
}

// Decision is what is to be done about a job. What it records comes first: the records, then the memory, then the
// actions. Each of them may be repeated after a crash, and a crash between them loses nothing.
type Decision struct {
	Memory  Memory
	Records []Record // of fires that are over
	Dropped []Record // ends that will not be told: too many wait
	Actions []Action
	GiveUp  []string  // runs whose Start is under way and is to end, if it has not begun them yet
	Wake    time.Time // when to decide again at the latest, by the clock; zero: only when something happens
}

// Action is Start, Stop, Remove or Tell: data for the engine. Each is safe to repeat.
type Action interface {
	// Subject is the run that it is about: nothing else is done about it meanwhile.
	Subject() string
}

type (
	// Start makes the container of a run, if it is not there, and starts it.
	Start struct {
		Job, Run  string
		Scheduled time.Time
		Attempt   int
		Trigger   Trigger
	}
	// Stop stops a run, within its grace period.
	Stop struct{ Job, Run string }
	// Remove removes the container of an ended run.
	Remove struct{ Job, Run string }
	// Tell tells of the end of a run, as Notify says.
	Tell struct {
		Notify compose.Notify
		Record Record
	}
)

func (a Start) Subject() string  { return a.Run }
func (a Stop) Subject() string   { return a.Run }
func (a Remove) Subject() string { return a.Run }
func (a Tell) Subject() string   { return "end of " + a.Record.Run }

// Decide says what is to be done about a registered job.
func Decide(job Job, was Memory, runs []Run, now time.Time, sight Sight) Decision {
	d := newDeciding(job, was, runs, now, sight)
	d.register()
	d.reconcile()
	d.fire()
	d.proceed()
	d.tidy()
	d.plan()
	return d.Decision
}

// DecideGone says what is to be done about a job that is not registered: its runs are seen to their end. Of one that never was,
// as where it is run by hand before `up` has registered it, the defaults say what is kept.
func DecideGone(project, name string, was Memory, runs []Run, now time.Time, sight Sight) Decision {
	if was.Accounted.IsZero() {
		was.Timing = compose.DefaultTiming()
	}
	d := newDeciding(Job{Project: project, Name: name, Timing: was.Timing}, was, runs, now, sight)
	if d.Memory.Gone.IsZero() {
		d.Memory.Gone = now
	}
	d.absent = true
	d.gone = now.Sub(d.Memory.Gone) >= returning
	d.Memory.Paused = d.Memory.Paused && !d.gone
	d.reconcile()
	for i := range d.Memory.Open {
		if fire := &d.Memory.Open[i]; d.gone && !d.live(*fire) && fire.Stop == "" {
			fire.Stop = "the job was removed"
		}
	}
	d.proceed()
	d.tidy()
	d.plan()
	return d.Decision
}

type deciding struct {
	Decision
	job    Job
	runs   map[string]Run
	now    time.Time
	sight  Sight
	found  map[string]bool // runs that nobody had remembered
	absent bool            // the job is not registered, so there is nothing to make a run of
	gone   bool            // and that is no mere exchange
}

func newDeciding(job Job, was Memory, runs []Run, now time.Time, sight Sight) *deciding {
	d := &deciding{Decision: Decision{Memory: was.clone()}, job: job, runs: map[string]Run{}, found: map[string]bool{}, now: now, sight: sight}
	for _, r := range runs {
		d.runs[r.Name] = r
	}
	return d
}

func (d *deciding) name(f Fire) string {
	return RunName(d.job.Project, d.job.Name, f.Scheduled, f.Attempt)
}

// run is the container of a fire's attempt, nil if there is none.
func (d *deciding) run(f Fire) *Run {
	if r, ok := d.runs[d.name(f)]; ok {
		return &r
	}
	return nil
}

// live says whether a fire's attempt has begun, or is about to.
func (d *deciding) live(f Fire) bool {
	run := d.run(f)
	return run != nil && run.Stage == Live || d.sight.UnderWay[d.name(f)]
}

// register takes over what the file says now. Instants of an earlier schedule are accounted for by that schedule.
func (d *deciding) register() {
	m := &d.Memory
	switch {
	case m.Accounted.IsZero():
		m.Accounted = d.job.Since
		if m.Accounted.IsZero() {
			m.Accounted = d.now
		}
		for _, r := range d.runs { // a memory that was lost must not fire again what has run
			if r.Trigger != Manual {
				m.Accounted = later(m.Accounted, r.Fire)
			}
		}
	case !slices.EqualFunc(m.Timing.Schedules, d.job.Schedules, sameInstants):
		if old, err := parse(m.Timing.Schedules); err == nil { // it was parsed when it was taken over
			missed, first := instantsWithin(m.Timing.Schedules, old, m.Accounted, d.job.Since, d.most())
			d.miss(missed, first, "the schedule was changed before it could be made up for")
		}
		m.Accounted = later(m.Accounted, d.job.Since)
	case !m.Gone.IsZero() && d.job.Since.Sub(m.Gone) > returning:
		m.Accounted = later(m.Accounted, d.job.Since)
	}
	m.Gone, m.Timing = time.Time{}, d.job.Timing
}

func sameInstants(a, b compose.Schedule) bool { return a.Cron == b.Cron && a.Timezone == b.Timezone }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (d *deciding) most() int { return max(1, min(d.job.History, mostMissed)) }

// fire accounts for the instants that have come since the last time.
func (d *deciding) fire() {
	due, first := instantsWithin(d.job.Schedules, d.job.schedules, d.Memory.Accounted, d.now, d.most())
	if len(due) == 0 {
		return
	}
	d.Memory.Accounted = due[len(due)-1].at
	split := slices.IndexFunc(due, func(i instant) bool { return d.onTime(i.at) })
	if split < 0 {
		split = len(due)
	}
	late, prompt := due[:split], due[split:]
	switch {
	case d.Memory.Paused:
		for _, i := range due {
			d.settle(d.fireOf(i, OnSchedule), Skipped, "the job is paused")
		}
		return
	case len(late) == 0:
	case len(prompt) > 0:
		d.miss(late, first, "nothing was there to start it; the run of "+stamp(prompt[0].at)+" takes its place")
	default:
		d.catchUp(late, first)
	}
	for _, i := range prompt {
		d.admit(d.fireOf(i, OnSchedule), i.by.Concurrency)
	}
}

func (d *deciding) onTime(at time.Time) bool {
	late := d.now.Sub(at)
	return late <= punctual || late <= patient && !d.sight.Awake.IsZero() && at.After(d.sight.Awake)
}

// catchUp makes up for the last of the missed instants, where that is wanted and not too late.
func (d *deciding) catchUp(late []instant, first time.Time) {
	last := late[len(late)-1]
	const missed = "nothing was there to start it"
	switch {
	case last.by.MissedFires == compose.CatchUpNever:
		d.miss(late, first, missed+" (missed_fires: skip)")
	case d.expired(last.at):
		d.miss(late, first, fmt.Sprintf("%s, and it was too late to make up for it (start_deadline: %s)", missed, d.job.StartDeadline))
	default:
		d.miss(late[:len(late)-1], first, missed+"; the run of "+stamp(last.at)+" makes up for it")
		d.admit(d.fireOf(last, CatchUp), last.by.Concurrency)
	}
}

func (d *deciding) expired(at time.Time) bool {
	return d.job.StartDeadline > 0 && d.now.Sub(at) > d.job.StartDeadline
}

func stamp(at time.Time) string { return at.Format(time.RFC3339) }

func (d *deciding) fireOf(i instant, trigger Trigger) Fire {
	return Fire{Scheduled: i.at, Trigger: trigger, MissedFires: i.by.MissedFires, Attempt: 1}
}

// miss records instants that were missed, for a reason. Where there are too many, the first record speaks for those
// before it.
func (d *deciding) miss(missed []instant, first time.Time, reason string) {
	for n, i := range missed {
		why := reason
		if n == 0 && !first.IsZero() {
			why += "; so it was with every instant from " + stamp(first) + " on"
		}
		d.settle(d.fireOf(i, OnSchedule), Missed, why)
	}
}

// admit lets a fire begin, wait or pass, judged by what is live.
func (d *deciding) admit(fire Fire, concurrency string) {
	if d.run(fire) != nil {
		return // a run by hand has begun in this very second: it is the run of this instant, and has its record
	}
	open := d.Memory.Open
	waiting := slices.IndexFunc(open, func(f Fire) bool { return f.Waiting })
	switch {
	case concurrency == compose.Allow || len(open) == 0:
	case concurrency == compose.Queue && waiting < 0:
		fire.Waiting = true
	case concurrency == compose.Queue:
		d.settle(fire, Skipped, "the run of "+stamp(open[waiting].Scheduled)+" waits already (concurrency: queue)")
		return
	case concurrency == compose.Replace:
		for i := range open {
			if open[i].Stop == "" {
				open[i].Stop = "replaced by the run of " + stamp(fire.Scheduled)
			}
		}
		fire.Waiting = true
	default:
		d.settle(fire, Skipped, "the run of "+stamp(open[0].Scheduled)+" was not over (concurrency: forbid)")
		return
	}
	d.Memory.Open = append(d.Memory.Open, fire)
}

// settle ends a fire that did not run.
func (d *deciding) settle(fire Fire, status Status, reason string) {
	d.close(fire.record(d.job.Project, d.job.Name, status, reason))
}

// close makes a record of a fire that is over.
func (d *deciding) close(record Record) {
	m := &d.Memory
	d.Records = append(d.Records, record)
	switch record.Status {
	case Succeeded:
		m.Succeeded++
	case Failed, TimedOut, Missed:
		m.Failed++
	}
	if record.Started != nil {
		m.Last = &record
	}
	if toldOf(m.Timing.Notify, record.Status) && !d.old(record) {
		m.Untold = append(m.Untold, record)
		over := max(0, len(m.Untold)-mostUntold)
		d.Dropped, m.Untold = append(d.Dropped, m.Untold[:over]...), m.Untold[over:]
	}
}

// old says of an end that nobody had remembered and that came before the job was registered: nobody waits to be told.
func (d *deciding) old(record Record) bool {
	return d.found[record.Run] && record.Finished != nil && record.Finished.Before(d.job.Since)
}
