//go:build engine

package tests

import (
	"fmt"
	"os/exec"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// ten replicas take two seconds to start, as applications do.
const ten = `
services:
  web:
    image: hyper-lite-demo
    environment: {GREETING: "${GREETING:-none}", START_DELAY: 2s}
    replicas: 10
    protocol: http
    service_port: ${PORT}
    container_port: 80
    drain: ${DRAIN}
    health-check: {path: /healthz, interval: 1s}
    deploy: {update_config: {parallelism: 2}}
`

// mostOverWaits is how much longer than its unavoidable waits a roll may take.
const mostOverWaits = 1.3

// BenchmarkRolloutOfTen rolls ten replicas, two at a time, under a light load, and compares the whole with what
// cannot be avoided in each wave: the longest start, the longest wait for health, the longest drain.
func BenchmarkRolloutOfTen(b *testing.B) {
	for _, drain := range []time.Duration{10 * time.Second, 3 * time.Second} {
		p := newProject(b, ten)
		p.env = append(p.env, "DRAIN="+drain.String())
		p.must("up", "-d", "--wait")
		few := &crowd{t: b, clients: 2, pace: 20 * time.Millisecond, longest: time.Second, web: fmt.Sprintf("127.0.0.1:%d", p.port)}
		few.gather()
		p.env = append(p.env, "GREETING=two")
		steps, r := p.steps(func(step, *exec.Cmd) {}, "up", "-d")
		few.disperse()
		assert.Equal(b, r.code, 0, r.err)
		few.lostNothing(p)
		took, waits := weighed(steps)
		ratio := took.Seconds() / waits.Seconds()
		b.Logf("drain %s: ten replicas, two at a time, in %s; the unavoidable waits are %s: %.2f", drain, rounded(took), rounded(waits), ratio)
		b.ReportMetric(ratio, fmt.Sprintf("x-waits-drain-%s", drain))
		assert.Check(b, ratio <= mostOverWaits)
		p.must("down", "-t", "1")
	}
	b.ReportMetric(0, "ns/op")
}

// weighed is how long a roll took, from its first step to its last, and its unavoidable waits. A wave ends with the
// drains of the replicas that it replaced.
func weighed(steps []step) (took, waits time.Duration) {
	wave, drained := map[string]float64{}, false
	close := func() {
		for _, seconds := range wave {
			waits += time.Duration(seconds * float64(time.Second))
		}
		wave, drained = map[string]float64{}, false
	}
	for _, s := range steps {
		if s.State != "done" {
			continue
		}
		switch s.Verb {
		case "start", "await":
			if drained {
				close()
			}
		case "drain":
			drained = true
		default:
			continue
		}
		wave[s.Verb] = max(wave[s.Verb], s.Seconds)
	}
	close()
	return steps[len(steps)-1].at.Sub(steps[0].at), waits
}
