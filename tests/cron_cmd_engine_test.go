//go:build engine

package tests

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// Without `up` and without a sidecar, runs by hand are in the history, with exit codes and signals, and their logs
// are there.
func TestRunsByHandAreInTheHistory(t *testing.T) {
	t.Parallel()
	p := newProject(t, withJobs)
	p.exits(3, "cron", "run", "--wait", "tidy")
	p.exits(5, "cron", "run", "--wait", "--rm", "tidy", "--", "exit", "5")
	name := strings.TrimSpace(p.must("cron", "run", "long").out)
	assert.Equal(t, p.must("cron", "history", "long", "--format", "{{.Run}} {{.Trigger}} {{.Status}}").out, name+" manual running\n")
	p.must("cron", "logs", "long")
	assert.NilError(t, docker.ContainerKill(t.Context(), name, "SIGKILL"))
	eventually(t, 20*time.Second, func() error {
		if got := p.must("cron", "history", "long", "--format", "{{.Status}}: {{.Reason}}").out; got != "failed: ended by signal 9 (SIGKILL)\n" {
			return fmt.Errorf("the history says %q", got)
		}
		return nil
	})

	var records []map[string]any
	for line := range strings.Lines(p.must("cron", "history", "tidy", "--format", "json").out) {
		var r map[string]any
		assert.NilError(t, json.Unmarshal([]byte(line), &r))
		records = append(records, r)
	}
	assert.Equal(t, len(records), 2)
	for n, code := range []float64{3, 5} {
		r := records[n]
		assert.Equal(t, r["Status"], "failed")
		assert.Equal(t, r["ExitCode"], code)
		assert.Assert(t, r["Started"] != nil && r["Finished"] != nil && r["Scheduled"] != nil, r)
	}
	assert.Assert(t, is.Contains(p.must("cron", "ls", "--format", "{{.Name}} {{.Last}} {{.Failed}}").out, "tidy failed 2"))
}

// jobRow is a line of `cron ls --format json`.
type jobRow struct {
	Name, Last        string
	Succeeded, Failed int
	Paused, Made      bool
}

func (p *project) job(name string) jobRow {
	p.t.Helper()
	for line := range strings.Lines(p.must("cron", "ls", "--format", "json").out) {
		var r jobRow
		assert.NilError(p.t, json.Unmarshal([]byte(line), &r))
		if r.Name == name {
			return r
		}
	}
	p.t.Fatalf("there is no job %s", name)
	return jobRow{}
}

// comes waits for a record of a job, and returns all of them.
func (p *project) comes(job, what string) []string {
	p.t.Helper()
	var records []string
	eventually(p.t, 90*time.Second, func() error {
		records = strings.Split(p.must("cron", "history", job, "--format", "{{.Trigger}} {{.Status}} ({{.Reason}})").out, "\n")
		if !slices.Contains(records, what) {
			return fmt.Errorf("the history of %s has %q", job, records)
		}
		return nil
	})
	return records
}

// A job made without a file is registered where a sidecar runs, fires, is paused across restarts of the sidecar and
// `up`, resumes, and goes.
func TestAJobIsMadePausedAndTakenAway(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: hyper-lite-demo}
  often: {image: hyper-lite-demo, command: [exit, "0"], cron: {schedule: "@every 2s", keep: 1}}
`)
	later := p.must("cron", "create", "--name", "later", "--hour", "3", "hyper-lite-demo", "exit", "0")
	assert.Assert(t, is.Contains(later.out, "the next `hyper-lite up` registers it"))
	assert.Assert(t, is.Contains(p.exits(1, "cron", "pause", "often").err, "no sidecar"))
	p.must("up", "-d")
	once := p.registered("later")

	made := p.must("cron", "create", "--name", "made", "--schedule", "@every 2s", "-e", "WORD=$HOME", "hyper-lite-demo", "exit", "3")
	assert.Assert(t, is.Contains(made.out, "made is made and registered"), made.out)
	info := p.registered("made")
	assert.DeepEqual(t, p.registered("later").Registered, once.Registered)
	p.comes("made", "schedule failed (exited 3)")
	eventually(t, 30*time.Second, func() error { // a run may be removed between the list and the look
		kept := p.runs("made")
		run, err := docker.ContainerInspect(t.Context(), kept[len(kept)-1].ID)
		if err == nil && !slices.Contains(run.Config.Env, "WORD=$HOME") {
			err = fmt.Errorf("%s has %v", run.Name, run.Config.Env)
		}
		return err
	})
	p.comes("often", "schedule succeeded ()")
	p.must("cron", "logs", "made")
	byHand := strings.TrimSpace(p.must("cron", "run", "later").out)
	p.comes("later", "manual succeeded ()")
	assert.Assert(t, is.Contains(p.must("cron", "history", "-q", "later").out, byHand+"\n"))

	p.must("cron", "pause", "made", "later")
	assert.Assert(t, p.job("made").Paused && p.job("later").Paused && !p.job("often").Paused)
	p.comes("made", "schedule skipped (the job is paused)")
	eventually(t, 30*time.Second, func() error { // what was under way when it was paused ends
		if said := p.must("cron", "history", "made", "--format", "{{.Status}}").out; strings.Contains(said, "running") {
			return fmt.Errorf("%s", said)
		}
		return nil
	})
	runs := func() int { return p.job("made").Failed }
	before := runs()
	assert.NilError(t, docker.ContainerKill(t.Context(), p.name+"-hyper-lite-sidecar", "SIGKILL"))
	p.must("up", "-d")
	p.must("up", "-d", "--force-recreate", "web")
	p.comes("often", "schedule succeeded ()")
	row := p.job("made")
	assert.Assert(t, row.Paused && row.Made, row)
	assert.Equal(t, runs(), before)
	eventually(t, 90*time.Second, func() error {
		said := p.run("cron", "resume", "made")
		if said.code != 0 {
			return fmt.Errorf("%s", said.err)
		}
		return nil
	})
	eventually(t, 90*time.Second, func() error {
		if runs() == before {
			return fmt.Errorf("no run of it has ended since")
		}
		return nil
	})

	p.must("up", "-d", "--scale", "web=2")
	p.must("rollback", "-y") // to before it was scaled: what was made is no part of that
	assert.Equal(t, len(p.running("web")), 1)
	assert.Equal(t, p.registered("made").By.ID, info.By.ID)
	said := p.must("history", "--no-trunc", "--format", "json").out
	assert.Assert(t, strings.Contains(said, "cron create --name made") && !strings.Contains(said, "WORD"), said)

	p.must("stop") // what is known is told still
	p.comes("made", "schedule failed (exited 3)")
	p.must("up", "-d")
	gone := p.must("cron", "rm", "made", "later")
	assert.Assert(t, is.Contains(gone.out, "made is taken away, and fires no more"), gone.out)
	left := p.registered("often")
	meanwhile(t, 3*time.Second, func() error { // the sidecar makes nothing again that a command removed
		jobs, err := p.registered("often").By.Registers()
		if len(jobs) != 1 || len(p.registrations()) != 1 {
			return fmt.Errorf("registered are %v, by %d containers: %w", jobs, len(p.registrations()), err)
		}
		return nil
	})
	assert.Equal(t, p.registered("often").By.ID, left.By.ID)
	p.must("up", "-d")
	for _, c := range p.containers("made") {
		assert.Assert(t, c.Labels["hyper-lite.role"] == "run", c.Names)
	}
	assert.Equal(t, p.must("cron", "ls", "-q").out, "often\n")
	p.must("down")
}

// A project that is jobs alone is stopped and started as any other.
func TestAProjectOfJobsAloneStopsAndStarts(t *testing.T) {
	t.Parallel()
	p := newProject(t, "services: {often: {image: hyper-lite-demo, command: [exit, \"0\"], cron: \"@every 2s\"}}\n")
	p.must("up", "-d")
	p.over("often", 1, time.Minute)
	p.must("stop")
	n := len(p.jobHistory("often"))
	p.must("start")
	p.over("often", n+2, time.Minute)
	p.must("down")
	assert.Assert(t, is.Contains(p.exits(1, "start").err, "has no containers"))
}
