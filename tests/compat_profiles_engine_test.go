//go:build engine

package tests

import (
	"testing"

	"gotest.tools/v3/assert"
)

func TestCompatProfilesAreActivatedByNamingAService(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
x-lasting: &lasting {image: hyper-lite-demo, command: wait 1h, init: true, stop_grace_period: 0s}
services:
  web: {<<: *lasting, depends_on: {metrics: {condition: service_started, required: false}}}
  debug: {<<: *lasting, profiles: [debug, tools], depends_on: [web, helper]}
  helper: {<<: *lasting, profiles: [debug]}
  metrics: {<<: *lasting, profiles: [metrics]}
  stray: {<<: *lasting, profiles: [stray], depends_on: [metrics]}
`)
	up := func(want ...string) {
		t.Helper()
		var running []string
		for _, name := range p.running("") {
			running = append(running, name[len(p.name)+1:len(name)-2])
		}
		assert.DeepEqual(t, running, want)
	}
	p.must("up", "-d")
	up("web")
	p.must("up", "-d", "debug") // its profiles, and with them those of the helper that shares one
	up("debug", "helper", "web")
	says(t, p.exits(1, "up", "-d", "stray").err, "metrics is switched off by its profiles", "--profile metrics")
	up("debug", "helper", "web")
	p.must("--profile", "metrics", "up", "-d", "stray")
	up("debug", "helper", "metrics", "stray", "web")
}

func TestCompatWhoFollowsARestartIsRestartedWithIt(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
x-lasting: &lasting {image: hyper-lite-demo, command: wait 1h, init: true, stop_grace_period: 0s}
services:
  db: *lasting
  follows: {<<: *lasting, depends_on: {db: {condition: service_started, restart: true}}}
  stays: {<<: *lasting, depends_on: [db]}
  absent: {<<: *lasting, profiles: [never]}
  alone: {<<: *lasting, depends_on: {absent: {condition: service_healthy, required: false, restart: true}}}
`)
	p.must("up", "-d")
	started := func(name string) string { return p.inspect(name).State.StartedAt }
	follows, stays, alone := started("follows-1"), started("stays-1"), started("alone-1")
	p.must("restart", "db")
	assert.Assert(t, started("follows-1") != follows)
	assert.Assert(t, !moment(t, started("follows-1")).Before(moment(t, started("db-1"))))
	assert.Equal(t, started("stays-1"), stays)
	assert.Equal(t, started("alone-1"), alone)
	follows = started("follows-1")
	p.must("restart", "--no-deps", "db")
	assert.Equal(t, started("follows-1"), follows)
}
