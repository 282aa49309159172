//go:build engine

package tests

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

const stoppingFirst = `
services:
  web:
    image: hyper-lite-demo
    environment: {GREETING: "${GREETING:-one}", START_DELAY: "${START_DELAY:-0s}"}
    command: ${COMMAND:-serve}
    replicas: ${REPLICAS:-1}
    protocol: http
    service_port: ${PORT}
    container_port: 80
    health-check: {path: /healthz, interval: 200ms, rise: 1}
    deploy: {update_config: {order: stop-first, parallelism: 0}}
  db:
    image: hyper-lite-demo
    environment: {GREETING: "${GREETING:-one}", START_DELAY: "${START_DELAY:-0s}"}
    command: ${COMMAND:-serve}
    ports: ["127.0.0.1:${DB}:80"]
    healthcheck: {test: [CMD, /demo, request, "http://127.0.0.1/"], interval: 300ms, retries: 100}
`

// showed waits for a line of a command's progress.
func (b *begun) showed(line string) {
	b.t.Helper()
	wanted := regexp.MustCompile(strings.ReplaceAll(line, " ", " +"))
	eventually(b.t, 30*time.Second, func() error {
		if wanted.MatchString(b.err.String()) {
			return nil
		}
		return fmt.Errorf("no %q in:\n%s", line, b.err.String())
	})
}

// Stop-first, the old containers are stopped and the new ones are not healthy yet: the first signal waits until one of the
// two serves in every slot. The next up goes on.
func TestASignalInTheMiddleOfAStopFirstRolloutTakesNothingAway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		signal os.Signal
		env    []string
		serves string
	}{
		{"completed", os.Interrupt, []string{"START_DELAY=3s"}, "two"},
		{"given back", syscall.SIGTERM, []string{"COMMAND=wait 5s 1"}, "one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProject(t, stoppingFirst)
			p.newPort("DB")
			p.env = append(p.env, "REPLICAS=2")
			p.must("up", "-d", "--wait")
			healthy := p.env
			p.env = append(append(healthy[:len(healthy):len(healthy)], c.env...), "GREETING=two")
			up := p.begin("up", "-d")
			for _, name := range []string{"db-1-g2", "web-1-g2", "web-2-g2"} {
				up.showed("container " + p.name + "-" + name + " started")
			}
			assert.NilError(t, up.Process.Signal(c.signal))
			assert.Equal(t, up.ends(), 130, up.err.String())
			says(t, up.err.String(), "gets back what was taken away", "same command again")
			assert.Equal(t, len(p.running("web")), 2, up.err.String())
			assert.Equal(t, len(p.running("db")), 1, up.err.String())
			p.greets(c.serves, 4)
			assert.Equal(t, len(p.answerers(8)), 2)

			p.env = append(healthy[:len(healthy):len(healthy)], "GREETING=two")
			p.must("up", "-d", "--wait")
			p.greets("two", 4)
			says(t, p.must("up", "-d").out, "nothing to change")
		})
	}
}

// The second signal ends at once, whatever is in the middle. The next up finishes.
func TestASecondSignalEndsARolloutAtOnce(t *testing.T) {
	t.Parallel()
	p := newProject(t, stoppingFirst)
	p.newPort("DB")
	p.must("up", "-d", "--wait")
	p.env = append(p.env, "GREETING=two")
	p.at("START_DELAY=40s", func() {
		up := p.begin("up", "-d")
		up.showed("container " + p.name + "-web-1-g2 started")
		assert.NilError(t, up.Process.Signal(os.Interrupt))
		up.says("gets back what was taken away")
		again := time.Now()
		assert.NilError(t, up.Process.Signal(os.Interrupt))
		assert.Assert(t, up.ends() != 0)
		assert.Assert(t, time.Since(again) < 5*time.Second)
	})
	p.must("up", "-d", "--wait")
	p.greets("two", 2)
	says(t, p.must("up", "-d").out, "nothing to change")
}
