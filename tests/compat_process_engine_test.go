//go:build engine

package tests

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
	"gotest.tools/v3/assert"
)

// The compat files hold one scenario for each of Compose's own behaviours, written from its specification. What
// the engine made is read off the engine, and where it can be, from within the container.

// shell runs a script in a container, by its name without the project, and returns what it printed.
func (p *project) shell(in, script string) string {
	p.t.Helper()
	ctx := p.t.Context()
	made, err := docker.ContainerExecCreate(ctx, p.name+"-"+in, container.ExecOptions{
		Cmd: []string{"sh", "-c", script}, AttachStdout: true, AttachStderr: true,
	})
	assert.NilError(p.t, err)
	stream, err := docker.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{})
	assert.NilError(p.t, err)
	defer stream.Close()
	var out, errs bytes.Buffer
	_, err = stdcopy.StdCopy(&out, &errs, stream.Reader)
	assert.NilError(p.t, err)
	ended, err := docker.ContainerExecInspect(ctx, made.ID)
	assert.NilError(p.t, err)
	assert.Equal(p.t, ended.ExitCode, 0, "%s in %s: %s%s", script, in, out.String(), errs.String())
	return strings.TrimSpace(out.String())
}

func TestCompatWhatAProcessFindsAroundIt(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, `
services:
  web:
    image: redis:7
    entrypoint: []
    command: sh -c 'exec sleep "$$SECONDS_TO_GO"'
    environment:
      SECONDS_TO_GO: 1000
      PASSWORD: pa$$word
      EMPTY: ""
    init: true
    tty: true
    stdin_open: true
    user: "100:101"
    group_add: ["1234", games]
    working_dir: /srv/deep
    hostname: shop
    domainname: example.test
    labels: {said: by the file, com.example.dollar: a$$b}
    label_file: [first.labels, second.labels]
    platform: ${PLATFORM}
    logging: {driver: local, options: {max-size: 1m}}
    stop_grace_period: 0s
  bare:
    image: redis:7
    entrypoint: sleep 1000
    logging: {driver: none}
    stop_grace_period: 0s
`)
	p.env = append(p.env, "PLATFORM=linux/"+runtime.GOARCH)
	p.write("first.labels", "said=by the first\nfirst=one\nboth=one\n")
	p.write("second.labels", "both=two\n")
	p.must("up", "-d")

	for script, want := range map[string]string{
		"id -u; id -g":                       "100\n101",
		"id -G":                              "101 60 1234",
		"pwd":                                "/srv/deep",
		"hostname":                           "shop",
		"hostname -f":                        "shop.example.test",
		"cat /proc/1/comm":                   "docker-init",
		"readlink /proc/$(pidof sleep)/fd/0": "/dev/pts/0",
		`tr '\0' ' ' </proc/$(pidof sleep)/cmdline`: "sleep 1000",
		`echo "$PASSWORD,${EMPTY-unset}"`:           "pa$word,",
	} {
		assert.Equal(t, p.shell("web-1", script), want, script)
	}
	web := p.inspect("web-1")
	assert.Assert(t, web.Config.OpenStdin && web.Config.Tty)
	assert.Assert(t, !web.Config.StdinOnce, "who detaches does not end it")
	assert.DeepEqual(t, web.HostConfig.LogConfig, container.LogConfig{Type: "local", Config: map[string]string{"max-size": "1m"}})
	for label, want := range map[string]string{
		"said": "by the file", "first": "one", "both": "two", "com.example.dollar": "a$b",
	} {
		assert.Equal(t, web.Config.Labels[label], want, label)
	}

	bare := p.inspect("bare-1")
	assert.Equal(t, p.shell("bare-1", "id -u; cat /proc/1/comm; readlink /proc/1/fd/0"), "0\nsleep\n/dev/null")
	assert.Equal(t, bare.HostConfig.LogConfig.Type, "none")
	assert.Assert(t, !bare.Config.OpenStdin && !bare.Config.Tty)
	assert.Equal(t, bare.Config.Hostname, bare.ID[:12])
	says(t, p.must("up", "-d").out, "nothing to change")
}

// null keeps what the image says, an empty list or text takes it away.
func TestCompatEntrypointsAndCommandsAreResetAsTheFileSays(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, `
services:
  unsaid: {image: redis:7}
  nulls: {image: redis:7, command: , entrypoint: }
  otherentrypoint: {image: redis:7, entrypoint: [sleep, "1000"]}
  emptyentrypoint: {image: redis:7, entrypoint: "", command: [sleep, "1000"]}
  listentrypoint: {image: redis:7, entrypoint: [], command: sleep 1000}
  emptycommand: {image: redis:7, command: []}
  words: {image: redis:7, command: "one 'two three' \"four $$five\" six\\ seven"}
`)
	p.must("up", "--no-start")
	for service, want := range map[string][]string{
		"unsaid":          {"docker-entrypoint.sh", "redis-server"},
		"nulls":           {"docker-entrypoint.sh", "redis-server"},
		"otherentrypoint": {"sleep", "1000"},
		"emptyentrypoint": {"sleep", "1000"},
		"listentrypoint":  {"sleep", "1000"},
		"emptycommand":    {"docker-entrypoint.sh"},
		"words":           {"docker-entrypoint.sh", "one", "two three", "four $five", "six seven"},
	} {
		c := p.inspect(service + "-1")
		assert.DeepEqual(t, append([]string{c.Path}, c.Args...), want)
	}
}

func TestCompatStopsWithTheSignalAndTheGraceOfTheFile(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, `
services:
  asked:
    image: redis:7
    entrypoint: [sh, -c, "trap 'exit 8' TERM; trap 'exit 7' USR1; echo ready; while :; do sleep 0.05; done"]
    stop_signal: SIGUSR1
    stop_grace_period: 1m30s
  deaf:
    image: redis:7
    entrypoint: [sh, -c, "trap '' TERM; echo ready; while :; do sleep 0.05; done"]
    stop_grace_period: 1500ms
  usual:
    image: redis:7
    entrypoint: [sh, -c, "trap 'exit 8' TERM; echo ready; while :; do sleep 0.05; done"]
`)
	p.must("up", "-d")
	for _, name := range []string{"asked-1", "deaf-1", "usual-1"} {
		eventually(t, 20*time.Second, func() error {
			if said := logOf(t, p.id(name)); said != "ready\n" {
				return fmt.Errorf("%s said %q", name, said)
			}
			return nil
		})
	}
	begun := time.Now()
	p.must("stop")
	for name, want := range map[string]struct {
		code    int
		timeout int // seconds, rounded up
	}{"asked-1": {7, 90}, "deaf-1": {137, 2}, "usual-1": {8, -1}} {
		c := p.inspect(name)
		timeout := -1
		if c.Config.StopTimeout != nil {
			timeout = *c.Config.StopTimeout
		}
		assert.Equal(t, c.State.ExitCode, want.code, name)
		assert.Equal(t, timeout, want.timeout, name)
	}
	held := moment(t, p.inspect("deaf-1").State.FinishedAt).Sub(begun)
	assert.Assert(t, held >= 1500*time.Millisecond && held < 9*time.Second, "the deaf one was killed after %s", held)
}

func TestCompatHealthChecksAreTheFilesTheImagesOrNone(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  checked:
    build:
      dockerfile_inline: |
        FROM hyper-lite-demo
        HEALTHCHECK --interval=7s --timeout=6s CMD ["/demo", "exit", "0"]
  off: {image: "${COMPOSE_PROJECT_NAME}-checked", healthcheck: {disable: true}, pull_policy: never, depends_on: [checked]}
  none: {image: "${COMPOSE_PROJECT_NAME}-checked", healthcheck: {test: [NONE]}, pull_policy: never, depends_on: [checked]}
  partly: {image: "${COMPOSE_PROJECT_NAME}-checked", healthcheck: {interval: 1h, retries: 9}, pull_policy: never, depends_on: [checked]}
  text: {image: hyper-lite-demo, healthcheck: {test: /demo exit 0}}
`)
	p.dropImage(p.name + "-checked")
	p.must("build")
	p.must("up", "--no-start")
	for service, want := range map[string]struct {
		test     []string
		interval time.Duration
		retries  int
	}{
		"checked": {[]string{"CMD", "/demo", "exit", "0"}, 7 * time.Second, 0},
		"off":     {[]string{"NONE"}, 0, 0},
		"none":    {[]string{"NONE"}, 0, 0},
		"partly":  {[]string{"CMD", "/demo", "exit", "0"}, time.Hour, 9},
		"text":    {[]string{"CMD-SHELL", "/demo exit 0"}, 0, 0},
	} {
		got := p.inspect(service + "-1").Config.Healthcheck
		if service == "off" || service == "none" {
			assert.DeepEqual(t, got.Test, want.test)
			continue
		}
		assert.DeepEqual(t, got.Test, want.test)
		assert.Equal(t, got.Interval, want.interval, service)
		assert.Equal(t, got.Retries, want.retries, service)
	}
	assert.Equal(t, p.inspect("partly-1").Config.Healthcheck.Timeout, 6*time.Second, "what the file leaves open is the image's")
}
