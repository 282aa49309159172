package cron

import (
	"context"
	"os"
	"path/filepath"
	"strings"
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

func (l lively) Start(ctx context.Context, s Start) error {
	time.Sleep(30 * time.Millisecond) // of the bubble: an engine takes its time
	l.tick()
	return l.world.Start(ctx, s)
}

func (l lively) Remove(ctx context.Context, run string) error {
	l.tick()
	return l.world.Remove(ctx, run)
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
