//go:build engine

package tests

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"gotest.tools/v3/assert"
)

const routedPair = `
services:
  web:
    image: hyper-lite-demo
    replicas: 2
    protocol: http
    service_port: ${PORT}
    container_port: 80
    depends_on: [db]
  db: {image: hyper-lite-demo, volumes: ["data:/data"]}
volumes: {data: }
`

// id is a container of the project, by its name without the project.
func (p *project) id(name string) string { return p.inspect(name).ID }

func TestDownWorksOnWhateverItMeets(t *testing.T) {
	t.Parallel()
	p := newProject(t, routedPair)
	kill := container.RemoveOptions{Force: true}
	gone := func(name string) { assert.NilError(t, docker.ContainerRemove(t.Context(), p.id(name), kill)) }
	for _, c := range []struct {
		name  string
		spoil func()
	}{
		{"replicas paused, exited and removed by hand", func() {
			assert.NilError(t, docker.ContainerPause(t.Context(), p.id("web-1")))
			assert.NilError(t, docker.ContainerKill(t.Context(), p.id("db-1"), "KILL"))
			gone("web-2")
		}},
		{"the sidecar removed by hand", func() { gone("hyper-lite-sidecar") }},
		{"the balancer paused", func() {
			assert.NilError(t, docker.ContainerPause(t.Context(), p.id("hyper-lite-balancer")))
		}},
		{"all containers removed by hand", func() {
			for _, c := range p.containers("") {
				assert.NilError(t, docker.ContainerRemove(t.Context(), c.ID, kill))
			}
		}},
	} {
		p.must("up", "-d")
		c.spoil()
		p.must("down", "-t", "0")
		assert.DeepEqual(t, p.leftovers(), []string{"volume " + p.name + "_data"})
	}
	says(t, p.must("down").out, "nothing to change")
	p.must("down", "-v")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
}

func TestUpRepairsWhateverItMeets(t *testing.T) {
	t.Parallel()
	p := newProject(t, routedPair)
	p.must("up", "-d")
	want := p.shape()
	assert.NilError(t, docker.ContainerPause(t.Context(), p.id("web-1")))
	assert.NilError(t, docker.ContainerKill(t.Context(), p.id("db-1"), "KILL"))
	for _, name := range []string{"web-2", "hyper-lite-sidecar"} {
		assert.NilError(t, docker.ContainerRemove(t.Context(), p.id(name), container.RemoveOptions{Force: true}))
	}
	p.must("up", "-d")
	assert.DeepEqual(t, p.shape(), want)
	assert.Equal(t, len(p.answerers(20)), 2)
}

func TestDownAfterAnUpThatWasCutLeavesNothing(t *testing.T) {
	t.Parallel()
	p, between := newProxied(t, routedPair)
	for _, n := range []int{2, 5, 8} {
		assert.Assert(t, p.diesAfter(between, n, "up", "-d", "--parallel", "1"))
		p.must("down", "-v", "-t", "0")
		assert.Equal(t, len(p.leftovers()), 0, "after %d changes: %v", n, p.leftovers())
	}
}

func TestDownKeepsANetworkThatOthersUse(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: hyper-lite-demo, networks: [shared, own]}
networks: {shared: , own: }
`)
	p.must("up", "-d")
	name := p.name + "-guest"
	foreign(t, name, &container.Config{}, &container.HostConfig{NetworkMode: container.NetworkMode(p.name + "_shared")})
	r := p.exits(1, "down", "-t", "0")
	says(t, r.err, p.name+"_shared", name, "disconnect or remove")
	assert.DeepEqual(t, p.leftovers(), []string{"network " + p.name + "_shared"})
	guest, err := docker.ContainerInspect(t.Context(), name)
	assert.NilError(t, err)
	assert.Assert(t, guest.State.Running)

	assert.NilError(t, docker.NetworkDisconnect(t.Context(), p.name+"_shared", name, true))
	p.must("down")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
}

func TestVolumesStayUntilAskedForAndWhatIsExternalStaysAlways(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    networks: [outer]
    volumes: ["data:/data", "kept:/kept", "/anonymous"]
networks: {outer: {external: true, name: "${COMPOSE_PROJECT_NAME}-outer"}}
volumes:
  data:
  kept: {external: true, name: "${COMPOSE_PROJECT_NAME}-kept"}
`)
	r := p.exits(1, "up", "-d") // neither is there yet
	says(t, r.err, p.name+"-outer", "docker network create")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())

	_, err := docker.NetworkCreate(t.Context(), p.name+"-outer", network.CreateOptions{})
	assert.NilError(t, err)
	t.Cleanup(func() { assert.Check(t, docker.NetworkRemove(context.Background(), p.name+"-outer") == nil) })
	r = p.exits(1, "up", "-d")
	says(t, r.err, p.name+"-kept", "docker volume create")
	_, err = docker.VolumeCreate(t.Context(), volume.CreateOptions{Name: p.name + "-kept"})
	assert.NilError(t, err)
	t.Cleanup(func() { assert.Check(t, docker.VolumeRemove(context.Background(), p.name+"-kept", false) == nil) })
	t.Cleanup(p.remove)

	p.must("up", "-d")
	var anonymous string
	for _, m := range p.inspect("web-1").Mounts {
		if m.Destination == "/anonymous" {
			anonymous = m.Name
		}
	}
	p.must("down", "-t", "0")
	assert.DeepEqual(t, p.leftovers(), []string{"volume " + p.name + "_data"})
	p.must("up", "-d")
	p.must("down", "-v", "-t", "0")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	_, err = docker.VolumeInspect(t.Context(), p.name+"-kept")
	assert.NilError(t, err)
	_, err = docker.NetworkInspect(t.Context(), p.name+"-outer", network.InspectOptions{})
	assert.NilError(t, err)
	if _, err := docker.VolumeInspect(t.Context(), anonymous); err == nil { // what the first down left
		assert.NilError(t, docker.VolumeRemove(t.Context(), anonymous, false))
	}
}

func TestOrphansStayUntilAskedFor(t *testing.T) {
	t.Parallel()
	p := newProject(t, "services: {web: {image: hyper-lite-demo}, old: {image: hyper-lite-demo}}\n")
	p.must("up", "-d")
	p.write("compose.yaml", "services: {web: {image: hyper-lite-demo}}\n")
	orphan := p.name + "-old-1"
	for _, verb := range []string{"up -d", "down -t 0"} {
		says(t, p.must(strings.Fields(verb)...).err, orphan, "--remove-orphans")
		assert.DeepEqual(t, p.running("old"), []string{orphan})
	}
	assert.Equal(t, len(p.containers("web")), 0)
	assert.Assert(t, slices.Contains(p.leftovers(), fmt.Sprintf("network %s_default", p.name)), "%v", p.leftovers())
	p.must("down", "--remove-orphans", "-t", "0")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
}

// Nobody is routed to what `down` stops, and requests that were under way are answered.
func TestDownAnswersTheRequestsUnderWay(t *testing.T) {
	t.Parallel()
	p := newProject(t, strings.Replace(routedPair, "container_port: 80", "container_port: 80\n    health-check: {path: /healthz, interval: 200ms, rise: 1}", 1))
	p.must("up", "-d", "--wait")
	const clients = 8
	ended := make(chan error, clients)
	for range clients {
		go func() {
			code, body, err := get(fresh, p.url("/slow?ms=3000"))
			if err == nil && code != http.StatusOK {
				err = fmt.Errorf("%d: %s", code, body)
			}
			ended <- err
		}()
	}
	looks := 0
	eventually(t, 20*time.Second, func() error { // all of them have arrived
		looks++
		arrived := -2 * looks // the looks are counted, too
		for _, name := range []string{"web-1", "web-2"} {
			_, text, err := get(fresh, p.direct(name, "/served"))
			assert.NilError(t, err)
			served, err := strconv.Atoi(text)
			assert.NilError(t, err)
			arrived += served
		}
		if arrived < clients {
			return fmt.Errorf("%d requests are under way, not %d", arrived, clients)
		}
		return nil
	})
	p.must("down")
	for range clients {
		assert.NilError(t, <-ended)
	}
}
