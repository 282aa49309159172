//go:build engine

package tests

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
)

const chatty = `
services:
  web:
    image: redis:7
    entrypoint: [sh, -c, "echo one; echo two; echo three; while :; do sleep 0.1; done"]
    init: true
    replicas: 2
    ports: ["127.0.0.1::80", "127.0.0.1::81/udp"]
    volumes: ["data:/data"]
    stop_grace_period: 0s
  db: {image: redis:7, entrypoint: [sleep, infinity], init: true, stop_grace_period: 0s}
volumes: {data: {}}
`

// elsewhere moves the project's commands into another folder, without its files.
func (p *project) elsewhere() {
	p.t.Helper()
	p.dir = p.t.TempDir()
}

func TestVerbsFindAProjectByItsNameFromAnywhere(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, strings.Replace(chatty, "replicas: 2", "scale: 2", 1))
	p.must("up", "-d")
	id := p.id("web-2")
	p.elsewhere()
	p.env = p.env[1:] // COMPOSE_PROJECT_NAME
	defer func() { p.env = append(p.env, "COMPOSE_PROJECT_NAME="+p.name) }()
	by := func(line ...string) result { return p.must(append([]string{"-p", p.name}, line...)...) }

	assert.Equal(t, strings.Count(by("ps", "-q").out, "\n"), 3)
	assert.Equal(t, by("exec", "--index", "2", "web", "hostname").out, id[:12]+"\n")
	assert.Equal(t, by("logs", "--index", "2", "-n", "1", "--no-color", "web").out, "web-2  | three\n")
	says(t, by("top", "db").out, "sleep infinity")
	assert.Equal(t, strings.Count(by("images", "--format", "json").out, "\n"), 3)
	assert.Equal(t, by("volumes", "-q").out, p.name+"_data\n")
	assert.Equal(t, by("cp", "web:/etc/hostname", "name").out, "")
	says(t, by("stats", "--no-stream", "--format", "{{.Name}}").out, p.name+"-db-1")
	says(t, by("port", "web").out, "80/tcp -> 127.0.0.1:", "81/udp -> 127.0.0.1:")
	by("pause", "db")
	assert.Assert(t, p.inspect("db-1").State.Paused)
	by("unpause", "db")
	by("restart", "-t", "0", "db")
	by("kill", "-s", "KILL", "db")
	assert.Equal(t, p.inspect("db-1").State.ExitCode, 137)
	assert.Equal(t, p.exits(137, "-p", p.name, "wait", "db").code, 137)
	by("start", "db")
	by("stop", "-t", "0", "db")
	by("rm", "-f", "-v", "db")
	assert.Equal(t, len(p.containers("db")), 0)
	says(t, p.exits(1, "-p", p.name, "exec", "nosuch", "true").err, "no such service: nosuch")
	says(t, p.exits(1, "-p", p.name, "up", "-d").err, "no compose file found")
	says(t, p.exits(1, "-p", p.name+"-none", "exec", "web", "true").err, "no such service: web", "ls -a")
	by("down", "-v")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
}

func TestLookingVerbsTakeTheirFlags(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, strings.Replace(chatty, "replicas: 2", "scale: 2", 1))
	p.must("up", "-d")
	p.must("pause", "db")
	db := p.name + "-db-1"
	assert.Equal(t, p.must("ps", "--status", "paused", "--format", "{{.Name}}").out, db+"\n")
	assert.Equal(t, p.must("ps", "--filter", "status=running", "--filter", "status=paused", "--services").out, "db\nweb\n")
	assert.Equal(t, p.must("ps", "--format", "table {{.Name}}\t{{.State}}", "db").out, fmt.Sprintf("%-*s   STATE\n%s   paused\n", len(db), "NAME", db))
	whole := p.must("ps", "--no-trunc", "--format", "{{.ID}} {{.Command}}", "web").out
	says(t, whole, p.id("web-1"), "while :; do sleep 0.1; done")
	says(t, p.must("ps", "--format", "{{.ID}} {{.Command}}", "web").out, p.id("web-1")[:12]+" ", "…")
	for typed, want := range map[string]string{
		"ps --filter name=web": "status=STATE", "ps --status nosuch": "allowed: ", "ps --format {{.Nosuch}}": "Nosuch",
		"logs -n x": "x", "port --protocol icmp web 80": "protocol", "images --format {{": "template",
	} {
		says(t, p.exits(2, strings.Fields(typed)...).err, want)
	}

	// ports: all, those of one protocol, one
	port := func(key string) string {
		for name, bindings := range p.inspect("web-2").NetworkSettings.Ports {
			if string(name) == key {
				return bindings[0].HostIP + ":" + bindings[0].HostPort
			}
		}
		return ""
	}
	assert.Equal(t, p.must("port", "--index", "2", "web").out, fmt.Sprintf("80/tcp -> %s\n81/udp -> %s\n", port("80/tcp"), port("81/udp")))
	assert.Equal(t, p.must("port", "--index", "2", "--protocol", "udp", "web").out, fmt.Sprintf("81/udp -> %s\n", port("81/udp")))
	assert.Equal(t, p.must("port", "--index", "2", "--protocol", "udp", "web", "81").out, port("81/udp")+"\n")

	// logs: a window of time, several services, without colours and names
	first := p.inspect("web-1").Created
	assert.Equal(t, p.must("logs", "--until", first, "--index", "1", "web").out, "")
	all := p.must("logs", "--since", first, "--until", "0s", "--index", "1", "--no-log-prefix", "web", "db")
	assert.Equal(t, all.out, "one\ntwo\nthree\n")
	assert.Equal(t, p.must("logs", "-n", "2", "--index", "2", "web").out, "web-2  | two\nweb-2  | three\n")
	p.at("COMPOSE_ANSI=always", func() {
		assert.Assert(t, colours.MatchString(p.must("logs", "web").out))
		assert.Assert(t, !colours.MatchString(p.must("logs", "--no-color", "web").out))
		assert.Assert(t, !colours.MatchString(p.must("logs", "--ansi", "never", "web").out))
	})

	// attach: one replica only, looking on
	for _, index := range []string{"1", "2"} {
		on := p.begin("attach", "--no-stdin", "--sig-proxy=false", "--index", index, "web")
		eventually(t, 20*time.Second, func() error { // until it is there, what is written to the process's output is lost
			p.run("exec", "--index", index, "web", "sh", "-c", "for p in /proc/[0-9]*/fd/1; do echo mark"+index+" > $p; done 2>/dev/null; true")
			if !strings.Contains(on.out.String(), "mark"+index) {
				return errors.New("nothing is heard of the replica")
			}
			return nil
		})
		assert.NilError(t, on.Process.Signal(os.Interrupt))
		assert.Equal(t, on.ends(), 130)
	}
}

func TestCpReachesWhatRunMadeAndKeepsOwners(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, chatty)
	p.must("create", "web", "--scale", "web=1")
	p.must("run", "-d", "--no-deps", "--name", p.name+"-web-side", "--entrypoint", "sleep", "web", "infinity")
	p.write("f", "mine\n")
	assert.NilError(t, os.Chmod(filepath.Join(p.dir, "f"), 0o640))
	assert.NilError(t, os.Lchown(filepath.Join(p.dir, "f"), 4321, 1234))
	assert.NilError(t, os.Symlink("f", filepath.Join(p.dir, "link")))

	p.must("cp", "f", "web:/tmp/first")
	if _, there := p.file("web-side", "/tmp/first"); there {
		t.Error("a copy reached what run made, without --all")
	}
	p.must("cp", "--all", "-a", "f", "web:/tmp/second")
	p.must("cp", "--all", "-L", "link", "web:/tmp/third")
	p.must("cp", "link", "web:/tmp/link")
	for _, name := range []string{"web-1", "web-side"} {
		got, there := p.file(name, "/tmp/second")
		assert.Assert(t, there, name)
		assert.Equal(t, got.content, "mine\n")
		got, there = p.file(name, "/tmp/third")
		assert.Assert(t, there, name)
		assert.Equal(t, got.content, "mine\n")
	}
	owner := func(path string) string {
		return p.must("exec", "web", "stat", "-c", "%u:%g %F", path).out // the one that runs: what run made
	}
	assert.Equal(t, owner("/tmp/second"), "4321:1234 regular file\n")
	stat, err := docker.ContainerStatPath(t.Context(), p.id("web-1"), "/tmp/link")
	assert.NilError(t, err)
	assert.Assert(t, stat.LinkTarget != "", "it is a link, as it was")
	assert.Equal(t, p.must("cp", "web:/tmp/first", "-").out[:5], "first")
}

func TestUpTakesItsOtherFlags(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, `
services:
  db: {image: redis:7, entrypoint: [sleep, infinity], init: true, stop_grace_period: 0s, volumes: [/anonymous]}
  web: {image: redis:7, entrypoint: [sleep, infinity], init: true, stop_grace_period: 0s, depends_on: [db], volumes: [/anonymous]}
  built: {profiles: [built], image: "${BUILT:-none}", build: {context: ., dockerfile_inline: "FROM hyper-lite-demo\nLABEL v=${V:-1}\n"}}
  base: {profiles: [built], build: {context: ., dockerfile_inline: "FROM hyper-lite-demo\n"}}
`)
	p.env = append(p.env, "BUILT="+p.name+"-built:1")
	p.dropImage(p.name + "-built:1")
	p.dropImage(p.name + "-base")
	p.must("up", "-d")
	ids := func() [2]string { return [2]string{p.id("db-1"), p.id("web-1")} }
	volume := func(name string) string {
		for _, m := range p.inspect(name).Mounts { // the image has one of its own
			if m.Destination == "/anonymous" {
				return m.Name
			}
		}
		t.Fatalf("%s has no volume at /anonymous", name)
		return ""
	}
	before, web, db := ids(), volume("web-1"), volume("db-1")

	p.must("up", "-d", "--force-recreate", "-y", "web")
	after := ids()
	assert.Assert(t, after[0] == before[0] && after[1] != before[1])
	assert.Equal(t, volume("web-1"), web)
	p.must("up", "-d", "--always-recreate-deps", "web")
	again := ids()
	assert.Assert(t, again[0] != before[0], "what web depends on is replaced")
	p.must("up", "-d", "--force-recreate", "--renew-anon-volumes", "--no-deps", "web")
	assert.Assert(t, volume("web-1") != web && volume("db-1") == db)
	assert.Equal(t, p.id("db-1"), again[0])

	// images: not built, built without a word, with what they need
	says(t, p.exits(1, "up", "-d", "--no-build", "built").err, p.name+"-built:1")
	assert.Equal(t, len(p.containers("built")), 0)
	quiet := p.must("up", "-d", "--quiet-build", "--quiet-pull", "built")
	assert.Assert(t, !strings.Contains(quiet.err, "FROM hyper-lite-demo"), quiet.err)
	found, err := docker.ImageInspect(t.Context(), p.name+"-built:1")
	assert.NilError(t, err)
	assert.Equal(t, found.Config.Labels["com.docker.compose.project"], p.name)
	assert.Equal(t, found.Config.Labels["com.docker.compose.service"], "built")
	assert.Assert(t, found.Config.Labels["com.docker.compose.version"] != "")
	row := objects(t, p.must("images", "--format", "json", "built").out)[0]
	assert.Equal(t, fmt.Sprint(row["Repository"], ":", row["Tag"], " ", row["ID"]), p.name+"-built:1 "+found.ID)
	says(t, p.must("--profile", "built", "build", "--with-dependencies", "base", "--no-cache").err, "image "+p.name+"-base")

	// a container that was made of it by hand is nobody's
	made, err := docker.ContainerCreate(t.Context(), &container.Config{Image: p.name + "-built:1"}, nil, nil, nil, p.name+"-by-hand")
	assert.NilError(t, err)
	says(t, p.must("ls", "-a", "--filter", "name=^"+p.name+"$").out, "running(3)")
	r := p.must("up", "-d", "built")
	assert.Assert(t, !strings.Contains(r.err, "docker compose made"), r.err)
	assert.Assert(t, !strings.Contains(p.must("ls", "-a", "--filter", "name=^"+p.name+"$").out, "created"))
	assert.NilError(t, docker.ContainerRemove(t.Context(), made.ID, container.RemoveOptions{Force: true}))
}

func TestServicesThatShareAnImageDoNotReplaceEachOther(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: "${BUILT}", stop_grace_period: 1s, build: {context: ., dockerfile_inline: "FROM hyper-lite-demo\n"}}
  worker: {image: "${BUILT}", stop_grace_period: 1s, build: {context: ., dockerfile_inline: "FROM hyper-lite-demo\n"}}
`)
	p.env = append(p.env, "BUILT="+p.name+"-shared:1")
	p.dropImage(p.name + "-shared:1")
	p.must("up", "-d", "--build")
	web, worker := p.id("web-1"), p.id("worker-1")
	p.must("up", "-d", "--build", "worker")
	p.must("up", "-d", "--build", "web")
	p.must("up", "-d")
	assert.Assert(t, p.id("web-1") == web && p.id("worker-1") == worker)
	r := p.must("--profile", "x", "push", "--ignore-missing", "--dry-run")
	says(t, r.out, p.name+"-shared:1")
	p.must("down", "-t", "1", "--rmi", "all")
	says(t, p.must("push", "--ignore-missing").err, "image "+p.name+"-shared:1 is not here")
}
