//go:build engine

package tests

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
)

const answering = `
services:
  web:
    image: hyper-lite-demo
    environment: {GREETING: "${GREETING:-one}", DIE_AFTER: "${DIE_AFTER:-0s}"}
    replicas: 3
    protocol: http
    service_port: ${PORT}
    container_port: 80
    health-check: {path: /healthz, interval: 200ms, rise: 1}
    deploy: {update_config: {monitor: 5s, failure_action: "${ACTION:-rollback}"}}
`

// setAside is the containers that failed and are kept, by name.
func (p *project) setAside() []string {
	p.t.Helper()
	var names []string
	for _, c := range p.containers("") {
		name := strings.TrimPrefix(c.Names[0], "/"+p.name+"-")
		if strings.HasSuffix(name, "-failed") {
			assert.Equal(p.t, c.State, container.StateExited)
			names = append(names, name)
		}
	}
	return names
}

func (p *project) greets(word string, n int) {
	p.t.Helper()
	for range n {
		code, body, err := get(fresh, p.url("/"))
		assert.NilError(p.t, err)
		assert.Equal(p.t, code, http.StatusOK, body)
		assert.Assert(p.t, strings.HasPrefix(body, word+" from replica"), body)
	}
}

func TestAnImageThatDiesWithinTheMonitorIsRolledBack(t *testing.T) {
	t.Parallel()
	p := newProject(t, answering)
	p.must("up", "-d")
	old := p.names("web")
	healthy := p.env
	p.env = append(p.env[:len(p.env):len(p.env)], "GREETING=two", "DIE_AFTER=3s")
	lost := underLoad(t, p.url("/"), func() {
		up := p.exits(3, "up", "-d")
		says(t, up.err, "web.1@2 (container "+p.name+"-web-1-g2-failed) is not healthy: did not stay healthy: ")
		says(t, up.err, "demo: crashing after 3s")
		says(t, up.err, "web was rolled back to revision 1")
	})
	lost.lostNothing(t)
	assert.DeepEqual(t, p.names("web"), old)
	assert.DeepEqual(t, p.setAside(), []string{"web-1-g2-failed"})

	p.env = healthy
	says(t, p.must("plan").out, "failed, and was kept until now")
	p.must("up", "-d")
	assert.Equal(t, len(p.setAside()), 0)
	assert.DeepEqual(t, p.names("web"), old)
}

// Changed and scaled up at once: the new replicas die within the monitor as all of the new specification would, and so
// nobody is ever sent to them. With rollback the old number is back, too.
func TestNewReplicasOfAChangedServiceAreWatched(t *testing.T) {
	t.Parallel()
	p := newProject(t, strings.ReplaceAll(answering, "replicas: 3", "replicas: ${REPLICAS:-1}"))
	p.must("up", "-d")
	old := p.names("web")
	for _, action := range []string{"pause", "rollback"} {
		p.at("ACTION="+action, func() {
			p.at("REPLICAS=3", func() {
				p.at("GREETING=two", func() {
					p.at("DIE_AFTER=3s", func() {
						var answered map[string]int
						lost := underLoad(t, p.url("/"), func() {
							says(t, p.exits(3, "up", "-d").err, "did not stay healthy: ", "demo: crashing after 3s")
							answered = p.answerers(12)
						})
						lost.lostNothing(t)
						assert.Equal(t, len(answered), 1, "%v", answered)
					})
				})
			})
		})
		assert.DeepEqual(t, p.running("web"), []string{p.name + "-web-1"})
		p.greets("one", 4)
	}
	p.must("up", "-d")
	assert.DeepEqual(t, p.names("web"), old)
	assert.Equal(t, len(p.setAside()), 0)
}

// killsAt runs hyper-lite, and kills a container with the step of it that the progress says was done.
func (p *project) killsAt(subject, verb, name string, args ...string) (code int, errs string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	c := p.command(ctx, append([]string{"--progress", "json"}, args...)...)
	stderr, err := c.StderrPipe()
	assert.NilError(p.t, err)
	assert.NilError(p.t, c.Start())
	lines := bufio.NewScanner(stderr)
	killed := false
	var all strings.Builder
	for lines.Scan() {
		all.WriteString(lines.Text() + "\n")
		var line struct{ Subject, Verb, State string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Subject == subject && line.Verb == verb && line.State == "done" {
			assert.NilError(p.t, docker.ContainerKill(ctx, p.name+"-"+name, "KILL"))
			killed = true
		}
	}
	err = c.Wait()
	assert.Assert(p.t, killed, "%s %s was never done:\n%s", verb, subject, all.String())
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode(), all.String()
	}
	assert.NilError(p.t, err)
	return 0, all.String()
}

// The first replica is replaced well, the second dies: what was replaced goes back, and nobody notices.
func TestWhatWasReplacedGoesBack(t *testing.T) {
	t.Parallel()
	p := newProject(t, strings.ReplaceAll(answering, "monitor: 5s", "monitor: 1s"))
	p.must("up", "-d")
	p.env = append(p.env, "GREETING=two")
	lost := underLoad(t, p.url("/"), func() {
		code, errs := p.killsAt("web.2@2", "start", "web-2-g2", "up", "-d")
		assert.Equal(t, code, 3, errs)
		says(t, errs, "web was rolled back to revision 1")
	})
	lost.lostNothing(t)
	p.greets("one", 9)
	assert.DeepEqual(t, p.setAside(), []string{"web-2-g2-failed"})
	assert.DeepEqual(t, p.running("web"), []string{p.name + "-web-1", p.name + "-web-2", p.name + "-web-3"})
	assert.Equal(t, len(p.answerers(12)), 3)

	p.must("up", "-d") // and the image was right all the time
	p.greets("two", 9)
	assert.Equal(t, len(p.setAside()), 0)
	says(t, p.must("up", "-d").out, "nothing to change")
}

func TestAPausedRolloutServesOn(t *testing.T) {
	t.Parallel()
	p := newProject(t, strings.ReplaceAll(answering, "monitor: 5s", "monitor: 1s"))
	p.env = append(p.env, "ACTION=pause")
	p.must("up", "-d")
	p.env = append(p.env, "GREETING=two")
	lost := underLoad(t, p.url("/"), func() {
		code, errs := p.killsAt("web.2@2", "start", "web-2-g2", "up", "-d")
		assert.Equal(t, code, 3, errs)
		says(t, errs, "the rollout of web is paused")
	})
	lost.lostNothing(t)
	greetings := map[string]int{}
	for range 12 {
		_, body, err := get(fresh, p.url("/"))
		assert.NilError(t, err)
		word, _, _ := strings.Cut(body, " ")
		greetings[word]++
	}
	assert.Assert(t, greetings["two"] > 0 && greetings["one"] > greetings["two"], "%v", greetings) // one of three was replaced
	assert.DeepEqual(t, p.setAside(), []string{"web-2-g2-failed"})
}

// Stop-first: the old container was stopped already when the new one failed. It runs again.
func TestAStopFirstReplacementThatFailsGivesItsPlaceBack(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    environment: {GREETING: "${GREETING:-one}", DIE_AFTER: "${DIE_AFTER:-0s}"}
    ports: ["127.0.0.1:${PORT}:80"]
    deploy: {update_config: {monitor: 5s, failure_action: "${ACTION:-pause}"}}
`)
	p.must("up", "-d", "--wait")
	id := p.inspect("web-1").ID
	for _, action := range []string{"pause", "continue", "rollback"} {
		p.at("ACTION="+action, func() {
			p.at("GREETING="+action, func() {
				p.at("DIE_AFTER=3s", func() {
					up := p.exits(3, "up", "-d")
					says(t, up.err, "did not stay: exited (1)")
				})
			})
		})
		assert.Equal(t, p.inspect("web-1").ID, id)
		assert.DeepEqual(t, p.running("web"), []string{p.name + "-web-1"})
		assert.Equal(t, len(p.setAside()), 1)
		eventually(t, 30*time.Second, func() error { // it was started a moment ago, and nobody awaits it
			_, _, err := get(fresh, p.url("/"))
			return err
		})
		p.greets("one", 2)
	}
}

func TestABadTagOrAMissingSecretTouchesNoReplica(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: ${IMAGE:-hyper-lite-demo}
    environment: {GREETING: "${GREETING:-one}"}
    replicas: 2
    protocol: http
    service_port: ${PORT}
    container_port: 80
    secrets: [password]
secrets: {password: {file: ./password}}
`)
	p.write("password", "hunter2")
	p.must("up", "-d", "--wait")
	for _, spoil := range []func(){
		func() { p.env = append(p.env, "IMAGE=localhost:1/none:none") },
		func() { p.env = append(p.env, "GREETING=two"); assert.NilError(t, os.Remove(p.dir+"/password")) },
	} {
		before, kept := p.env, fmt.Sprint(p.names("web"))
		spoil()
		assert.DeepEqual(t, p.actions(func() {
			up := p.run("up", "-d")
			assert.Assert(t, up.code != 0, up.err)
		}), []string(nil))
		assert.Equal(t, fmt.Sprint(p.names("web")), kept)
		p.greets("one", 4)
		p.env = before
	}
}
