//go:build engine

package tests

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"gotest.tools/v3/assert"
)

// diary is what the engine says that containers of a project did: "start web-1", "exec web-1 /demo wait 2ms".
type diary struct {
	p       *project
	mu      sync.Mutex
	entries []string
	err     error
}

func (p *project) diary() *diary {
	p.t.Helper()
	d := &diary{p: p}
	ctx, cancel := context.WithCancel(context.Background())
	p.t.Cleanup(cancel)
	stream, failed := docker.Events(ctx, events.ListOptions{Filters: filters.NewArgs(
		filters.Arg("type", "container"), filters.Arg("label", "hyper-lite.project="+p.name))})
	go func() {
		for {
			select {
			case e := <-stream:
				d.note(e)
			case err := <-failed:
				d.mu.Lock()
				defer d.mu.Unlock()
				if ctx.Err() == nil {
					d.err = err
				}
				return
			}
		}
	}()
	return d
}

func (d *diary) note(e events.Message) {
	name := strings.TrimPrefix(e.Actor.Attributes["name"], d.p.name+"-")
	entry := string(e.Action) + " " + name
	if command, ok := strings.CutPrefix(string(e.Action), "exec_start: "); ok {
		entry = "exec " + name + " " + strings.TrimSpace(command)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, entry)
}

// turn forgets what was.
func (d *diary) turn() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = nil
}

// says waits until these entries stand in the diary, in this order, whatever stands between, and that none of the
// others does.
func (d *diary) says(wanted []string, others ...string) {
	d.p.t.Helper()
	eventually(d.p.t, time.Minute, func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		rest := d.entries
		for _, entry := range wanted {
			at := slices.Index(rest, entry)
			if at < 0 {
				return fmt.Errorf("no %q, in this order %q, in:\n%s (%v)", entry, wanted, strings.Join(d.entries, "\n"), d.err)
			}
			rest = rest[at+1:]
		}
		for _, entry := range others {
			if slices.Contains(d.entries, entry) {
				return fmt.Errorf("%q in:\n%s", entry, strings.Join(d.entries, "\n"))
			}
		}
		return nil
	})
}

const hooked = `
services:
  web:
    image: hyper-lite-demo
    command: wait 1h
    init: true
    stop_grace_period: 1s
    scale: ${SCALE:-1}
    environment: {GREETING: "${GREETING:-hello}"}
    pre_start:
    - command: wait 10ms
    - command: wait 20ms
      per_replica: true
    post_start: [{command: [/demo, wait, 30ms]}]
    pre_stop: [{command: [/demo, wait, 40ms]}]
`

// Hooks run in their places, whichever verb starts and stops a replica.
func TestHooksRunInTheirPlaces(t *testing.T) {
	t.Parallel()
	p := newProject(t, hooked)
	d := p.diary()
	p.must("up", "-d")
	d.says([]string{
		"create web-1", "start web-1.pre_start-1", "die web-1.pre_start-1", "destroy web-1.pre_start-1",
		"start web-1.pre_start-2", "die web-1.pre_start-2", "destroy web-1.pre_start-2", "start web-1", "exec web-1 /demo wait 30ms",
	})
	d.turn()
	p.must("scale", "web=2")
	d.says([]string{"create web-2", "start web-2.pre_start-2", "destroy web-2.pre_start-2", "start web-2", "exec web-2 /demo wait 30ms"},
		"start web-2.pre_start-1", "start web-1.pre_start-1")
	d.turn()
	p.must("restart")
	for _, name := range []string{"web-1", "web-2"} {
		d.says([]string{"exec " + name + " /demo wait 40ms", "die " + name, "start " + name, "exec " + name + " /demo wait 30ms"},
			"start "+name+".pre_start-1", "start "+name+".pre_start-2")
	}
	d.turn()
	p.must("scale", "web=1")
	d.says([]string{"exec web-2 /demo wait 40ms", "die web-2", "destroy web-2"})
	d.turn()
	p.must("stop")
	d.says([]string{"exec web-1 /demo wait 40ms", "die web-1"})
	p.must("start")
	d.says([]string{"die web-1", "start web-1", "exec web-1 /demo wait 30ms"}, "start web-1.pre_start-1")
	d.turn()
	p.env = append(p.env, "GREETING=another")
	p.must("up", "-d")
	d.says([]string{
		"create web-1-g2", "start web-1-g2.pre_start-1", "start web-1-g2.pre_start-2", "start web-1-g2", "exec web-1-g2 /demo wait 30ms",
		"exec web-1 /demo wait 40ms", "die web-1",
	})
	d.turn()
	p.must("service", "redeploy", "web")
	d.says([]string{"start web-1-g3.pre_start-1", "start web-1-g3", "exec web-1 /demo wait 40ms"})
	d.turn()
	p.must("down")
	d.says([]string{"exec web-1 /demo wait 40ms", "die web-1", "destroy web-1"})
}

const preparing = `
services:
  web:
    image: hyper-lite-demo
    protocol: http
    service_port: ${PORT}
    container_port: 80
    drain: 1s
    health-check: {path: /healthz, interval: 200ms, rise: 1}
    pre_start:
    - command: ${HOOK:-exit 0}
  after:
    image: hyper-lite-demo
    command: wait 1h
    init: true
    stop_grace_period: 1s
    depends_on: [web]
`

func TestAHookThatFailsStopsNothingThatServes(t *testing.T) {
	t.Parallel()
	p := newProject(t, preparing)
	first := append(p.env[:len(p.env):len(p.env)], "HOOK=exit 9")
	good := p.env
	p.env = first
	r := p.exits(1, "up", "-d")
	says(t, r.err, "web.1@1 (container "+p.name+"-web-1): pre_start hook 1 (exit 9) exited 9", "demo: exiting with code 9")
	assert.Equal(t, len(p.running("web"))+len(p.running("after")), 0, "what waits for web does not start")
	assert.Equal(t, p.must("service", "ls", "--format", "{{.Name}} {{.State}}").out, "after Not running\nweb Not running\n")

	p.env = good
	p.must("up", "-d", "--wait")
	before := p.names("web")
	for what, wrong := range map[string]string{
		"pre_start":  strings.Replace(preparing, "${HOOK:-exit 0}", "exit 7", 1),
		"post_start": strings.Replace(preparing, "protocol: http", "protocol: http\n    hostname: changed\n    post_start: [{command: [/demo, exit, '7']}]", 1),
	} {
		p.write("compose.yaml", wrong)
		lost := underLoad(t, p.url("/"), func() {
			r := p.exits(3, "up", "-d")
			says(t, r.err, what+" hook 1", "exited 7", "demo: exiting with code 7", "the rollout of web is paused")
		})
		lost.lostNothing(t)
		assert.DeepEqual(t, p.names("web"), before)
		for _, c := range p.containers("web") {
			assert.Assert(t, !strings.Contains(c.Names[0], ".pre_start"), c.Names[0])
		}
	}
	p.write("compose.yaml", preparing)
	p.must("up", "-d", "--wait")
	assert.Equal(t, len(p.containers("web")), 1)
}

// Stop-first, the old replica stops before the hooks of the new one run: where they fail it is started again.
func TestAHookThatFailsGivesTheStoppedReplicaBack(t *testing.T) {
	t.Parallel()
	stopFirst := strings.Replace(hooked, "scale:", "deploy: {update_config: {order: stop-first}}\n    scale:", 1)
	p := newProject(t, stopFirst)
	p.env = append(p.env, "SCALE=2")
	p.must("up", "-d")
	before := p.names("web")
	p.write("compose.yaml", strings.Replace(stopFirst, "wait 10ms", "exit 7", 1))
	d := p.diary()
	says(t, p.exits(3, "up", "-d").err, "pre_start hook 1 (exit 7) exited 7", "the rollout of web is paused")
	d.says([]string{"start web-1-g2.pre_start-1", "destroy web-1-g2.pre_start-1"}, "start web-1-g2", "start web-2-g2.pre_start-1")
	assert.DeepEqual(t, p.names("web"), before)
	assert.Equal(t, p.stateOf(), "Running")
}

// An image that only a hook needs is fetched before anything is touched.
func TestAHookWhoseImageIsMissingTouchesNothing(t *testing.T) {
	t.Parallel()
	p := newProject(t, preparing)
	p.must("up", "-d", "--wait")
	before := p.containers("")
	p.write("compose.yaml", strings.Replace(preparing, "- command:", "- image: hyper-lite-test-missing-"+p.name+"\n      command:", 1))
	p.exits(1, "up", "-d", "--pull", "never")
	says(t, p.exits(1, "up", "-d").err, "hyper-lite-test-missing-"+p.name)
	after := p.containers("")
	assert.Equal(t, len(after), len(before))
	for i, c := range after {
		assert.Equal(t, c.ID, before[i].ID)
	}
}

// A hook that a killed command left goes with the next one, and the service comes up.
func TestAHookThatAKilledCommandLeftIsTakenAway(t *testing.T) {
	t.Parallel()
	p := newProject(t, preparing)
	p.env = append(p.env, "HOOK=wait 1h")
	for _, next := range [][]string{{"up", "-d", "--wait"}, {"down"}} {
		c := p.command(context.Background(), "up", "-d")
		assert.NilError(t, c.Start())
		eventually(t, time.Minute, func() error {
			if slices.Contains(p.running("web"), p.name+"-web-1.pre_start-1") {
				return nil
			}
			return fmt.Errorf("no hook runs: %v", p.running("web"))
		})
		assert.Equal(t, p.must("service", "ls", "--format", "{{.Name}} {{.State}}").out, "after Starting\nweb Starting\n")
		assert.NilError(t, c.Process.Kill())
		assert.ErrorContains(t, c.Wait(), "killed")
		assert.Equal(t, p.must("service", "ls", "--format", "{{.Name}} {{.State}}").out, "after Not running\nweb Not running\n")
		hung := p.env
		p.env = append(p.env[:len(p.env):len(p.env)], "HOOK=exit 0")
		p.must(next...)
		p.env = hung
		for _, c := range p.containers("web") {
			assert.Assert(t, !strings.Contains(c.Names[0], ".pre_start"), c.Names[0])
		}
		p.must("down")
	}
	assert.Equal(t, len(p.leftovers()), 0)
}

// A hook reaches what its service reaches, and may have an image and networks of its own.
func TestAHookReachesWhatItsServiceReaches(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  db:
    image: hyper-lite-demo
    networks: [back]
    healthcheck: {test: [CMD, /demo, request, "http://127.0.0.1/healthz"], interval: 200ms, retries: 50}
  web:
    image: hyper-lite-demo
    command: wait 1h
    init: true
    stop_grace_period: 1s
    networks: [back, front]
    depends_on: {db: {condition: service_healthy}}
    pre_start:
    - command: request http://db/healthz
    - image: `+traefik+`
      command: version
      networks: {side: {}}
    - image: `+traefik+`
      command: version
      network_mode: none
networks: {front: {}, back: {}, side: {}}
`)
	d := p.diary()
	p.must("up", "-d")
	d.says([]string{"destroy web-1.pre_start-1", "destroy web-1.pre_start-2", "destroy web-1.pre_start-3", "start web-1"})
	assert.Equal(t, len(p.containers("web")), 1)
}
