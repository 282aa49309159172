//go:build engine

package tests

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

const threeReplicas = `
services:
  web:
    image: hyper-lite-demo
    replicas: 3
    protocol: http
    service_port: ${PORT}
    container_port: 80
    health-check: {path: /healthz, interval: 1s}
`

func TestUpServesEveryReplicaAndDownLeavesNothing(t *testing.T) {
	t.Parallel()
	p := newProject(t, threeReplicas)
	up := p.must("up", "-d", "--wait")
	assert.Assert(t, strings.Contains(up.out, "web (3 replicas)"), up.out)
	assert.DeepEqual(t, p.running("web"), []string{p.name + "-web-1", p.name + "-web-2", p.name + "-web-3"})
	assert.Equal(t, len(p.answerers(30)), 3)

	again := p.must("up", "-d")
	assert.Assert(t, strings.Contains(again.out, "nothing to change"), again.out)

	p.must("down")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
}
