//go:build engine

package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
	"gotest.tools/v3/assert"
)

// The scenarios run the real binary against the real engine, and judge by what the engine says. They share
// one engine, run side by side, and take away all they made. Two runs at once do not meet: every project
// has a name and ports of its own.

const (
	demo    = "hyper-lite-demo"
	traefik = "traefik:v3.6.12"
)

var (
	binary string // the built hyper-lite
	docker *client.Client
)

func TestMain(m *testing.M) {
	code, err := inScenarios(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, "scenarios:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func inScenarios(run func() int) (code int, err error) {
	docker, err = client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := docker.Ping(ctx); err != nil {
		return 0, fmt.Errorf("no engine answers, and the scenarios need one: %w", err)
	}
	for _, image := range []string{demo, traefik} {
		if _, err := docker.ImageInspect(ctx, image); err != nil {
			return 0, fmt.Errorf("image %s is not there, make it with `make images`: %w", image, err)
		}
	}
	folder, err := os.MkdirTemp("", "hyper-lite-scenarios-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	binary = filepath.Join(folder, "hyper-lite")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build hyper-lite: %w\n%s", err, out)
	}
	return run(), nil
}

// project is one project folder with a name of its own.
type project struct {
	t    testing.TB
	name string
	dir  string
	env  []string // KEY=value, for every command
	port int      // a host port of its own; as $PORT in the files

	docker *client.Client // of the engine that it runs on
	host   string         // where that engine's published ports are reached
}

var unfit = regexp.MustCompile(`[^a-z0-9]+`)

// newProject makes a folder with a compose.yaml. What the project leaves on the engine is taken away at the
// end, and the test fails if something stays even then.
func newProject(t testing.TB, file string) *project {
	t.Helper()
	return newProjectOn(t, docker, "127.0.0.1", file)
}

// newProjectOn is the same on another engine than that of the scenarios.
func newProjectOn(t testing.TB, engine *client.Client, host, file string) *project {
	t.Helper()
	short := strings.Trim(unfit.ReplaceAllString(strings.ToLower(strings.TrimPrefix(t.Name(), "Test")), "-"), "-")
	name := fmt.Sprintf("hl-%s-%05d", short[:min(len(short), 24)], rand.IntN(100000))
	p := &project{t: t, name: name, dir: t.TempDir(), docker: engine, host: host}
	p.port = freePort(t)
	p.env = []string{"COMPOSE_PROJECT_NAME=" + name, fmt.Sprintf("PORT=%d", p.port)}
	p.write("compose.yaml", file)
	t.Cleanup(p.remove)
	return p
}

func (p *project) remove() {
	if p.t.Failed() {
		p.t.Logf("containers at the end:\n%s", p.run("ps", "-a").out)
		p.t.Logf("the sidecar at the end:\n%s", p.sidecarLog())
	}
	done := p.run("down", "--volumes", "--remove-orphans", "--timeout", "1")
	if done.code != 0 {
		p.t.Errorf("down at the end: exit %d\n%s", done.code, done.err)
	}
	if left := p.leftovers(); len(left) > 0 {
		p.t.Errorf("left behind: %s", strings.Join(left, ", "))
	}
}

// sidecarLog is the end of what the sidecar has written, or why it cannot be read: there may be none.
func (p *project) sidecarLog() string {
	options := container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: "40"}
	logs, err := p.docker.ContainerLogs(context.Background(), p.name+"-hyper-lite-sidecar", options)
	if err != nil {
		return err.Error()
	}
	defer logs.Close()
	var text bytes.Buffer
	if _, err := stdcopy.StdCopy(&text, &text, logs); err != nil {
		return err.Error()
	}
	return text.String()
}

// leftovers is everything on the engine that carries the project's label.
func (p *project) leftovers() []string {
	ctx := context.Background()
	mine := filters.NewArgs(filters.Arg("label", "hyper-lite.project="+p.name))
	var left []string
	containers, err := p.docker.ContainerList(ctx, container.ListOptions{All: true, Filters: mine})
	p.ok(err)
	for _, c := range containers {
		left = append(left, "container "+c.Names[0])
	}
	networks, err := p.docker.NetworkList(ctx, network.ListOptions{Filters: mine})
	p.ok(err)
	for _, n := range networks {
		if !p.miscounted(n.Name) {
			left = append(left, "network "+n.Name)
		}
	}
	volumes, err := p.docker.VolumeList(ctx, volume.ListOptions{Filters: mine})
	p.ok(err)
	for _, v := range volumes.Volumes {
		left = append(left, "volume "+v.Name)
	}
	return left
}

func (p *project) ok(err error) {
	if err != nil {
		p.t.Helper()
		p.t.Error(err)
	}
}

// write puts a file into the project folder.
func (p *project) write(name, content string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	assert.NilError(p.t, os.MkdirAll(filepath.Dir(path), 0o755))
	assert.NilError(p.t, os.WriteFile(path, []byte(content), 0o600))
}

// result is how a command ended.
type result struct {
	code     int
	out, err string
}

// patience is the longest that one command may take.
const patience = 3 * time.Minute

// command is a hyper-lite command in the project folder, not started yet.
func (p *project) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, binary, args...)
	c.Dir = p.dir
	c.Env = append(os.Environ(), p.env...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGINT) }
	c.WaitDelay = 20 * time.Second
	return c
}

// run runs hyper-lite to its end.
func (p *project) run(args ...string) result {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	c := p.command(ctx, args...)
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	exit, exited := errors.AsType[*exec.ExitError](err)
	if err != nil && !exited {
		p.t.Fatalf("hyper-lite %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	code := 0
	if exited {
		code = exit.ExitCode()
	}
	r := result{code, out.String(), errs.String()}
	if slices.Contains(args, "down") && p.onlyMiscounted(r) {
		r.code = 0
	}
	return r
}

// must runs hyper-lite and fails the test unless it exits 0.
func (p *project) must(args ...string) result {
	p.t.Helper()
	return p.exits(0, args...)
}

// exits runs hyper-lite and fails the test unless it exits with this code.
func (p *project) exits(code int, args ...string) result {
	p.t.Helper()
	r := p.run(args...)
	if r.code != code {
		p.t.Fatalf("hyper-lite %s: exit %d, not %d\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), r.code, code, r.out, r.err)
	}
	return r
}

// containers is what the engine has of a service, running or not, ordered by name. Service "" is every
// container of the project, its balancer and sidecar included.
func (p *project) containers(service string) []container.Summary {
	p.t.Helper()
	labels := filters.NewArgs(filters.Arg("label", "hyper-lite.project="+p.name))
	if service != "" {
		labels.Add("label", "hyper-lite.service="+service)
	}
	list, err := p.docker.ContainerList(p.t.Context(), container.ListOptions{All: true, Filters: labels})
	assert.NilError(p.t, err)
	slices.SortFunc(list, func(a, b container.Summary) int { return strings.Compare(a.Names[0], b.Names[0]) })
	return list
}

// running is the names of the containers of a service that run.
func (p *project) running(service string) []string {
	p.t.Helper()
	var names []string
	for _, c := range p.containers(service) {
		if c.State == container.StateRunning {
			names = append(names, strings.TrimPrefix(c.Names[0], "/"))
		}
	}
	return names
}

// inspect is all that the engine says of one container, by its name without the project.
func (p *project) inspect(name string) container.InspectResponse {
	p.t.Helper()
	found, err := p.docker.ContainerInspect(p.t.Context(), p.name+"-"+name)
	assert.NilError(p.t, err)
	return found
}

// url is an address on the project's own port.
func (p *project) url(path string) string {
	return fmt.Sprintf("http://%s:%d%s", p.host, p.port, path)
}

// fresh opens a connection for every request, so that each one is balanced anew.
var fresh = &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// get is the status and body of a GET.
func get(c *http.Client, url string) (int, string, error) {
	response, err := c.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, strings.TrimSpace(string(body)), err
}

// answerers asks n times which replica answers, and returns the host names and how often each did.
func (p *project) answerers(n int) map[string]int {
	p.t.Helper()
	seen := map[string]int{}
	for range n {
		code, body, err := get(fresh, p.url("/replica"))
		assert.NilError(p.t, err)
		assert.Equal(p.t, code, http.StatusOK, body)
		seen[body]++
	}
	return seen
}

// eventually polls until check succeeds, and fails the test where it does not in time.
func eventually(t testing.TB, within time.Duration, check func() error) {
	t.Helper()
	if err := polled(within, check); err != nil {
		t.Fatalf("not within %s: %v", within, err)
	}
}

// polled is nil once check succeeds, and its last error where it does not in time.
func polled(within time.Duration, check func() error) error {
	deadline := time.Now().Add(within)
	for {
		err := check()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(25 * time.Millisecond) // between two looks of a poll
	}
}

// meanwhile polls for as long as the window lasts, and fails the test as soon as check fails.
func meanwhile(t testing.TB, window time.Duration, check func() error) {
	t.Helper()
	for end := time.Now().Add(window); time.Now().Before(end); {
		if err := check(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(25 * time.Millisecond) // between two looks of a poll
	}
}

var ports struct {
	sync.Mutex
	held []*os.File
}

// freePort is a host port that nobody listens on. It stays this process's own until it ends: below the
// kernel's range for outgoing connections, and locked against another run of these tests.
func freePort(t testing.TB) int {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	folder := filepath.Join(os.TempDir(), "hyper-lite-test-ports")
	assert.NilError(t, os.MkdirAll(folder, 0o755))
	for range 1000 {
		port := 15000 + rand.IntN(15000)
		file, err := os.OpenFile(filepath.Join(folder, fmt.Sprint(port)), os.O_CREATE|os.O_RDWR, 0o600)
		assert.NilError(t, err)
		if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			if l, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
				assert.NilError(t, l.Close())
				ports.held = append(ports.held, file)
				return port
			}
		}
		assert.NilError(t, file.Close())
	}
	t.Fatal("no free port")
	return 0
}
