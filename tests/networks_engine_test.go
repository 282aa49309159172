//go:build engine

package tests

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"gotest.tools/v3/assert"
)

// exited waits for the end of a container, by its name without the project, and returns its exit code.
func (p *project) exited(name string) int {
	p.t.Helper()
	code := 0
	eventually(p.t, 20*time.Second, func() error {
		now := p.inspect(name).State
		code = now.ExitCode
		if now.Status != container.StateExited {
			return fmt.Errorf("%s is %s", name, now.Status)
		}
		return nil
	})
	return code
}

// joins is the networks of a container, sorted.
func (p *project) joins(name string) []string {
	p.t.Helper()
	return sortedKeys(p.inspect(name).NetworkSettings.Networks)
}

// subnet is the first three numbers of a subnet of its own for a host port that is nobody else's.
func subnet(port int) string { return fmt.Sprintf("10.%d.%d", 100+port/256, port%256) }

func TestServicesMeetInTheNetworksOfTheFile(t *testing.T) {
	t.Parallel()
	const file = `
services:
  alone: {image: hyper-lite-demo}
  api:
    image: hyper-lite-demo
    hostname: the-api
    networks:
      back: {aliases: [backend]}
      front: {ipv4_address: "${SUBNET}.77"}
      shared:
    healthcheck: {test: [CMD, /demo, request, "http://127.0.0.1/healthz"], interval: 250ms, retries: 40}
  byalias: &ask
    image: hyper-lite-demo
    command: [request, "http://backend/replica"]
    networks: [back]
    restart: "no"
    depends_on: {api: {condition: service_healthy}}
  byname:
    <<: *ask
    command: [request, "http://api/replica"]
    networks: [front]
  byaddress:
    <<: *ask
    command: [request, "http://${SUBNET}.77/replica"]
    networks: [front]
networks:
  back: {internal: true, labels: {kind: private}}
  front: {ipam: {config: [{subnet: "${SUBNET}.0/24"}]}}
  shared: {external: true, name: "${SHARED}"}
`
	p := newProject(t, file)
	shared := p.name + "-shared"
	p.env = append(p.env, "SHARED="+shared, "SUBNET="+subnet(p.port))
	says(t, p.exits(1, "up", "-d").err, shared) // it is for others to make
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	made, err := docker.NetworkCreate(t.Context(), shared, network.CreateOptions{})
	assert.NilError(t, err)
	t.Cleanup(func() { p.ok(docker.NetworkRemove(context.Background(), made.ID)) })

	p.must("up", "-d")
	for _, ask := range []string{"byalias-1", "byname-1", "byaddress-1"} {
		assert.Equal(t, p.exited(ask), 0, ask)
		assert.Equal(t, strings.TrimSpace(logOf(t, p.id(ask))), "the-api", ask)
	}
	assert.DeepEqual(t, p.joins("alone-1"), []string{p.name + "_default"})
	assert.DeepEqual(t, p.joins("api-1"), slices.Sorted(slices.Values([]string{p.name + "_back", p.name + "_front", shared})))
	back, err := docker.NetworkInspect(t.Context(), p.name+"_back", network.InspectOptions{})
	assert.NilError(t, err)
	assert.Assert(t, back.Internal)
	assert.Equal(t, back.Labels["kind"], "private")
	assert.Equal(t, back.Labels["com.docker.compose.network"], "back")

	p.must("down")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	_, err = docker.NetworkInspect(t.Context(), shared, network.InspectOptions{})
	assert.NilError(t, err)
}

func TestNamedVolumesOutliveDownAndAnonymousOnesARecreate(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    environment: {V: "${V:-1}"}
    volumes: ["named:/named", "/anonymous", "./here:/here:ro"]
    tmpfs: /scratch
volumes: {named: {labels: {kind: data}}}
`)
	p.write("here/note", "from the host")
	p.must("up", "-d")
	p.put("web-1", "/named/note", "in the named one")
	p.put("web-1", "/anonymous/note", "in the anonymous one")
	first := p.id("web-1")
	holds := func(volume, want string) {
		t.Helper()
		got, found := p.file("web-1", volume+"/note")
		assert.Equal(t, got.content, want)
		assert.Equal(t, found, want != "")
	}
	holds("/here", "from the host")

	p.at("V=2", func() { p.must("up", "-d", "-t", "1") })
	assert.Assert(t, p.id("web-1") != first)
	holds("/named", "in the named one")
	holds("/anonymous", "in the anonymous one")
	p.must("up", "-d", "-t", "1", "-V")
	holds("/named", "in the named one")
	holds("/anonymous", "")

	for _, m := range p.inspect("web-1").Mounts {
		if m.Destination == "/anonymous" { // down leaves it, and nobody knows its name afterwards
			t.Cleanup(func() { p.ok(docker.VolumeRemove(context.Background(), m.Name, false)) })
		}
	}
	p.must("down", "-t", "1")
	assert.DeepEqual(t, p.leftovers(), []string{"volume " + p.name + "_named"})
	p.must("up", "-d")
	holds("/named", "in the named one")
	p.must("down", "-t", "1", "-v")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
}
