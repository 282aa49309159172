//go:build engine

package tests

import (
	"fmt"
	"os/exec"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// comeback is a routed pair that the engine starts again, and a worker that only up does.
const comeback = `
services:
  web:
    image: hyper-lite-demo
    restart: unless-stopped
    environment: {GREETING: "${GREETING:-none}"}
    replicas: 2
    protocol: http
    service_port: ${PORT}
    container_port: 80
    ports: ["${LINES}:7000"]
    drain: 500ms
    health-check: {path: /healthz, interval: 500ms, rise: 1}
    deploy: {update_config: {order: start-first, parallelism: 1}}
  worker: {image: hyper-lite-demo, command: wait 1h, init: true}
`

// TestAnEngineThatRestarts has an engine of its own, restarts it while the pair serves, and then in the middle of
// rolls: what is to come back comes back, the right replicas answer at once, and the next up does the rest.
func TestAnEngineThatRestarts(t *testing.T) {
	t.Parallel()
	engine := newOwnEngine(t)
	p := engine.project(comeback)
	lines := p.newPort("LINES")
	p.must("up", "-d", "--wait")
	replicas, want := p.names("web"), p.shape()
	few := &crowd{
		t: t, clients: 2, pace: 20 * time.Millisecond, longest: 300 * time.Millisecond,
		web: fmt.Sprintf("%s:%d", p.host, p.port), lines: fmt.Sprintf("%s:%d", p.host, lines),
	}
	few.gather()
	few.reaches(50, time.Minute)

	engine.stop()
	engine.start()
	back := time.Now()
	few.answersAgain(back)
	few.disperse()
	assert.DeepEqual(t, p.names("web"), replicas)
	for name := range few.heard(back) {
		assert.Assert(t, name == replicas[0] || name == replicas[1], "%s answered", name)
	}
	assert.Equal(t, len(p.running("worker")), 0)
	says(t, p.must("plan").out, "worker.1@1", "exited")
	p.recovers(want, "none", "the engine's restart")
	assert.DeepEqual(t, p.names("web"), replicas)

	for _, verb := range []string{"await", "drain"} {
		p.env = append(p.env, "GREETING="+verb)
		restarted := false
		_, r := p.steps(func(s step, _ *exec.Cmd) { // up goes on meanwhile, and meets an engine that is not there
			if s.Verb == verb && s.State == "started" && !restarted {
				restarted = true
				engine.stop()
				engine.start()
			}
		}, "up", "-d", "-t", "2")
		assert.Assert(t, restarted)
		t.Logf("the engine restarted as %s began: up ended with %d: %s", verb, r.code, r.err)
		eventually(t, 30*time.Second, func() error { // without any command
			_, err := ok(fresh, p.url("/replica"))
			return err
		})
		p.recovers(want, verb, "the engine's restart at "+verb)
	}
}
