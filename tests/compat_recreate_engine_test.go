//go:build engine

package tests

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"gotest.tools/v3/assert"
)

const recreated = `
services:
  web:
    image: hyper-lite-demo
    command: wait 1h
    init: true
    stop_grace_period: 0s
    environment: {FROM: "${FROM:-a}"}
    env_file: web.env
    label_file: web.labels
    configs: [settings]
    secrets: [token]
    networks: [back]
    volumes: ["data:/data", "/anonymous"]
    depends_on: [other]
  other: {image: hyper-lite-demo, command: wait 1h, init: true, stop_grace_period: 0s}
networks: {back: {}, side: {}}
volumes: {data: {}, more: {}}
configs: {settings: {file: settings.conf}}
secrets: {token: {file: token.txt}}
`

// One change after the other, each to the file that the last one left: what differs makes a new container of web,
// and of nothing else.
func TestCompatWhatDiffersIsMadeAnewAndNothingElse(t *testing.T) {
	t.Parallel()
	p := newProject(t, recreated)
	file := recreated
	for name, content := range map[string]string{
		"web.env": "A=1\n", "web.labels": "l=1\n", "settings.conf": "a\n", "token.txt": "t\n", "moved.env": "A=1\nB=2\n", "moved.labels": "l=2\n",
		"moved.conf": "b\n", "moved.txt": "u\n",
	} {
		p.write(name, content)
	}
	replace := func(old, by string) func() {
		return func() {
			t.Helper()
			assert.Assert(t, strings.Contains(file, old), "no %q in:\n%s", old, file)
			file = strings.Replace(file, old, by, 1)
			p.write("compose.yaml", file)
		}
	}
	p.must("up", "--no-start")
	for _, c := range []struct {
		what   string
		change func()
		anew   bool
	}{
		{"a variable of an env_file", func() { p.write("web.env", "A=1\nB=2\n") }, true},
		{"a label of a label_file", func() { p.write("web.labels", "l=2\n") }, true},
		{"the content of a config", func() { p.write("settings.conf", "b\n") }, true},
		{"the content of a secret", func() { p.write("token.txt", "u\n") }, true},
		{"names of files", func() {
			replace("env_file: web.env", "env_file: moved.env")()
			replace("label_file: web.labels", "label_file: moved.labels")()
			replace("file: settings.conf", "file: moved.conf")()
			replace("file: token.txt", "file: moved.txt")()
		}, false},
		{"how it is written", func() {
			replace("command: wait 1h", `command: ["wait", "1h"]`)()
			replace("    init: true\n", "")()
			replace("    depends_on: [other]\n", "    depends_on: {other: {condition: service_started, restart: true}}\n    init: true\n")()
			replace("    env_file", "    pull_policy: missing\n    deploy: {update_config: {order: stop-first}}\n    env_file")()
		}, false},
		{"another network", replace("networks: [back]", "networks: [back, side]"), true},
		{"an alias", replace("networks: [back, side]", "networks: {back: {aliases: [x]}, side: {}}"), true},
		{"another volume", replace(`"data:/data"`, `"more:/data"`), true},
		{"a variable of the shell", func() { p.env = append(p.env, "FROM=b") }, true},
		{"a limit", replace("deploy: {", "deploy: {resources: {limits: {memory: 64M}}, "), true},
	} {
		before := p.idsOf("web", "other")
		anonymous := p.mounted("web-1", "/anonymous")
		c.change()
		p.must("up", "--no-start")
		after := p.idsOf("web", "other")
		assert.Equal(t, len(after), 2, "%s: %v", c.what, after)
		assert.Equal(t, before["/"+p.name+"-web-1"] != after["/"+p.name+"-web-1"], c.anew, c.what)
		assert.Equal(t, before["/"+p.name+"-other-1"], after["/"+p.name+"-other-1"], c.what)
		assert.Equal(t, p.mounted("web-1", "/anonymous"), anonymous, "%s: the anonymous volume stays", c.what)
	}
	anonymous := p.mounted("web-1", "/anonymous")
	p.must("up", "--no-start", "-V", "--force-recreate", "web")
	assert.Assert(t, p.mounted("web-1", "/anonymous") != anonymous)
	assert.Equal(t, p.mounted("web-1", "/data"), p.name+"_more")
}

// What a database wrote last is there after an update: its successor begins on the volume only once it has ended.
func TestAnAnonymousVolumeHasOneContainerAtATime(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  db:
    image: redis:7
    environment: {V: "${V:-1}"}
    healthcheck: {test: [CMD, redis-cli, ping], interval: 200ms}
`)
	p.must("up", "-d", "--wait")
	p.must("exec", "-T", "db", "redis-cli", "set", "key", "precious")
	p.at("V=2", func() { p.must("up", "-d", "--wait") })
	assert.Assert(t, slices.Contains(p.inspect("db-1").Config.Env, "V=2"))
	assert.Equal(t, strings.TrimSpace(p.must("exec", "-T", "db", "redis-cli", "get", "key").out), "precious")
}

// mounted is the volume at a place of a container.
func (p *project) mounted(name, at string) string {
	p.t.Helper()
	for _, m := range p.inspect(name).Mounts {
		if m.Destination == at {
			return m.Name
		}
	}
	p.t.Fatalf("nothing is mounted at %s of %s", at, name)
	return ""
}

// Another version of hyper-lite, from another folder, with the file under another name, finds all as it left it.
func TestCompatAnUpgradeAndAnotherFolderMakeNothingAnew(t *testing.T) {
	t.Parallel()
	p := newProject(t, recreated)
	for name, content := range map[string]string{"web.env": "A=1\n", "web.labels": "l=1\n", "settings.conf": "a\n", "token.txt": "t\n"} {
		p.write(name, content)
	}
	p.must("up", "-d")
	before := p.idsOf("web", "other")
	assert.Assert(t, strings.HasPrefix(p.inspect("web-1").Config.Labels["hyper-lite.hash"], "v1:"), "the hash tells its version")

	newer := filepath.Join(t.TempDir(), "hyper-lite")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=99.0.0", "-o", newer, "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	assert.NilError(t, err, "%s", out)
	moved := filepath.Join(t.TempDir(), "elsewhere")
	assert.NilError(t, os.Rename(p.dir, moved))
	p.dir = moved
	assert.NilError(t, os.Rename(filepath.Join(p.dir, "compose.yaml"), filepath.Join(p.dir, "stack.yaml")))
	c := p.command(t.Context(), "-f", "stack.yaml", "up", "-d")
	c.Path, c.Args[0], c.Dir = newer, newer, moved
	text, err := c.CombinedOutput()
	assert.NilError(t, err, "%s", text)
	says(t, string(text), "nothing to change")
	assert.DeepEqual(t, p.idsOf("web", "other"), before)
	assert.NilError(t, os.Rename(filepath.Join(p.dir, "stack.yaml"), filepath.Join(p.dir, "compose.yaml")))
}

// A number that is free is given again, and scaling down takes what is no longer as the file wants it before what is.
func TestCompatNumbersAreReusedAndObsoleteReplicasGoFirst(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    command: wait 1h
    init: true
    stop_grace_period: 0s
    scale: 4
    environment: {V: "${V:-1}"}
`)
	p.must("up", "-d")
	remove := func(name string) {
		t.Helper()
		assert.NilError(t, docker.ContainerRemove(t.Context(), p.id(name), container.RemoveOptions{Force: true}))
	}
	numbers := func(want ...string) {
		t.Helper()
		names := p.running("web")
		assert.Equal(t, len(names), len(want), "%v", names)
		for i, number := range want {
			assert.Equal(t, names[i], p.name+"-web-"+number)
			assert.Equal(t, p.inspect("web-" + number).Config.Labels["com.docker.compose.container-number"], number)
		}
	}
	numbers("1", "2", "3", "4")
	kept := p.idsOf("web")
	remove("web-2")
	p.must("up", "-d")
	numbers("1", "2", "3", "4")
	for _, number := range []string{"1", "3", "4"} {
		assert.Equal(t, p.id("web-"+number), kept["/"+p.name+"-web-"+number])
	}

	p.at("V=2", func() { // 2 and 3 are made anew, 1 and 4 stay as they were
		remove("web-2")
		remove("web-3")
		p.must("up", "-d", "--no-recreate")
		current := p.idsOf("web")
		p.must("scale", "web=2")
		numbers("2", "3")
		for _, number := range []string{"2", "3"} {
			assert.Equal(t, p.id("web-"+number), current["/"+p.name+"-web-"+number], "what is as wanted stays")
			assert.Assert(t, contains(p.environment("web-"+number), "V=2"))
		}
		says(t, p.must("up", "-d", "--scale", "web=2").out, "nothing to change")
		p.must("up", "-d", "--scale", "web=3")
		numbers("1", "2", "3")
	})
}

// What is missing and not ours to make is named, with the command that makes it.
func TestCompatAMissingExternalNetworkIsToldWithItsNameAndNotItsKey(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  first: {image: hyper-lite-demo, command: wait 1h, init: true, stop_grace_period: 0s}
  web: {image: hyper-lite-demo, command: wait 1h, init: true, stop_grace_period: 0s, depends_on: [first], networks: [outer]}
networks: {outer: {external: true, name: "${COMPOSE_PROJECT_NAME}-real"}}
`)
	real := p.name + "-real"
	for _, verb := range []string{"plan", "up -d"} {
		says(t, p.exits(1, strings.Fields(verb)...).err, real, "docker network create "+real)
		assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	}
	p.must("up", "-d", "first") // which needs it not
	made, err := docker.NetworkCreate(t.Context(), real, network.CreateOptions{})
	assert.NilError(t, err)
	t.Cleanup(func() { p.ok(docker.NetworkRemove(context.Background(), made.ID)) })
	t.Cleanup(p.remove)
	p.must("up", "-d")
	assert.DeepEqual(t, p.joins("web-1"), []string{real})
}
