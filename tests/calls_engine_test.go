//go:build engine

package tests

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"gotest.tools/v3/assert"
)

const routedBesidePlain = `
services:
  web:
    image: hyper-lite-demo
    replicas: ${REPLICAS:-1}
    protocol: http
    service_port: ${PORT}
    container_port: 80
    stop_grace_period: 1s
    configs: [greeting]
    networks: [default, side]
    volumes: [data:/data]
  worker:
    image: hyper-lite-demo
    command: wait 1h
    init: true
    stop_grace_period: 1s
networks: {side: {}}
volumes: {data: {}}
configs: {greeting: {content: hello}}
`

// looking is every command that only looks.
var looking = [][]string{
	{"plan"},
	{"up", "--dry-run"},
	{"down", "--dry-run"},
	{"ps", "-a"},
	{"config"},
	{"history"},
	{"service", "ls"},
	{"service", "inspect", "web"},
	{"logs", "--tail", "1"},
}

func TestLookingChangesNothing(t *testing.T) {
	t.Parallel()
	p, engine := newRecorded(t, routedBesidePlain)
	for _, stage := range []string{"before the first up", "while it runs", "after the file changed"} {
		for _, args := range looking {
			t.Logf("%s:", stage)
			made, _ := p.recorded(engine, args...)
			assert.Equal(t, len(made.mutating()), 0, "%s, %s: %v", args, stage, made.mutating())
		}
		switch stage {
		case "before the first up":
			assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
			p.must("up", "-d")
		case "while it runs":
			p.write("compose.yaml", strings.ReplaceAll(routedBesidePlain, "hello", "good morning"))
		}
	}

	// The sidecar knows what Traefik serves, and is asked through exec, which its socket in the container needs.
	made, status := p.recorded(engine, "lb")
	assert.Assert(t, strings.Contains(status.out, p.name+"-web-1"), status.out)
	for _, c := range made.mutating() {
		assert.Assert(t, strings.HasSuffix(c.path, "/exec") || strings.HasPrefix(c.path, "/exec/"), "lb: %s", c)
	}
	made, _ = p.recorded(engine, "config", "--hash", "*")
	assert.Equal(t, len(made), 0, "config needs no engine: %v", made)
}

func TestAnUpWithNothingToDoMakesNoChange(t *testing.T) {
	t.Parallel()
	p, engine := newRecorded(t, routedBesidePlain)
	p.env = append(p.env, "REPLICAS=2")
	p.must("up", "-d", "--wait")
	before := p.containers("")
	revision := p.must("lb", "--format", "json").out

	for range 2 {
		made, again := p.recorded(engine, "up", "-d")
		assert.Equal(t, len(made.mutating()), 0, "%v", made.mutating())
		assert.Assert(t, strings.Contains(again.out, "nothing to change"), again.out)
	}
	after := p.containers("")
	assert.Equal(t, len(after), len(before))
	for i := range after {
		assert.Equal(t, after[i].ID, before[i].ID)
	}
	assert.Equal(t, p.must("lb", "--format", "json").out, revision)
}

func TestCallsDoNotGrowWithTheReplicas(t *testing.T) {
	t.Parallel()
	p, engine := newRecorded(t, routedBesidePlain)
	commands := [][]string{{"up", "-d"}, {"plan"}, {"ps"}, {"ps", "-a", "--format", "json"}, {"service", "ls"}}
	counts := map[string]map[string]int{}
	for _, replicas := range []int{1, 12} {
		t.Logf("%d replicas:", replicas)
		p.env = append(p.env, fmt.Sprintf("REPLICAS=%d", replicas))
		p.must("up", "-d")
		own := p.containers("web")
		assert.Equal(t, len(own), replicas)
		for _, args := range commands {
			made, _ := p.recorded(engine, args...)
			name := strings.Join(args, " ")
			assert.Equal(t, made.shapes()["GET /containers/json"], 1, "%s with %d replicas: %s", name, replicas, made)
			for _, c := range made {
				_, id := c.object()
				named := slices.ContainsFunc(own, func(o container.Summary) bool { return id == o.ID || "/"+id == o.Names[0] })
				assert.Assert(t, !named, "%s asks for one replica: %s", name, c)
			}
			if replicas == 1 {
				counts[name] = made.shapes()
			}
			assert.DeepEqual(t, made.shapes(), counts[name])
		}
	}
}

// A replica costs two calls: create and start. What else an up needs does not grow with the replicas.
func TestUpMakesTwoCallsAReplica(t *testing.T) {
	t.Parallel()
	const replicas = 12
	p, engine := newRecorded(t, fmt.Sprintf(`
services:
  worker: {image: hyper-lite-demo, command: wait 1h, init: true, replicas: %d, stop_grace_period: 1s}
`, replicas))
	made, _ := p.recorded(engine, "up", "-d")
	shapes := made.shapes()
	assert.Equal(t, shapes["POST /containers/create"], replicas)
	assert.Equal(t, shapes["POST /containers/*/start"], replicas)
	assert.Assert(t, len(made) <= 2*replicas+10, "%s", made)
	made, _ = p.recorded(engine, "down", "-t", "1")
	assert.Assert(t, len(made.mutating()) <= 2*replicas+3, "%s", made)
}

func TestNothingForeignIsEverAddressed(t *testing.T) {
	t.Parallel()
	p, engine := newRecorded(t, routedBesidePlain)
	strangers := newStrangers(t, p.name)
	before := strangers.look(t)

	p.must("up", "-d")
	p.env = append(p.env, "REPLICAS=2")
	p.must("up", "-d", "--remove-orphans")
	p.write("compose.yaml", strings.ReplaceAll(routedBesidePlain, "hello", "good morning"))
	p.must("up", "-d", "-t", "1")
	p.must("restart", "-t", "1", "worker")
	p.must("stop", "-t", "1")
	p.must("down", "-v", "--remove-orphans", "-t", "1")

	made := engine.take()
	t.Log(made)
	assert.Assert(t, len(made.mutating()) > 20, "%s", made)
	for _, c := range made.mutating() {
		_, id := c.object()
		assert.Assert(t, id == "" || !slices.Contains(strangers.known, id), "%s is about a stranger", c)
		assert.Assert(t, !strings.HasSuffix(c.path, "/prune"), "%s sweeps up what strangers left", c)
	}
	assert.DeepEqual(t, strangers.look(t), before)
}

// strangers are things of others on the engine, with names and labels as near to the project's as can be.
type strangers struct {
	containers, networks, volumes []string
	known                         []string // every name and ID by which they can be addressed
}

func newStrangers(t *testing.T, project string) strangers {
	t.Helper()
	var s strangers
	ctx := context.Background()
	for suffix, labels := range map[string]map[string]string{
		"-bare-1":      nil,
		"-composed-1":  {"com.docker.compose.project": project, "com.docker.compose.service": "web", "com.docker.compose.container-number": "1"},
		"2-neighbor-1": {"hyper-lite.project": project + "2", "hyper-lite.service": "web", "hyper-lite.role": "replica", "hyper-lite.slot": "1"},
	} {
		name := project + suffix
		made, err := docker.NetworkCreate(ctx, name, network.CreateOptions{Labels: labels})
		assert.NilError(t, err)
		t.Cleanup(func() { assert.Check(t, docker.NetworkRemove(ctx, made.ID) == nil) })
		_, err = docker.VolumeCreate(ctx, volume.CreateOptions{Name: name, Labels: labels})
		assert.NilError(t, err)
		t.Cleanup(func() { assert.Check(t, docker.VolumeRemove(ctx, name, false) == nil) })
		created, err := docker.ContainerCreate(ctx,
			&container.Config{Image: demo, Cmd: []string{"wait", "1h"}, Labels: labels},
			&container.HostConfig{NetworkMode: container.NetworkMode(name), Binds: []string{name + ":/data"}}, nil, nil, name)
		assert.NilError(t, err)
		t.Cleanup(func() {
			assert.Check(t, docker.ContainerRemove(ctx, created.ID, container.RemoveOptions{Force: true}) == nil)
		})
		assert.NilError(t, docker.ContainerStart(ctx, created.ID, container.StartOptions{}))
		s.containers = append(s.containers, created.ID)
		s.networks = append(s.networks, made.ID)
		s.volumes = append(s.volumes, name)
		s.known = append(s.known, name, created.ID, created.ID[:12], made.ID, made.ID[:12])
	}
	return s
}

// look is how the strangers are now: a start, a stop, a restart and a connection each leave a mark.
func (s strangers) look(t *testing.T) []string {
	t.Helper()
	var seen []string
	for _, id := range s.containers {
		c, err := docker.ContainerInspect(t.Context(), id)
		assert.NilError(t, err)
		seen = append(seen, fmt.Sprintf("container %s %s pid %d started %s networks %d",
			c.Name, c.State.Status, c.State.Pid, c.State.StartedAt, len(c.NetworkSettings.Networks)))
	}
	for _, id := range s.networks {
		n, err := docker.NetworkInspect(t.Context(), id, network.InspectOptions{})
		assert.NilError(t, err)
		seen = append(seen, fmt.Sprintf("network %s %s %d containers", n.Name, n.Created, len(n.Containers)))
	}
	for _, name := range s.volumes {
		v, err := docker.VolumeInspect(t.Context(), name)
		assert.NilError(t, err)
		seen = append(seen, fmt.Sprintf("volume %s %s", v.Name, v.CreatedAt))
	}
	return seen
}
