package cron

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
)

// A clock that is set forward by a day ends no run, and one that is set back by an hour spares none: what has passed counts.
func TestATimeoutIsNotOfTheClock(t *testing.T) {
	for name, step := range map[string]time.Duration{"forward": 24 * time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			rule := timing("@every 1m", compose.Allow, compose.CatchUpNever)
			rule.Timeout = seconds(30)
			w.register("tidy", rule)
			rule.Schedules[0].Cron = "@every 2m"
			w.register("never", rule)
			w.lasts = func(s Start) (time.Duration, int) {
				if s.Job == "never" {
					return 24 * time.Hour, 0
				}
				return seconds(20), 0
			}
			r := w.pass(w.runner(), seconds(125), 0) // 12:02:05.5: one of each is live
			w.now = w.now.Add(step)
			stepped := w.passed
			w.pass(r, seconds(40), 0)
			assert.Equal(t, w.outcomes("tidy")[1], "12:02:00 succeeded")
			assert.Equal(t, w.outcomes("never")[0], "12:02:00 timeout: took longer than 30s (timeout)")
			for _, c := range w.containers {
				if c.Job == "never" && c.Scheduled.Minute() == 2 {
					assert.Assert(t, c.ends > stepped && c.ends < stepped+seconds(26), "%s after %s", c.ends, stepped)
				}
			}
		})
	}
}

// A repetition waits its pause, wherever the clock is set to meanwhile.
func TestARepetitionIsNotOfTheClock(t *testing.T) {
	w := newWorld(t)
	rule := timing("0 12 * * *", compose.Forbid, compose.CatchUpOnce)
	rule.Schedules[0].Cron, rule.Retries = "@every 24h", 3
	w.now = time.Date(2026, 3, 1, 23, 59, 59, 0, time.UTC)
	w.register("tidy", rule)
	w.lasts = func(s Start) (time.Duration, int) {
		if s.Attempt < 3 {
			return seconds(1), 1
		}
		return seconds(1), 0
	}
	r := w.pass(w.runner(), 2500*time.Millisecond, 0) // the first attempt has ended, the second waits
	assert.Equal(t, len(w.containers), 1)
	w.now = w.now.Add(-time.Hour)
	w.pass(r, seconds(10), 0)
	assert.DeepEqual(t, w.outcomes("tidy"), []string{"00:00:00 succeeded"})
}

// A disk that is full: nothing is begun that cannot be remembered, and nothing is begun twice or forgotten once there is room.
func TestADiskThatIsFull(t *testing.T) {
	for _, overlap := range overlaps {
		t.Run(overlap, func(t *testing.T) {
			w := newWorld(t)
			w.lasts, w.grace = lasting(seconds(3), 0), seconds(1)
			w.register("tidy", timing("@every 2s", overlap, compose.CatchUpOnce))
			r := w.pass(w.runner(), seconds(7), 0)
			began := len(w.began)
			w.full = true
			for range 30 { // as the sidecar does: a while later it tries again
				_, err := r.Turn(t.Context())
				if err != nil {
					assert.ErrorIs(t, err, errFull)
				}
				w.advance(seconds(1))
			}
			assert.Equal(t, len(w.began), began)
			w.full = false
			w.pass(r, seconds(20), 0)
			w.accounted("tidy")
		})
	}
}

// What cannot be written for want of room does not spoil what is written after.
func TestAHistoryThatWasTornAsItWasWritten(t *testing.T) {
	folder := t.TempDir()
	files, _ := load(t, folder)
	assert.NilError(t, files.Append([]Record{skipped("tidy", start, "one")}))
	file, err := os.OpenFile(filepath.Join(folder, historyFile), os.O_WRONLY|os.O_APPEND, 0)
	assert.NilError(t, err)
	_, err = file.WriteString(`{"Job":"tidy","Run":"sho`) // as far as there was room
	assert.NilError(t, err)
	assert.NilError(t, file.Close())
	files.torn = true
	assert.NilError(t, files.Append([]Record{skipped("tidy", start.Add(time.Second), "two")}))
	records := history(t, folder, "tidy")
	assert.Equal(t, len(records), 2)
	assert.Equal(t, records[1].Reason, "two")

	assert.NilError(t, os.Chmod(filepath.Join(folder, historyFile), 0o400))
	assert.NilError(t, os.Remove(filepath.Join(folder, historyFile)))
	assert.NilError(t, os.Mkdir(filepath.Join(folder, historyFile), 0o700)) // whoever we are, it cannot be written
	assert.ErrorContains(t, files.Append([]Record{skipped("tidy", start, "three")}), "write "+historyFile)
	_, err = (&Files{Folder: folder}).Load()
	assert.ErrorContains(t, err, "mend "+historyFile)
}

// Files of no bytes: an empty history is one, an empty memory is one that was lost.
func TestFilesOfNoBytes(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{memoryFile, historyFile} {
		assert.NilError(t, os.WriteFile(filepath.Join(folder, name), nil, 0o600))
	}
	files, loaded := load(t, folder)
	assert.Assert(t, loaded.Lost)
	assert.ErrorContains(t, errors.New(loaded.Trouble), memoryFile+" cannot be read and is now "+memoryFile+".unreadable-1")
	assert.NilError(t, files.Append([]Record{skipped("tidy", start, "one")}))
	assert.Equal(t, len(history(t, folder, "tidy")), 1)
}

// Where a run does not let itself be stopped, who is to replace it waits, at most one of them, and every instant is told.
func TestReplacingARunThatDoesNotStop(t *testing.T) {
	w := newWorld(t)
	w.lasts, w.holdsOn = lasting(time.Hour, 0), 40
	w.register("tidy", timing("@every 10s", compose.Replace, compose.CatchUpOnce))
	r := w.runner()
	for range 60 {
		_, err := r.Turn(t.Context())
		assert.NilError(t, err)
		w.advance(seconds(1))
		if w.memories != nil {
			assert.Assert(t, len(w.memory("tidy").Open) <= 3, "%+v", w.memory("tidy").Open)
		}
	}
	w.pass(r, seconds(30), 0)
	w.accounted("tidy")
	assert.Equal(t, w.most, 1)
	assert.Equal(t, w.holdsOn, 0)
}

// A job of every second whose runs take three.
func TestRunsThatTakeLongerThanTheirInterval(t *testing.T) {
	for overlap, want := range map[string]struct{ most, ran int }{
		compose.Forbid: {1, 20}, compose.Queue: {1, 20}, compose.Allow: {4, 60}, compose.Replace: {1, 58},
	} {
		t.Run(overlap, func(t *testing.T) {
			w := newWorld(t)
			w.lasts = lasting(seconds(3), 0)
			w.register("tidy", timing("@every 1s", overlap, compose.CatchUpOnce))
			w.pass(w.runner(), time.Minute, 0)
			w.accounted("tidy")
			assert.Assert(t, w.most <= want.most, "%d at once", w.most)
			assert.Assert(t, len(w.began) >= want.ran-5, "%d ran", len(w.began))
			assert.Assert(t, len(w.memory("tidy").Open) <= 4)
		})
	}
}

// refusing is a disk that is full from some time on.
type refusing struct {
	*world
	full time.Time
}

func (d refusing) Save(memories map[string]Memory) error {
	if time.Now().After(d.full) {
		return errFull
	}
	return d.world.Save(memories)
}

// Who waits to tell an end again does not keep a runner from being run again.
func TestARunnerThatCannotRememberEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.now = time.Now()
		rule := timing("@every 10s", compose.Forbid, compose.CatchUpOnce)
		rule.Notify = &compose.Notify{Policy: compose.OnEnd, Webhook: "http://x"}
		w.register("tidy", rule)
		teller := &failing{lively: lively{w}, fails: 100, err: fmt.Errorf("refused")}
		full := time.Now().Add(60 * time.Second)
		r := NewRunner(Options{Project: "shop", Engine: teller, Store: refusing{w, full}, Clock: NewSystemClock()})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		assert.ErrorIs(t, r.Run(ctx), errFull)
		assert.Assert(t, time.Since(full) < 12*time.Second, "%s", time.Since(full))
		cancel()
		assert.NilError(t, r.Run(ctx)) // waits for who tells
	})
}
