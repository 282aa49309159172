//go:build engine

package tests

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func TestKillPauseAndRmDoAsDockerComposeDoes(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, `
services:
  web: {image: redis:7, entrypoint: [sh, -c, "trap 'touch /tmp/hup' HUP; while :; do sleep 0.05; done"], replicas: 2, stop_grace_period: 0s, volumes: [/anonymous]}
  db: {image: redis:7, entrypoint: [sleep, infinity], stop_grace_period: 0s}
`)
	p.must("up", "-d")
	p.must("kill", "-s", "SIGHUP", "web")
	eventually(t, 20*time.Second, func() error {
		if r := p.run("exec", "--index", "2", "web", "test", "-e", "/tmp/hup"); r.code != 0 {
			return errors.New("no SIGHUP arrived")
		}
		return nil
	})
	assert.Equal(t, len(p.running("web")), 2)
	says(t, p.exits(1, "kill", "-s", "NONSENSE", "db").err, "NONSENSE")

	p.must("pause", "web")
	assert.Assert(t, p.inspect("web-1").State.Paused && p.inspect("web-2").State.Paused && !p.inspect("db-1").State.Paused)
	p.must("pause")
	assert.Assert(t, p.inspect("db-1").State.Paused)
	p.must("unpause", "db")
	assert.Assert(t, p.inspect("web-1").State.Paused && !p.inspect("db-1").State.Paused)
	p.must("unpause")
	assert.Equal(t, len(p.running("web")), 2)

	says(t, p.must("rm", "-f").out, "nothing to change")
	p.must("kill", "web")
	assert.Equal(t, p.inspect("web-1").State.ExitCode, 137)
	says(t, p.exits(1, "rm").err, "--force")
	assert.Equal(t, len(p.containers("web")), 2)
	volumes := func() (names []string) {
		for _, c := range p.containers("web") {
			for _, m := range c.Mounts {
				names = append(names, m.Name)
			}
		}
		return names
	}()
	asked := p.atTerminal("rm", "web")
	asked.shows("Go on? [y/N]")
	asked.types("y\r")
	asked.exits(0)
	assert.Equal(t, len(p.containers("web")), 0)
	for _, name := range volumes { // without -v they stay
		assert.NilError(t, docker.VolumeRemove(t.Context(), name, false))
	}
	assert.DeepEqual(t, p.running("db"), []string{p.name + "-db-1"})
	p.must("rm", "-fsv", "db")
	assert.Equal(t, len(p.containers("")), 0)
}

func TestAPausedReplicaHasNoTraffic(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: hyper-lite-demo, replicas: 2, protocol: http, container_port: 80, ports: ["${PORT}:80"]}
`)
	p.must("up", "-d")
	assert.Equal(t, p.must("port", "web", "80").out, fmt.Sprintf("0.0.0.0:%d\n", p.port))
	assert.Equal(t, len(p.answerers(10)), 2)
	answers := func(want int) {
		t.Helper()
		eventually(t, time.Minute, func() error {
			code, body, err := get(fresh, p.url("/replica"))
			if err == nil && code != want {
				err = fmt.Errorf("%d: %s", code, body)
			}
			return err
		})
	}
	p.must("pause", "web")
	answers(503) // at once, instead of never
	p.must("unpause", "web")
	answers(200)
	p.must("kill", "web")
	answers(503)
}

func TestWaitEndsWithTheContainer(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, `
services:
  test: {image: redis:7, entrypoint: [sh, -c, "while ! test -e /tmp/end; do sleep 0.05; done; exit 6"], restart: "no"}
  web: {image: redis:7, entrypoint: [sleep, infinity], stop_grace_period: 0s}
`)
	p.must("up", "-d")
	ended := make(chan result, 1)
	go func() { ended <- p.run("wait", "test") }()
	meanwhile(t, 300*time.Millisecond, func() error {
		select {
		case r := <-ended:
			return fmt.Errorf("it does not wait: %+v", r)
		default:
			return nil
		}
	})
	p.must("exec", "test", "touch", "/tmp/end")
	r := <-ended
	assert.Equal(t, r.code, 6, r.err)
	assert.Equal(t, r.out, fmt.Sprintf("container %q exited with status code 6\n", p.name+"-test-1"))
	assert.Equal(t, p.exits(6, "wait", "test").code, 6) // it has ended: its code is known
	p.exits(6, "wait", "--down-project", "web", "test")
	assert.Equal(t, len(p.containers("")), 0)
}

func TestAttachIsTheProcessItself(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, `
services:
  sh: {image: redis:7, entrypoint: [sh], tty: true, stdin_open: true, stop_grace_period: 0s}
  cat: {image: redis:7, entrypoint: [sh, -c, "while read line; do echo got $$line; test $$line != end || exit 8; done"], stdin_open: true, stop_grace_period: 0s}
  deaf: {image: redis:7, entrypoint: [sh, -c, "trap 'exit 5' INT; while :; do echo begun; sleep 0.05; done"], stop_grace_period: 0s}
`)
	p.must("up", "-d")
	shell := p.atTerminal("attach", "sh")
	shell.types("echo ready$((1+1)); stty size\r")
	shell.shows("ready2")
	shell.types("\x10\x11")
	shell.exits(0)
	shell.cooked()
	assert.Assert(t, p.inspect("sh-1").State.Running)
	keys := p.atTerminal("attach", "--detach-keys", "ctrl-x,q", "sh")
	keys.types("echo again$((1+1))\r")
	keys.shows("again2")
	keys.types("\x18q")
	keys.exits(0)
	ends := p.atTerminal("attach", "sh")
	ends.types("exit 4\r")
	ends.exits(4)
	ends.cooked()

	r := p.fed(strings.NewReader("one\nend\n"), "attach", "cat")
	assert.Equal(t, r.code, 8, r.err)
	assert.Equal(t, r.out, "got one\ngot end\n")

	off, _ := p.begun("attach", "--sig-proxy=false", "deaf")
	assert.NilError(t, off.Process.Signal(syscall.SIGINT))
	assert.Error(t, off.Wait(), "exit status 130")
	assert.Assert(t, p.inspect("deaf-1").State.Running)
	on, _ := p.begun("attach", "deaf")
	assert.NilError(t, on.Process.Signal(syscall.SIGINT))
	assert.Error(t, on.Wait(), "exit status 5")
	says(t, p.exits(1, "attach", "deaf").err, `service "deaf" is not running`)
}

func TestTopAndCreate(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, shelled)
	p.must("create", "--scale", "web=3")
	all := p.containers("web")
	assert.Equal(t, len(all), 3)
	assert.Equal(t, all[0].State, "created")
	p.must("create", "--no-recreate")
	assert.Equal(t, p.must("top").out, "")
	p.must("start")
	lines := strings.Split(strings.TrimSpace(p.must("top", "web").out), "\n")
	assert.Assert(t, strings.HasPrefix(lines[0], "SERVICE  #") && strings.HasSuffix(lines[0], "CMD"), lines[0])
	assert.Assert(t, strings.HasPrefix(lines[1], "web      1") && strings.Contains(lines[1], "sleep infinity"), lines[1])
}

func TestStartWaitsUntilAllIsWell(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, `
services:
  web:
    image: redis:7
    entrypoint: [sh, -c, "rm -f /tmp/well; sleep 1; test -e /tmp/never || touch /tmp/well; exec sleep 1000"]
    stop_grace_period: 0s
    healthcheck: {test: [CMD, test, -e, /tmp/well], interval: 100ms, retries: 100}
`)
	p.must("create")
	p.must("start", "--wait")
	assert.Equal(t, p.inspect("web-1").State.Health.Status, "healthy")
	p.must("exec", "web", "touch", "/tmp/never")
	p.must("stop")
	says(t, p.exits(3, "start", "--wait", "--wait-timeout", "2").err, "web.1@1", "is not ready")
}
