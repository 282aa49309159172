//go:build engine

package tests

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/cron"
)

// An engine that restarts twice while jobs of every second or two fire: no instant is run twice and every one has its record. What
// ran as the engine stopped is recorded with its end, and not started again.
func TestJobsOfAnEngineThatRestarts(t *testing.T) {
	t.Parallel()
	engine := newOwnEngine(t)
	p := engine.project(`
services:
  says: {image: hyper-lite-demo, command: [nothing], cron: {schedule: "@every 2s", history: 1000, keep: 1000}}
  also: {image: hyper-lite-demo, command: [nothing], cron: {schedule: "@every 1s", concurrency: allow, history: 1000, keep: 1000}}
  long: {image: hyper-lite-demo, command: [wait, 1h], stop_grace_period: 1s, cron: {schedule: "@every 2s", history: 1000, keep: 1000}}
`)
	p.must("up", "-d")
	p.over("says", 3, time.Minute)
	for range 2 {
		eventually(t, time.Minute, func() error { // what is live as the engine stops is what this is about
			if !slices.ContainsFunc(p.runs("long"), func(c container.Summary) bool { return c.State == "running" }) {
				return errors.New("no run of long lives")
			}
			return nil
		})
		engine.stop()
		away := time.Now().Add(5 * time.Second)
		eventually(t, 30*time.Second, func() error {
			if left := time.Until(away); left > 0 {
				return fmt.Errorf("%s more", left)
			}
			return nil
		})
		engine.start()
		n := 0
		eventually(t, time.Minute, func() error { // the sidecar is back
			back := p.run("cron", "history", "says", "-q")
			if n = strings.Count(back.out, "\n"); back.code != 0 || n == 0 {
				return fmt.Errorf("%s", back.err)
			}
			return nil
		})
		p.over("says", n+3, time.Minute)
	}
	p.must("cron", "pause", "says", "also", "long")
	for job, every := range map[string]time.Duration{"says": 2 * time.Second, "also": time.Second, "long": 2 * time.Second} {
		var records []cron.Record
		eventually(t, 30*time.Second, func() error {
			records = p.jobHistory(job)
			if n := statuses(records)[cron.Running]; n > 1 || n > 0 && job != "long" {
				return fmt.Errorf("%d runs of %s are not over", n, job)
			}
			if begins := func(r cron.Record) bool { return r.Status == cron.Running && r.Started == nil }; slices.ContainsFunc(records, begins) {
				return fmt.Errorf("a run of %s is about to begin", job)
			}
			return nil
		})
		everyInstant(t, records, every)
		ran := map[string]cron.Record{}
		for _, r := range records {
			if r.Started != nil {
				ran[r.Run] = r
			}
		}
		for _, c := range p.runs(job) {
			name := strings.TrimPrefix(c.Names[0], "/")
			record, recorded := ran[name]
			assert.Assert(t, recorded, "%s has no record of a run", name)
			delete(ran, name)
			if n := strings.Count(p.logOf(name), "usage: demo"); n > 1 { // one that the engine ended as it began has said nothing
				t.Errorf("%s said %d times what each start says: %+v", name, n, record)
			}
		}
		assert.Equal(t, len(ran), 0, "recorded as run, and without a container: %v", ran)
		t.Logf("%s: %v", job, statuses(records))
		if job == "long" { // one run was live at each stop
			assert.Assert(t, statuses(records)[cron.Failed] >= 2, "%v", statuses(records))
		}
	}
}

// A sidecar that was not there for a while, as on a host that slept: the last of the instants is made up for, and the others are
// recorded as missed.
func TestASidecarThatWasNotThere(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  ten: {image: hyper-lite-demo, command: [exit, "0"], cron: {schedule: "@every 10s", concurrency: allow, history: 1000}}
  none: {image: hyper-lite-demo, command: [exit, "0"], cron: {schedule: {cron: "@every 10s", missed_fires: skip}, history: 1000}}
`)
	starts := p.starts()
	p.must("up", "-d")
	first := p.over("ten", 1, 30*time.Second)[0].Scheduled
	sidecar := p.name + "-hyper-lite-sidecar"
	assert.NilError(t, p.docker.ContainerStop(t.Context(), sidecar, container.StopOptions{}))
	until := first.Add(34 * time.Second) // two or three instants later, and in the middle between two
	eventually(t, time.Minute, func() error {
		if left := time.Until(until); left > 0 {
			return fmt.Errorf("%s more", left)
		}
		return nil
	})
	assert.NilError(t, p.docker.ContainerStart(t.Context(), sidecar, container.StartOptions{}))
	var records []cron.Record
	settled := func(job string) error { // up to here all is over, and one was on time since
		records = p.jobHistory(job)
		for len(records) > 0 && records[len(records)-1].Status == cron.Running {
			records = records[:len(records)-1]
		}
		if n := len(records); n == 0 || records[n-1].Trigger != cron.OnSchedule || records[n-1].Started == nil || records[n-1].Scheduled.Before(until) {
			return fmt.Errorf("%+v", records)
		}
		return nil
	}
	eventually(t, 2*time.Minute, func() error { return settled("ten") })
	everyInstant(t, records, 10*time.Second)
	startedOnce(t, p, "ten", records, starts())
	at := slices.IndexFunc(records, func(r cron.Record) bool { return r.Trigger == cron.CatchUp })
	assert.Assert(t, at >= 2, "%+v", records)
	assert.Equal(t, records[at].Status, cron.Succeeded)
	for i, r := range records {
		switch {
		case i == at:
		case r.Trigger == cron.CatchUp:
			t.Errorf("another one is made up for: %+v", r)
		case r.Status == cron.Missed:
			assert.Assert(t, i < at, "%+v", r)
			assert.Assert(t, is.Contains(r.Reason, "makes up for it"))
		case r.Status == cron.Skipped: // on a host under load
			assert.Assert(t, is.Contains(r.Reason, "was not over"))
		default:
			assert.Equal(t, r.Status, cron.Succeeded, "%+v", r)
		}
	}
	assert.Assert(t, statuses(records)[cron.Missed] >= 1)

	eventually(t, 2*time.Minute, func() error { return settled("none") })
	everyInstant(t, records, 10*time.Second)
	startedOnce(t, p, "none", records, starts())
	assert.Assert(t, statuses(records)[cron.Missed] >= 2, "%v", statuses(records))
	assert.Assert(t, !slices.ContainsFunc(records, func(r cron.Record) bool { return r.Trigger == cron.CatchUp }))
}
