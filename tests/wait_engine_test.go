//go:build engine

package tests

import (
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// soon is how long a failure that is certain may take to be told, on a busy machine.
const soon = 30 * time.Second

// failsSoon runs hyper-lite, which must find within moments that a replica will never be well.
func (p *project) failsSoon(args ...string) result {
	p.t.Helper()
	begun := time.Now()
	r := p.exits(3, args...)
	assert.Assert(p.t, time.Since(begun) < soon, "%v took %s", args, time.Since(begun))
	return r
}

func TestAReplicaThatExitsAtOnceIsToldWithItsLastWords(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  plain: {image: hyper-lite-demo, command: [exit, "9"]}
  routed:
    image: hyper-lite-demo
    command: [exit, "7"]
    protocol: http
    service_port: ${PORT}
    container_port: 80
`)
	for _, c := range []struct{ args, code, service string }{
		{"up -d --wait plain", "9", "plain"},
		{"up -d routed", "7", "routed"}, // what is routed is awaited without --wait, too
	} {
		r := p.failsSoon(strings.Fields(c.args)...)
		says(t, r.err, "("+c.code+")", "demo: exiting with code "+c.code, p.name+"-"+c.service+"-1", "hyper-lite logs "+c.service)
	}
}

func TestARestartLoopIsFoundSoon(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: hyper-lite-demo, command: [exit, "5"], restart: always}
`)
	says(t, p.failsSoon("up", "-d", "--wait").err, "(5)", "demo: exiting with code 5", "hyper-lite logs web")
}

func TestWaitSucceedsWhenAllIsHealthyAndOneShotsAreDone(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    environment: {START_DELAY: 500ms}
    healthcheck: {test: [CMD, /demo, request, "http://127.0.0.1/healthz"], interval: 250ms, timeout: 2s, retries: 40}
  seed: {image: hyper-lite-demo, command: [wait, 300ms]}
  tidy: {image: hyper-lite-demo, command: [wait, 300ms], restart: "no"}
  migrate: {image: hyper-lite-demo, command: [wait, 300ms]}
  app:
    image: hyper-lite-demo
    depends_on: {migrate: {condition: service_completed_successfully}}
`)
	p.must("up", "--wait")
	assert.Equal(t, p.inspect("web-1").State.Health.Status, "healthy")
	for _, name := range []string{"tidy-1", "migrate-1"} {
		state := p.inspect(name).State
		assert.Assert(t, state.Status == "exited" && state.ExitCode == 0, "%s: %s (%d)", name, state.Status, state.ExitCode)
	}
	assert.Assert(t, p.inspect("app-1").State.Running)
	says(t, p.must("up", "--wait", "web", "tidy", "migrate", "app").out, "nothing to change")
}

func TestWaitFailsAtOnceOnAnUnhealthyReplica(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    environment: {HEALTH: fail}
    healthcheck: {test: [CMD, /demo, request, "http://127.0.0.1/healthz"], interval: 250ms, timeout: 2s, retries: 2}
  app:
    image: hyper-lite-demo
    depends_on: {web: {condition: service_healthy}}
`)
	r := p.failsSoon("up", "--wait")
	says(t, r.err, p.name+"-web-1", "health check", "503", "hyper-lite logs web")
	assert.Equal(t, len(p.running("app")), 0)
}

func TestWaitEndsWhenADependencyDies(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  db:
    image: hyper-lite-demo
    command: [wait, 1s, "4"]
    healthcheck: {test: [CMD, /demo, request, "http://127.0.0.1/healthz"], interval: 30s, retries: 100}
  app:
    image: hyper-lite-demo
    depends_on: {db: {condition: service_healthy}}
`)
	says(t, p.failsSoon("up", "--wait").err, p.name+"-db-1", "(4)", "hyper-lite logs db")
	assert.Equal(t, len(p.running("app")), 0)
}

func TestWaitTimeoutEndsTheWait(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    healthcheck: {test: [CMD, /demo, request, "http://127.0.0.1/healthz"], interval: 1h}
`)
	says(t, p.failsSoon("up", "--wait", "--wait-timeout", "1").err, p.name+"-web-1", "starting")
}
