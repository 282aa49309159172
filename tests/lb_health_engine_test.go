//go:build engine

package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
)

// checks is how many health checks a container of the demo image has passed and failed.
type checks struct{ Passed, Failed int }

func (p *project) checks(url string) checks {
	p.t.Helper()
	text, err := ok(fresh, url)
	assert.NilError(p.t, err)
	var c checks
	assert.NilError(p.t, json.Unmarshal([]byte(text), &c), text)
	return c
}

// serves says whether a replica is among those that answer six requests: with two replicas round robin asks
// each of them three times.
func (p *project) serves(name string) bool {
	p.t.Helper()
	return p.answerers(6)[name] > 0
}

// servedByOthers says whether a replica has no part in the answers. What is sent to a paused one is given up after
// a second.
func (p *project) servedByOthers(name string) error {
	brisk := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for range 6 {
		answered, err := ok(brisk, p.url("/replica"))
		if err != nil {
			return err
		}
		if answered == name {
			return fmt.Errorf("%s still answers", name)
		}
	}
	return nil
}

func TestAReplicaFallsAndRisesByItsCountAndNotBefore(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    replicas: 2
    protocol: http
    service_port: ${PORT}
    container_port: 80
    health-check: {path: /healthz, interval: 1s, fall: 3, rise: 3}
`)
	p.must("up", "-d", "--wait")
	name := p.inspect("web-1").ID[:12]
	fail, recover, count := p.direct("web-1", "/health/fail"), p.direct("web-1", "/health/ok"), p.direct("web-1", "/checks")
	assert.Assert(t, p.serves(name))

	before := p.checks(count)
	post(t, fail)
	for p.serves(name) { // bounded by the assertion below: a fourth check comes within two seconds
		failed := p.checks(count).Failed - before.Failed
		assert.Assert(t, failed <= 4, "it is still asked after %d failed checks", failed)
	}
	failed := p.checks(count).Failed - before.Failed
	assert.Assert(t, failed >= 3, "it was withdrawn after %d failed checks, not 3", failed)
	meanwhile(t, 1500*time.Millisecond, func() error {
		if p.serves(name) {
			return fmt.Errorf("it is asked while it is unhealthy")
		}
		return nil
	})

	before = p.checks(count)
	post(t, recover)
	for !p.serves(name) {
		passed := p.checks(count).Passed - before.Passed
		assert.Assert(t, passed <= 4, "it is not asked after %d good checks", passed)
	}
	passed := p.checks(count).Passed - before.Passed
	assert.Assert(t, passed >= 3, "it was published after %d good checks, not 3", passed)
}

func TestAKilledReplicaLosesNoGET(t *testing.T) {
	t.Parallel()
	p := newProject(t, threeReplicas)
	p.must("up", "-d", "--wait")
	name := p.inspect("web-2").ID[:12]
	lost := underLoad(t, p.url("/replica"), func() {
		assert.NilError(t, docker.ContainerKill(t.Context(), name, "KILL"))
		eventually(t, 30*time.Second, func() error {
			if slices.Contains(sortedKeys(p.answerers(9)), name) {
				return fmt.Errorf("it still answers")
			}
			return p.lbSays("web.2@1 false")
		})
		p.answerers(60)
	})
	lost.lostNothing(t)
}

// lbSays checks a line "replica healthy" of what lb shows.
func (p *project) lbSays(line string) error {
	if shown := p.must("lb", "--format", "{{.Replica}} {{.Healthy}}").out; !strings.Contains(shown, line) {
		return fmt.Errorf("lb does not say %q: %s", line, shown)
	}
	return nil
}

func TestAReplicaStoppedOrPausedByHandIsWithdrawnAndComesBack(t *testing.T) {
	t.Parallel()
	p := newProject(t, strings.Replace(threeReplicas, "replicas: 3", "replicas: 2", 1))
	p.must("up", "-d", "--wait")
	id := p.inspect("web-1").ID
	ctx := t.Context()
	now := 0
	for _, c := range []struct {
		what        string
		away, again func() error
	}{
		{
			"stopped", func() error { return docker.ContainerStop(ctx, id, container.StopOptions{Timeout: &now}) },
			func() error { return docker.ContainerStart(ctx, id, container.StartOptions{}) },
		},
		{
			"paused", func() error { return docker.ContainerPause(ctx, id) },
			func() error { return docker.ContainerUnpause(ctx, id) },
		},
	} {
		assert.NilError(t, c.away(), c.what)
		eventually(t, 30*time.Second, func() error { return p.lbSays("web.1@1 false") })
		eventually(t, 30*time.Second, func() error { return p.servedByOthers(id[:12]) })
		assert.NilError(t, c.again(), c.what)
		eventually(t, 30*time.Second, func() error {
			if !p.serves(id[:12]) {
				return fmt.Errorf("%s: it does not come back", c.what)
			}
			return nil
		})
	}
}

func TestTrafficGoesOnWithoutTheSidecarUntilTheNextUp(t *testing.T) {
	t.Parallel()
	p := newProject(t, threeReplicas)
	p.must("up", "-d", "--wait")
	name := p.inspect("web-1").ID[:12]
	lost := underLoad(t, p.url("/replica"), func() {
		assert.NilError(t, docker.ContainerKill(t.Context(), p.name+"-hyper-lite-sidecar", "KILL"))
		p.answerers(9)
		assert.NilError(t, docker.ContainerKill(t.Context(), name, "KILL")) // and nobody is there to see it
		p.answerers(30)
		p.must("up", "-d", "--wait")
		p.reached("web", 9, func() (string, error) { return ok(fresh, p.url("/replica")) })
	})
	lost.lostNothing(t)
}

func TestASidecarThatCrashedComesBackAndSeesWhatItMissed(t *testing.T) {
	t.Parallel()
	p := newProject(t, strings.Replace(threeReplicas, "replicas: 3", "replicas: 2", 1))
	p.must("up", "-d", "--wait")
	before, name := p.inspect("hyper-lite-sidecar"), p.inspect("web-1").ID[:12]
	lost := underLoad(t, p.url("/replica"), func() {
		p.crash("hyper-lite-sidecar")
		assert.NilError(t, docker.ContainerKill(t.Context(), name, "KILL"))
		p.restarted("hyper-lite-sidecar", before)
		eventually(t, 30*time.Second, func() error {
			if p.serves(name) {
				return fmt.Errorf("the dead replica answers")
			}
			return p.lbSays("web.1@1 false")
		})
		p.answerers(20)
	})
	lost.lostNothing(t)
}

func TestABalancerThatCrashedComesBackWithTheRightBackends(t *testing.T) {
	t.Parallel()
	p := newProject(t, threeReplicas)
	p.must("up", "-d", "--wait")
	p.must("scale", "web=2") // what it was started with is not what it serves now
	before := p.inspect("hyper-lite-balancer")
	p.crash("hyper-lite-balancer")
	assert.NilError(t, docker.ContainerKill(t.Context(), p.inspect("web-2").ID, "KILL"))
	p.restarted("hyper-lite-balancer", before)
	eventually(t, 30*time.Second, func() error {
		_, err := ok(fresh, p.url("/replica"))
		return err
	})
	p.reached("web", 10, func() (string, error) { return ok(fresh, p.url("/replica")) })

	p.must("up", "-d", "--wait") // goes back to the file
	p.reached("web", 12, func() (string, error) { return ok(fresh, p.url("/replica")) })
}

func TestABalancerKilledByHandIsStartedByTheNextUp(t *testing.T) {
	t.Parallel()
	p := newProject(t, strings.Replace(threeReplicas, "replicas: 3", "replicas: 2", 1))
	p.must("up", "-d", "--wait")
	replicas := p.names("web")
	assert.NilError(t, docker.ContainerKill(t.Context(), p.name+"-hyper-lite-balancer", "KILL"))
	_, err := ok(fresh, p.url("/replica"))
	assert.Assert(t, err != nil, "nothing else serves")
	p.must("up", "-d", "--wait")
	p.reached("web", 8, func() (string, error) { return ok(fresh, p.url("/replica")) }) // from the first request on
	assert.DeepEqual(t, p.names("web"), replicas)
}
