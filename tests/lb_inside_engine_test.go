//go:build engine

package tests

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

func TestInsideTheNetworkEveryReplicaIsReachedByTheBalancedName(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: hyper-lite-demo, replicas: 2, protocol: http, service_port: "${PORT}", container_port: 80, hosts: shop.test}
  rest: {image: hyper-lite-demo, protocol: http, service_port: "${PORT}", container_port: 80}
  lines: {image: hyper-lite-demo, replicas: 2, protocol: tcp, service_port: "${LINES}", container_port: 7000}
`)
	lines := p.newPort("LINES")
	p.must("up", "-d", "--wait")
	p.reached("web", 4, func() (string, error) {
		return p.inside("request", fmt.Sprintf("http://web-lb:%d/replica", p.port)).out, nil
	})
	p.reached("rest", 1, func() (string, error) {
		return p.inside("request", fmt.Sprintf("http://rest-lb:%d/replica", p.port)).out, nil
	})
	p.reached("lines", 4, func() (string, error) {
		return p.inside("dial", fmt.Sprintf("lines-lb:%d", lines)).out, nil
	})
}

func TestAReplicaLearnsTheAddressOfItsClient(t *testing.T) {
	t.Parallel()
	p := newProject(t, strings.Replace(threeReplicas, "replicas: 3", "replicas: 1", 1))
	p.must("up", "-d", "--wait")
	client := p.inside("request", fmt.Sprintf("http://web-lb:%d/request", p.port))
	assert.Assert(t, client.address != "")
	assert.Equal(t, readArrived(t, client.out).Header.Get("X-Forwarded-For"), client.address)
}

func TestLbShowsRoutesAndFiles(t *testing.T) {
	t.Parallel()
	p := newProject(t, strings.Replace(threeReplicas, "replicas: 3", "replicas: 2\n    hosts: shop.test", 1))
	p.must("up", "-d", "--wait")
	type row struct {
		Service, Route, Rule, Publish, Replica, Health string
		Healthy                                        bool
	}
	var rows []row
	out := p.must("lb", "--format", "json").out
	for line := range strings.Lines(out) {
		var r row
		assert.NilError(t, json.Unmarshal([]byte(line), &r), out)
		rows = append(rows, r)
	}
	want := row{
		Service: "web", Route: fmt.Sprintf("http :%d -> 80", p.port), Rule: "shop.test", Publish: fmt.Sprintf(":%d", p.port),
		Replica: "web.1@1", Health: "healthy", Healthy: true,
	}
	second := want
	second.Replica = "web.2@1"
	assert.DeepEqual(t, rows, []row{want, second})
	table := p.must("lb").out
	assert.Assert(t, strings.Contains(table, p.name+"-web-2") && strings.Contains(table, "shop.test"), table)

	files := p.must("lb", "config").out
	for _, word := range []string{"# service-web.yml", "Host(`shop.test`)", "http://" + p.name + "-web-1-g1:80", "http://" + p.name + "-web-2-g1:80"} {
		assert.Assert(t, strings.Contains(files, word), "%q is missing: %s", word, files)
	}
	assert.Assert(t, !strings.Contains(files, "-web-3-"), files)
}

func TestLbSaysThatThereIsNoBalancer(t *testing.T) {
	t.Parallel()
	p := newProject(t, onePublishedPort)
	p.must("up", "-d")
	none := p.exits(1, "lb")
	assert.Assert(t, strings.Contains(none.err, "has no balancer"), none.err)
}
