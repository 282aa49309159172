//go:build engine

package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// diesAfter runs hyper-lite and kills it with its nth change of the engine: before it learns how that ended.
// It says whether it was killed; else it has ended well, with fewer changes.
func (p *project) diesAfter(between *proxy, n int, args ...string) bool {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var output bytes.Buffer
	c := p.command(ctx, args...)
	c.Stdout, c.Stderr = &output, &output
	started := make(chan struct{})
	between.watch(func(number int) {
		if number == n {
			<-started
			assert.Check(p.t, c.Process.Kill() == nil)
		}
	})
	defer between.watch(nil)
	assert.NilError(p.t, c.Start())
	close(started)
	err := c.Wait()
	if err == nil {
		return false
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	assert.Assert(p.t, ok && exit.ExitCode() == -1, "killed after change %d: %v\n%s", n, err, output.String())
	return true
}

// shape is what a project looks like on the engine: containers with their states, and the networks and
// volumes beside them. IDs are left out.
func (p *project) shape() []string {
	p.t.Helper()
	var all []string
	for _, c := range p.containers("") {
		all = append(all, fmt.Sprintf("container %s %s", c.Names[0], c.State))
	}
	for _, other := range p.leftovers() {
		if !strings.HasPrefix(other, "container ") {
			all = append(all, other)
		}
	}
	slices.Sort(all)
	return all
}

const stack = `
services:
  app:
    image: hyper-lite-demo
    environment: {GREETING: "${GREETING:-one}"}
    replicas: ${REPLICAS:-2}
    depends_on: [db]
    networks: [default, back]
    configs: [greeting]
  db:
    image: hyper-lite-demo
    networks: [back]
    volumes: ["data:/data"]
networks: {back: }
volumes: {data: }
configs: {greeting: {content: hello}}
`

func TestAnUpKilledAtAnyChangeIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	p, between := newProxied(t, stack)
	p.env = append(p.env, "REPLICAS=1")
	p.must("up", "-d")
	want := p.shape()
	for n := 1; ; n++ {
		p.must("down", "-v", "-t", "0")
		killed := p.diesAfter(between, n, "up", "-d", "--parallel", "1")
		p.must("up", "-d")
		assert.DeepEqual(t, p.shape(), want)
		says(t, p.must("up", "-d").out, "nothing to change")
		if !killed {
			assert.Assert(t, n > 8, "only %d changes", n)
			return
		}
	}
}

func TestAnUpdateKilledAtAnyChangeIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	p, between := newProxied(t, stack)
	p.env = append(p.env, "REPLICAS=1") // what more of them add, the rolling update meets, too
	p.must("up", "-d")
	want := p.shape()
	for n := 1; ; n++ {
		killed := false
		p.at(fmt.Sprintf("GREETING=%d", n), func() {
			killed = p.diesAfter(between, n, "up", "-d", "-t", "0")
			p.must("up", "-d", "-t", "0")
			says(t, p.must("up", "-d").out, "nothing to change")
		})
		assert.DeepEqual(t, p.shape(), want)
		for _, c := range p.containers("app") {
			found, err := docker.ContainerInspect(t.Context(), c.ID)
			assert.NilError(t, err)
			assert.Assert(t, slices.Contains(found.Config.Env, fmt.Sprintf("GREETING=%d", n)), "%v", found.Config.Env)
		}
		if !killed {
			assert.Assert(t, n > 6, "only %d changes", n)
			return
		}
	}
}

const routedStack = `
services:
  web:
    image: hyper-lite-demo
    environment: {GREETING: "${GREETING:-one}"}
    replicas: 2
    protocol: http
    service_port: ${PORT}
    container_port: 80
    health-check: {path: /healthz, interval: 200ms, rise: 1}
    deploy: {update_config: {order: start-first, parallelism: 1}}
`

// Killed after a few changes, again and again, it still gets there: every state on the way is one to go on from.
func TestARoutedUpKilledAgainAndAgainArrives(t *testing.T) {
	t.Parallel()
	p, between := newProxied(t, routedStack)
	p.must("up", "-d")
	want := p.shape()
	for _, few := range []int{3, 5} {
		p.must("down", "-t", "0")
		deaths := 0
		for p.diesAfter(between, few, "up", "-d", "--parallel", "1") {
			deaths++
			assert.Assert(t, deaths < 20, "it never arrives: %v", p.shape())
		}
		assert.Assert(t, deaths > 0, "it was never killed")
		assert.Equal(t, len(p.answerers(10)), 2)
		assert.DeepEqual(t, p.shape(), want)
	}
}

func TestARollingUpdateKilledAtAnyChangeServesOnAndIsFinished(t *testing.T) {
	t.Parallel()
	p, between := newProxied(t, routedStack)
	p.must("up", "-d")
	want := p.shape()
	for n := 1; ; n += 2 { // TestAKillAfter... kills after every step of a roll
		killed := false
		p.at(fmt.Sprintf("GREETING=%d", n), func() {
			killed = p.diesAfter(between, n, "up", "-d", "-t", "2")
			for range 6 { // whatever was done, somebody serves
				code, body, err := get(fresh, p.url("/"))
				assert.NilError(t, err)
				assert.Equal(t, code, http.StatusOK, "killed after change %d: %s", n, body)
			}
			p.must("up", "-d", "-t", "2")
		})
		assert.DeepEqual(t, p.shape(), want)
		for range 4 {
			code, body, err := get(fresh, p.url("/"))
			assert.NilError(t, err)
			assert.Equal(t, code, http.StatusOK, body)
			says(t, body, fmt.Sprint(n))
		}
		if !killed {
			assert.Assert(t, n > 6, "only %d changes", n)
			return
		}
	}
}
