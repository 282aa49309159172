//go:build engine

package tests

import (
	"context"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"gotest.tools/v3/assert"
)

// composed makes a running container as docker compose makes those of a service, under the name of its first version.
func (p *project) composed(service string) (name string) {
	p.t.Helper()
	name = p.name + "_" + service + "_1"
	made, err := docker.ContainerCreate(p.t.Context(), &container.Config{Image: demo, Labels: map[string]string{
		"com.docker.compose.project": p.name, "com.docker.compose.service": service, "com.docker.compose.container-number": "1",
		"com.docker.compose.oneoff": "False", "com.docker.compose.config-hash": "5ee", "com.docker.compose.version": "1.29.2",
	}}, nil, nil, nil, name)
	assert.NilError(p.t, err)
	p.t.Cleanup(func() {
		p.ok(docker.ContainerRemove(context.Background(), made.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	})
	assert.NilError(p.t, docker.ContainerStart(p.t.Context(), made.ID, container.StartOptions{}))
	return name
}

func TestWhatDockerComposeRunsIsLeftAloneAndTold(t *testing.T) {
	t.Parallel()
	p := newProject(t, "services: {web: {image: hyper-lite-demo}, db: {image: hyper-lite-demo}}\n")
	theirs, other := p.composed("web"), p.composed("other")
	told := []string{"docker compose made", theirs, other, "docker compose -p " + p.name + " down"}

	for _, line := range [][]string{{"ps", "-q"}, {"ps", "-a", "-q"}, {"logs"}, {"images", "-q"}, {"down"}, {"down", "-v", "--remove-orphans"}, {"stop"}, {"kill"}, {"rm", "-fs"}} {
		r := p.must(line...)
		says(t, r.err, told...)
		if line[0] == "ps" {
			assert.Equal(t, r.out, "")
		}
	}
	says(t, p.exits(1, "exec", "web", "true").err, told...)

	// beside them nothing of the same service is made; nothing else either
	r := p.exits(1, "up", "-d")
	says(t, r.err, "service web is taken by container "+theirs, "docker compose -p "+p.name+" down")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	says(t, p.must("up", "-d", "db").err, told...)
	assert.DeepEqual(t, p.running("db"), []string{p.name + "-db-1"})
	says(t, p.must("ps", "--services").out, "db\n")
	says(t, p.must("ls", "--filter", "name=^"+p.name+"$").out, "running(3)")

	p.must("down", "--remove-orphans", "-t", "1")
	list, err := docker.ContainerList(t.Context(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", "com.docker.compose.project="+p.name))})
	assert.NilError(t, err)
	assert.Equal(t, len(list), 2, "they run as before")
}

// Orphans are listed where that is asked for, and left alone until they are named.
func TestOrphansAreListedAndKilledWhereAsked(t *testing.T) {
	t.Parallel()
	p := newProject(t, "services: {web: {image: hyper-lite-demo, stop_grace_period: 1s}, old: {image: hyper-lite-demo, stop_grace_period: 1s}}\n")
	p.must("up", "-d")
	p.write("compose.yaml", "services: {web: {image: hyper-lite-demo, stop_grace_period: 1s}}\n")
	says(t, p.must("up", "-d").err, "orphan containers "+p.name+"-old-1: their services are not in the files")
	assert.Equal(t, p.must("ps", "--services", "--orphans=false").out, "web\n")
	assert.Equal(t, p.must("ps", "--services").out, "old\nweb\n")
	p.must("kill")
	assert.Equal(t, len(p.running("old")), 1)
	says(t, p.must("down").err, "orphan containers "+p.name+"-old-1 stay")
	assert.Equal(t, len(p.running("old")), 1)
	p.must("kill", "--remove-orphans")
	assert.Equal(t, len(p.running("old")), 0)
	assert.Equal(t, len(p.containers("")), 1)
	p.must("up", "-d", "--remove-orphans")
	assert.Equal(t, len(p.containers("")), 1)
	assert.Equal(t, len(p.containers("web")), 1)
}
