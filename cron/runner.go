package cron

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"
)

// Engine is what the runner needs of the engine. Every action is safe to repeat, also after a crash in its middle.
type Engine interface {
	// Jobs are the project's registered jobs.
	Jobs(ctx context.Context) ([]Job, error)
	// Runs are the containers of runs, of all jobs, whatever their state.
	Runs(ctx context.Context) ([]Run, error)
	// Start makes the container of a run from the job's registration, if there is none of that name, and starts it
	// once the job's depends_on hold. What it only waits for it waits for aside. An error is the record's reason, unless
	// it is ErrAway.
	Start(ctx context.Context, run Start, aside Aside) error
	// Stop stops a container within its grace period. One that is gone or has ended is no error.
	Stop(ctx context.Context, stop Stop) error
	// Remove removes an ended container. One that is gone is no error.
	Remove(ctx context.Context, remove Remove) error
	// Tell tells of the end of a run. An error is tried again a few times, unless it is ErrForGood.
	Tell(ctx context.Context, end Tell) error
}

// Aside lets others start while wait runs. An error is the context's: then the start is given up, and does nothing more.
type Aside func(ctx context.Context, wait func()) error

// ErrAway says that the engine could not be asked: what was to be done is tried again.
var ErrAway = errors.New("the engine is away")

// Store keeps what the runner remembers. What it has taken survives a crash.
type Store interface {
	// Load returns what was kept. What cannot be read is set aside, and is no error.
	Load() (Loaded, error)
	Save(memories map[string]Memory) error
	// Append adds records to the history. A record may come twice; the last of an instant counts.
	Append(records []Record) error
}

// Loaded is what a store has kept.
type Loaded struct {
	Memories map[string]Memory // by job
	Lost     bool              // there were others, which cannot be read: nobody knows what has fired
	Trouble  string            // what could not be read, and where it is now
}

// Clock is the time of day, and the time that passes whatever becomes of the time of day.
type Clock interface {
	Now() time.Time
	Passed() time.Duration
	After(d time.Duration) <-chan time.Time
}

// Options say what a runner works with. Width bounds how many runs it makes, starts or removes at once, so that a thousand
// jobs of one second do not take the engine from everybody else; 8. Half as many ends are told at once.
type Options struct {
	Project string
	Engine  Engine
	Store   Store
	Clock   Clock
	Log     *slog.Logger // none: discarded
	Width   int
}

const (
	// glance is the longest time between two looks: an asleep host's clock jumps without a word.
	glance = 20 * time.Second
	// calm is the shortest time between two looks, but where a job is due.
	calm = 50 * time.Millisecond
	// roll is the longest time between two looks at the registrations, should an event be lost.
	roll = time.Minute
	// jump is by how much clocks may part before the runner counts as not having been awake.
	jump = time.Second
	// mostAside bounds the starts that wait for something without a place, in widths.
	mostAside = 8
	// repeatPause is how long an action that failed is left alone.
	repeatPause = 2 * time.Second
)

// Runner fires a project's jobs.
type Runner struct {
	Options
	nudged chan struct{}
	doing  sync.WaitGroup
	spawn  func(func()) // how an action is done beside others; tests do one after the other

	places, tellers, waiters chan struct{} // as many as may be at it at once

	turn     sync.Mutex // held while what follows is in use
	memories map[string]Memory
	jobs     map[string]Job
	rolled   time.Duration // when the registrations were last read, in time passed
	quiet    map[string]quiet
	apart    time.Duration // how far the time of day is from the time passed
	awake    time.Time
	began    map[string]time.Duration // when live runs began, in time passed
	anew     time.Time                // when memories were found to be lost; zero: they are not

	mu       sync.Mutex
	stale    bool // the registrations have changed
	underWay map[string]bool
	starting map[string]context.CancelFunc // of the starts among them
	refused  map[string]string
	begun    map[string]bool
	told     map[string]bool
	attempts map[string]int // of telling
}

// quiet is a job about which there was nothing to do: until when, and as what it was registered.
type quiet struct {
	from, until time.Time
	since       time.Time
}

// NewRunner returns a runner that does nothing until Run.
func NewRunner(o Options) *Runner {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Width == 0 {
		o.Width = 8
	}
	r := &Runner{
		Options: o, nudged: make(chan struct{}, 1), stale: true,
		places: make(chan struct{}, o.Width), tellers: make(chan struct{}, (o.Width+1)/2), waiters: make(chan struct{}, mostAside*o.Width),
		underWay: map[string]bool{}, starting: map[string]context.CancelFunc{}, refused: map[string]string{}, begun: map[string]bool{}, told: map[string]bool{}, attempts: map[string]int{},
	}
	r.spawn = r.doing.Go
	return r
}

// Nudge says that something has happened to a run, or, with registered, to a registration: look again soon.
func (r *Runner) Nudge(registered bool) {
	if registered {
		r.mu.Lock()
		r.stale = true
		r.mu.Unlock()
	}
	select {
	case r.nudged <- struct{}{}:
	default:
	}
}

// Run fires until the context ends, and waits then for what it is about to do. The error is of the store: without it
// nothing may be fired. An engine that is away is waited for.
func (r *Runner) Run(ctx context.Context) error {
	defer func() {
		if ctx.Err() != nil { // else it is run again, and what is under way is still known
			r.doing.Wait()
		}
	}()
	pause, took := time.Duration(0), time.Duration(0)
	for {
		if pause > 0 && !r.rest(ctx, pause, max(calm, took)) {
			return nil
		}
		begun := r.Clock.Passed()
		wait, err := r.Turn(ctx)
		took = r.Clock.Passed() - begun
		var away *awayError
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &away):
			r.Log.Warn("the engine cannot be asked for the jobs", "error", err)
			wait = min(glance, max(time.Second, 2*pause))
		case err != nil:
			return err
		}
		pause = max(wait, time.Millisecond)
	}
}

// rest waits until a pause is over, or something has happened and so much time has passed: what happens to a thousand runs is
// looked at a few times a second, and never for more than half of the time. It is false where the context ended.
func (r *Runner) rest(ctx context.Context, pause, least time.Duration) bool {
	over := r.Clock.After(pause)
	select {
	case <-ctx.Done():
		return false
	case <-over:
		return true
	case <-r.nudged:
	}
	select {
	case <-ctx.Done():
		return false
	case <-over:
	case <-r.Clock.After(least):
	}
	return true
}

// awayError is an engine that cannot be asked.
type awayError struct{ err error }

func (e *awayError) Error() string { return e.err.Error() }

func (e *awayError) Unwrap() error { return e.err }

// Turn looks once, decides, records, and begins what is to be done. It returns how long nothing more is due.
func (r *Runner) Turn(ctx context.Context) (time.Duration, error) {
	r.turn.Lock()
	defer r.turn.Unlock()
	if err := r.load(); err != nil {
		return 0, err
	}
	now := r.wake()
	sight := r.sight(now) // before the look: what ends in between counts as under way still
	if err := r.register(ctx); err != nil {
		return 0, &awayError{err}
	}
	all, err := r.Engine.Runs(ctx)
	if err != nil {
		return 0, &awayError{err}
	}
	runs := map[string][]Run{}
	for _, run := range all {
		runs[run.Job] = append(runs[run.Job], run)
	}
	sight.Ran = r.ran(all, now)
	decisions := r.decide(runs, now, sight)
	if err := r.record(decisions); err != nil {
		clear(r.quiet) // nothing was decided
		return 0, err
	}
	wait := glance
	for _, name := range slices.Sorted(maps.Keys(decisions)) {
		for _, run := range decisions[name].GiveUp {
			r.giveUp(run)
		}
		for _, action := range decisions[name].Actions {
			r.perform(ctx, action)
		}
	}
	for _, q := range r.quiet {
		if !q.until.IsZero() {
			wait = min(wait, q.until.Sub(now))
		}
	}
	for _, d := range decisions {
		if !d.Wake.IsZero() {
			wait = min(wait, d.Wake.Sub(now))
		}
	}
	return max(wait, 0), nil
}

// Pause makes a job's instants pass, or ends that, and says whether it was otherwise before. A job that was never seen,
// or is no longer registered, is an UnknownError.
func (r *Runner) Pause(job string, paused bool) (changed bool, err error) {
	r.turn.Lock()
	defer r.turn.Unlock()
	if err := r.load(); err != nil {
		return false, err
	}
	memory, ok := r.memories[job]
	if !ok || !memory.Gone.IsZero() {
		return false, &UnknownError{Job: job}
	}
	if memory.Paused == paused {
		return false, nil
	}
	memory.Paused = paused
	next := maps.Clone(r.memories)
	next[job] = memory
	if err := r.Store.Save(next); err != nil {
		return false, fmt.Errorf("remember that %s is paused: %w", job, err)
	}
	r.memories = next
	delete(r.quiet, job)
	r.Nudge(false)
	return true, nil
}

// UnknownError is a job that was never seen.
type UnknownError struct{ Job string }

func (e *UnknownError) Error() string { return "no such job: " + e.Job }

func (r *Runner) load() error {
	if r.memories != nil {
		return nil
	}
	loaded, err := r.Store.Load()
	if err != nil {
		return fmt.Errorf("read the memory of jobs: %w", err)
	}
	if loaded.Trouble != "" {
		r.Log.Error("what cannot be read was set aside, and is begun anew", "trouble", loaded.Trouble)
	}
	if loaded.Lost { // what has fired is not known: only what comes will fire
		r.anew = r.Clock.Now()
	}
	r.memories, r.quiet = loaded.Memories, map[string]quiet{}
	return nil
}

// register reads the registrations where they may have changed.
func (r *Runner) register(ctx context.Context) error {
	r.mu.Lock()
	stale := r.stale || r.jobs == nil || r.Clock.Passed()-r.rolled > roll
	r.stale = false
	r.mu.Unlock()
	if !stale {
		return nil
	}
	jobs, err := r.Engine.Jobs(ctx)
	if err != nil {
		r.Nudge(true)
		return err
	}
	r.rolled, r.jobs = r.Clock.Passed(), map[string]Job{}
	for _, job := range jobs {
		if other, ok := r.jobs[job.Name]; !ok || job.Since.After(other.Since) { // one that is being exchanged stands twice
			r.jobs[job.Name] = job
		}
	}
	return nil
}

// decide decides about every job, but those about which nothing can have changed.
func (r *Runner) decide(runs map[string][]Run, now time.Time, sight Sight) map[string]Decision {
	names := map[string]bool{}
	for name := range r.jobs {
		names[name] = true
	}
	for name := range r.memories {
		names[name] = true
	}
	for name := range runs {
		names[name] = true
	}
	decisions := map[string]Decision{}
	for name := range names {
		job, registered := r.jobs[name]
		was, known := r.memories[name]
		idle := len(runs[name]) == 0 && len(was.Open) == 0 && len(was.Over) == 0 && len(was.Untold) == 0
		if q, ok := r.quiet[name]; ok && idle && known && registered && q.since.Equal(job.Since) &&
			!now.Before(q.from) && (q.until.IsZero() || now.Before(q.until)) {
			continue
		}
		delete(r.quiet, name)
		var d Decision
		if registered {
			if !known {
				job.Since = later(job.Since, r.anew)
			}
			d = Decide(job, was, runs[name], now, sight)
		} else {
			d = DecideGone(r.Project, name, was, runs[name], now, sight)
		}
		if m := d.Memory; registered && len(runs[name]) == 0 && len(m.Open) == 0 && len(m.Over) == 0 && len(m.Untold) == 0 {
			r.quiet[name] = quiet{from: now, until: d.Wake, since: job.Since}
		}
		decisions[name] = d
	}
	return decisions
}

// record keeps what was decided, before anything of it is done: first the history, then the memory. A crash between
// the two makes a record come again, and an instant never.
func (r *Runner) record(decisions map[string]Decision) error {
	var records []Record
	next, changed := r.memories, false
	for _, name := range slices.Sorted(maps.Keys(decisions)) {
		d := decisions[name]
		records = append(records, d.Records...)
		for _, end := range d.Dropped {
			r.Log.Error("nobody is told of the end of a run: too many ends wait", "run", end.Run, "status", end.Status)
		}
		if reflect.DeepEqual(d.Memory, r.memories[name]) {
			continue
		}
		if !changed {
			next, changed = maps.Clone(r.memories), true
		}
		next[name] = d.Memory
	}
	if len(records) > 0 {
		if err := r.Store.Append(records); err != nil {
			return fmt.Errorf("record what became of runs: %w", err)
		}
	}
	if changed {
		if err := r.Store.Save(next); err != nil {
			return fmt.Errorf("remember what is to be run: %w", err)
		}
	}
	r.memories = next
	r.forget()
	return nil
}
