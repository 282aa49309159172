//go:build engine

package tests

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/cron"
)

// As a CI job runs them, without `up` and without a sidecar: a run by hand keeps its timeout, and ends with whoever began it.
func TestARunByHandIsEnded(t *testing.T) {
	t.Parallel()
	needs(t, "postgres:15") // it has a shell
	p := newProject(t, `
services:
  slow: {image: hyper-lite-demo, command: [wait, 600s], stop_grace_period: 5s, cron: {schedule: "@yearly", timeout: 2s}}
  deaf:
    image: postgres:15
    entrypoint: [sh, -c, "trap '' TERM INT; while :; do sleep 1; done"]
    stop_grace_period: 1s
    volumes: [{type: tmpfs, target: /var/lib/postgresql/data}]
    cron: {schedule: "@yearly", timeout: 2s}
  quick: {image: hyper-lite-demo, command: [exit, "7"], cron: {schedule: "@yearly", timeout: 1h}}
  long: {image: hyper-lite-demo, command: [wait, 600s], stop_grace_period: 5s, cron: "@yearly"}
  rude:
    image: postgres:15
    entrypoint: [sh, -c, "trap 'exit 143' TERM INT; echo ready; while :; do sleep 0.1; done"]
    volumes: [{type: tmpfs, target: /var/lib/postgresql/data}]
    cron: "@yearly"
  polite:
    image: postgres:15
    entrypoint: [sh, -c, "trap 'exit 0' TERM INT; echo ready; while :; do sleep 0.1; done"]
    volumes: [{type: tmpfs, target: /var/lib/postgresql/data}]
    cron: "@yearly"
`)
	last := func(job string) cron.Record {
		t.Helper()
		records := p.jobHistory(job)
		assert.Assert(t, len(records) > 0, job)
		return records[len(records)-1]
	}
	timedOut := func(job string, code int) {
		t.Helper()
		r := p.exits(124, "cron", "run", "--wait", job)
		assert.Assert(t, is.Contains(r.err, "took longer than 2s (timeout), and was stopped"))
		record := last(job)
		assert.Equal(t, record.Status, cron.TimedOut)
		assert.Equal(t, record.Reason, "took longer than 2s (timeout)")
		assert.Equal(t, *record.ExitCode, code)
		took := record.Finished.Sub(*record.Started)
		assert.Assert(t, took >= 2*time.Second && took < 30*time.Second, took)
		assert.Equal(t, len(p.running(job)), 0)
	}
	timedOut("slow", 143)
	timedOut("deaf", 137)
	p.exits(7, "cron", "run", "--wait", "quick")
	assert.Equal(t, last("quick").Reason, "exited 7")

	left := p.must("cron", "run", "slow")
	assert.Assert(t, is.Contains(left.err, "nobody stops "+strings.TrimSpace(left.out)+" after its timeout of 2s"), left.err)
	assert.Assert(t, !strings.Contains(p.must("cron", "run", "long").err, "nobody"))

	signalled := func(job string, signal syscall.Signal, name string, code int) {
		t.Helper()
		var errs bytes.Buffer
		c := p.command(t.Context(), "cron", "run", "--wait", job)
		c.Stderr = &errs
		out, err := c.StdoutPipe()
		assert.NilError(t, err)
		assert.NilError(t, c.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		assert.NilError(t, err, errs.String())
		assert.Equal(t, line, "ready\n")
		assert.NilError(t, c.Process.Signal(signal))
		err = c.Wait()
		exit, ok := errors.AsType[*exec.ExitError](err)
		assert.Assert(t, ok && exit.ExitCode() == code, "%v\n%s", err, errs.String())
		assert.Equal(t, len(p.running(job)), 0)
		record := last(job)
		assert.Equal(t, record.Status, cron.Failed)
		assert.Equal(t, record.Reason, "hyper-lite got a "+name)
	}
	signalled("rude", syscall.SIGTERM, "SIGTERM", 143)
	signalled("polite", syscall.SIGTERM, "SIGTERM", 130) // the run itself ended with 0, and had not done its work
	signalled("polite", syscall.SIGINT, "SIGINT", 130)

	// With a sidecar it is this that ends a run, whoever began it.
	p.must("up", "-d")
	p.must("cron", "pause", "slow") // it is known there
	timedOut("slow", 143)
	assert.Assert(t, !strings.Contains(p.must("cron", "run", "slow").err, "nobody"))
	eventually(t, time.Minute, func() error {
		if r := last("slow"); r.Status != cron.TimedOut || r.Finished == nil {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
}

// Runs of one job that are begun in one second, as by CI jobs, are runs of their own.
func TestRunsByHandOfOneSecond(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  tidy: {image: hyper-lite-demo, cron: {schedule: "@yearly", keep: 10}}
`)
	var together sync.WaitGroup
	codes := make([]int, 4)
	for n := range codes {
		together.Go(func() {
			codes[n] = p.run("cron", "run", "--wait", "tidy", "--", "wait", "10ms", strconv.Itoa(n+1)).code
		})
	}
	together.Wait()
	assert.DeepEqual(t, codes, []int{1, 2, 3, 4})
	assert.Equal(t, len(p.runs("tidy")), 4)
	assert.Equal(t, len(p.jobHistory("tidy")), 4)
}
