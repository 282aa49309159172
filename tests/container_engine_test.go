//go:build engine

package tests

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
)

func TestHealthIsWhatTheFileAsksFor(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    healthcheck:
      test: [CMD, /demo, request, "http://127.0.0.1/healthz"]
      interval: 300ms
      timeout: 4s
      retries: 2
      start_period: 1s
  off:
    image: hyper-lite-demo
    healthcheck: {disable: true}
`)
	p.must("up", "-d", "--wait")
	asked := p.inspect("web-1").Config.Healthcheck
	assert.DeepEqual(t, asked.Test, []string{"CMD", "/demo", "request", "http://127.0.0.1/healthz"})
	assert.Equal(t, asked.Interval, 300*time.Millisecond)
	assert.Equal(t, asked.Timeout, 4*time.Second)
	assert.Equal(t, asked.Retries, 2)
	assert.Equal(t, asked.StartPeriod, time.Second)
	assert.DeepEqual(t, p.inspect("off-1").Config.Healthcheck.Test, []string{"NONE"})
	assert.Equal(t, p.inspect("web-1").State.Health.Status, container.Healthy)
	health := func() string { return p.must("ps", "--format", "{{.Health}}", "web").out }
	assert.Equal(t, health(), "healthy\n")
	says(t, p.must("ps").out, "(healthy)")
	assert.Equal(t, p.must("ps", "--format", "{{.Health}}", "off").out, "\n")

	post(t, p.direct("web-1", "/health/fail"))
	eventually(t, 30*time.Second, func() error {
		if now := health(); now != "unhealthy\n" {
			return fmt.Errorf("web is %s", now)
		}
		return nil
	})
}

func TestRestartPoliciesAreTheEnginesOwn(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  never: {image: hyper-lite-demo, restart: "no"}
  unsaid: {image: hyper-lite-demo}
  stopped: {image: hyper-lite-demo, restart: unless-stopped}
  tries: {image: hyper-lite-demo, restart: "on-failure:3"}
  deployed: {image: hyper-lite-demo, deploy: {restart_policy: {condition: on-failure, max_attempts: 2}}}
  always: {image: hyper-lite-demo, restart: always}
`)
	p.must("up", "-d", "--no-start")
	for service, want := range map[string]container.RestartPolicy{
		"never":    {Name: "no"},
		"unsaid":   {Name: "no"},
		"stopped":  {Name: "unless-stopped"},
		"tries":    {Name: "on-failure", MaximumRetryCount: 3},
		"deployed": {Name: "on-failure", MaximumRetryCount: 2},
		"always":   {Name: "always"},
	} {
		got := p.inspect(service + "-1").HostConfig.RestartPolicy
		if got.Name == "" {
			got.Name = "no" // the engine takes both
		}
		assert.Equal(t, got, want, service)
	}
	p.must("up", "-d", "always")
	started := p.inspect("always-1").State.StartedAt
	eventually(t, 30*time.Second, func() error { _, err := ok(fresh, p.direct("always-1", "/")); return err })
	response, err := fresh.Post(p.direct("always-1", "/exit?code=3"), "", nil)
	if err == nil { // it ends before or after its answer
		assert.NilError(t, response.Body.Close())
	}
	eventually(t, 30*time.Second, func() error {
		now := p.inspect("always-1")
		if now.RestartCount == 0 || !now.State.Running || now.State.StartedAt == started {
			return fmt.Errorf("%s, %d restarts", now.State.Status, now.RestartCount)
		}
		return nil
	})
}

func TestSizesAndLimitsReachTheEngine(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  small: {image: hyper-lite-demo, size: s1}
  block: {image: hyper-lite-demo, x-hyper-lite: {size: s4}}
  deployed:
    image: hyper-lite-demo
    deploy:
      resources:
        limits: {cpus: "0.5", memory: 48M, pids: 50}
        reservations: {memory: 16M}
  old: {image: hyper-lite-demo, mem_limit: 96m, cpus: 0.25, pids_limit: 60, ulimits: {nofile: {soft: 1000, hard: 2000}}}
`)
	const mebibyte = 1 << 20
	p.must("up", "-d", "--no-start")
	for service, want := range map[string]struct{ memory, reserved, nano, pids int64 }{
		"small":    {64 * mebibyte, 0, 1e9, 0},
		"block":    {512 * mebibyte, 0, 1e9, 0},
		"deployed": {48 * mebibyte, 16 * mebibyte, 5e8, 50},
		"old":      {96 * mebibyte, 0, 25e7, 60},
	} {
		got := p.inspect(service + "-1").HostConfig
		assert.Equal(t, got.Memory, want.memory, service)
		assert.Equal(t, got.MemoryReservation, want.reserved, service)
		assert.Equal(t, got.NanoCPUs, want.nano, service)
		pids := int64(0)
		if got.PidsLimit != nil {
			pids = *got.PidsLimit
		}
		assert.Equal(t, pids, want.pids, service)
	}
	limits := p.inspect("old-1").HostConfig.Ulimits
	assert.Equal(t, len(limits), 1)
	assert.Equal(t, limits[0].String(), "nofile=1000:2000")
}

func TestOtherToolsGroupTheContainersByComposesLabels(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  db: {image: hyper-lite-demo}
  web:
    image: hyper-lite-demo
    replicas: 2
    labels: {team: red}
    depends_on: [db]
    protocol: http
    service_port: ${PORT}
    container_port: 80
`)
	p.must("up", "-d")
	for at, c := range p.containers("web") {
		for label, want := range map[string]string{
			"com.docker.compose.project":              p.name,
			"com.docker.compose.service":              "web",
			"com.docker.compose.container-number":     fmt.Sprint(at + 1),
			"com.docker.compose.oneoff":               "False",
			"com.docker.compose.project.working_dir":  p.dir,
			"com.docker.compose.project.config_files": p.dir + "/compose.yaml",
			"com.docker.compose.depends_on":           "db:service_started:false",
			"com.docker.compose.image":                c.ImageID,
			"team":                                    "red",
		} {
			assert.Equal(t, c.Labels[label], want, label)
		}
		assert.Assert(t, c.Labels["com.docker.compose.config-hash"] != "")
	}
	listed := func(filters ...string) []string {
		args := []string{"ps", "--all", "--format", "{{.Names}}"}
		for _, f := range filters {
			args = append(args, "--filter", "label=com.docker.compose."+f)
		}
		out, err := exec.CommandContext(t.Context(), "docker", args...).Output()
		assert.NilError(t, err)
		return slices.Sorted(slices.Values(strings.Fields(string(out))))
	}
	assert.DeepEqual(t, listed("project="+p.name, "oneoff=False"), []string{p.name + "-db-1", p.name + "-web-1", p.name + "-web-2"})
	assert.DeepEqual(t, listed("project="+p.name, "oneoff=True"), []string{p.name + "-hyper-lite-balancer", p.name + "-hyper-lite-sidecar"})
}
