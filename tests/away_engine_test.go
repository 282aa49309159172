//go:build engine

package tests

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
)

// says fails the test unless a text has all the words.
func says(t testing.TB, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		assert.Assert(t, strings.Contains(text, word), "no %q in:\n%s", word, text)
	}
}

// at runs do with other variables.
func (p *project) at(env string, do func()) {
	p.env = append(p.env, env)
	defer func() { p.env = p.env[:len(p.env)-1] }()
	do()
}

func TestAnEngineThatIsAwayEndsEveryVerbSoon(t *testing.T) {
	t.Parallel()
	p := newProject(t, "services: {web: {image: hyper-lite-demo}}\n")
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel, and never answers
	assert.NilError(t, err)
	t.Cleanup(func() { assert.NilError(t, silent.Close()) })

	for _, away := range []struct {
		address string
		within  time.Duration
		verbs   []string
	}{
		{"unix://" + filepath.Join(p.dir, "none.sock"), 3 * time.Second, []string{"up -d", "plan", "ps", "down", "logs", "scale web=2"}},
		{"tcp://" + silent.Addr().String(), 25 * time.Second, []string{"up -d"}},
	} {
		p.at("DOCKER_HOST="+away.address, func() {
			for _, verb := range away.verbs {
				begun := time.Now()
				r := p.exits(4, strings.Fields(verb)...)
				assert.Assert(t, time.Since(begun) < away.within, "%s took %s", verb, time.Since(begun))
				says(t, r.err, "engine unreachable", away.address, "DOCKER_HOST")
				assert.Equal(t, r.out, "")
			}
		})
	}
}

func TestAMissingImageIsToldAndNothingIsMade(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  db: {image: hyper-lite-demo}
  web:
    image: hyper-lite-missing:1
    depends_on: [db]
    volumes: ["data:/data"]
volumes: {data: }
`)
	for _, flags := range []string{"up -d", "up -d --pull never"} {
		r := p.exits(1, strings.Fields(flags)...)
		says(t, r.err, "hyper-lite-missing:1", "web")
		assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	}
}

func TestABadImageLeavesTheServingVersionAlone(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: ${IMAGE:-hyper-lite-demo}
    replicas: 2
    protocol: http
    service_port: ${PORT}
    container_port: 80
`)
	p.must("up", "-d", "--wait")
	before := ids(p.containers(""))
	p.at("IMAGE=hyper-lite-missing:2", func() {
		r := p.exits(1, "up", "-d")
		says(t, r.err, "hyper-lite-missing:2", "web")
	})
	assert.DeepEqual(t, ids(p.containers("")), before)
	assert.Equal(t, len(p.answerers(10)), 2)
	says(t, p.must("up", "-d").out, "nothing to change")
}

// ids is which containers these are, and whether they run.
func ids(list []container.Summary) []string {
	all := make([]string, len(list))
	for at, c := range list {
		all[at] = fmt.Sprintf("%s %s %s", c.Names[0], c.ID[:12], c.State)
	}
	return all
}

// foreign makes and starts a container that is nobody's project, and takes it away at the end.
func foreign(t *testing.T, name string, config *container.Config, host *container.HostConfig) string {
	t.Helper()
	if config.Image == "" {
		config.Image = demo
	}
	made, err := docker.ContainerCreate(t.Context(), config, host, nil, nil, name)
	assert.NilError(t, err)
	t.Cleanup(func() {
		err := docker.ContainerRemove(context.Background(), made.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
		assert.Check(t, err == nil || strings.Contains(err.Error(), "No such container"), "%v", err)
	})
	assert.NilError(t, docker.ContainerStart(t.Context(), made.ID, container.StartOptions{}))
	return made.ID
}

func TestATakenNameIsToldAndTheForeignContainerStays(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    protocol: http
    service_port: ${PORT}
    container_port: 80
`)
	name := p.name + "-web-1"
	id := foreign(t, name, &container.Config{Labels: map[string]string{"whose": "mine"}}, nil)
	before, err := docker.ContainerInspect(t.Context(), id)
	assert.NilError(t, err)

	r := p.exits(1, "up", "-d")
	says(t, r.err, "container name "+name, "docker rm")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	after, err := docker.ContainerInspect(t.Context(), id)
	assert.NilError(t, err)
	assert.Equal(t, after.State.StartedAt, before.State.StartedAt)
	assert.Assert(t, after.State.Running)

	assert.NilError(t, docker.ContainerRemove(t.Context(), id, container.RemoveOptions{Force: true}))
	p.must("up", "-d", "--wait")
	code, _, err := get(fresh, p.url("/"))
	assert.NilError(t, err)
	assert.Equal(t, code, http.StatusOK)
}
