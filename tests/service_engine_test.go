//go:build engine

package tests

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
)

const updated = `
services:
  web:
    image: "${IMAGE}"
    replicas: 2
    protocol: http
    service_port: ${PORT}
    container_port: 80
    drain: 1s
    health-check: {path: /healthz, interval: 200ms, rise: 1}
    depends_on: [db]
  db: {image: "${IMAGE}", command: wait 1h, init: true, stop_grace_period: 1s}
`

func (p *project) madeFrom(service string) (ids []string) {
	p.t.Helper()
	for _, c := range p.containers(service) {
		ids = append(ids, c.ImageID)
	}
	return ids
}

func TestARollingUpdateLeavesTheFilesAlone(t *testing.T) {
	t.Parallel()
	name := twoImages(t)
	id := func(tag string) string {
		found, err := docker.ImageInspect(t.Context(), name+tag)
		assert.NilError(t, err)
		return found.ID
	}
	p := newProject(t, updated)
	p.env = append(p.env, "IMAGE="+name+":1")
	p.must("up", "-d", "--wait")
	p.must("scale", "web=3")
	db := p.inspect("db-1").ID

	serving := p.names("web")
	says(t, p.exits(1, "service", "rolling-update", "--image", name+":nosuch", "web").err, name+":nosuch")
	assert.DeepEqual(t, p.names("web"), serving)

	lost := underLoad(t, p.url("/"), func() {
		says(t, p.must("service", "rolling-update", "--image", name+":2", "web").out,
			"web runs "+name+":2, and the files say "+name+":1: the next `up` goes back to the files")
	})
	lost.lostNothing(t)
	assert.DeepEqual(t, p.madeFrom("web"), []string{id(":2"), id(":2"), id(":2")})
	assert.Equal(t, p.inspect("db-1").ID, db)

	says(t, p.must("service", "rolling-update", "--image", name+":2", "web").out, "nothing to change")
	p.exits(2, "plan", "--detailed-exitcode")
	says(t, p.must("plan").out, "image changed")
	p.must("up", "-d", "--wait")
	assert.DeepEqual(t, p.madeFrom("web"), []string{id(":1"), id(":1")})
	assert.Equal(t, p.inspect("db-1").ID, db)
}

func TestARedeployReusesVolumesUnlessToldNotTo(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  db:
    image: hyper-lite-demo
    command: wait 1h
    init: true
    stop_grace_period: 1s
    volumes: [/data, "kept:/kept"]
    depends_on: [base]
  base: {image: hyper-lite-demo, command: wait 1h, init: true, stop_grace_period: 1s}
volumes: {kept: {}}
`)
	p.must("up", "-d")
	base := p.inspect("base-1").ID
	volumes := func() map[string]string {
		found := map[string]string{}
		for _, m := range p.inspect("db-1").Mounts {
			found[m.Destination] = m.Name
		}
		return found
	}
	first, id := volumes(), p.inspect("db-1").ID
	says(t, p.must("service", "redeploy", "db").err, "redeploy")
	assert.Assert(t, p.inspect("db-1").ID != id)
	assert.DeepEqual(t, volumes(), first)

	p.must("service", "redeploy", "--reuse-volumes=false", "db")
	renewed := volumes()
	assert.Assert(t, renewed["/data"] != first["/data"] && renewed["/data"] != "")
	assert.Equal(t, renewed["/kept"], first["/kept"], "a named volume stays")
	_, err := docker.VolumeInspect(t.Context(), first["/data"])
	assert.Assert(t, err != nil, "the old anonymous volume is gone")
	assert.Equal(t, p.inspect("base-1").ID, base)
}

// A rolling restart has one wave down at a time, with the delay between, whether the balancer knows a service or not.
func TestARollingRestartGoesWaveByWave(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  worker:
    image: hyper-lite-demo
    command: wait 1h
    init: true
    stop_grace_period: 1s
    scale: 3
    deploy: {update_config: {delay: 1s}}
`)
	p.must("up", "-d", "--wait")
	before := p.names("worker")
	w := p.witness("worker")
	begun := time.Now()
	p.must("restart", "--rolling", "worker")
	assert.Assert(t, time.Since(begun) >= 2*time.Second, "the delay holds between waves")
	assert.Equal(t, w.least(), 2)
	assert.DeepEqual(t, p.names("worker"), before)
	for _, name := range []string{"worker-1", "worker-2", "worker-3"} {
		at, err := time.Parse(time.RFC3339Nano, p.inspect(name).State.StartedAt)
		assert.NilError(t, err)
		assert.Assert(t, at.After(begun), "%s was not restarted", name)
	}
}

func TestARestartOfTheOnlyReplicaIsWarnedOf(t *testing.T) {
	t.Parallel()
	p := newProject(t, strings.Replace(strings.ReplaceAll(updated, "${IMAGE}", demo), "replicas: 2", "replicas: 1", 1))
	p.must("up", "-d", "--wait")
	const warning = "nothing serves web while its only replica restarts in place: `hyper-lite service redeploy web`"
	says(t, p.must("--dry-run", "restart", "web").err, warning)
	says(t, p.must("restart", "--rolling", "web").err, warning)
	assert.Equal(t, len(p.answerers(4)), 1)
}

// stateOf is the state of web, as `service ls` says it.
func (p *project) stateOf() string {
	p.t.Helper()
	return strings.TrimSpace(p.must("service", "ls", "--format", "{{if eq .Name \"web\"}}{{.State}}{{end}}").out)
}

// during runs a command and waits until the state of web is this one while it works.
func (p *project) during(state string, args ...string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := p.command(ctx, args...)
	assert.NilError(p.t, c.Start())
	seen := map[string]bool{}
	eventually(p.t, time.Minute, func() error {
		now := p.stateOf()
		seen[now] = true
		if now == state {
			return nil
		}
		return fmt.Errorf("during %v web is %s, not %s; seen: %v", args, now, state, seen)
	})
	assert.NilError(p.t, c.Wait())
}

func TestTheStateOfAServiceIsWhatACommandDoesToIt(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    command: wait 1h
    init: true
    stop_grace_period: 1s
    scale: ${SCALE:-1}
    post_start: [{command: [/demo, wait, 3s]}]
    pre_stop: [{command: [/demo, wait, 3s]}]
  other: {image: hyper-lite-demo, command: wait 1h, init: true, stop_grace_period: 1s}
`)
	rests := func(state string) {
		t.Helper()
		assert.Equal(t, p.stateOf(), state)
		says(t, p.must("service", "inspect", "web").out, `"state": "`+state+`"`)
	}
	rests("Not running")
	p.during("Starting", "up", "-d")
	rests("Running")
	p.during("Scaling", "scale", "web=2")
	rests("Running")
	p.during("Redeploying", "service", "redeploy", "web")
	rests("Running")
	assert.NilError(t, docker.ContainerKill(t.Context(), p.name+"-web-2", "KILL"))
	eventually(t, 30*time.Second, func() error {
		if s := p.inspect("web-2").State; s.Status != container.StateExited {
			return fmt.Errorf("web-2 is %s", s.Status)
		}
		return nil
	})
	rests("Running") // the file asks for one
	p.env = append(p.env, "SCALE=2")
	rests("Partly running")
	p.during("Starting", "start")
	rests("Running")
	p.during("Stopping", "stop", "web")
	rests("Stopped")
	says(t, p.must("service", "ls", "--format", "{{.Name}} {{.State}}").out, "other Running")
	p.during("Starting", "up", "-d")
	p.during("Terminating", "down")
	rests("Not running")
}
