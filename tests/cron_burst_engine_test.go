//go:build engine

package tests

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
)

// burst is a project of jobs that are all due in one second, which is so far away, and that instant.
func burst(t testing.TB, n int, away time.Duration) (*project, time.Time) {
	t.Helper()
	at := time.Now().UTC().Add(away + time.Minute).Truncate(time.Minute)
	var file strings.Builder
	file.WriteString("services:\n")
	for i := range n {
		fmt.Fprintf(&file, "  job%d: {image: hyper-lite-demo, command: [exit, \"0\"], cron: \"%d %d * * *\"}\n", i, at.Minute(), at.Hour())
	}
	p := newProject(t, file.String())
	p.must("up", "-d")
	assert.Assert(t, time.Now().Before(at), "it took too long to register them")
	return p, at
}

// fired waits until every job of a burst has ended once and well, and returns how long after the instant the last one began.
func (p *project) fired(n int, at time.Time, within time.Duration) (last time.Duration) {
	p.t.Helper()
	eventually(p.t, time.Until(at)+within, func() error {
		done := 0
		for line := range strings.Lines(p.must("cron", "ls", "--format", "json").out) {
			var r jobRow
			assert.NilError(p.t, json.Unmarshal([]byte(line), &r))
			assert.Equal(p.t, r.Failed, 0, r.Name)
			done += r.Succeeded
		}
		if done < n {
			return fmt.Errorf("%d of %d have run", done, n)
		}
		assert.Equal(p.t, done, n)
		return nil
	})
	seen := map[string]bool{}
	for _, c := range p.containers("") {
		if c.Labels["hyper-lite.fire"] == "" {
			continue
		}
		assert.Equal(p.t, c.Labels["hyper-lite.fire"], strconv.FormatInt(at.Unix(), 10))
		assert.Assert(p.t, c.State == container.StateExited && !seen[c.Labels["hyper-lite.service"]], c.Names)
		seen[c.Labels["hyper-lite.service"]] = true
		found, err := p.docker.ContainerInspect(p.t.Context(), c.ID)
		assert.NilError(p.t, err)
		started, err := time.Parse(time.RFC3339Nano, found.State.StartedAt)
		assert.NilError(p.t, err)
		last = max(last, started.Sub(at))
	}
	assert.Equal(p.t, len(seen), n)
	return last
}

// Forty jobs of one second: each has its run, once.
func TestManyJobsOfOneSecond(t *testing.T) {
	t.Parallel()
	p, at := burst(t, 40, 20*time.Second)
	starts := p.starts()
	t.Logf("the last one began %s late", p.fired(40, at, 3*time.Minute))
	count := starts()
	assert.Equal(t, len(count), 40)
	for name, n := range count {
		assert.Equal(t, n, 1, name)
	}
}

// A thousand jobs of one second: how long it takes until the last one has begun, and what the sidecar takes for it.
func BenchmarkThousandJobsOfOneSecond(b *testing.B) {
	p, at := burst(b, 1000, 20*time.Second)
	pid := p.inspect("hyper-lite-sidecar").State.Pid
	before := p.cpuOf(pid)
	b.ReportMetric(p.fired(1000, at, 20*time.Minute).Seconds(), "last-s")
	b.ReportMetric((p.cpuOf(pid) - before).Seconds(), "sidecar-CPU-s")
	b.ReportMetric(p.sidecarMemory(10*time.Second), "sidecar-MiB")
	b.ReportMetric(0, "ns/op")
}
