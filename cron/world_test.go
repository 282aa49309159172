package cron

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 500_000_000, time.UTC)

// world is a host in memory: a clock, an engine and a disk. A fuse makes it die before any of its effects, as kill -9
// does; what was done by then stays.
type world struct {
	t  tester
	mu sync.Mutex

	now    time.Time
	passed time.Duration

	jobs       map[string]Job
	containers map[string]*container
	lasts      func(Start) (time.Duration, int) // how long a run lasts, and its exit code
	refuses    func(Start) error
	prepares   func(context.Context, Start) error // what goes on between the making of a run and its start, as its pre_start hooks do
	grace      time.Duration
	holdsOn    int  // so many stops fail
	full       bool // the disk is

	memories []byte
	lost     bool
	records  []Record
	told     []string

	fuse  int // effects until the world dies; 0: never
	dead  bool
	done  int           // effects so far
	began map[int64]int // first attempts, by instant
	most  int           // containers live at once
}

type container struct {
	Start
	started time.Time
	ends    time.Duration // in time passed: no step of the clock wakes the dead
	ended   time.Time
	code    int
	grace   time.Duration

	stopping bool // Stop returns at once here, and not at the end of the container
}

var errKilled = errors.New("killed")

// tester is a test, a benchmark or one case of a property.
type tester interface {
	assert.TestingT
	Helper()
	Errorf(format string, args ...any)
	Context() context.Context
}

func newWorld(t tester) *world {
	return &world{
		t: t, now: start, jobs: map[string]Job{}, containers: map[string]*container{}, began: map[int64]int{},
		lasts:    func(Start) (time.Duration, int) { return time.Second, 0 },
		refuses:  func(Start) error { return nil },
		prepares: func(context.Context, Start) error { return nil },
	}
}

// effect says whether the next effect happens.
func (w *world) effect() bool {
	if w.dead {
		return false
	}
	w.done++
	if w.done == w.fuse {
		w.dead = true
		return false
	}
	return true
}

func (w *world) register(name string, timing compose.Timing) {
	job, err := NewJob("shop", name, timing, w.now)
	assert.NilError(w.t, err)
	w.jobs[name] = job
}

func (w *world) Now() time.Time { return w.now }

func (w *world) Passed() time.Duration { return w.passed }

func (w *world) After(time.Duration) <-chan time.Time {
	c := make(chan time.Time)
	close(c)
	return c
}

func (w *world) advance(d time.Duration) {
	w.now, w.passed = w.now.Add(d), w.passed+d
	w.count()
}

func (w *world) Jobs(context.Context) ([]Job, error) {
	return slices.Collect(maps.Values(w.jobs)), nil
}

func (w *world) Runs(context.Context) ([]Run, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return nil, errKilled
	}
	var runs []Run
	for name, c := range w.containers {
		runs = append(runs, Run{
			Name: name, Job: c.Job, Fire: time.Unix(c.Scheduled.Unix(), 0), Attempt: c.Attempt, Trigger: c.Trigger,
			Stage: w.stage(c), Started: c.started, Finished: w.finished(c), ExitCode: c.code,
		})
	}
	return runs, nil
}

func (w *world) stage(c *container) Stage {
	switch {
	case c.started.IsZero():
		return Created
	case c.ends > w.passed:
		return Live
	}
	return Ended
}

func (w *world) finished(c *container) time.Time {
	if w.stage(c) == Ended {
		return c.ended
	}
	return time.Time{}
}

func (w *world) count() {
	live := 0
	for _, c := range w.containers {
		if w.stage(c) == Live {
			live++
		}
	}
	w.most = max(w.most, live)
}

func (w *world) Start(ctx context.Context, s Start, _ Aside) error {
	if err := w.make(s); err != nil {
		return err
	}
	if err := w.prepares(ctx, s); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.containers[s.Run]; c.started.IsZero() {
		if !w.effect() {
			return errKilled
		}
		lasts, code := w.lasts(s)
		c.started, c.ends, c.ended, c.code = w.now, w.passed+lasts, w.now.Add(lasts), code
		if s.Attempt == 1 {
			w.began[s.Scheduled.Unix()]++
		}
		w.count()
	}
	return nil
}

func (w *world) make(s Start) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, registered := w.jobs[s.Job]; !registered {
		return errors.New("no such job")
	}
	if w.containers[s.Run] != nil {
		return nil
	}
	if !w.effect() {
		return errKilled
	}
	if err := w.refuses(s); err != nil {
		return err
	}
	w.containers[s.Run] = &container{Start: s, grace: w.grace}
	return nil
}

func (w *world) Stop(_ context.Context, stop Stop) error {
	run := stop.Run
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holdsOn > 0 {
		w.holdsOn--
		return errors.New("it does not stop")
	}
	if c := w.containers[run]; c != nil && w.stage(c) == Live && !c.stopping {
		c.stopping = true
		if !w.effect() {
			return errKilled
		}
		c.ends, c.ended, c.code = w.passed+c.grace, w.now.Add(c.grace), 143
	}
	return nil
}

func (w *world) Remove(_ context.Context, remove Remove) error {
	run := remove.Run
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.containers[run]; c != nil {
		if w.stage(c) == Live {
			w.t.Errorf("a live run is removed: %s", run)
		}
		if !w.effect() {
			return errKilled
		}
		delete(w.containers, run)
	}
	return nil
}

func (w *world) Tell(_ context.Context, end Tell) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.effect() {
		return errKilled
	}
	w.told = append(w.told, end.Record.Run+" "+string(end.Record.Status))
	return nil
}

func (w *world) Load() (Loaded, error) {
	loaded := Loaded{Memories: map[string]Memory{}, Lost: w.lost}
	if w.memories != nil && !w.lost {
		assert.NilError(w.t, json.Unmarshal(w.memories, &loaded.Memories))
	}
	return loaded, nil
}

var errFull = errors.New("no space left on device")

func (w *world) Save(memories map[string]Memory) error {
	if w.full {
		return errFull
	}
	if !w.effect() {
		return errKilled
	}
	text, err := json.Marshal(memories)
	assert.NilError(w.t, err)
	w.memories, w.lost = text, false
	return nil
}

func (w *world) Append(records []Record) error {
	if w.full {
		return errFull
	}
	if !w.effect() {
		return errKilled
	}
	w.records = append(w.records, records...)
	return nil
}

// runner is a fresh process.
func (w *world) runner() *Runner {
	r := NewRunner(Options{Project: "shop", Engine: w, Store: w, Clock: w, Width: 4})
	r.spawn = func(f func()) { f() }
	return r
}

// pass lets the world go on for a while. Where it dies, nothing is there for the length of the outage.
func (w *world) pass(r *Runner, d, outage time.Duration) *Runner {
	w.t.Helper()
	for end := w.now.Add(d); w.now.Before(end); {
		wait, err := r.Turn(w.t.Context())
		if w.dead {
			w.dead, w.fuse = false, 0
			w.advance(outage)
			end = end.Add(outage)
			r = w.runner()
			continue
		}
		assert.NilError(w.t, err)
		select {
		case <-r.nudged:
			for _, c := range w.containers {
				if c.stopping && w.stage(c) == Live {
					w.advance(min(200*time.Millisecond, c.ends-w.passed))
					break
				}
			}
			continue
		default:
		}
		for _, c := range w.containers {
			if left := c.ends - w.passed; w.stage(c) == Live {
				wait = min(wait, left)
			}
		}
		w.advance(min(max(wait, time.Millisecond), end.Sub(w.now)))
	}
	return r
}

// outcomes are the last records of the instants of a job, in order: "12:00:10 succeeded".
func (w *world) outcomes(job string) []string {
	var lines []string
	for _, r := range w.history(job) {
		line := r.Scheduled.UTC().Format("15:04:05") + " " + string(r.Status)
		if r.Trigger != OnSchedule {
			line += " " + string(r.Trigger)
		}
		if r.Reason != "" {
			line += ": " + r.Reason
		}
		lines = append(lines, line)
	}
	return lines
}

func (w *world) history(job string) []Record {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	for _, r := range w.records {
		assert.NilError(w.t, encoder.Encode(r))
	}
	records, err := History(strings.NewReader(text.String()), job, 1<<20)
	assert.NilError(w.t, err)
	return records
}

func (w *world) memory(job string) Memory {
	all := map[string]Memory{}
	assert.NilError(w.t, json.Unmarshal(w.memories, &all))
	return all[job]
}

// accounted checks the promise: every instant has exactly one record or is open still, none ran twice, and those that
// did not run say why. It returns how many there were.
func (w *world) accounted(name string) (instants int) {
	w.t.Helper()
	job := w.jobs[name]
	said := map[int64]Record{}
	for _, r := range w.history(name) {
		said[r.Scheduled.Unix()] = r
	}
	memory := w.memory(name)
	for _, fire := range memory.Open {
		if _, also := said[fire.Scheduled.Unix()]; also {
			w.t.Errorf("%s is open and over", stamp(fire.Scheduled))
		}
		said[fire.Scheduled.Unix()] = fire.record("shop", name, Running, "")
	}
	for at, ok := job.Next(job.Since); ok && !at.After(memory.Accounted); at, ok = job.Next(at) {
		instants++
		record, there := said[at.Unix()]
		began := w.began[at.Unix()]
		ran := slices.Contains([]Status{Succeeded, Failed, TimedOut}, record.Status)
		switch {
		case !there:
			w.t.Errorf("%s is unaccounted for", stamp(at))
		case began > 1:
			w.t.Errorf("%s began %d times", stamp(at), began)
		case ran && began != 1:
			w.t.Errorf("%s %s, and began %d times", stamp(at), record.Status, began)
		case (record.Status == Skipped || record.Status == Missed) && began != 0:
			w.t.Errorf("%s is %s, and began", stamp(at), record.Status)
		case record.Status != Succeeded && record.Status != Running && record.Reason == "":
			w.t.Errorf("%s %s, without a reason", stamp(at), record.Status)
		}
	}
	if next, ok := job.Next(memory.Accounted); ok && w.now.Sub(next) > punctual {
		w.t.Errorf("%s was not seen", stamp(next))
	}
	return instants
}

func timing(cron, concurrency, missed string) compose.Timing {
	return compose.Timing{
		Schedules: []compose.Schedule{{Cron: cron, Timezone: "UTC", Concurrency: concurrency, MissedFires: missed}},
		Manual:    true, Keep: compose.Keep{Successful: 3, Failed: 3}, History: 100,
	}
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

func lasting(d time.Duration, code int) func(Start) (time.Duration, int) {
	return func(Start) (time.Duration, int) { return d, code }
}
