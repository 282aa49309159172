//go:build engine

package tests

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"gotest.tools/v3/assert"
)

// behindLabels is the same service for docker compose, behind a Traefik that follows the labels of containers,
// as its manual sets it up. The health check keeps Traefik from sending requests to a replica that only starts.
const behindLabels = `
services:
  balancer:
    image: ` + traefik + `
    command:
      - --providers.docker=true
      - --providers.docker.exposedByDefault=false
      - --entryPoints.web.address=:80
      - --entryPoints.lines.address=:7000
    ports: ["${PORT}:80", "${LINES}:7000"]
    volumes: ["/var/run/docker.sock:/var/run/docker.sock:ro"]
  web:
    image: ${IMAGE}
    environment: {GREETING: "${GREETING}"}
    deploy: {replicas: 3}
    healthcheck: {test: [CMD, /demo, request, "http://127.0.0.1/healthz"], interval: 1s}
    labels:
      traefik.enable: "true"
      traefik.http.routers.${ROUTER}.rule: PathPrefix(` + "`/`" + `)
      traefik.http.routers.${ROUTER}.entryPoints: web
      traefik.http.services.${ROUTER}.loadBalancer.server.port: "80"
      traefik.tcp.routers.${ROUTER}.rule: HostSNI(` + "`*`" + `)
      traefik.tcp.routers.${ROUTER}.entryPoints: lines
      traefik.tcp.services.${ROUTER}.loadBalancer.server.port: "7000"
`

// dockerCompose is the other tool.
type dockerCompose struct {
	t          testing.TB
	program    []string
	version    string
	dir        string
	project    string
	images     string
	web, lines int
	env        []string
}

// composes are the docker composes of this machine: the one that HYPER_LITE_COMPOSE names, docker's plugin, and the
// docker-compose of the PATH.
func composes() [][]string {
	candidates := [][]string{{"docker", "compose"}, {"docker-compose"}}
	if named := os.Getenv("HYPER_LITE_COMPOSE"); named != "" {
		candidates = append([][]string{{named}}, candidates...)
	}
	return slices.DeleteFunc(candidates, func(program []string) bool { return composeVersion(program) == "" })
}

func composeVersion(program []string) string {
	out, err := exec.Command(program[0], append(program[1:], "version", "--short")...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "v")
}

func newDockerCompose(t testing.TB, program []string, images string) *dockerCompose {
	t.Helper()
	d := &dockerCompose{
		t: t, program: program, version: composeVersion(program), dir: t.TempDir(), images: images,
		web: freePort(t), lines: freePort(t),
	}
	d.project = fmt.Sprintf("hl-other-%d", d.web)
	d.env = []string{fmt.Sprintf("PORT=%d", d.web), fmt.Sprintf("LINES=%d", d.lines), "ROUTER=" + d.project}
	assert.NilError(t, os.WriteFile(d.dir+"/compose.yaml", []byte(behindLabels), 0o600))
	t.Cleanup(func() { d.run("down", "--volumes", "--timeout", "1") })
	return d
}

func (d *dockerCompose) name() string { return "docker compose " + d.version }

func (d *dockerCompose) addresses() (web, lines string) {
	return fmt.Sprintf("127.0.0.1:%d", d.web), fmt.Sprintf("127.0.0.1:%d", d.lines)
}

func (d *dockerCompose) run(args ...string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	args = slices.Concat(d.program[1:], []string{"-p", d.project, "-f", d.dir + "/compose.yaml"}, args)
	c := exec.CommandContext(ctx, d.program[0], args...)
	c.Env = append(os.Environ(), d.env...)
	if out, err := c.CombinedOutput(); err != nil {
		d.t.Fatalf("%s %s: %v\n%s", d.program[0], strings.Join(args, " "), err, out)
	}
}

// do takes the verb of docker compose that comes nearest.
func (d *dockerCompose) do(next roll) {
	d.t.Helper()
	d.env = append(d.env, fmt.Sprintf("IMAGE=%s:%d", d.images, next.image), "GREETING="+next.greeting)
	switch next.verb {
	case "restart":
		d.run("restart", "web")
	case "scale":
		d.run("up", "-d", "--no-recreate", "--scale", fmt.Sprintf("web=%d", next.replicas))
	case "redeploy":
		d.run("up", "-d", "--force-recreate", "--no-deps", "web")
	default:
		d.run("up", "-d")
	}
}

func (d *dockerCompose) serves(want roll) error {
	list, err := docker.ContainerList(d.t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", "com.docker.compose.project="+d.project), filters.Arg("label", "com.docker.compose.service=web"))})
	if err != nil {
		return err
	}
	return want.servedBy(list, d.images)
}

// BenchmarkRolloutBesideDockerCompose does the ten rolls under the full load with hyper-lite, which must lose
// nothing, and with each docker compose of this machine, and prints one table.
func BenchmarkRolloutBesideDockerCompose(b *testing.B) {
	rows := []string{row("hyper-lite", losesNothing(b, full))}
	others := composes()
	if len(others) == 0 {
		b.Log("no docker compose on this machine: nothing to compare with")
	}
	images := twoImages(b)
	for _, program := range others {
		rows = append(rows, newDockerCompose(b, program, images).row(full))
	}
	b.Logf("\n| tool | rolls | requests | failed | p50 | p99 | longest |\n|---|---|---|---|---|---|---|\n%s", strings.Join(rows, "\n"))
	b.ReportMetric(0, "ns/op")
}

// row does the ten rolls, whatever they cost.
func (d *dockerCompose) row(e extent) string {
	d.t.Helper()
	d.do(roll{verb: "up", image: 1, greeting: "one", replicas: 3})
	defer d.run("down", "--volumes", "--timeout", "1")
	web, _ := d.addresses()
	eventually(d.t, time.Minute, func() error { return greets(web, "one", "the first up") })
	all, took, wrong := rollTenTimes(d.t, d, e)
	sum := all.count()
	d.t.Logf("%s: ten rolls in %s: %s", d.name(), took.Round(time.Second), sum)
	for _, err := range wrong {
		d.t.Logf("%s: %v", d.name(), err)
	}
	return row(d.name(), sum)
}

func row(tool string, t tally) string {
	return fmt.Sprintf("| %s | %d | %d | %d | %s | %s | %s |", tool, len(tenRolls), t.requests, t.failed, rounded(t.p50), rounded(t.p99), rounded(t.longest))
}
