//go:build engine

package tests

import (
	"os"
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

// A restart that ends between the withdrawal of a replica and its way back has it served again first; a start that ends
// there is gone on with by the same command.
func TestARestartOrStartThatIsInterruptedLeavesNobodyUnserved(t *testing.T) {
	t.Parallel()
	p := newProject(t, stoppingFirst)
	p.newPort("DB")
	p.env = append(p.env, "REPLICAS=2", "START_DELAY=2s")
	p.must("up", "-d", "--wait")

	restart := p.begin("restart", "web")
	restart.showed("container " + p.name + "-web-1 restarted")
	assert.NilError(t, restart.Process.Signal(os.Interrupt))
	assert.Equal(t, restart.ends(), 130, restart.err.String())
	says(t, restart.err.String(), "web first gets back what was taken away", "same command again")
	assert.Equal(t, len(p.answerers(20)), 2)
	says(t, p.must("up", "-d").out, "nothing to change")

	p.must("stop")
	start := p.begin("start")
	start.showed("container " + p.name + "-web-2 started")
	assert.NilError(t, start.Process.Signal(os.Interrupt))
	assert.Equal(t, start.ends(), 130, start.err.String())
	p.must("start")
	assert.Equal(t, len(p.answerers(20)), 2)
	says(t, p.must("up", "-d").out, "nothing to change")

	p.must("stop")
	p.must("restart")
	assert.Equal(t, len(p.answerers(20)), 2)
}
