package cron

import (
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
)

// The log of a run is told with its end, so that its container stays until that is done, however few are kept.
func TestAnEndIsToldBeforeItsContainerGoes(t *testing.T) {
	now := time.Unix(1700000000, 0).UTC()
	rule := timing("@yearly", compose.Forbid, compose.CatchUpOnce)
	rule.Keep, rule.Notify = compose.Keep{}, &compose.Notify{Policy: compose.OnEnd, Webhook: "http://hook"}
	job, err := NewJob("shop", "tidy", rule, now.Add(-time.Hour))
	assert.NilError(t, err)
	ended := Run{Name: "shop-tidy-1699999990", Job: "tidy", Fire: now.Add(-10 * time.Second), Attempt: 1, Trigger: Manual, Stage: Ended, Started: now, Finished: now}
	d := Decide(job, Memory{}, []Run{ended}, now, Sight{})
	tell := Tell{Notify: *rule.Notify, Record: d.Records[0]}
	assert.DeepEqual(t, d.Actions, []Action{tell})
	d = Decide(job, d.Memory, []Run{ended}, now, Sight{UnderWay: map[string]bool{tell.Subject(): true}})
	assert.Equal(t, len(d.Actions), 0, "%v", d.Actions)
	d = Decide(job, d.Memory, []Run{ended}, now, Sight{Told: map[string]bool{ended.Name: true}})
	assert.DeepEqual(t, d.Actions, []Action{Remove{Job: "tidy", Run: ended.Name}})
}

// A run that ended before its job was registered, or before the memory was lost, is recorded, and no news.
func TestOldEndsAreNotTold(t *testing.T) {
	now := time.Unix(1700000000, 0).UTC()
	rule := timing("@yearly", compose.Forbid, compose.CatchUpOnce)
	rule.Notify = &compose.Notify{Policy: compose.OnEnd, Webhook: "http://hook"}
	job, err := NewJob("shop", "tidy", rule, now)
	assert.NilError(t, err)
	run := Run{Name: "shop-tidy-1699999990", Job: "tidy", Fire: now.Add(-10 * time.Second), Attempt: 1, Trigger: Manual, Stage: Ended, Started: now.Add(-9 * time.Second), Finished: now.Add(-time.Second)}
	d := Decide(job, Memory{}, []Run{run}, now, Sight{})
	assert.Equal(t, len(d.Records), 1)
	assert.Equal(t, len(d.Actions), 0, "%v", d.Actions)

	// One that was seen at work is told, though its job was registered anew meanwhile.
	run.Stage = Live
	d = Decide(job, Memory{}, []Run{run}, now, Sight{})
	run.Stage = Ended
	d = Decide(job, d.Memory, []Run{run}, now, Sight{})
	assert.DeepEqual(t, d.Actions, []Action{Tell{Notify: *rule.Notify, Record: d.Records[0]}})
}

// A run whose post_start hook failed is stopped for that: who sees its end first waits for the reason.
func TestAnEndWaitsForItsReason(t *testing.T) {
	now := time.Unix(1700000000, 0).UTC()
	job, err := NewJob("shop", "tidy", timing("@yearly", compose.Forbid, compose.CatchUpOnce), now.Add(-time.Hour))
	assert.NilError(t, err)
	run := Run{Name: "shop-tidy-1699999990", Job: "tidy", Fire: now.Add(-10 * time.Second), Attempt: 1, Trigger: OnSchedule, Stage: Ended, Started: now, Finished: now, ExitCode: 143}
	was := Memory{Accounted: now, Open: []Fire{{Scheduled: run.Fire, Trigger: OnSchedule, Attempt: 1}}}
	d := Decide(job, was, []Run{run}, now, Sight{UnderWay: map[string]bool{run.Name: true}})
	assert.Equal(t, len(d.Records), 0, "%v", d.Records)
	assert.Equal(t, len(d.Actions), 0, "%v", d.Actions)
	d = Decide(job, d.Memory, []Run{run}, now, Sight{Refused: map[string]string{run.Name: "post_start hook 1 (x) exited 9"}})
	assert.Equal(t, d.Records[0].Reason, "post_start hook 1 (x) exited 9")
}

// A job of the name of one that was paused and taken away is not paused.
func TestAPauseEndsWithItsJob(t *testing.T) {
	now := time.Unix(1700000000, 0).UTC()
	gone := DecideGone("shop", "tidy", Memory{Accounted: now, Paused: true}, nil, now, Sight{})
	assert.Assert(t, gone.Memory.Paused) // it may be in exchange
	gone = DecideGone("shop", "tidy", gone.Memory, nil, now.Add(returning), Sight{})
	assert.Assert(t, !gone.Memory.Paused)
}

// Runs by hand of a job that is not registered are kept as where the file says nothing: how many it says is not known.
func TestRunsOfAJobThatIsNotRegisteredYet(t *testing.T) {
	now := time.Unix(1700000000, 0).UTC()
	var ended []Run
	for n := range 5 {
		at := now.Add(time.Duration(n-10) * time.Second)
		ended = append(ended, Run{Name: RunName("shop", "tidy", at, 1), Job: "tidy", Fire: at, Attempt: 1, Trigger: Manual, Stage: Ended, Started: at, Finished: at})
	}
	d := DecideGone("shop", "tidy", Memory{}, ended, now, Sight{})
	assert.Equal(t, len(d.Actions), 0, "%v", d.Actions)
	assert.Equal(t, len(d.Records), 5)
	assert.Equal(t, d.Memory.Timing.History, 100)
	later := now.Add(returning)
	assert.Assert(t, !d.Wake.After(later))
	d = DecideGone("shop", "tidy", d.Memory, ended, later, Sight{})
	assert.DeepEqual(t, d.Actions, []Action{Remove{Job: "tidy", Run: ended[0].Name}, Remove{Job: "tidy", Run: ended[1].Name}})
}
