package cron

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	"pgregory.net/rapid"

	"hyper-lite/compose"
)

var (
	overlaps = []string{compose.Forbid, compose.Queue, compose.Allow, compose.Replace}
	policies = []string{compose.CatchUpOnce, compose.CatchUpNever}
)

// TestKilledAnywhere kills the runner before every one of its effects: between record and start, between start and
// finish, while it records, and before it removes.
func TestKilledAnywhere(t *testing.T) {
	for _, overlap := range overlaps {
		for _, policy := range policies {
			for _, outage := range []time.Duration{time.Millisecond, seconds(12), seconds(65)} {
				t.Run(fmt.Sprintf("%s %s down for %s", overlap, policy, outage), func(t *testing.T) {
					whole := 0
					for fuse := 1; fuse == 1 || fuse <= whole; fuse++ {
						w := newWorld(t)
						w.fuse = fuse
						w.lasts = func(s Start) (time.Duration, int) { return seconds(14 - 7*int(s.Scheduled.Unix()/10%2)), 0 }
						w.register("tidy", timing("@every 10s", overlap, policy))
						w.pass(w.runner(), 100*time.Second, outage)
						instants := w.accounted("tidy")
						assert.Assert(t, instants >= 9, "%d instants", instants)
						if overlap != compose.Allow && w.most > 1 {
							t.Errorf("%d runs were live at once", w.most)
						}
						catchUps := slices.DeleteFunc(w.history("tidy"), func(r Record) bool { return r.Trigger != CatchUp })
						if len(catchUps) > 1 || policy == compose.CatchUpNever && len(catchUps) > 0 {
							t.Errorf("caught up %d times", len(catchUps))
						}
						if t.Failed() {
							t.Fatalf("killed before effect %d\n%s", fuse, w.outcomes("tidy"))
						}
						whole = max(whole, w.done)
					}
					assert.Assert(t, whole > 20, "%d effects", whole)
				})
			}
		}
	}
}

// TestPromises lets anything happen: kills, sleeps, jumps of the clock, changed and removed jobs, runs by hand.
func TestPromises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		overlap, policy := rapid.SampledFrom(overlaps).Draw(rt, "overlap"), rapid.SampledFrom(policies).Draw(rt, "policy")
		rule := timing(rapid.SampledFrom([]string{"@every 1s", "@every 7s", "* * * * *"}).Draw(rt, "cron"), overlap, policy)
		rule.Timeout = seconds(rapid.SampledFrom([]int{0, 5}).Draw(rt, "timeout"))
		rule.StartDeadline = seconds(rapid.SampledFrom([]int{0, 3, 30}).Draw(rt, "deadline"))
		rule.Retries = rapid.IntRange(0, 2).Draw(rt, "retries")
		rule.History = 100000
		w.register("tidy", rule)
		lasts := seconds(rapid.IntRange(0, 12).Draw(rt, "lasts"))
		w.lasts = func(s Start) (time.Duration, int) { return lasts, int(s.Scheduled.Unix()) % 3 / 2 }
		w.grace = seconds(rapid.IntRange(0, 9).Draw(rt, "grace"))
		r := w.runner()
		for range rapid.IntRange(1, 6).Draw(rt, "events") {
			switch rapid.SampledFrom([]string{"kill", "sleep", "nothing", "back"}).Draw(rt, "event") {
			case "kill":
				w.fuse = w.done + rapid.IntRange(1, 12).Draw(rt, "fuse")
			case "sleep": // the time that passes stands still
				w.now = w.now.Add(seconds(rapid.IntRange(1, 150).Draw(rt, "asleep")))
			case "back":
				w.now = w.now.Add(-seconds(rapid.IntRange(1, 90).Draw(rt, "stepped")))
			}
			r = w.pass(r, seconds(rapid.IntRange(1, 60).Draw(rt, "for")), seconds(rapid.IntRange(0, 40).Draw(rt, "outage")))
		}
		w.fuse = 0
		w.pass(r, 2*time.Minute+lasts, 0)
		w.accounted("tidy")
		if overlap != compose.Allow && w.most > 1 {
			rt.Errorf("%d runs were live at once", w.most)
		}
		if rt.Failed() {
			rt.Logf("%q", w.outcomes("tidy"))
		}
	})
}

func TestOverlap(t *testing.T) {
	for overlap, want := range map[string][]string{
		compose.Forbid: {
			"12:00:10 succeeded", "12:00:20 skipped: the run of 2026-03-01T12:00:10Z was not over (concurrency: forbid)",
			"12:00:30 skipped: the run of 2026-03-01T12:00:10Z was not over (concurrency: forbid)", "12:00:40 succeeded",
		},
		compose.Queue: {
			"12:00:10 succeeded", "12:00:20 succeeded", "12:00:30 skipped: the run of 2026-03-01T12:00:20Z waits already (concurrency: queue)",
		},
		compose.Allow: {"12:00:10 succeeded", "12:00:20 succeeded", "12:00:30 succeeded", "12:00:40 succeeded"},
		compose.Replace: {
			"12:00:10 failed: replaced by the run of 2026-03-01T12:00:20Z", "12:00:20 failed: replaced by the run of 2026-03-01T12:00:30Z",
			"12:00:30 failed: replaced by the run of 2026-03-01T12:00:40Z",
		},
	} {
		t.Run(overlap, func(t *testing.T) {
			w := newWorld(t)
			w.lasts, w.grace = lasting(seconds(25), 0), seconds(3)
			w.register("tidy", timing("@every 10s", overlap, compose.CatchUpOnce))
			w.pass(w.runner(), seconds(70), 0)
			assert.DeepEqual(t, w.outcomes("tidy")[:len(want)], want)
			w.accounted("tidy")
		})
	}
}

// A fire that is replaced while it prepares never begins, and the next one does not wait until it would have.
func TestAFireThatIsReplacedWhileItPrepares(t *testing.T) {
	w := newWorld(t)
	w.register("tidy", timing("@every 10s", compose.Replace, compose.CatchUpOnce))
	begins := make(chan time.Time, 1)
	w.prepares = func(ctx context.Context, s Start) error {
		begins <- s.Scheduled
		if s.Scheduled.Second() == 10 {
			<-ctx.Done()
		}
		return ctx.Err()
	}
	r := w.runner()
	r.spawn = r.doing.Go
	turn := func() {
		_, err := r.Turn(t.Context())
		assert.NilError(t, err)
	}
	turn()
	w.advance(seconds(10))
	turn()
	assert.Equal(t, (<-begins).Second(), 10)
	w.advance(seconds(10))
	turn()
	over := make(chan struct{})
	go func() { r.doing.Wait(); close(over) }()
	select {
	case <-over:
	case <-time.After(time.Minute):
		t.Fatal("it goes on preparing, though it is replaced")
	}
	turn()
	assert.Equal(t, (<-begins).Second(), 20)
	r.doing.Wait()
	w.advance(seconds(2))
	turn()
	assert.DeepEqual(t, w.outcomes("tidy"), []string{
		"12:00:10 skipped: replaced by the run of 2026-03-01T12:00:20Z", "12:00:20 succeeded",
	})
	r.doing.Wait()
	assert.Equal(t, len(w.containers), 1) // what was made of the first one is gone
	w.accounted("tidy")
}

func TestMissedFires(t *testing.T) {
	rule := func(policy string, deadline time.Duration) compose.Timing {
		r := timing("@every 1m", compose.Forbid, policy)
		r.StartDeadline = deadline
		return r
	}
	for _, c := range []struct {
		name string
		rule compose.Timing
		want []string
	}{
		{"one", rule(compose.CatchUpOnce, 0), []string{
			"12:01:00 missed: nothing was there to start it; the run of 2026-03-01T12:03:00Z makes up for it",
			"12:02:00 missed: nothing was there to start it; the run of 2026-03-01T12:03:00Z makes up for it",
			"12:03:00 succeeded catch-up", "12:04:00 succeeded",
		}},
		{"skip", rule(compose.CatchUpNever, 0), []string{
			"12:01:00 missed: nothing was there to start it (missed_fires: skip)", "12:02:00 missed: nothing was there to start it (missed_fires: skip)",
			"12:03:00 missed: nothing was there to start it (missed_fires: skip)", "12:04:00 succeeded",
		}},
		{"in time", rule(compose.CatchUpOnce, seconds(31)), []string{
			"12:01:00 missed: nothing was there to start it; the run of 2026-03-01T12:03:00Z makes up for it",
			"12:02:00 missed: nothing was there to start it; the run of 2026-03-01T12:03:00Z makes up for it",
			"12:03:00 succeeded catch-up", "12:04:00 succeeded",
		}},
		{"too late", rule(compose.CatchUpOnce, seconds(29)), []string{
			"12:01:00 missed: nothing was there to start it, and it was too late to make up for it (start_deadline: 29s)",
			"12:02:00 missed: nothing was there to start it, and it was too late to make up for it (start_deadline: 29s)",
			"12:03:00 missed: nothing was there to start it, and it was too late to make up for it (start_deadline: 29s)",
			"12:04:00 succeeded",
		}},
	} {
		t.Run(c.name+", the runner was down", func(t *testing.T) {
			w := newWorld(t)
			w.register("tidy", c.rule)
			w.advance(seconds(209)) // 12:03:29.5
			w.pass(w.runner(), seconds(40), 0)
			assert.DeepEqual(t, w.outcomes("tidy"), c.want)
		})
		t.Run(c.name+", the host slept", func(t *testing.T) {
			w := newWorld(t)
			w.register("tidy", c.rule)
			r := w.pass(w.runner(), seconds(1), 0)
			w.now = start.Add(seconds(209))
			w.pass(r, seconds(40), 0)
			assert.DeepEqual(t, w.outcomes("tidy"), c.want)
		})
	}
}

func TestASleepThatEndsAtAFire(t *testing.T) {
	w := newWorld(t)
	w.register("tidy", timing("@every 1m", compose.Forbid, compose.CatchUpOnce))
	w.advance(seconds(180)) // 12:03:00.5
	w.pass(w.runner(), seconds(10), 0)
	assert.DeepEqual(t, w.outcomes("tidy"), []string{
		"12:01:00 missed: nothing was there to start it; the run of 2026-03-01T12:03:00Z takes its place",
		"12:02:00 missed: nothing was there to start it; the run of 2026-03-01T12:03:00Z takes its place", "12:03:00 succeeded",
	})
}

func TestALongAbsenceIsSaidInFewRecords(t *testing.T) {
	w := newWorld(t)
	w.register("tidy", timing("* * * * *", compose.Forbid, compose.CatchUpNever))
	w.advance(400*24*time.Hour + seconds(30))
	w.pass(w.runner(), seconds(1), 0)
	all := w.outcomes("tidy")
	assert.Equal(t, len(all), 100)
	assert.Equal(t, all[0], "10:21:00 missed: nothing was there to start it (missed_fires: skip); so it was with every instant from 2026-03-01T12:01:00Z on")
}

func TestAClockThatStepsBack(t *testing.T) {
	w := newWorld(t)
	w.register("tidy", timing("@every 10s", compose.Forbid, compose.CatchUpOnce))
	r := w.pass(w.runner(), seconds(35), 0)
	w.now = w.now.Add(-seconds(30))
	w.pass(r, seconds(45), 0)
	w.accounted("tidy")
	assert.DeepEqual(t, w.outcomes("tidy"), []string{"12:00:10 succeeded", "12:00:20 succeeded", "12:00:30 succeeded", "12:00:40 succeeded"})
}

func TestTimeoutRetriesAndReasons(t *testing.T) {
	w := newWorld(t)
	rule := timing("@every 1m", compose.Forbid, compose.CatchUpOnce)
	rule.Timeout, rule.Retries = seconds(5), 2
	w.register("tidy", rule)
	attempts := map[string]time.Time{}
	w.lasts = func(s Start) (time.Duration, int) {
		attempts[s.Run] = w.now
		switch s.Scheduled.Minute() {
		case 1: // once too long, then well
			return seconds(9 * (2 - s.Attempt)), 0
		case 2:
			return seconds(1), 3
		}
		return seconds(1), 137
	}
	w.pass(w.runner(), seconds(200), 0)
	assert.DeepEqual(t, w.outcomes("tidy"), []string{
		"12:01:00 succeeded", "12:02:00 failed: exited 3, at attempt 3", "12:03:00 failed: ended by signal 9 (SIGKILL), at attempt 3",
	})
	at := start.Truncate(time.Minute).Add(time.Minute)
	assert.Equal(t, attempts[RunName("shop", "tidy", at, 2)].Sub(at), seconds(6))
	history := w.history("tidy")
	assert.Equal(t, history[1].Run, RunName("shop", "tidy", at.Add(time.Minute), 3))
	assert.Equal(t, *history[1].ExitCode, 3)
	assert.Equal(t, history[1].Finished.Sub(*history[1].Started), seconds(1))
	assert.Equal(t, w.memory("tidy").Succeeded, 1)
	assert.Equal(t, w.memory("tidy").Failed, 2)
}

func TestATimeoutThatHolds(t *testing.T) {
	w := newWorld(t)
	rule := timing("@every 1m", compose.Forbid, compose.CatchUpOnce)
	rule.Timeout = seconds(5)
	w.register("tidy", rule)
	w.lasts = lasting(time.Hour, 0)
	w.pass(w.runner(), seconds(90), 0)
	assert.DeepEqual(t, w.outcomes("tidy"), []string{"12:01:00 timeout: took longer than 5s (timeout)"})
}

func TestARunThatCannotBegin(t *testing.T) {
	w := newWorld(t)
	w.register("tidy", timing("@every 1m", compose.Forbid, compose.CatchUpOnce))
	away := 3
	w.refuses = func(s Start) error {
		if s.Scheduled.Minute() == 1 {
			return errors.New("no such image: tidy:1")
		}
		if away--; away >= 0 {
			return fmt.Errorf("start it: %w", ErrAway)
		}
		return nil
	}
	w.pass(w.runner(), seconds(125), 0)
	assert.DeepEqual(t, w.outcomes("tidy"), []string{"12:01:00 failed: no such image: tidy:1", "12:02:00 succeeded"})
}

func TestAReasonIsOneLine(t *testing.T) {
	w := newWorld(t)
	w.refuses = func(Start) error { return errors.New("post_start hook 1 (sh) exited 5:\none\n\n two") }
	w.register("tidy", timing("@every 10s", compose.Forbid, compose.CatchUpOnce))
	w.pass(w.runner(), seconds(12), 0)
	assert.Equal(t, w.history("tidy")[0].Reason, "post_start hook 1 (sh) exited 5: one; two")
}

func TestARunThatSomebodyRemoves(t *testing.T) {
	w := newWorld(t)
	w.register("tidy", timing("@every 1m", compose.Forbid, compose.CatchUpOnce))
	w.lasts = lasting(time.Hour, 0)
	r := w.pass(w.runner(), seconds(61), 0)
	clear(w.containers)
	w.pass(r, seconds(10), 0)
	assert.DeepEqual(t, w.outcomes("tidy"), []string{"12:01:00 failed: its container was removed before its end was seen"})
}

func TestRunsByHandCount(t *testing.T) {
	w := newWorld(t)
	w.register("tidy", timing("@every 1m", compose.Forbid, compose.CatchUpOnce))
	hand := start.Truncate(time.Second).Add(seconds(50))
	w.containers["by-hand"] = &container{
		Start: Start{Job: "tidy", Run: "by-hand", Scheduled: hand, Attempt: 1, Trigger: Manual}, started: hand, ends: seconds(70), ended: hand.Add(seconds(20)), code: 4,
	}
	w.containers[RunName("shop", "tidy", hand, 1)] = w.containers["by-hand"]
	delete(w.containers, "by-hand")
	w.advance(seconds(50))
	w.pass(w.runner(), seconds(40), 0)
	assert.DeepEqual(t, w.outcomes("tidy"), []string{
		"12:00:50 failed manual: exited 4", "12:01:00 skipped: the run of 2026-03-01T12:00:50Z was not over (concurrency: forbid)",
	})
}

func TestKeep(t *testing.T) {
	w := newWorld(t)
	rule := timing("@every 10s", compose.Forbid, compose.CatchUpOnce)
	rule.Keep = compose.Keep{Successful: 2, Failed: 1}
	w.register("tidy", rule)
	w.lasts = func(s Start) (time.Duration, int) { return seconds(1), int(s.Scheduled.Unix()/10) % 2 }
	w.pass(w.runner(), seconds(115), 0)
	kept := map[int]int{}
	for _, c := range w.containers {
		kept[c.code]++
	}
	assert.DeepEqual(t, kept, map[int]int{0: 2, 1: 1})
	w.accounted("tidy")
}

func TestNotify(t *testing.T) {
	w := newWorld(t)
	rule := timing("@every 10s", compose.Forbid, compose.CatchUpOnce)
	rule.Notify = &compose.Notify{Policy: compose.OnFailure, Webhook: "http://x"}
	w.register("tidy", rule)
	w.lasts = func(s Start) (time.Duration, int) { return seconds(1), int(s.Scheduled.Unix()/10) % 2 }
	w.pass(w.runner(), seconds(35), 0)
	var want []string
	for _, r := range w.history("tidy") {
		if r.Status == Failed {
			want = append(want, r.Run+" failed")
		}
	}
	assert.Assert(t, len(want) > 0)
	assert.DeepEqual(t, w.told, want)
	assert.Equal(t, len(w.memory("tidy").Untold), 0)
}

func TestAJobThatIsRegisteredAgain(t *testing.T) {
	t.Run("with the same schedule misses nothing", func(t *testing.T) {
		w := newWorld(t)
		w.register("tidy", timing("@every 10s", compose.Forbid, compose.CatchUpOnce))
		r := w.pass(w.runner(), seconds(15), 0)
		since := w.jobs["tidy"].Since
		delete(w.jobs, "tidy")
		r.Nudge(true)
		_, err := r.Turn(t.Context()) // in the middle of the exchange
		assert.NilError(t, err)
		w.advance(seconds(5))
		w.register("tidy", timing("@every 10s", compose.Queue, compose.CatchUpOnce))
		r.Nudge(true)
		w.pass(r, seconds(20), 0)
		w.jobs["tidy"] = func() Job { j := w.jobs["tidy"]; j.Since = since; return j }()
		w.accounted("tidy")
		assert.DeepEqual(t, w.outcomes("tidy"), []string{"12:00:10 succeeded", "12:00:20 succeeded", "12:00:30 succeeded"})
	})
	t.Run("with another schedule does not make up for it", func(t *testing.T) {
		w := newWorld(t)
		w.register("tidy", timing("0 * * * *", compose.Forbid, compose.CatchUpOnce))
		r := w.pass(w.runner(), 70*time.Minute, 0)
		w.register("tidy", timing("5 * * * *", compose.Forbid, compose.CatchUpOnce))
		r.Nudge(true)
		w.pass(r, time.Hour, 0)
		assert.DeepEqual(t, w.outcomes("tidy"), []string{"13:00:00 succeeded", "14:05:00 succeeded"})
	})
	t.Run("after a while starts from then", func(t *testing.T) {
		w := newWorld(t)
		w.register("tidy", timing("@every 1m", compose.Forbid, compose.CatchUpOnce))
		r := w.pass(w.runner(), seconds(65), 0)
		delete(w.jobs, "tidy")
		r.Nudge(true)
		r = w.pass(r, seconds(300), 0)
		w.register("tidy", timing("@every 1m", compose.Forbid, compose.CatchUpOnce))
		r.Nudge(true)
		w.pass(r, seconds(65), 0)
		assert.DeepEqual(t, w.outcomes("tidy"), []string{"12:01:00 succeeded", "12:07:00 succeeded"})
	})
}

func TestAJobThatIsRemovedLeavesItsRunAlone(t *testing.T) {
	w := newWorld(t)
	w.register("tidy", timing("@every 1m", compose.Queue, compose.CatchUpOnce))
	w.lasts = lasting(seconds(200), 0)
	r := w.pass(w.runner(), seconds(125), 0)
	delete(w.jobs, "tidy")
	r.Nudge(true)
	w.pass(r, seconds(300), 0)
	assert.DeepEqual(t, w.outcomes("tidy"), []string{"12:01:00 succeeded", "12:02:00 skipped: the job was removed"})
}

func TestAPausedJob(t *testing.T) {
	w := newWorld(t)
	w.register("tidy", timing("@every 10s", compose.Forbid, compose.CatchUpOnce))
	r := w.pass(w.runner(), seconds(1), 0)
	remote := &Remote{Runner: r}
	for _, changed := range []bool{true, false} {
		var reply PauseReply
		assert.NilError(t, remote.Pause(PauseArgs{Job: "tidy", Paused: true}, &reply))
		assert.Equal(t, reply, PauseReply{Known: true, Changed: changed})
	}
	w.pass(r, seconds(10), 0)
	r = w.pass(w.runner(), seconds(10), 0) // another process
	changed, err := r.Pause("tidy", false)
	assert.Assert(t, err == nil && changed)
	w.pass(r, seconds(15), 0)
	assert.DeepEqual(t, w.outcomes("tidy"), []string{
		"12:00:10 skipped: the job is paused", "12:00:20 skipped: the job is paused", "12:00:30 succeeded",
	})
}

func TestALostMemoryFiresOnlyWhatComes(t *testing.T) {
	w := newWorld(t)
	w.register("tidy", timing("@every 1m", compose.Forbid, compose.CatchUpOnce))
	w.pass(w.runner(), seconds(130), 0)
	w.records, w.lost = nil, true
	w.advance(seconds(100))
	w.pass(w.runner(), seconds(35), 0)
	assert.DeepEqual(t, w.outcomes("tidy"), []string{"12:01:00 succeeded", "12:02:00 succeeded", "12:04:00 succeeded"}) // the first two by their containers
	for at, began := range w.began {
		assert.Equal(t, began, 1, time.Unix(at, 0))
	}
}

func TestAThousandJobsInOneSecond(t *testing.T) {
	w := newWorld(t)
	rule := timing("@every 1m", compose.Forbid, compose.CatchUpOnce)
	rule.Keep = compose.Keep{}
	for n := range 1000 {
		w.register(fmt.Sprintf("job%d", n), rule)
	}
	w.pass(w.runner(), seconds(125), 0)
	assert.Equal(t, len(w.records), 2000)
	for _, r := range w.records {
		assert.Equal(t, r.Status, Succeeded)
	}
	assert.Equal(t, len(w.containers), 0)
}

// BenchmarkIdle is a look at a thousand jobs of which none is due.
func BenchmarkIdle(b *testing.B) {
	w := newWorld(b)
	for n := range 1000 {
		w.register(fmt.Sprintf("job%d", n), timing("@daily", compose.Forbid, compose.CatchUpOnce))
	}
	r := w.runner()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Turn(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
