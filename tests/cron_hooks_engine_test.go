//go:build engine

package tests

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/cron"
)

// first waits for the end of a job's first run, and returns its record. A later one may be over before it: skipped.
func (p *project) first(job string) (record cron.Record) {
	p.t.Helper()
	eventually(p.t, time.Minute, func() error {
		records := p.jobHistory(job)
		if len(records) == 0 || records[0].Status == cron.Running {
			return fmt.Errorf("the first run of %s is not over: %+v", job, records)
		}
		record = records[0]
		return nil
	})
	return record
}

// The hooks of a job run with its runs: those that a schedule begins, and those that are begun by hand.
func TestHooksOfRuns(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  slow:
    image: hyper-lite-demo
    command: [wait, 600s]
    init: true
    stop_grace_period: 5s
    cron: {schedule: "@every 6s", timeout: 3s, history: 1000}
    post_start: [{command: [/demo, wait, 30ms]}]
    pre_stop: [{command: [/demo, wait, 40ms]}]
  sour:
    image: hyper-lite-demo
    command: [wait, 600s]
    init: true
    cron: {schedule: "@every 6s"}
    post_start: [{command: [/demo, exit, "9"]}]
  byhand:
    image: hyper-lite-demo
    command: [wait, 600s]
    init: true
    stop_grace_period: 5s
    cron: {schedule: "@yearly", timeout: 2s}
    pre_start: [{command: [wait, 10ms]}, {command: [exit, "${BEFORE:-0}"]}]
    post_start: [{command: [/demo, wait, 30ms]}]
    pre_stop: [{command: [/demo, wait, 40ms]}, {command: [/demo, exit, "7"]}]
`)
	d := p.diary()
	hand := p.exits(124, "cron", "run", "--wait", "byhand") // without a sidecar
	assert.Assert(t, is.Contains(hand.err, "is stopped without all its pre_stop hooks"))
	name := strings.TrimPrefix(p.jobHistory("byhand")[0].Run, p.name+"-")
	d.says([]string{
		"create " + name, "start " + name + ".pre_start-1", "destroy " + name + ".pre_start-1", "start " + name + ".pre_start-2",
		"destroy " + name + ".pre_start-2", "start " + name, "exec " + name + " /demo wait 30ms", "exec " + name + " /demo wait 40ms", "die " + name,
	})
	p.at("BEFORE=4", func() {
		r := p.run("cron", "run", "--wait", "byhand")
		assert.Assert(t, r.code != 0)
		assert.Assert(t, is.Contains(r.err, "pre_start"))
		assert.Equal(t, len(p.runs("byhand")), 1) // the one before
		records := p.jobHistory("byhand")
		assert.Equal(t, records[1].Status, cron.Failed)
		assert.Assert(t, is.Contains(records[1].Reason, "pre_start hook 2"))
	})

	p.must("up", "-d", "slow", "sour")
	record := p.first("slow")
	assert.Equal(t, record.Status, cron.TimedOut)
	name = strings.TrimPrefix(record.Run, p.name+"-")
	d.says([]string{"start " + name, "exec " + name + " /demo wait 30ms", "exec " + name + " /demo wait 40ms", "die " + name})
	record = p.first("sour")
	assert.Equal(t, record.Status, cron.Failed)
	assert.Assert(t, is.Contains(record.Reason, "post_start"), record.Reason)
	assert.Assert(t, record.Started != nil && record.ExitCode != nil, fmt.Sprintf("%+v", record))

	p.must("up", "-d")
	p.exits(124, "cron", "run", "--wait", "slow") // the sidecar stops it
}

// The pre_start hooks of a job run before every run that its schedule begins, in containers like those before runs by hand: with
// the run's volumes, the job's secrets, an image of their own. Where one fails the run does not begin, and says why.
func TestPreStartOfScheduledRuns(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7") // it has a shell
	p := newProject(t, `
services:
  ready:
    image: redis:7
    entrypoint: [sh, -c]
    command: ["cat /data/said /shared/said; rm /shared/said"]
    volumes: [shared:/shared]
    secrets: [word]
    cron: {schedule: "@every 5s", keep: 100}
    pre_start:
      - {command: ["cat /run/secrets/word > /data/said; echo $$GREETING >> /shared/said; exit ${CODE:-0}"], environment: {GREETING: "hello, run"}}
      - {image: hyper-lite-demo, entrypoint: [/demo], command: [wait, 10ms]}
  sour:
    image: hyper-lite-demo
    cron: {schedule: "@every 5s"}
    pre_start: [{command: [exit, "4"]}, {command: [wait, 1ms]}]
  slow:
    image: hyper-lite-demo
    cron: {schedule: "@every 5s", timeout: 1s}
    pre_start: [{command: [wait, 600s]}]
volumes: {shared: {}}
secrets: {word: {environment: WORD}}
`)
	p.env = append(p.env, "WORD=whispered,")
	d := p.diary()
	p.must("up", "-d")
	record := p.first("ready")
	assert.Equal(t, record.Status, cron.Succeeded, "%+v", record)
	name := strings.TrimPrefix(record.Run, p.name+"-")
	d.says([]string{
		"rename " + name, "start " + name + ".pre_start-1", "destroy " + name + ".pre_start-1", "start " + name + ".pre_start-2",
		"destroy " + name + ".pre_start-2", "start " + name, "die " + name,
	})
	assert.Equal(t, p.must("cron", "logs", "ready", record.Run).out, "whispered,hello, run\n")

	record = p.first("sour")
	assert.Equal(t, record.Status, cron.Failed)
	assert.Assert(t, is.Contains(record.Reason, "pre_start hook 1 (exit 4) exited 4"), record.Reason)
	assert.Assert(t, record.Started == nil && record.ExitCode == nil, "%+v", record)
	d.says([]string{"create " + strings.TrimPrefix(record.Run, p.name+"-"), "destroy " + strings.TrimPrefix(record.Run, p.name+"-")})
	record = p.first("slow")
	assert.Equal(t, record.Status, cron.Failed)
	assert.Equal(t, record.Reason, "its pre_start hooks took longer than 1s (timeout)")
	assert.Assert(t, record.Started == nil, "%+v", record)

	p.at("CODE=9", func() { // a changed hook is a changed job
		r := p.must("up", "-d", "--progress", "plain")
		assert.Assert(t, is.Contains(r.err, "pre_start"), r.err)
		eventually(t, time.Minute, func() error {
			records := p.jobHistory("ready")
			if last := records[len(records)-1]; !strings.Contains(last.Reason, "exited 9") {
				return fmt.Errorf("%+v", last)
			}
			return nil
		})
	})
	p.must("down", "-v")
	assert.Equal(t, len(p.containers("")), 0)
}

// A command that works on the project does not wait for a pre_start hook of a run, and does not end it. A sidecar that is killed
// while one runs leaves a run that begins once.
func TestPreStartOfARunIsInterrupted(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: hyper-lite-demo}
  tidy:
    image: hyper-lite-demo
    command: [exit, "0"]
    cron: {schedule: "@every 20s", keep: 10}
    pre_start: [{command: [wait, 4s]}]
`)
	d := p.diary()
	p.must("up", "-d")
	hook := func() (run string) {
		t.Helper()
		eventually(t, time.Minute, func() error {
			for _, c := range p.containers("tidy") {
				if name := c.Names[0]; strings.HasSuffix(name, ".pre_start-1") && c.State == "running" {
					run = strings.TrimSuffix(strings.TrimPrefix(name, "/"+p.name+"-"), ".pre_start-1")
					return nil
				}
			}
			return fmt.Errorf("no hook runs")
		})
		return run
	}
	run := hook()
	p.must("up", "-d", "--force-recreate", "web")
	d.says([]string{"start " + run + ".pre_start-1", "destroy " + run + ".pre_start-1", "start " + run, "die " + run})
	count := func(entry string) (n int) {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, e := range d.entries {
			if e == entry {
				n++
			}
		}
		return n
	}
	assert.Equal(t, count("start "+run+".pre_start-1"), 1)

	run = hook()
	sidecar := p.name + "-hyper-lite-sidecar"
	assert.NilError(t, docker.ContainerKill(t.Context(), sidecar, "KILL"))
	assert.NilError(t, docker.ContainerStart(t.Context(), sidecar, container.StartOptions{}))
	d.says([]string{"start " + run + ".pre_start-1", "start " + run, "die " + run})
	assert.Equal(t, count("start "+run), 1)
	eventually(t, time.Minute, func() error {
		for _, r := range p.jobHistory("tidy") {
			if r.Run == p.name+"-"+run && r.Status == cron.Succeeded {
				return nil
			}
		}
		return fmt.Errorf("%+v", p.jobHistory("tidy"))
	})
	for _, c := range p.containers("tidy") {
		assert.Assert(t, !strings.HasSuffix(c.Names[0], run+".pre_start-1"), c.Names[0])
	}
}
