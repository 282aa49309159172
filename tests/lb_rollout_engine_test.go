//go:build engine

package tests

import (
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func TestAnUpWithNothingToChangeTouchesNothing(t *testing.T) {
	t.Parallel()
	p := newProject(t, threeReplicas)
	p.must("up", "-d", "--wait")
	var started []string
	for _, c := range p.containers("") {
		started = append(started, p.inspect(strings.TrimPrefix(c.Names[0], "/"+p.name+"-")).State.StartedAt)
	}
	logs := p.systemLogs()

	assert.DeepEqual(t, p.actions(func() {
		again := p.must("up", "-d")
		assert.Assert(t, strings.Contains(again.out, "nothing to change"), again.out)
		assert.Equal(t, p.must("plan", "--detailed-exitcode").code, 0)
	}), []string(nil))

	assert.Equal(t, p.systemLogs(), logs)
	for i, c := range p.containers("") {
		assert.Equal(t, p.inspect(strings.TrimPrefix(c.Names[0], "/"+p.name+"-")).State.StartedAt, started[i])
	}
	// Only what Traefik is told anew is a signal: a scale shows that such a one would have been seen.
	actions := p.actions(func() { p.must("scale", "web=2") })
	assert.Assert(t, strings.Contains(strings.Join(actions, "\n"), "hyper-lite-balancer kill"), "%v", actions)
}

// systemLogs is what the balancer and the sidecar have written.
func (p *project) systemLogs() string {
	p.t.Helper()
	var all string
	for _, name := range []string{"-hyper-lite-balancer", "-hyper-lite-sidecar"} {
		out, errs := p.written(p.name + name)
		all += out + errs
	}
	return all
}

const rolling = `
services:
  web:
    image: hyper-lite-demo
    environment: {GREETING: "${GREETING:-one}", HEALTH: "${HEALTH:-ok}"}
    replicas: 2
    protocol: http
    service_port: ${PORT}
    container_port: 80
    health-check: {path: /healthz, interval: 1s}
`

func TestAChangedServiceRollsWithoutAFailedRequest(t *testing.T) {
	t.Parallel()
	p := newProject(t, rolling)
	p.must("up", "-d", "--wait")
	old := p.names("web")

	p.env = append(p.env, "GREETING=two")
	planned := p.must("plan").out
	assert.Assert(t, strings.Contains(planned, "environment.GREETING changed"), planned)
	lost := underLoad(t, p.url("/"), func() {
		p.must("up", "-d", "--wait")
		p.answerers(8)
	})
	lost.lostNothing(t)
	for _, name := range old {
		assert.Assert(t, lost.seen[name] > 0, "%s was never asked: %v", name, lost.seen)
	}
	now := p.names("web")
	assert.Equal(t, len(now), 2)
	for i, name := range now {
		assert.Assert(t, name != old[0] && name != old[1], "%d: %s was not replaced", i, name)
		assert.Assert(t, lost.seen[name] > 0, "%s was never asked: %v", name, lost.seen)
	}
	assert.DeepEqual(t, p.running("web"), []string{p.name + "-web-1", p.name + "-web-2"})
	body, err := ok(fresh, p.url("/"))
	assert.NilError(t, err)
	assert.Assert(t, strings.HasPrefix(body, "two from replica"), body)
}

func TestAReplacementThatNeverBecomesHealthyLeavesTheOldOneServing(t *testing.T) {
	t.Parallel()
	p := newProject(t, rolling)
	p.must("up", "-d", "--wait")
	old := p.names("web")

	healthy := p.env
	p.env = append(p.env[:len(p.env):len(p.env)], "HEALTH=fail")
	lost := underLoad(t, p.url("/"), func() {
		up := p.exits(3, "up", "-d", "--wait", "--wait-timeout", "4")
		assert.Assert(t, strings.Contains(up.err, "web.1@2"), up.err)
		assert.Assert(t, strings.Contains(up.err, "answered 503"), up.err)
		assert.Assert(t, strings.Contains(up.err, "web is still served by web.1@1, web.2@1"), up.err)
		p.answerers(6)
	})
	lost.lostNothing(t)
	assert.DeepEqual(t, sortedKeys(lost.seen), old)

	p.env = healthy
	p.must("up", "-d", "--wait")
	assert.DeepEqual(t, p.names("web"), old) // what serves was right all the time
	assert.DeepEqual(t, p.running("web"), []string{p.name + "-web-1", p.name + "-web-2"})
	eventually(t, time.Second, func() error { return p.lbSays("web.1@1 true") })
}
