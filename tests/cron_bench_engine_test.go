//go:build engine

package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// thousandJobs is a project of jobs that are never due while it is looked at.
func thousandJobs(n int) string {
	var file strings.Builder
	file.WriteString("services:\n")
	for i := range n {
		fmt.Fprintf(&file, "  job%d: {image: hyper-lite-demo, command: [exit, \"0\"], cron: \"%d 3 1 1 *\"}\n", i, i%60)
	}
	return file.String()
}

// The sidecar of a thousand jobs of which none is due, and how long they take to register.
func BenchmarkThousandJobs(b *testing.B) {
	p := newProject(b, thousandJobs(1000))
	begun := time.Now()
	said := p.must("up", "-d", "--progress", "json").err
	b.ReportMetric(time.Since(begun).Seconds(), "up-s")
	b.ReportMetric(registering(b, said), "register-s")
	begun = time.Now()
	p.must("up", "-d")
	b.ReportMetric(time.Since(begun).Seconds(), "again-s")
	pid := p.inspect("hyper-lite-sidecar").State.Pid
	p.sidecarMemory(10 * time.Second) // it settles
	before := p.cpuOf(pid)
	b.ReportMetric(p.sidecarMemory(time.Minute), "sidecar-MiB")
	b.ReportMetric((p.cpuOf(pid)-before).Seconds()/60*100, "sidecar-CPU-%")
	b.ReportMetric(0, "ns/op")
}

// registering is how many seconds the steps took that register jobs, by the JSON lines of an `up`.
func registering(t testing.TB, said string) (seconds float64) {
	t.Helper()
	for line := range strings.Lines(said) {
		var step struct {
			Verb, Subject, State string
			Seconds              float64
		}
		assert.NilError(t, json.Unmarshal([]byte(line), &step))
		if step.State == "done" && step.Verb == "register" && strings.HasPrefix(step.Subject, "jobs of") {
			seconds += step.Seconds
		}
	}
	assert.Assert(t, seconds > 0, said)
	return seconds
}

// cpuOf is the CPU time that a process of this host has taken.
func (p *project) cpuOf(pid int) time.Duration {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	assert.NilError(p.t, err)
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	ticks := 0
	for _, field := range fields[11:13] { // utime and stime, in hundredths of a second
		n, err := strconv.Atoi(field)
		assert.NilError(p.t, err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
