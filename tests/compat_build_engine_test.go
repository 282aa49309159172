//go:build engine

package tests

import (
	"fmt"
	"net"
	"testing"

	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
)

// saysHello answers each connection with a line, on every address of this machine, and returns its port.
func saysHello(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", ":0")
	assert.NilError(t, err)
	t.Cleanup(func() { assert.NilError(t, listener.Close()) })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			fmt.Fprintln(conn, "hello")
			conn.Close()
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

func TestCompatBuildsTakeTheKeysOfTheFile(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: ${NAME}
    build: &build
      context: app
      dockerfile: other.Dockerfile
      target: wanted
      args: [GIVEN=a$$b, "EMPTY="]
      labels: {built: by the file}
      extra_hosts: ["legacy.test=${HERE}"]
      shm_size: 3m
      tags: ["${NAME}-too"]
      cache_from: ["${NAME}"]
      pull: false
  apart:
    profiles: [apart]
    build: {<<: *build, tags: [], network: none}
`)
	guest, err := docker.ContainerInspect(t.Context(), foreign(t, p.name+"-guest", &container.Config{}, nil))
	assert.NilError(t, err) // whose gateway is this machine, as that of a build is
	name := p.name + "-named:1"
	p.env = append(p.env, "NAME="+name, "HERE="+guest.NetworkSettings.Networks["bridge"].Gateway)
	p.dropImage(name + "-too")
	p.dropImage(name)
	p.write("app/other.Dockerfile", fmt.Sprintf(`ARG GIVEN=default
FROM hyper-lite-demo AS first
ARG GIVEN
ARG EMPTY=default
ENV GIVEN=$GIVEN EMPTY=$EMPTY
FROM first AS wanted
RUN ["/demo", "dial", "legacy.test:%d"]
FROM wanted AS last
RUN ["/demo", "exit", "9"]
`, saysHello(t)))
	p.must("up", "-d", "--build")
	env := p.environment("web-1")
	assert.Assert(t, contains(env, "GIVEN=a$b", "EMPTY="), "%v", env)
	assert.Equal(t, p.inspect("web-1").Config.Labels["built"], "by the file")
	first, err := docker.ImageInspect(t.Context(), name)
	assert.NilError(t, err)
	too, err := docker.ImageInspect(t.Context(), name+"-too")
	assert.NilError(t, err)
	assert.Equal(t, first.ID, too.ID)
	// Where the build has no network, the same steps end with an error.
	says(t, p.exits(1, "build", "--no-cache", "apart").err, "apart", "dial")
}
