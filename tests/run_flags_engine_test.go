//go:build engine

package tests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/docker/go-connections/nat"
	"gotest.tools/v3/assert"
)

func TestRunPublishesAndTakesCapabilities(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, tooled)
	first, second := freePort(t), freePort(t)
	p.must("run", "-d", "--no-deps", "-p", fmt.Sprintf("%d:80", first), "-p", fmt.Sprintf("127.0.0.1:%d:81/udp", second),
		"--cap-add", "NET_ADMIN", "--cap-drop", "CHOWN", "--cap-drop", "MKNOD", "--name", p.name+"-tool-out", "tool", "exec sleep 1000")
	host := p.inspect("tool-out").HostConfig
	bound := map[nat.Port]string{}
	for port, bindings := range host.PortBindings {
		bound[port] = bindings[0].HostIP + ":" + bindings[0].HostPort
	}
	assert.DeepEqual(t, bound, map[nat.Port]string{"80/tcp": fmt.Sprintf(":%d", first), "81/udp": fmt.Sprintf("127.0.0.1:%d", second)})
	capabilities := func(names []string) string { return strings.ReplaceAll(strings.Join(names, " "), "CAP_", "") }
	assert.Equal(t, capabilities(host.CapAdd)+", "+capabilities(host.CapDrop), "NET_ADMIN, CHOWN MKNOD")
	assert.Equal(t, len(p.containers("db")), 0)
	says(t, p.exits(1, "run", "--rm", "--no-deps", "-p", fmt.Sprintf("%d:80", first), "tool", "true").err, fmt.Sprintf("port %d/tcp is taken", first))

	quiet := p.must("run", "--rm", "-q", "tool", "echo hi")
	assert.Equal(t, quiet.out+quiet.err, "hi\n")
	assert.DeepEqual(t, p.running("db"), []string{p.name + "-db-1"}) // not what it did before it
	r := p.fed(strings.NewReader("not read"), "run", "--rm", "--interactive=false", "-T", "tool", "cat; echo end")
	assert.Equal(t, fmt.Sprint(r.code, r.out), "0end\n")
}

func TestRunMakesItsDependenciesAndImagesAsItIsAsked(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	r := newRegistry(t)
	const file = `
services:
  db: {image: redis:7, entrypoint: [sleep, infinity], init: true, stop_grace_period: 0s, environment: {V: "${V:-1}"}}
  tool: {image: redis:7, entrypoint: [sh, -c], depends_on: [db]}
  built: {image: "${BUILT}", entrypoint: [sh, -c], build: {context: ., dockerfile_inline: "FROM redis:7\nARG V\nENV V=$$V\n", args: {V: "${V:-1}"}}}
  pulled: {image: "${PULLED}", command: [exit, "0"]}
`
	p := newProject(t, file+"  old: {image: redis:7, entrypoint: [sleep, infinity], init: true, stop_grace_period: 0s}\n")
	built, pulled := p.name+"-built:1", r.publish("tool:v1")
	p.env = append(p.env, "BUILT="+built, "PULLED="+pulled)
	p.dropImage(built)
	p.must("up", "-d", "old")
	p.write("compose.yaml", file)

	says(t, p.must("run", "--rm", "tool", "echo hi").out, "hi")
	db := p.id("db-1")
	p.at("V=2", func() {
		p.must("run", "--rm", "--no-recreate", "tool", "true")
		assert.Equal(t, p.id("db-1"), db)
		assert.Equal(t, len(p.running("old")), 1)
		p.must("run", "--rm", "--remove-orphans", "tool", "true")
		assert.Assert(t, p.id("db-1") != db)
		assert.Equal(t, len(p.containers("old")), 0)
	})

	says(t, p.exits(1, "run", "--rm", "--pull", "never", "pulled").err, "pull policy is never")
	assert.Equal(t, len(r.asked()), 0)
	loud := p.must("run", "--rm", "--pull", "always", "pulled")
	assert.Assert(t, len(r.asked()) > 0)
	says(t, loud.err, "image "+pulled)
	p.must("run", "--rm", "--pull", "missing", "--quiet-pull", "pulled")
	assert.Equal(t, len(r.asked()), 0) // it is there

	noisy := p.must("run", "--rm", "built", "echo $V")
	assert.Equal(t, noisy.out, "1\n")
	says(t, noisy.err, "FROM redis:7")
	p.at("V=3", func() {
		quiet := p.must("run", "--rm", "--build", "--quiet-build", "built", "echo $V")
		assert.Equal(t, quiet.out, "3\n")
		assert.Assert(t, !strings.Contains(quiet.err, "FROM redis:7"), quiet.err)
	})
}
