//go:build engine

package tests

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func TestStoppedContainersAreRemovedAsTheirServiceSays(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  well:   {image: hyper-lite-demo, command: exit 0, autodestroy: ON_SUCCESS}
  ill:    {image: hyper-lite-demo, command: exit 3, autodestroy: on-success}
  any:    {image: hyper-lite-demo, command: exit 3, autodestroy: ALWAYS, volumes: [/data]}
  again:  {image: hyper-lite-demo, command: exit 3, autodestroy: ALWAYS, restart: "on-failure:3"}
  kept:   {image: hyper-lite-demo, command: exit 0, autodestroy: "OFF"}
  server: {image: hyper-lite-demo, autodestroy: ALWAYS, stop_grace_period: 1s}
`)
	volumes := func() int {
		n := 0
		for _, c := range p.containers("any") {
			n += len(c.Mounts)
		}
		return n
	}
	told := p.actions(func() {
		p.must("up", "-d")
		assert.Equal(t, volumes(), 1)
		for _, gone := range []string{"well", "any", "again"} {
			eventually(t, 40*time.Second, p.slotsAre(gone))
		}
	})
	starts := 0
	for _, action := range told {
		if action == "again-1 start" {
			starts++
		}
	}
	_, log := p.written(p.name + "-hyper-lite-sidecar")
	assert.Equal(t, starts, 4, "the restart policy has its say first: %v\n%s", told, log)
	assert.DeepEqual(t, p.slots("ill"), []string{"ill-1@1 exited"})
	assert.DeepEqual(t, p.slots("kept"), []string{"kept-1@1 exited"})
	assert.DeepEqual(t, p.slots("server"), []string{"server-1@1 running"})

	// What is removed runs anew at the next up, as a deployment did; what is done and stays does not.
	told = p.actions(func() { p.must("up", "-d", "well", "kept") })
	assert.Assert(t, slices.Contains(told, "well-1 start"), "%v", told)
	eventually(t, 40*time.Second, p.slotsAre("well"))

	// Stopped by hand is stopped too.
	p.must("stop", "server")
	assert.Equal(t, len(p.slots("server")), 0)
	p.must("up", "-d", "server")
	assert.NilError(t, docker.ContainerKill(t.Context(), p.name+"-server-1", "KILL"))
	eventually(t, 20*time.Second, p.slotsAre("server"))
}

// A sidecar that comes back finds what ended while it was away.
func TestWhatEndsWithoutASidecarIsRemovedLater(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  batch: {image: hyper-lite-demo, command: wait 1h, init: true, autodestroy: ALWAYS, scale: 2}
`)
	p.must("up", "-d")
	sidecar := p.name + "-hyper-lite-sidecar"
	assert.NilError(t, docker.ContainerKill(t.Context(), sidecar, "KILL"))
	assert.NilError(t, docker.ContainerKill(t.Context(), p.name+"-batch-1", "KILL"))
	p.must("start") // starts both again, and the sidecar does not come between
	assert.DeepEqual(t, p.slots("batch"), []string{"batch-1@1 running", "batch-2@1 running"})
	assert.NilError(t, docker.ContainerKill(t.Context(), sidecar, "KILL"))
	assert.NilError(t, docker.ContainerKill(t.Context(), p.name+"-batch-1", "KILL"))
	p.must("up", "-d", "--no-recreate", "--scale", "batch=2")
	assert.Equal(t, len(p.slots("batch")), 2)
	assert.NilError(t, docker.ContainerKill(t.Context(), p.name+"-batch-2", "KILL"))
	eventually(t, 30*time.Second, p.slotsAre("batch", "batch-1@1 running"))
}

// Who waits for a service's completion gets it, however soon it is removed after: not before the command ends.
func TestACompletionIsSeenBeforeItsContainerIsRemoved(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  migrate: {image: hyper-lite-demo, command: wait 2s, init: true, autodestroy: ALWAYS}
  slow:
    image: hyper-lite-demo
    command: wait 14s
    init: true
    depends_on: {migrate: {condition: service_completed_successfully}}
  web:
    image: hyper-lite-demo
    stop_grace_period: 1s
    depends_on: {slow: {condition: service_completed_successfully}, migrate: {condition: service_completed_successfully}}
`)
	p.must("up", "-d")
	assert.DeepEqual(t, p.slots("web"), []string{"web-1@1 running"})
	eventually(t, 30*time.Second, p.slotsAre("migrate"))
	told := p.actions(func() { p.must("up", "-d") })
	assert.Assert(t, slices.Contains(told, "migrate-1 start"), "it runs anew: %v", told)
}

func TestDockerCloudsWords(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  a: {image: hyper-lite-demo, autorestart: ALWAYS}
  b: {image: hyper-lite-demo, autorestart: on-failure}
  c: {image: hyper-lite-demo, autorestart: "OFF"}
`)
	said := p.must("up", "-d").err
	for service, want := range map[string]string{"a": "always", "b": "on-failure", "c": "no"} {
		assert.Equal(t, string(p.inspect(service+"-1").HostConfig.RestartPolicy.Name), want)
		assert.Assert(t, strings.Contains(said, fmt.Sprintf("service %s: autorestart is Docker Cloud's word", service)), said)
	}
	p.write("compose.yaml", "services:\n  a:\n    image: hyper-lite-demo\n    autorestart: ALWAYS\n    autodestroy: ALWAYS\n")
	wrong := p.run("up", "-d")
	assert.Assert(t, wrong.code != 0)
	assert.Assert(t, strings.Contains(wrong.err, "compose.yaml:5:18: services.a.autodestroy: must be OFF beside services.a.autorestart: always"), wrong.err)
	p.write("compose.yaml", "services: {a: {image: hyper-lite-demo}}\n")
}
