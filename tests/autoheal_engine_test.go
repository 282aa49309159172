//go:build engine

package tests

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// inspectedContainer is one of a service, as service inspect tells it.
type inspectedContainer struct {
	Name, Cause string
	Generation  int
	Judged      *struct {
		Healthy bool
		Since   time.Time
		Reason  string
	}
}

// inspected is what service inspect tells of one service.
type inspected struct {
	Auto *struct {
		HealAfter, Destroy string
	}
	Heals []struct {
		Replica, Reason, Outcome, Detail, Next string
		Time                                   time.Time
		Attempt                                int
	}
	Containers []inspectedContainer
}

func (p *project) serviceInspect(service string) inspected {
	p.t.Helper()
	var all []inspected
	assert.NilError(p.t, json.Unmarshal([]byte(p.must("service", "inspect", service).out), &all))
	assert.Equal(p.t, len(all), 1)
	return all[0]
}

// slots are the containers of a service: name, generation and state.
func (p *project) slots(service string) []string {
	p.t.Helper()
	var slots []string
	for _, c := range p.containers(service) {
		slots = append(slots, fmt.Sprintf("%s@%s %s", strings.TrimPrefix(c.Names[0], "/"+p.name+"-"), c.Labels["hyper-lite.generation"], c.State))
	}
	return slots
}

func (p *project) slotsAre(service string, want ...string) func() error {
	return func() error {
		if have := p.slots(service); !slices.Equal(have, want) {
			return fmt.Errorf("%v, not %v", have, want)
		}
		return nil
	}
}

// ended says that the last replacement of a service ended that way.
func (p *project) ended(service, outcome string) func() error {
	return func() error {
		heals := p.serviceInspect(service).Heals
		if len(heals) == 0 || heals[len(heals)-1].Outcome != outcome {
			return fmt.Errorf("replacements: %+v", heals)
		}
		return nil
	}
}

func TestASickReplicaIsReplacedAndNoRequestIsLost(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    replicas: 3
    protocol: http
    service_port: ${PORT}
    container_port: 80
    health-check: {path: /healthz, interval: 200ms, fall: 2, rise: 2}
    autoheal: {after: 2s}
    drain: 3s
    stop_grace_period: 2s
    networks: [default, side]
    configs: [{source: greeting, target: /etc/greeting, mode: 0440}]
    secrets: [token]
    volumes: [/data]
networks: {side: {}}
configs: {greeting: {content: hello}}
secrets: {token: {environment: TOKEN}}
`)
	p.env = append(p.env, "TOKEN=t0k3n")
	p.must("up", "-d", "--wait")
	assert.Equal(t, p.serviceInspect("web").Auto.HealAfter, "2s")
	sick := p.inspect("web-2")
	var told []string
	follow := p.begin("events", "--since", "5s")
	lost := underLoad(t, p.url("/replica"), func() {
		told = p.actions(func() {
			post(t, p.direct("web-2", "/health/fail"))
			eventually(t, 40*time.Second, p.slotsAre("web", "web-1@1 running", "web-2@2 running", "web-3@1 running"))
			eventually(t, 20*time.Second, p.ended("web", "replaced"))
		})
	})
	lost.lostNothing(t)
	assert.Assert(t, slices.Contains(told, "web-2-g2 start"), "%v", told)
	assert.Assert(t, slices.Contains(told, "web-2 die"), "%v", told)

	well := p.inspect("web-2")
	assert.Assert(t, lost.seen[well.ID[:12]] > 0, "the new one answers: %v", lost.seen)
	cause := well.Config.Labels["hyper-lite.cause"]
	assert.Assert(t, strings.HasPrefix(cause, "autoheal: GET /healthz answered 503, want 200 to 399 for "), cause)
	follow.says("container create ")
	follow.says("cause=" + cause)
	assert.NilError(t, follow.Process.Signal(os.Interrupt))
	assert.Equal(t, follow.ends(), 130)
	for _, n := range []string{"default", "side"} {
		assert.Assert(t, well.NetworkSettings.Networks[p.name+"_"+n] != nil, n)
	}
	volume := func(of string) string {
		for _, m := range p.inspect(of).Mounts {
			if m.Destination == "/data" {
				return m.Name
			}
		}
		return ""
	}
	for _, m := range sick.Mounts {
		if m.Destination == "/data" {
			assert.Equal(t, volume("web-2"), m.Name, "the anonymous volume goes along")
		}
	}
	for _, path := range []string{"/etc/greeting", "/run/secrets/token"} {
		assert.Equal(t, p.copied("web-2", path), p.copied("web-1", path))
	}
	said := p.serviceInspect("web")
	assert.Equal(t, said.Heals[0].Replica, "web.2@1")
	assert.Equal(t, said.Heals[0].Attempt, 1)
	assert.Equal(t, "autoheal: "+said.Heals[0].Reason, cause)
	for _, c := range said.Containers {
		assert.Assert(t, c.Judged != nil && c.Judged.Healthy && !c.Judged.Since.IsZero(), "%+v", c)
		assert.Equal(t, c.Cause != "", strings.HasSuffix(c.Name, "web-2"))
	}
	assert.Assert(t, strings.Contains(p.must("up", "-d").out, "nothing to change"))
}

func TestAllReplicasSickAtOnceAreReplacedOneByOne(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    replicas: 3
    protocol: http
    service_port: ${PORT}
    container_port: 80
    health-check: {path: /healthz, interval: 200ms, fall: 2, rise: 2}
    autoheal: {after: 1s}
    drain: 0s
    stop_grace_period: 1s
`)
	p.must("up", "-d", "--wait")
	for slot := 1; slot <= 3; slot++ {
		post(t, p.direct(fmt.Sprintf("web-%d", slot), "/health/fail"))
	}
	most := 0
	eventually(t, 60*time.Second, func() error {
		most = max(most, len(p.containers("web")))
		return p.slotsAre("web", "web-1@2 running", "web-2@2 running", "web-3@2 running")()
	})
	assert.Equal(t, most, 4, "one at a time")
	assert.Equal(t, len(p.answerers(9)), 3)
	eventually(t, 20*time.Second, p.ended("web", "replaced"))
	assert.Assert(t, strings.Contains(p.must("up", "-d").out, "nothing to change"))
}

// A replica whose clones are no better, since what ails it is elsewhere, stays; the attempts come ever less often.
func TestAReplicaWhoseCloneIsNoBetterStays(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  gate:
    image: hyper-lite-demo
  worker:
    image: hyper-lite-demo
    healthcheck: {test: [CMD, /demo, request, "http://gate/healthz"], interval: 200ms, timeout: 2s, retries: 2}
    stop_grace_period: 1s
    autoheal: {after: 1s}
`)
	p.must("up", "-d", "--wait")
	assert.Equal(t, len(p.containers("balancer")), 0, "nothing is routed")
	assert.DeepEqual(t, p.running("sidecar"), []string{p.name + "-hyper-lite-sidecar"})
	before := p.inspect("worker-1")
	post(t, p.direct("gate-1", "/health/fail"))
	eventually(t, 60*time.Second, func() error {
		if heals := p.serviceInspect("worker").Heals; len(heals) < 3 {
			return fmt.Errorf("only %d attempts", len(heals))
		}
		return nil
	})
	heals := p.serviceInspect("worker").Heals
	for i, h := range heals[:2] {
		assert.Equal(t, h.Outcome, "failed", "%+v", h)
		assert.Equal(t, h.Attempt, i+1)
		assert.Assert(t, strings.Contains(h.Detail, "health check failed"), h.Detail)
		pause := heals[i+1].Time.Sub(h.Time)
		assert.Assert(t, pause >= time.Second<<(i+1), "attempt %d came %s after the one before", i+2, pause)
	}
	post(t, p.direct("gate-1", "/health/ok"))
	eventually(t, 30*time.Second, p.slotsAre("worker", "worker-1@1 running"))
	eventually(t, 30*time.Second, func() error {
		c := p.serviceInspect("worker").Containers
		if len(c) != 1 || c[0].Judged == nil || !c[0].Judged.Healthy {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
	after := p.inspect("worker-1")
	assert.Equal(t, after.ID, before.ID)
	assert.Equal(t, after.State.StartedAt, before.State.StartedAt)
}

// What holds a host port itself cannot run twice.
func TestAReplicaWithAHostPortIsStoppedFirst(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    ports: ["127.0.0.1:${PORT}:80"]
    healthcheck: {test: [CMD, /demo, request, "http://127.0.0.1/healthz"], interval: 200ms, timeout: 2s, retries: 2}
    stop_grace_period: 1s
    autoheal: {after: 1s}
`)
	p.must("up", "-d", "--wait")
	post(t, p.url("/health/fail"))
	told := p.actions(func() { eventually(t, 40*time.Second, p.slotsAre("web", "web-1@2 running")) })
	assert.Assert(t, slices.Index(told, "web-1 die") < slices.Index(told, "web-1-g2 start"), "%v", told)
	_, err := ok(fresh, p.url("/healthz"))
	assert.NilError(t, err)
	eventually(t, 20*time.Second, p.ended("web", "replaced"))
	assert.Assert(t, strings.Contains(p.must("up", "-d").out, "nothing to change"))
}

const slowToHeal = `
services:
  web:
    image: hyper-lite-demo
    replicas: 2
    protocol: http
    service_port: ${PORT}
    container_port: 80
    environment: {START_DELAY: 4s}
    health-check: {path: /healthz, interval: 200ms, fall: 2, rise: 2}
    autoheal: {after: 1s}
    drain: ${DRAIN:-0s}
    stop_grace_period: 1s
  other:
    image: hyper-lite-demo
    environment: {START_DELAY: "${SLOW:-0s}"}
    healthcheck: {test: [CMD, /demo, request, "http://127.0.0.1/healthz"], interval: 200ms, timeout: 2s, retries: 100}
    stop_grace_period: 1s
`

// A sidecar that is killed in the middle of a replacement ends it when the engine has started it again, whether the
// clone was only made, ran, or served; and so does a command that comes before.
func TestASidecarKilledWhileItHealsLeavesNothing(t *testing.T) {
	t.Parallel()
	reached := map[string]func(p *project) bool{
		"made":    func(p *project) bool { return len(p.containers("web")) == 3 },
		"running": func(p *project) bool { return slices.Contains(p.running("web"), p.name+"-web-1-g2") },
		"served": func(p *project) bool {
			return slices.ContainsFunc(p.serviceInspect("web").Containers, func(c inspectedContainer) bool {
				return c.Generation == 2 && c.Judged != nil && c.Judged.Healthy
			})
		},
	}
	for name, now := range reached {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, slowToHeal)
			p.env = append(p.env, "DRAIN=6s")
			p.must("up", "-d", "--wait")
			before := p.inspect("hyper-lite-sidecar")
			post(t, p.direct("web-1", "/health/fail"))
			lost := underLoad(t, p.url("/replica"), func() {
				eventually(t, 40*time.Second, func() error {
					if !now(p) {
						return fmt.Errorf("it is not %s: %v", name, p.slots("web"))
					}
					return nil
				})
				p.crash("hyper-lite-sidecar")
				p.restarted("hyper-lite-sidecar", before)
				eventually(t, 40*time.Second, func() error {
					if at := p.slots("web"); len(at) != 2 || !strings.HasPrefix(at[0], "web-1@") || at[0] == "web-1@1 running" {
						return fmt.Errorf("%v", at)
					}
					return nil
				})
			})
			lost.lostNothing(t)
			at := strings.Join(p.slots("web"), "|")
			assert.Assert(t, strings.HasPrefix(at, "web-1@") && strings.HasSuffix(at, "|web-2@1 running") && strings.Count(at, "|") == 1, at)
			assert.Equal(t, len(p.answerers(8)), 2)
			assert.Assert(t, strings.Contains(p.must("up", "-d").out, "nothing to change"))
		})
	}
	t.Run("a command comes first", func(t *testing.T) {
		t.Parallel()
		p := newProject(t, slowToHeal)
		p.must("up", "-d", "--wait")
		post(t, p.direct("web-1", "/health/fail"))
		eventually(t, 40*time.Second, func() error {
			if at := p.slots("web"); len(at) != 3 {
				return fmt.Errorf("%v", at)
			}
			return nil
		})
		p.crash("hyper-lite-sidecar")
		p.must("up", "-d", "--wait")
		assert.Equal(t, len(p.slots("web")), 2, "%v", p.slots("web"))
		assert.Equal(t, len(p.answerers(8)), 2)
		assert.Assert(t, strings.Contains(p.must("up", "-d").out, "nothing to change"))
	})
}

// While a command changes the project the sidecar replaces nothing, and what it has begun it undoes; also where the
// command is killed it goes on afterwards.
func TestWhileACommandWorksNothingIsHealed(t *testing.T) {
	t.Parallel()
	p := newProject(t, slowToHeal)
	p.must("up", "-d", "--wait")
	p.env = append(p.env, "SLOW=8s")
	ended := make(chan result, 1)
	go func() { ended <- p.run("up", "-d", "--wait", "other") }()
	eventually(t, 20*time.Second, func() error {
		if c := p.containers("other"); len(c) != 2 && (len(c) != 1 || c[0].Labels["hyper-lite.generation"] != "2") {
			return fmt.Errorf("the command has not begun")
		}
		return nil
	})
	post(t, p.direct("web-1", "/health/fail"))
	for working := true; working; {
		select {
		case r := <-ended:
			assert.Equal(t, r.code, 0, r.err)
			working = false
		default:
			eventually(t, time.Second, p.slotsAre("web", "web-1@1 running", "web-2@1 running"))
		}
	}
	eventually(t, 40*time.Second, p.slotsAre("web", "web-1@2 running", "web-2@1 running"))
	response, err := http.Get(p.url("/healthz"))
	assert.NilError(t, err)
	assert.NilError(t, response.Body.Close())
}

// A command that is killed holds nobody any longer.
func TestAfterACommandThatWasKilledItIsHealed(t *testing.T) {
	t.Parallel()
	p := newProject(t, slowToHeal)
	p.must("up", "-d", "--wait")
	p.env = append(p.env, "SLOW=100s")
	c := p.command(t.Context(), "up", "-d", "--wait", "other")
	assert.NilError(t, c.Start())
	eventually(t, 20*time.Second, func() error {
		return p.slotsAre("other", "other-1@1 running", "other-1-g2@2 running")()
	})
	post(t, p.direct("web-1", "/health/fail"))
	meanwhile(t, 4*time.Second, p.slotsAre("web", "web-1@1 running", "web-2@1 running"))
	assert.NilError(t, c.Process.Kill())
	_ = c.Wait() // it was killed
	eventually(t, 40*time.Second, p.slotsAre("web", "web-1@2 running", "web-2@1 running"))
}

// copied is one file of a container, as the engine packs it: content, owner and mode.
func (p *project) copied(name, path string) string {
	p.t.Helper()
	content, stat, err := p.docker.CopyFromContainer(p.t.Context(), p.name+"-"+name, path)
	assert.NilError(p.t, err)
	defer content.Close()
	archive := tar.NewReader(content)
	header, err := archive.Next()
	assert.NilError(p.t, err)
	text, err := io.ReadAll(archive)
	assert.NilError(p.t, err)
	return fmt.Sprintf("%s %d:%d %s %s", stat.Name, header.Uid, header.Gid, stat.Mode, text)
}
