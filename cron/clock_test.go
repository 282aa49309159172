package cron

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
)

// lively is the world on the clock of a synctest bubble, used from many goroutines.
type lively struct{ *world }

func (l lively) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.passed += time.Since(l.now)
	l.now = time.Now()
}

func (l lively) Runs(ctx context.Context) ([]Run, error) {
	l.tick()
	return l.world.Runs(ctx)
}

func (l lively) Start(ctx context.Context, s Start, aside Aside) error {
	time.Sleep(30 * time.Millisecond) // of the bubble: an engine takes its time
	l.tick()
	return l.world.Start(ctx, s, aside)
}

func (l lively) Remove(ctx context.Context, remove Remove) error {
	l.tick()
	return l.world.Remove(ctx, remove)
}

// A job that is nowhere registered is waited for a little, since it may be just being registered.
func TestAnUnknownJobIsNotPaused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.now = time.Now()
		r := &Remote{Runner: NewRunner(Options{Project: "shop", Engine: lively{w}, Store: w, Clock: NewSystemClock()})}
		var reply PauseReply
		begun := time.Now()
		assert.NilError(t, r.Pause(PauseArgs{Job: "tidy", Paused: true}, &reply))
		assert.Equal(t, reply, PauseReply{})
		assert.Equal(t, time.Since(begun), settling)
	})
}

// TestRun lets a runner live for a minute as the sidecar does, and ends it.
func TestRun(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.now = time.Now()
		w.lasts = lasting(200*time.Millisecond, 0)
		for _, name := range []string{"often", "also"} {
			w.register(name, timing("@every 1s", compose.Forbid, compose.CatchUpOnce))
		}
		w.register("rarely", timing("@every 20s", compose.Forbid, compose.CatchUpOnce))
		ctx, cancel := context.WithTimeout(t.Context(), 61*time.Second+500*time.Millisecond)
		defer cancel()
		r := NewRunner(Options{Project: "shop", Engine: lively{w}, Store: &Files{Folder: folder}, Clock: NewSystemClock()})
		assert.NilError(t, r.Run(ctx))
		for at, began := range w.began {
			assert.Check(t, began <= 3, time.Unix(at, 0)) // of three jobs
		}
	})
	text, err := os.ReadFile(filepath.Join(folder, historyFile))
	assert.NilError(t, err)
	for job, want := range map[string]int{"often": 60, "also": 60, "rarely": 3} {
		records, err := History(strings.NewReader(string(text)), job, 1000)
		assert.NilError(t, err)
		assert.Check(t, len(records) >= want && len(records) <= want+1, "%s: %d", job, len(records))
		for n, r := range records {
			assert.Check(t, r.Status == Succeeded && r.Trigger == OnSchedule, "%+v", r)
			if n > 0 {
				gap := r.Scheduled.Sub(records[n-1].Scheduled)
				assert.Check(t, gap == time.Second || gap == 20*time.Second, "%s after %s", r.Scheduled, records[n-1].Scheduled)
			}
		}
	}
}

// pressed is an engine whose starts wait for what they depend on, or work, and whose webhooks may never answer.
type pressed struct {
	lively
	waits        func(Start) time.Duration // for what it depends on
	hangs        bool                      // whoever is told
	working, top *atomic.Int32             // starts that work now, and at most
}

func (p pressed) Start(ctx context.Context, s Start, aside Aside) error {
	if d := p.waits(s); d > 0 {
		if err := aside(ctx, func() { time.Sleep(d) }); err != nil {
			return err
		}
	}
	now := p.working.Add(1)
	for top := p.top.Load(); now > top && !p.top.CompareAndSwap(top, now); top = p.top.Load() {
	}
	defer p.working.Add(-1)
	return p.lively.Start(ctx, s, aside)
}

func (p pressed) Tell(ctx context.Context, end Tell) error {
	if p.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	return p.world.Tell(ctx, end)
}

// press lets a runner of the default width live for so long with an engine under pressure, and returns how many starts
// worked at once.
func press(t *testing.T, w *world, life time.Duration, p pressed) (top int) {
	t.Helper()
	p.lively, p.working, p.top = lively{w}, new(atomic.Int32), new(atomic.Int32)
	r := NewRunner(Options{Project: "shop", Engine: p, Store: w, Clock: NewSystemClock()})
	ctx, end := context.WithTimeout(t.Context(), life)
	defer end()
	assert.NilError(t, r.Run(ctx))
	return int(p.top.Load())
}

// A thousand jobs of one second: at no time are more than so many started, and every one has its run and its record.
func TestAThousandJobsOfOneSecondAreStartedAFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.now = time.Now()
		rule := timing("@every 1m", compose.Forbid, compose.CatchUpOnce)
		for n := range 1000 {
			w.register(fmt.Sprintf("job%03d", n), rule)
		}
		at := w.now.Truncate(time.Minute).Add(time.Minute)
		top := press(t, w, 100*time.Second, pressed{waits: func(Start) time.Duration { return 0 }})
		assert.Equal(t, top, 8)
		assert.Equal(t, w.began[at.Unix()], 1000)
		assert.Equal(t, len(w.records), 1000)
		seen := map[string]bool{}
		for _, r := range w.records {
			assert.Assert(t, r.Status == Succeeded && r.Scheduled.Equal(at) && r.Started.Before(at.Add(5*time.Second)), "%+v", r)
			seen[r.Job] = true
		}
		assert.Equal(t, len(seen), 1000)
	})
}

// Jobs that wait for what they depend on, and webhooks that do not answer, hold up no other job.
func TestWhoWaitsHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.now = time.Now()
		for n := range 40 {
			w.register(fmt.Sprintf("waits%d", n), timing("@every 1m", compose.Forbid, compose.CatchUpOnce))
		}
		told := timing("@every 10s", compose.Forbid, compose.CatchUpOnce)
		told.Notify = &compose.Notify{Policy: compose.OnEnd, Webhook: "http://x"}
		for n := range 20 {
			w.register(fmt.Sprintf("told%d", n), told)
		}
		w.register("tidy", timing("@every 1s", compose.Forbid, compose.CatchUpOnce))
		press(t, w, 100*time.Second, pressed{hangs: true, waits: func(s Start) time.Duration {
			if strings.HasPrefix(s.Job, "waits") {
				return 50 * time.Second
			}
			return 0
		}})
		late := time.Duration(0)
		for _, r := range w.history("tidy") {
			if r.Started != nil {
				late = max(late, r.Started.Sub(r.Scheduled))
			}
		}
		assert.Assert(t, late < 500*time.Millisecond, "a run began %s late", late)
	})
}

// An end that cannot be told is told again after ever longer pauses, a few times.
func TestAnEndIsToldAgain(t *testing.T) {
	for _, c := range []struct {
		err   error
		fails int // so often
		want  []time.Duration
	}{
		{errors.New("refused"), 100, []time.Duration{0, seconds(2), seconds(10), seconds(42), seconds(170)}},
		{errors.New("refused"), 2, []time.Duration{0, seconds(2), seconds(10)}},
		{fmt.Errorf("410: %w", ErrForGood), 100, []time.Duration{0}},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.now = time.Now()
			rule := timing("* * * * *", compose.Forbid, compose.CatchUpOnce)
			rule.Notify = &compose.Notify{Policy: compose.OnEnd, Webhook: "http://x"}
			rule.Schedules[0].Cron = "1 0 * * *"
			w.register("tidy", rule)
			teller := &failing{lively: lively{w}, fails: c.fails, err: c.err}
			r := NewRunner(Options{Project: "shop", Engine: teller, Store: w, Clock: NewSystemClock()})
			ctx, end := context.WithTimeout(t.Context(), 10*time.Minute)
			defer end()
			assert.NilError(t, r.Run(ctx))
			var after []time.Duration
			for _, at := range teller.at {
				after = append(after, at.Sub(teller.at[0]).Truncate(time.Second))
			}
			assert.DeepEqual(t, after, c.want)
			assert.Equal(t, len(w.memory("tidy").Untold), 0)
		})
	}
}

// failing cannot tell at first.
type failing struct {
	lively
	at    []time.Time
	fails int
	err   error
}

func (f *failing) Tell(context.Context, Tell) error {
	f.at = append(f.at, time.Now())
	if len(f.at) <= f.fails {
		return f.err
	}
	return nil
}
