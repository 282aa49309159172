//go:build engine

package tests

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
)

// publishes is the host ports that a container publishes itself, "21001->80".
func publishes(c container.Summary) []string {
	var all []string
	for _, p := range c.Ports {
		if p.PublicPort != 0 {
			all = append(all, fmt.Sprintf("%d->%d", p.PublicPort, p.PrivatePort))
		}
	}
	slices.Sort(all)
	return slices.Compact(all) // the same port on IPv4 and IPv6
}

func (p *project) published(service string) []string {
	p.t.Helper()
	var all []string
	for _, c := range p.containers(service) {
		all = append(all, publishes(c)...)
	}
	return all
}

const onePublishedPort = `
services:
  web: {image: hyper-lite-demo, ports: ["${PORT}:80"]}
`

func TestAPortOfSeveralReplicasIsPublishedByTheBalancer(t *testing.T) {
	t.Parallel()
	p := newProject(t, strings.Replace(onePublishedPort, "image:", "replicas: 3, image:", 1))
	p.must("up", "-d", "--wait")
	p.reached("web", 9, func() (string, error) { return ok(fresh, p.url("/replica")) })
	assert.Equal(t, len(p.names("web")), 3)
	assert.Equal(t, len(p.published("web")), 0, "%v", p.published("web"))
	assert.DeepEqual(t, p.published("balancer"), []string{fmt.Sprintf("%d->%d", p.port, p.port)})
}

func TestAPortMovesToTheBalancerWithTheSecondReplicaAndBack(t *testing.T) {
	t.Parallel()
	p := newProject(t, onePublishedPort)
	p.must("up", "-d", "--wait")
	alone := func() {
		t.Helper()
		assert.DeepEqual(t, p.running(""), []string{p.name + "-web-1"})
		assert.DeepEqual(t, p.published("web"), []string{fmt.Sprintf("%d->80", p.port)})
		p.reached("web", 2, func() (string, error) { return ok(fresh, p.url("/replica")) })
	}
	alone()

	p.must("scale", "web=3")
	p.reached("web", 9, func() (string, error) { return ok(fresh, p.url("/replica")) })
	assert.Equal(t, len(p.running("web")), 3)
	assert.Equal(t, len(p.published("web")), 0, "%v", p.published("web"))

	p.must("scale", "web=1")
	alone()
}

func TestScaleChangesWhoAnswersUntilTheNextUp(t *testing.T) {
	t.Parallel()
	p := newProject(t, strings.Replace(threeReplicas, "replicas: 3", "replicas: 2", 1))
	p.must("up", "-d", "--wait")
	answers := func(n int) {
		t.Helper()
		assert.Equal(t, len(p.names("web")), n)
		p.reached("web", 4*n, func() (string, error) { return ok(fresh, p.url("/replica")) })
		listed := p.must("ps", "--format", "{{.Name}} {{.State}}").out
		assert.Equal(t, strings.Count(listed, "-web-"), n, listed)
		assert.Equal(t, strings.Count(listed, " running"), n, listed)
	}
	answers(2)
	p.must("scale", "web=4")
	answers(4)
	p.must("scale", "web=1")
	answers(1)

	planned := p.must("plan").out
	assert.Assert(t, strings.Contains(planned, "scale 1->2"), planned)
	p.must("up", "-d", "--wait")
	answers(2)
}

func TestThePortOfAnotherProjectIsRefusedWithItsHolder(t *testing.T) {
	t.Parallel()
	first := newProject(t, strings.Replace(threeReplicas, "replicas: 3", "replicas: 1", 1))
	first.must("up", "-d", "--wait")

	second := newProject(t, strings.Replace(threeReplicas, "replicas: 3", "replicas: 1", 1))
	second.env = append(second.env, fmt.Sprintf("PORT=%d", first.port))
	refused := second.exits(1, "up", "-d")
	for _, word := range []string{fmt.Sprint(first.port), first.name + "-hyper-lite-balancer", "project " + first.name} {
		assert.Assert(t, strings.Contains(refused.err, word), "%q is missing: %s", word, refused.err)
	}
	assert.Equal(t, len(second.leftovers()), 0, "%v", second.leftovers())
	first.reached("web", 2, func() (string, error) { return ok(fresh, first.url("/replica")) })

	first.must("down")
	second.must("up", "-d", "--wait") // the cause is gone
	second.port = first.port
	second.reached("web", 2, func() (string, error) { return ok(fresh, second.url("/replica")) })
}

func TestAPortThatAProcessHoldsIsToldAndTakenOnceItIsFree(t *testing.T) {
	t.Parallel()
	p := newProject(t, strings.Replace(threeReplicas, "replicas: 3", "replicas: 1", 1))
	process, err := net.Listen("tcp", fmt.Sprintf("0.0.0.0:%d", p.port))
	assert.NilError(t, err)
	refused := p.exits(1, "up", "-d")
	assert.Assert(t, strings.Contains(refused.err, fmt.Sprintf("port %d", p.port)), refused.err)
	assert.Assert(t, strings.Contains(refused.err, "taken by a process of this machine"), refused.err)

	assert.NilError(t, process.Close())
	p.must("up", "-d", "--wait")
	p.reached("web", 2, func() (string, error) { return ok(fresh, p.url("/replica")) })
}

func TestAServiceAddedOnAnotherPortIsServedToo(t *testing.T) {
	t.Parallel()
	file := strings.Replace(threeReplicas, "replicas: 3", "replicas: 2", 1)
	p := newProject(t, file)
	p.must("up", "-d", "--wait")
	before := p.inspect("hyper-lite-balancer").ID
	web := p.names("web")

	one, two := p.newPort("ONE"), p.newPort("TWO")
	p.write("compose.yaml", file+`
  one: {image: hyper-lite-demo, protocol: http, service_port: "${ONE}", container_port: 80}
  two: {image: hyper-lite-demo, protocol: tcp, service_port: "${TWO}", container_port: 7000}
`)
	planned := p.must("plan").out
	assert.Assert(t, strings.Contains(planned, "balancer"), planned)
	p.must("up", "-d", "--wait")
	assert.Assert(t, p.inspect("hyper-lite-balancer").ID != before, "a new port needs a new balancer")
	assert.DeepEqual(t, p.names("web"), web)
	p.reached("web", 6, func() (string, error) { return ok(fresh, p.url("/replica")) })
	p.reached("one", 2, func() (string, error) { return ok(fresh, fmt.Sprintf("http://127.0.0.1:%d/replica", one)) })
	p.reached("two", 2, func() (string, error) { return firstLine(fmt.Sprintf("127.0.0.1:%d", two)) })
}

func TestAPortThatChangesIsServedWithoutWaitingForTheOldOne(t *testing.T) {
	t.Parallel()
	p := newProject(t, threeReplicas)
	other := p.newPort("OTHER")
	p.write("compose.yaml", strings.Replace(threeReplicas, "replicas: 3", "replicas: 1", 1)+`
  api: {image: hyper-lite-demo, protocol: http, service_port: "${OTHER}", container_port: 80}
`)
	p.must("up", "-d", "--wait")
	p.port = p.newPort("PORT")
	p.must("up", "-d", "--wait")
	p.reached("web", 2, func() (string, error) { return ok(fresh, p.url("/replica")) })
	p.reached("api", 2, func() (string, error) { return ok(fresh, fmt.Sprintf("http://127.0.0.1:%d/replica", other)) })
	// The sidecar says so once its patience is spent on the port that is gone.
	_, said := p.written(p.name + "-hyper-lite-sidecar")
	assert.Assert(t, !strings.Contains(said, "does not serve what it should"), said)
}
