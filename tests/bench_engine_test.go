//go:build engine

package tests

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"golang.org/x/sync/errgroup"
	"gotest.tools/v3/assert"
)

// The benchmarks compare hyper-lite with a bare client that only creates and starts the same containers, in
// one run and by turns, since figures of two runs on a shared machine say little. docs/performance.md reads
// them. Each benchmark runs once, whatever b.N: its repeats are its own.

const (
	repeats  = 3
	replicas = 50
	width    = 8 // of the bare client, and of hyper-lite
)

const fiftyPlain = `
services:
  worker: {image: hyper-lite-demo, command: wait 1h, init: true, replicas: 50, stop_grace_period: 1s}
`

const fiftyRouted = `
services:
  web:
    image: hyper-lite-demo
    replicas: 50
    protocol: http
    service_port: ${PORT}
    container_port: 80
    stop_grace_period: 1s
    health-check: {path: /healthz, interval: 5s}
`

func BenchmarkUpOf50(b *testing.B) {
	engine := newRecorder(b)
	p := newProject(b, fiftyPlain)
	floor := newFloor(b, p, "worker")
	contestants := []contestant{&ours{p: p}, floor}
	if old := (&oldCompose{p: p}); old.there() {
		contestants = append(contestants, old)
	}
	compare(b, contestants)

	p.env = append(p.env, "DOCKER_HOST=unix://"+engine.path)
	made, _ := p.recorded(engine, "up", "-d")
	b.ReportMetric(float64(len(made)), "calls")
}

func BenchmarkUpOf50Routed(b *testing.B) {
	engine := newRecorder(b)
	p := newProject(b, fiftyRouted)
	floor := newFloor(b, p, "web")
	compare(b, []contestant{&ours{p: p}, floor})

	p.env = append(p.env, "DOCKER_HOST=unix://"+engine.path)
	made, _ := p.recorded(engine, "up", "-d", "--wait")
	b.ReportMetric(float64(len(made)), "calls")
	b.ReportMetric(p.sidecarMemory(time.Minute), "sidecar-MiB")
}

func BenchmarkNothingToDoOn100Services(b *testing.B) {
	var file strings.Builder
	file.WriteString("services:\n")
	for n := range 100 {
		fmt.Fprintf(&file, "  s%d: {image: hyper-lite-demo, command: wait 1h, init: true, stop_grace_period: 1s}\n", n)
	}
	p := newProject(b, file.String())
	p.must("up", "-d")
	for _, args := range [][]string{{"up", "-d"}, {"plan"}, {"ps"}} {
		var took, peak []float64
		for range 7 {
			r := p.measured(binary, args...)
			took, peak = append(took, r.took.Seconds()*1000), append(peak, r.peak)
		}
		b.Logf("%s: %.0f ms (%.0f to %.0f), peak %.0f MiB", args[0], median(took), slices.Min(took), slices.Max(took), median(peak))
		b.ReportMetric(median(took), args[0]+"-ms")
		b.ReportMetric(median(peak), args[0]+"-MiB")
	}
	b.ReportMetric(0, "ns/op")
}

func BenchmarkStart(b *testing.B) {
	p := newProject(b, "services: {}")
	for _, args := range [][]string{{"version", "--short"}, {"--help"}} {
		var took []float64
		for range 50 {
			took = append(took, p.measured(binary, args...).took.Seconds()*1000)
		}
		b.Logf("%s: %.1f ms (%.1f to %.1f)", args[0], median(took), slices.Min(took), slices.Max(took))
		b.ReportMetric(median(took), strings.Trim(args[0], "-")+"-ms")
	}
	b.ReportMetric(0, "ns/op")
}

// contestant brings the containers up in one way, and takes them away again.
type contestant interface {
	name() string
	up() reading
	down()
}

// reading is what was seen of one command.
type reading struct {
	took time.Duration
	peak float64 // MiB; 0 where it was not a process of its own
}

// compare lets the contestants do the same by turns, each time another one first, and reports the medians and
// the first one's ratio to the others.
func compare(b *testing.B, contestants []contestant) {
	b.Helper()
	took, peak := map[string][]float64{}, []float64{}
	for turn := range repeats {
		for i := range contestants {
			c := contestants[(turn+i)%len(contestants)]
			r := c.up()
			c.down()
			took[c.name()] = append(took[c.name()], r.took.Seconds())
			if c == contestants[0] {
				peak = append(peak, r.peak)
			}
		}
	}
	first := median(took[contestants[0].name()])
	for _, c := range contestants {
		mine := took[c.name()]
		b.Logf("%s: %.2f s (%.2f to %.2f)", c.name(), median(mine), slices.Min(mine), slices.Max(mine))
		b.ReportMetric(median(mine), c.name()+"-s")
		if c != contestants[0] {
			b.ReportMetric(first/median(mine), "x-"+c.name())
		}
	}
	b.ReportMetric(slices.Max(peak), "peak-MiB")
	b.ReportMetric(0, "ns/op")
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// ours is hyper-lite.
type ours struct{ p *project }

func (o *ours) name() string { return "up" }
func (o *ours) up() reading  { return o.p.measured(binary, "up", "-d") }

func (o *ours) down() {
	if r := o.p.run("down", "-t", "1"); r.code != 0 { // the figures are wanted all the same; the end of the benchmark fails
		o.p.t.Logf("down: exit %d\n%s", r.code, r.err)
	}
}

// oldCompose is docker-compose 1, where it is installed: the one that is written in Python.
type oldCompose struct{ p *project }

func (o *oldCompose) name() string { return "docker-compose-1" }

func (o *oldCompose) there() bool {
	version, err := exec.Command("docker-compose", "version", "--short").Output()
	return err == nil && strings.HasPrefix(string(version), "1.")
}

func (o *oldCompose) up() reading {
	o.p.write("old/docker-compose.yml", `
version: "2.4"
services:
  worker: {image: hyper-lite-demo, command: wait 1h, init: true, scale: 50, stop_grace_period: 1s}
`)
	return o.p.measured("docker-compose", "-p", o.p.name+"-old", "-f", filepath.Join(o.p.dir, "old/docker-compose.yml"), "up", "-d")
}

func (o *oldCompose) down() {
	o.p.measured("docker-compose", "-p", o.p.name+"-old", "-f", filepath.Join(o.p.dir, "old/docker-compose.yml"), "down", "-t", "1")
}

// floor is a bare client that knows already what to create.
type floor struct {
	b       *testing.B
	network string
	like    container.InspectResponse
	made    []string
}

// newFloor learns what the containers of a service are like from hyper-lite's own first one.
func newFloor(b *testing.B, p *project, service string) *floor {
	b.Helper()
	p.must("up", "-d", "--scale", service+"=1")
	f := &floor{b: b, network: p.name + "-floor", like: p.inspect(service + "-1")}
	p.must("down", "-t", "1")
	f.like.Config.Hostname = ""
	f.like.Config.Labels = map[string]string{"hyper-lite.benchmark": p.name}
	f.like.HostConfig.NetworkMode = container.NetworkMode(f.network)
	b.Cleanup(f.down)
	return f
}

func (f *floor) name() string { return "floor" }

func (f *floor) up() reading {
	begun := time.Now()
	ctx := context.Background()
	_, err := docker.NetworkCreate(ctx, f.network, network.CreateOptions{})
	assert.NilError(f.b, err)
	f.made = make([]string, replicas)
	var group errgroup.Group
	group.SetLimit(width)
	for i := range replicas {
		group.Go(func() error {
			name := fmt.Sprintf("%s-%d", f.network, i+1)
			endpoints := &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
				f.network: {Aliases: []string{"service", fmt.Sprintf("alias-%d", i+1)}},
			}}
			created, err := docker.ContainerCreate(ctx, f.like.Config, f.like.HostConfig, endpoints, nil, name)
			if err != nil {
				return err
			}
			f.made[i] = created.ID
			return docker.ContainerStart(ctx, created.ID, container.StartOptions{})
		})
	}
	assert.NilError(f.b, group.Wait())
	return reading{took: time.Since(begun)}
}

func (f *floor) down() {
	ctx := context.Background()
	var group errgroup.Group
	group.SetLimit(width)
	for _, id := range f.made {
		if id != "" {
			group.Go(func() error {
				return docker.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
			})
		}
	}
	assert.Check(f.b, group.Wait() == nil)
	if f.made != nil {
		assert.Check(f.b, docker.NetworkRemove(ctx, f.network) == nil)
	}
	f.made = nil
}

// measured runs a program in the project folder, which must succeed, and watches its memory.
func (p *project) measured(program string, args ...string) reading {
	p.t.Helper()
	var output bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := p.command(ctx, args...)
	if program != binary {
		c = exec.CommandContext(ctx, program, args...)
		c.Dir = p.dir
	}
	c.Stdout, c.Stderr = &output, &output
	begun := time.Now()
	assert.NilError(p.t, c.Start())
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	r := reading{}
	look := time.NewTicker(10 * time.Millisecond) // the kernel keeps the peak; only what comes after the last look is missed
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			r.took = time.Since(begun)
			assert.NilError(p.t, err, "%s %s\n%s", program, strings.Join(args, " "), output.String())
			return r
		case <-look.C:
			r.peak = max(r.peak, memoryOf(c.Process.Pid, "VmHWM"))
		}
	}
}

// memoryOf is a line of /proc/PID/status in MiB, or 0 where the process is gone.
func memoryOf(pid int, line string) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	found := regexp.MustCompile(line + `:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		return 0
	}
	kib, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		return 0
	}
	return kib / 1024
}

// sidecarMemory is the most that the sidecar's process holds at the end of a while, and a few seconds after.
func (p *project) sidecarMemory(after time.Duration) float64 {
	p.t.Helper()
	pid := p.inspect("hyper-lite-sidecar").State.Pid
	held := 0.0
	meanwhile(p.t, after, func() error {
		held = max(held, memoryOf(pid, "VmRSS"))
		return nil
	})
	p.t.Logf("sidecar: at most %.1f MiB within %s, %.1f MiB now, peak %.1f MiB", held, after, memoryOf(pid, "VmRSS"), memoryOf(pid, "VmHWM"))
	assert.Assert(p.t, held > 0, "the sidecar's process %d is not to be seen from here", pid)
	return memoryOf(pid, "VmRSS")
}
