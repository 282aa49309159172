//go:build engine

package tests

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/client"
	"gotest.tools/v3/assert"
)

// ownEngine is a Docker engine of the test's own, which it may stop and start: a second dockerd with its own
// containerd, folders and socket, in a network namespace of its own, so that the engine of this machine and its
// firewall rules are not touched. Two ends of a wire join it to the test.
type ownEngine struct {
	t         testing.TB
	client    *client.Client
	socket    string
	address   string // where its published ports are reached
	namespace string
	options   []string
	log       *os.File
	process   *exec.Cmd // nil while it is stopped
	ended     chan error
}

// newOwnEngine starts one with the images of the scenarios on it. Where this machine cannot have one, the test is
// skipped, with what is missing; in CI, as root, it fails: there it must have run.
func newOwnEngine(t testing.TB) *ownEngine {
	t.Helper()
	if missing := missingForAnEngine(); len(missing) > 0 {
		text := "NOT RUN: an engine of the test's own needs " + strings.Join(missing, " and ")
		if os.Getenv("CI") == "true" && os.Geteuid() == 0 {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	folder, err := os.MkdirTemp("", "hl-engine-") // a socket's path must be short
	assert.NilError(t, err)
	t.Cleanup(func() { assert.Check(t, os.RemoveAll(folder) == nil) })
	e := &ownEngine{t: t, socket: filepath.Join(folder, "docker.sock")}
	e.wire()
	e.log, err = os.Create(filepath.Join(folder, "log"))
	assert.NilError(t, err)
	config := filepath.Join(folder, "daemon.json") // not the machine's own
	assert.NilError(t, os.WriteFile(config, []byte("{}\n"), 0o600))
	e.options = []string{
		"--config-file=" + config, "--data-root=" + folder + "/data", "--exec-root=" + folder + "/exec",
		"--host=unix://" + e.socket, "--pidfile=" + folder + "/pid",
		"--containerd-namespace=" + e.namespace, "--containerd-plugins-namespace=" + e.namespace + "-plugins",
	}
	info, err := docker.Info(t.Context())
	assert.NilError(t, err)
	if slices.Contains([]string{"fuse-overlayfs", "vfs"}, info.Driver) { // what works here where overlay2 does not
		e.options = append(e.options, "--storage-driver="+info.Driver)
	}
	e.client, err = client.NewClientWithOpts(client.WithHost("unix://"+e.socket), client.WithAPIVersionNegotiation())
	assert.NilError(t, err)
	t.Cleanup(func() { assert.Check(t, e.client.Close() == nil) })
	t.Cleanup(func() {
		if e.process != nil {
			e.stop()
		}
		assert.Check(t, e.log.Close() == nil)
	})
	e.start()
	e.load(demo, traefik)
	return e
}

func missingForAnEngine() (missing []string) {
	if os.Geteuid() != 0 {
		missing = append(missing, "root")
	}
	for _, program := range []string{"dockerd", "ip", "nsenter", "iptables", "docker"} {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	return missing
}

// wire makes the network namespace, and addresses of its own for both ends (from 198.18.0.0/15, which is for tests).
func (e *ownEngine) wire() {
	e.t.Helper()
	number := freePort(e.t)
	e.namespace = fmt.Sprintf("hl-%d", number)
	outside := fmt.Sprintf("198.18.%d.%d", number*4>>8&255, number*4&255+1)
	e.address = fmt.Sprintf("198.18.%d.%d", number*4>>8&255, number*4&255+2)
	e.ip("netns", "add", e.namespace)
	e.t.Cleanup(func() { e.ip("netns", "delete", e.namespace) }) // and with it the wire
	e.ip("link", "add", e.namespace, "type", "veth", "peer", "name", "outside", "netns", e.namespace)
	e.ip("address", "add", outside+"/30", "dev", e.namespace)
	e.ip("link", "set", e.namespace, "up")
	e.ip("-n", e.namespace, "address", "add", e.address+"/30", "dev", "outside")
	e.ip("-n", e.namespace, "link", "set", "outside", "up")
	e.ip("-n", e.namespace, "link", "set", "lo", "up")
}

func (e *ownEngine) ip(args ...string) {
	e.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		e.t.Errorf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// start returns once the engine answers.
func (e *ownEngine) start() {
	e.t.Helper()
	c := exec.Command("nsenter", append([]string{"--net=/run/netns/" + e.namespace, "dockerd"}, e.options...)...)
	c.Stdout, c.Stderr = e.log, e.log
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM} // it does not outlive the tests
	assert.NilError(e.t, c.Start())
	e.process, e.ended = c, make(chan error, 1)
	go func() { e.ended <- c.Wait() }()
	for deadline := time.After(time.Minute); ; {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, err := e.client.Ping(ctx)
		cancel()
		if err == nil {
			return
		}
		select {
		case end := <-e.ended:
			e.process = nil
			e.t.Fatalf("dockerd ended: %v\n%s", end, e.said())
		case <-deadline:
			e.t.Fatalf("dockerd does not answer: %v\n%s", err, e.said())
		case <-time.After(50 * time.Millisecond): // between two looks of a poll
		}
	}
}

// stop ends the engine and every container, as its machine's end does: where it is caught in the middle of a start,
// engine 20.10 leaves a container's processes and mounts behind, and can then neither start nor remove that container.
func (e *ownEngine) stop() {
	e.t.Helper()
	assert.Check(e.t, e.process.Process.Signal(syscall.SIGTERM) == nil)
	select {
	case err := <-e.ended:
		if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
			e.t.Errorf("dockerd: %v", exit)
		}
	case <-time.After(time.Minute):
		e.t.Errorf("dockerd does not stop, and is killed\n%s", e.said())
		assert.Check(e.t, e.process.Process.Kill() == nil)
		<-e.ended
	}
	e.process = nil
	e.endProcesses()
	e.unmount()
}

// endProcesses ends the containers, and those who looked after them, that the engine has left.
func (e *ownEngine) endProcesses() {
	e.t.Helper()
	looksAfter := map[int]bool{}
	parents := map[int]int{}
	statuses, err := filepath.Glob("/proc/[0-9]*/status")
	assert.Check(e.t, err == nil)
	for _, path := range statuses {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended since
		}
		var pid, parent int
		for line := range strings.Lines(string(text)) {
			fmt.Sscanf(line, "Pid: %d", &pid)
			fmt.Sscanf(line, "PPid: %d", &parent)
		}
		parents[pid] = parent
		args, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline")) // none where it has ended since
		words := strings.Split(string(args), "\x00")
		looksAfter[pid] = strings.Contains(words[0], "containerd-shim") && slices.Contains(words, e.namespace)
	}
	for pid, parent := range parents {
		if looksAfter[pid] || looksAfter[parent] {
			e.t.Logf("the engine left process %d", pid)
			err := syscall.Kill(pid, syscall.SIGKILL)
			assert.Check(e.t, err == nil || errors.Is(err, syscall.ESRCH), "kill %d: %v", pid, err)
		}
	}
}

// unmount takes away what the engine has left mounted in its folder, the innermost first.
func (e *ownEngine) unmount() {
	e.t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	assert.NilError(e.t, err)
	var left []string
	for line := range strings.Lines(string(mounts)) {
		if at := strings.Fields(line)[4]; strings.HasPrefix(at, filepath.Dir(e.socket)+"/") {
			left = append(left, at)
		}
	}
	for _, at := range slices.Backward(left) {
		e.t.Logf("the engine left a mount: %s", at)
		assert.Check(e.t, syscall.Unmount(at, syscall.MNT_DETACH) == nil, at)
	}
}

// said is the end of the engine's log.
func (e *ownEngine) said() string {
	text, err := os.ReadFile(e.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// load brings images over from the engine of the scenarios.
func (e *ownEngine) load(images ...string) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	saved, err := docker.ImageSave(ctx, images)
	assert.NilError(e.t, err)
	defer saved.Close()
	loaded, err := e.client.ImageLoad(ctx, saved)
	assert.NilError(e.t, err)
	_, err = io.Copy(io.Discard, loaded.Body) // it works for as long as it talks
	assert.NilError(e.t, errors.Join(err, loaded.Body.Close()))
	for _, image := range images {
		_, err := e.client.ImageInspect(ctx, image)
		assert.NilError(e.t, err)
	}
}

// project is one on this engine.
func (e *ownEngine) project(file string) *project {
	e.t.Helper()
	p := newProjectOn(e.t, e.client, e.address, file)
	p.env = append(p.env, "DOCKER_HOST=unix://"+e.socket)
	return p
}
