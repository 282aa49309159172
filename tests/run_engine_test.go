//go:build engine

package tests

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
)

const tooled = `
services:
  db:
    image: redis:7
    entrypoint: [sleep, infinity]
    init: true
    stop_grace_period: 0s
    healthcheck: {test: [CMD, test, -e, /tmp/well], interval: 100ms, retries: 100}
    post_start: [{command: [touch, /tmp/well]}]
  tool:
    image: redis:7
    entrypoint: [sh, -c]
    command: [echo the command of the file]
    depends_on: {db: {condition: service_healthy}}
    restart: unless-stopped
    environment: {A: file, B: file}
    volumes: [data:/data]
    ports: ["${PORT}:80"]
    stop_grace_period: 0s
    networks: {default: {aliases: [toolbox]}}
volumes: {data: {}}
`

// oneOffs are the containers that run made.
func (p *project) oneOffs() []container.Summary {
	p.t.Helper()
	var all []container.Summary
	for _, c := range p.containers("tool") {
		if c.Labels["hyper-lite.role"] == "run" {
			all = append(all, c)
		}
	}
	return all
}

func TestRunMakesOneContainerBesideTheReplicas(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, tooled)
	r := p.must("run", "tool")
	assert.Equal(t, r.out, "the command of the file\n")
	assert.DeepEqual(t, p.running("db"), []string{p.name + "-db-1"}) // what it depends on was started first
	made := p.oneOffs()
	assert.Equal(t, len(made), 1)
	name := strings.TrimPrefix(made[0].Names[0], "/")
	assert.Assert(t, regexp.MustCompile("^"+p.name+"-tool-run-[0-9a-f]{12}$").MatchString(name), name)
	assert.Equal(t, made[0].Labels["com.docker.compose.oneoff"], "True")
	assert.Equal(t, made[0].Labels["com.docker.compose.service"], "tool")
	inspected, err := docker.ContainerInspect(t.Context(), made[0].ID)
	assert.NilError(t, err)
	assert.Assert(t, !inspected.HostConfig.RestartPolicy.IsUnlessStopped())
	assert.Equal(t, len(inspected.HostConfig.PortBindings), 0)
	for _, n := range inspected.NetworkSettings.Networks {
		for _, alias := range n.Aliases {
			assert.Assert(t, alias != "tool" && alias != "toolbox", "it answers to %s", alias)
		}
	}

	// It is no replica: up makes its own, ps shows it with -a only, and rm leaves it alone.
	p.must("up", "-d", "--no-deps", "db")
	assert.Assert(t, !strings.Contains(p.must("ps").out, name))
	says(t, p.must("ps", "-a").out, name)
	p.must("rm", "-f", "-v")
	assert.Equal(t, len(p.oneOffs()), 1)

	p.exits(9, "run", "--rm", "tool", "exit 9")
	assert.Equal(t, len(p.oneOffs()), 1, "--rm left a container")
	p.must("down", "-v")
	assert.Equal(t, len(p.containers("")), 0)
}

func TestRunTakesItsFlags(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, tooled)
	p.write("vars", "B=env file\nC=env file\n")
	p.write("here/file", "content\n")
	assert.NilError(t, os.Chmod(filepath.Join(p.dir, "here", "file"), 0o644))
	assert.NilError(t, os.Chmod(filepath.Join(p.dir, "here"), 0o755))
	p.at("D=outside", func() {
		r := p.must("run", "--rm", "--no-deps", "-e", "A=typed", "-e", "D", "--env-from-file", "vars", "-u", "nobody", "-w", "/usr",
			"-v", "./here:/there:ro", "-l", "my.label=x", "--cap-drop", "CHOWN", "-T", "--name", p.name+"-named", "tool",
			"echo $A,$B,$C,$D; id -un; pwd; cat /there/file; touch /there/x 2>/dev/null || echo read-only")
		assert.Equal(t, r.out, "typed,env file,env file,outside\nnobody\n/usr\ncontent\nread-only\n")
	})
	assert.Equal(t, len(p.containers("db")), 0, "--no-deps started something")
	assert.Equal(t, p.must("run", "--rm", "--no-deps", "--entrypoint", "echo 'two words'", "tool", "-n").out, "two words -n\n")

	id := strings.TrimSpace(p.must("run", "-d", "--no-deps", "--use-aliases", "--service-ports", "-l", "my.label=x", "--name", p.name+"-bg", "tool", "exec sleep 1000").out)
	inspected, err := docker.ContainerInspect(t.Context(), id)
	assert.NilError(t, err)
	assert.Equal(t, inspected.Name, "/"+p.name+"-bg")
	assert.Equal(t, inspected.Config.Labels["my.label"], "x")
	assert.Equal(t, inspected.HostConfig.PortBindings["80/tcp"][0].HostPort, fmt.Sprint(p.port))
	aliases := strings.Join(inspected.NetworkSettings.Networks[p.name+"_default"].Aliases, " ")
	says(t, aliases, "tool", "toolbox")
	says(t, p.exits(1, "run", "--no-deps", "--name", p.name+"-bg", "tool").err, "container name "+p.name+"-bg is taken")
	says(t, p.must("exec", "tool", "sh", "-c", "echo in the one-off").out, "in the one-off")
	p.must("kill")
	eventually(t, 20*time.Second, func() error {
		found, err := docker.ContainerInspect(t.Context(), id)
		if err == nil && found.State.Running {
			err = errors.New("it runs")
		}
		return err
	})
}

func TestRunCarriesItsInputAndSeveralRunAtOnce(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, tooled)
	var together sync.WaitGroup
	for range 3 {
		together.Go(func() {
			sent := make([]byte, 10<<20)
			for at := range sent {
				sent[at] = byte(rand.Uint32())
			}
			r := p.fed(bytes.NewReader(sent), "run", "--rm", "-T", "tool", "cat")
			if r.code != 0 || sha256.Sum256([]byte(r.out)) != sha256.Sum256(sent) {
				t.Errorf("exit %d, %d bytes of %d came back: %s", r.code, len(r.out), len(sent), r.err)
			}
		})
	}
	together.Wait()
	assert.Equal(t, len(p.oneOffs()), 0)
	assert.DeepEqual(t, p.running("db"), []string{p.name + "-db-1"})
}

// begun starts hyper-lite in the background, and waits until it says "begun".
func (p *project) begun(args ...string) (*exec.Cmd, *lockedBuffer) {
	p.t.Helper()
	out := &lockedBuffer{}
	c := p.command(p.t.Context(), args...)
	c.Stdout, c.Stderr = out, out
	assert.NilError(p.t, c.Start())
	eventually(p.t, time.Minute, func() error {
		if !strings.Contains(out.String(), "begun") {
			return fmt.Errorf("it said %q", out.String())
		}
		return nil
	})
	return c, out
}

func TestSignalsOfRunAreTheContainers(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, tooled)
	c, out := p.begun("run", "--rm", "-T", "--no-deps", "tool",
		"trap 'echo hup' HUP; trap 'echo usr1' USR1; trap 'echo int; exit 33' INT; echo begun; while :; do sleep 0.05; done")
	for _, s := range []struct {
		signal syscall.Signal
		word   string
	}{{syscall.SIGHUP, "hup"}, {syscall.SIGUSR1, "usr1"}, {syscall.SIGINT, "int"}} {
		assert.NilError(t, c.Process.Signal(s.signal))
		eventually(t, time.Minute, func() error {
			if !strings.Contains(out.String(), s.word) {
				return fmt.Errorf("no %s: %s", s.word, out.String())
			}
			return nil
		})
	}
	assert.Error(t, c.Wait(), "exit status 33")
	assert.Equal(t, len(p.oneOffs()), 0)

	c, out = p.begun("run", "--rm", "-T", "--no-deps", "tool", "trap 'echo not yet' INT; echo begun; while :; do sleep 0.05; done")
	assert.NilError(t, c.Process.Signal(syscall.SIGINT))
	eventually(t, time.Minute, func() error {
		if !strings.Contains(out.String(), "not yet") {
			return errors.New(out.String())
		}
		return nil
	})
	assert.NilError(t, c.Process.Signal(syscall.SIGINT)) // kills
	assert.Error(t, c.Wait(), "exit status 137")
	assert.Equal(t, len(p.oneOffs()), 0)
}

func TestRunIsATerminalWhereThereIsOne(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, tooled)
	shell := p.atTerminal("run", "--rm", "--no-deps", "--entrypoint", "sh", "tool")
	shell.types("echo ready$((1+1)); tty\r")
	shell.shows("ready2")
	shell.shows("/dev/pts/")
	eventually(t, time.Minute, func() error {
		shell.types("stty size\r")
		if !strings.Contains(shell.text(), "31 91") {
			return errors.New("the terminal has another size")
		}
		return nil
	})
	shell.types("exit 12\r")
	shell.exits(12)
	shell.cooked()
	assert.Equal(t, len(p.oneOffs()), 0)

	left := p.atTerminal("run", "--no-deps", "--entrypoint", "sh", "--name", p.name+"-left", "tool")
	left.types("echo ready$((1+1))\r")
	left.shows("ready2")
	left.types("\x10\x11")
	left.exits(0)
	left.cooked()
	assert.Equal(t, p.oneOffs()[0].State, "running")
}

func TestRunBuildsWaitsAndFailsAsUpDoes(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, tooled)
	p.write("bad.yaml", "services: {db: {healthcheck: {test: [CMD, \"false\"], interval: 50ms, retries: 2}}}")
	r := p.exits(3, "-f", "compose.yaml", "-f", "bad.yaml", "run", "--rm", "tool")
	says(t, r.err, "db.1@1", "is not healthy")
	assert.Equal(t, len(p.oneOffs()), 0)
	says(t, p.exits(1, "run", "--rm", "--no-deps", "--entrypoint", "/nothing/there", "tool").err, "look at entrypoint and command of tool")
}
