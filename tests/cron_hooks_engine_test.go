//go:build engine

package tests

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/cron"
)

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
	assert.Assert(t, is.Contains(hand.err, "pre_start hooks run with `cron run`"))
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
	})

	p.must("up", "-d", "slow", "sour")
	first := func(job string) (record cron.Record) { // a later one may be over before it: skipped
		t.Helper()
		eventually(t, time.Minute, func() error {
			records := p.jobHistory(job)
			if len(records) == 0 || records[0].Status == cron.Running {
				return fmt.Errorf("the first run of %s is not over: %+v", job, records)
			}
			record = records[0]
			return nil
		})
		return record
	}
	record := first("slow")
	assert.Equal(t, record.Status, cron.TimedOut)
	name = strings.TrimPrefix(record.Run, p.name+"-")
	d.says([]string{"start " + name, "exec " + name + " /demo wait 30ms", "exec " + name + " /demo wait 40ms", "die " + name})
	record = first("sour")
	assert.Equal(t, record.Status, cron.Failed)
	assert.Assert(t, is.Contains(record.Reason, "post_start"), record.Reason)
	assert.Assert(t, record.Started != nil && record.ExitCode != nil, fmt.Sprintf("%+v", record))

	p.must("up", "-d")
	p.exits(124, "cron", "run", "--wait", "slow") // the sidecar stops it
}
