//go:build engine

package tests

import (
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// moment reads a time of the engine.
func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	assert.NilError(t, err)
	return at
}

func TestDependenciesStartInTheOrderOfTheirConditions(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  app:
    image: hyper-lite-demo
    depends_on:
      db: {condition: service_healthy}
      migrate: {condition: service_completed_successfully}
      cache: {condition: service_started}
      absent: {condition: service_started, required: false}
      flaky: {condition: service_completed_successfully, required: false}
  migrate:
    image: hyper-lite-demo
    command: [wait, 400ms]
    depends_on: {db: {condition: service_healthy}}
  db:
    image: hyper-lite-demo
    environment: {START_DELAY: 500ms}
    healthcheck: {test: [CMD, /demo, request, "http://127.0.0.1/healthz"], interval: 200ms, timeout: 2s, retries: 50}
  cache: {image: hyper-lite-demo}
  flaky: {image: hyper-lite-demo, command: [exit, "1"]}
  absent: {image: hyper-lite-demo, profiles: [never]}
`)
	p.must("up", "-d")
	started := func(name string) time.Time { return moment(t, p.inspect(name).State.StartedAt) }
	healthy := p.inspect("db-1").State.Health
	assert.Equal(t, healthy.Status, "healthy")
	var proven time.Time
	for _, check := range healthy.Log {
		if check.ExitCode == 0 {
			proven = check.End
			break
		}
	}
	migrated := p.inspect("migrate-1").State
	for _, order := range []struct {
		what         string
		first, later time.Time
	}{
		{"db listens before migrate starts", started("db-1").Add(500 * time.Millisecond), started("migrate-1")},
		{"migrate ends before app starts", moment(t, migrated.FinishedAt), started("app-1")},
		{"db is healthy before app starts", proven, started("app-1")},
		{"cache starts before app", started("cache-1"), started("app-1")},
		{"flaky ends before app starts", moment(t, p.inspect("flaky-1").State.FinishedAt), started("app-1")},
	} {
		assert.Assert(t, !order.first.After(order.later), "%s: %s, %s", order.what, order.first, order.later)
	}
	assert.Equal(t, len(p.containers("absent")), 0)
	assert.Equal(t, len(p.containers("migrate")), 1)

	says(t, p.must("up", "-d", "app", "migrate", "db", "cache", "--no-deps").out, "nothing to change")
	assert.Equal(t, moment(t, p.inspect("migrate-1").State.FinishedAt), moment(t, migrated.FinishedAt))
}

func TestAFailingMigrationStopsItsDependents(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  app:
    image: hyper-lite-demo
    depends_on: {migrate: {condition: service_completed_successfully}}
  beside: {image: hyper-lite-demo}
  migrate: {image: hyper-lite-demo, command: [wait, 200ms, "${CODE:-6}"]}
`)
	r := p.failsSoon("up", "-d")
	says(t, r.err, p.name+"-migrate-1", "(6)", "demo: exiting with code 6", "hyper-lite logs migrate")
	assert.Equal(t, len(p.running("app")), 0)
	p.at("CODE=0", func() { p.must("up", "-d", "--wait") }) // the cause is gone
	assert.Equal(t, len(p.running("app")), 1)
	assert.Equal(t, len(p.running("beside")), 1)
}

func TestARestartedDependencyRestartsWhoAsksForIt(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  follows:
    image: hyper-lite-demo
    depends_on: {db: {condition: service_started, restart: true}}
  stays:
    image: hyper-lite-demo
    depends_on: {db: {condition: service_started}}
  db:
    image: hyper-lite-demo
    environment: {GREETING: "${GREETING:-one}"}
`)
	p.must("up", "-d", "--wait")
	follows, stays := p.inspect("follows-1"), p.inspect("stays-1")
	p.at("GREETING=two", func() { p.must("up", "-d", "--wait") })
	db := p.inspect("db-1")
	after := p.inspect("follows-1")
	assert.Equal(t, after.ID, follows.ID, "it is restarted, not made anew")
	assert.Assert(t, !moment(t, after.State.StartedAt).Before(moment(t, db.State.StartedAt)), "%s, db %s", after.State.StartedAt, db.State.StartedAt)
	assert.Equal(t, p.inspect("stays-1").State.StartedAt, stays.State.StartedAt)
}
