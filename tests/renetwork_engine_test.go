//go:build engine

package tests

import (
	"fmt"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

const renetworked = `
services:
  web:
    image: hyper-lite-demo
    replicas: 2
    protocol: http
    service_port: ${PORT}
    container_port: 80
    health-check: {path: /healthz, interval: 500ms, rise: 1}
    networks: {default: {aliases: [front]}}
  plain:
    image: hyper-lite-demo
    hostname: plain
    ports: ["${PLAIN}:80"]
    networks: {default: {ipv4_address: "${SUBNET}.77"}}
  still: {image: hyper-lite-demo, command: wait 1h, init: true, stop_grace_period: 0s}
networks:
  default:
    labels: {kind: "${KIND:-first}"}
    ipam: {config: [{subnet: "${SUBNET}.0/24", gateway: "${GATEWAY:-$SUBNET.1}"}]}
`

// A network that differs from the file is made anew: its containers stop, join it as they were in the old one, and start
// again. Where it cannot be made, all is as before.
func TestANetworkThatDiffersIsMadeAnewUnderItsContainers(t *testing.T) {
	t.Parallel()
	p := newProject(t, renetworked)
	plain := p.newPort("PLAIN")
	p.env = append(p.env, "SUBNET="+subnet(p.port))
	p.must("up", "-d", "--wait")
	p.must("stop", "still")
	before := p.idsOf("web", "plain", "still", "balancer", "sidecar")
	old := p.network("default").ID
	serve := func(kind string) {
		t.Helper()
		p.reached("web", 8, func() (string, error) { return ok(fresh, p.url("/replica")) })
		_, err := ok(fresh, fmt.Sprintf("http://%s:%d/replica", p.host, plain))
		assert.NilError(t, err)
		assert.Equal(t, strings.TrimSpace(p.must("exec", "-T", "web", "/demo", "request", "http://plain/replica").out), "plain")
		assert.Equal(t, strings.TrimSpace(p.must("exec", "-T", "web", "/demo", "request", "http://"+subnet(p.port)+".77/replica").out), "plain")
		assert.Assert(t, p.must("exec", "-T", "plain", "/demo", "request", "http://front/replica").out != "")
		assert.Equal(t, p.network("default").Labels["kind"], kind)
		assert.DeepEqual(t, p.idsOf("web", "plain", "still", "balancer", "sidecar"), before)
	}
	serve("first")

	p.at("KIND=second", func() {
		says(t, p.must("plan").out, "network "+p.name+"_default", "recreate", "differs from the file")
		p.at("GATEWAY=192.0.2.1", func() { // which the engine refuses
			r := p.exits(1, "up", "-d")
			says(t, r.err, "recreate network "+p.name+"_default")
			serve("first")
			assert.Equal(t, len(p.running("still")), 0)
		})
		r := p.run("up", "-d")
		if r.code == 1 && strings.Contains(r.err, "by the engine's own count") && p.miscounted(p.name+"_default") {
			serve("first")
			return
		}
		assert.Equal(t, r.code, 0, r.err)
		says(t, r.err, "network "+p.name+"_default is made anew", "recreated")
		assert.Assert(t, p.network("default").ID != old)
		serve("second")
		says(t, p.must("up", "-d").out, "nothing to change")
		assert.Equal(t, len(p.running("still")), 1)
		assert.DeepEqual(t, p.joins("still-1"), []string{p.name + "_default"})
	})
}

// A network that was pruned while nothing ran is made again, and so are the containers, which would never start.
func TestUpAfterANetworkWasPrunedOrAContainerTakenOut(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: hyper-lite-demo, networks: [default, other], volumes: [/data]}
  done: {image: hyper-lite-demo, command: exit 0, restart: "no"}
networks: {other: {}}
`)
	p.must("up", "-d")
	assert.Equal(t, p.exited("done-1"), 0)
	done := p.id("done-1")
	p.put("web-1", "/data/note", "kept")
	p.must("stop", "-t", "1")
	assert.NilError(t, docker.NetworkRemove(t.Context(), p.network("other").ID))
	says(t, p.must("plan").out, "it is not in network "+p.name+"_other")
	p.must("up", "-d")
	running := func() {
		t.Helper()
		assert.Equal(t, len(p.running("web")), 1)
		assert.DeepEqual(t, p.joins("web-1"), []string{p.name + "_default", p.name + "_other"})
		note, _ := p.file("web-1", "/data/note")
		assert.Equal(t, note.content, "kept")
		assert.Equal(t, p.id("done-1"), done)
		says(t, p.must("up", "-d").out, "nothing to change")
	}
	running()
	assert.NilError(t, docker.NetworkDisconnect(t.Context(), p.network("other").ID, p.id("web-1"), true))
	says(t, p.must("plan").out, "it is not in network "+p.name+"_other")
	p.must("up", "-d", "-t", "1")
	running()
}
