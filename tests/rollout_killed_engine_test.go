//go:build engine

package tests

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// brisk is a routed pair whose roll waits for little.
const brisk = `
services:
  web:
    image: hyper-lite-demo
    environment: {GREETING: "${GREETING:-none}"}
    replicas: 2
    protocol: http
    service_port: ${PORT}
    container_port: 80
    ports: ["${LINES}:7000"]
    drain: 500ms
    health-check: {path: /healthz, interval: 500ms, rise: 1}
    deploy: {update_config: {order: start-first, parallelism: 1}}
`

// newBrisk is the pair, up, with a light load on it.
func newBrisk(t testing.TB) (*project, *crowd, *witness) {
	t.Helper()
	p := newProject(t, brisk)
	lines := p.newPort("LINES")
	p.must("up", "-d", "--wait")
	witness := p.witness("web")
	few := &crowd{
		t: t, clients: 2, pace: 20 * time.Millisecond, longest: 300 * time.Millisecond,
		web: fmt.Sprintf("127.0.0.1:%d", p.port), lines: fmt.Sprintf("127.0.0.1:%d", lines),
	}
	few.gather()
	return p, few, witness
}

// healthy is how many replicas the balancer may send requests to, on the route that has the fewest.
func (p *project) healthy() int {
	p.t.Helper()
	routes := map[string]int{}
	for line := range strings.Lines(p.must("lb", "--format", "{{.Healthy}} {{.Route}}").out) {
		healthy, route, _ := strings.Cut(strings.TrimSpace(line), " ")
		if routes[route] += 0; healthy == "true" {
			routes[route]++
		}
	}
	assert.Assert(p.t, len(routes) > 0, "nothing is routed")
	return slices.Min(slices.Collect(maps.Values(routes)))
}

// killedAtEvery rolls the pair again and again, and kills up at another step each time: when that step is in this state,
// from the first one on or from the second, every other one. The pair serves on with both, and the next up
// finishes, with nothing left over.
func killedAtEvery(t testing.TB, state string, first int) {
	p, few, witness := newBrisk(t)
	want := p.shape()
	deaths := 0
	for n := first; ; n += 2 {
		p.env = append(p.env, fmt.Sprintf("GREETING=%d", n))
		after := p.diesAtStep(state, n, "up", "-d", "-t", "2")
		if after == "" {
			break
		}
		deaths++
		assert.Assert(t, p.healthy() >= 2, "killed after %s: the balancer has less than two", after)
		p.recovers(want, fmt.Sprint(n), "a kill after "+after)
	}
	assert.Assert(t, deaths > 5, "only %d steps", deaths)
	few.disperse()
	t.Logf("killed %d times", deaths)
	few.lostNothing(p)
	assert.Assert(t, witness.least() >= 2, "only %d of two ran at some time", witness.least())
}

func TestAKillAfterAnOddStepOfARollCostsNothing(t *testing.T) {
	t.Parallel()
	killedAtEvery(t, "done", 1)
}

func TestAKillAfterAnEvenStepOfARollCostsNothing(t *testing.T) {
	t.Parallel()
	killedAtEvery(t, "done", 2)
}

// BenchmarkRolloutKilledInTheMiddleOfAnyStep is the same while the step is under way.
func BenchmarkRolloutKilledInTheMiddleOfAnyStep(b *testing.B) {
	killedAtEvery(b, "started", 1)
	killedAtEvery(b, "started", 2)
	b.ReportMetric(0, "ns/op")
}
