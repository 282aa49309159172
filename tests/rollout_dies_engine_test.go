//go:build engine

package tests

import (
	"fmt"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
)

// shortLived is an image that is fine for three seconds.
func shortLived(t testing.TB) string {
	t.Helper()
	made, err := docker.ContainerCreate(t.Context(), &container.Config{Image: demo}, nil, nil, nil, "")
	assert.NilError(t, err)
	name := fmt.Sprintf("hyper-lite-test-short-lived-%d", freePort(t))
	_, err = docker.ContainerCommit(t.Context(), made.ID, container.CommitOptions{Reference: name, Changes: []string{"ENV DIE_AFTER=3s"}})
	assert.NilError(t, err)
	assert.NilError(t, docker.ContainerRemove(t.Context(), made.ID, container.RemoveOptions{}))
	t.Cleanup(func() { removeImages(t, name) })
	return name
}

func TestAnImageThatIsFineForThreeSecondsIsRolledBackUnderLoad(t *testing.T) {
	t.Parallel()
	image := shortLived(t)
	p := newProject(t, `
services:
  web:
    image: ${IMAGE}
    replicas: 3
    protocol: http
    service_port: ${PORT}
    container_port: 80
    ports: ["${LINES}:7000"]
    drain: 1s
    health-check: {path: /healthz, interval: 500ms}
    deploy: {update_config: {parallelism: 2, monitor: 5s, failure_action: rollback}}
`)
	lines := p.newPort("LINES")
	p.env = append(p.env, "IMAGE="+demo)
	p.must("up", "-d", "--wait")
	old := p.names("web")
	witness := p.witness("web")
	all := &crowd{
		t: t, clients: 8, pace: 30 * time.Millisecond, longest: 500 * time.Millisecond,
		web: fmt.Sprintf("127.0.0.1:%d", p.port), lines: fmt.Sprintf("127.0.0.1:%d", lines),
	}
	all.gather()
	p.env = append(p.env, "IMAGE="+image)
	says(t, p.exits(3, "up", "-d").err, "crashing after 3s", "web was rolled back to revision 1")
	all.disperse()
	all.lostNothing(p)
	assert.DeepEqual(t, p.names("web"), old)
	assert.Assert(t, witness.least() >= 3, "only %d of three ran at some time", witness.least())
}
