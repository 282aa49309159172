//go:build engine

package tests

import (
	"testing"

	"gotest.tools/v3/assert"
)

// A restart of a routed service goes replica by replica, each withdrawn before: the same containers, and nothing lost.
func TestARestartLosesNoRequest(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    replicas: 2
    drain: 2s
    protocol: http
    service_port: ${PORT}
    container_port: 80
    health-check: {path: /healthz, interval: 1s}
`)
	p.must("up", "-d")
	before := map[string]string{}
	for _, name := range []string{"web-1", "web-2"} {
		before[name] = p.inspect(name).State.StartedAt
	}
	done := underLoad(t, p.url("/replica"), func() { p.must("restart") })
	done.lostNothing(t)
	for name, started := range before {
		now := p.inspect(name).State
		assert.Assert(t, now.Running && now.StartedAt != started, "%s was not restarted", name)
	}
	assert.Equal(t, len(p.answerers(20)), 2)
}
