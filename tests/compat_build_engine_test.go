//go:build engine

package tests

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
)

// saysHello answers each connection with a line, on every address of this machine, and returns its port.
func saysHello(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", ":0")
	assert.NilError(t, err)
	t.Cleanup(func() { assert.NilError(t, listener.Close()) })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			fmt.Fprintln(conn, "hello")
			conn.Close()
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

func TestCompatBuildsTakeTheKeysOfTheFile(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: ${NAME}
    build: &build
      context: app
      dockerfile: other.Dockerfile
      target: wanted
      args: [GIVEN=a$$b, "EMPTY="]
      labels: {built: by the file}
      extra_hosts: ["legacy.test=${HERE}"]
      shm_size: 3m
      tags: ["${NAME}-too"]
      cache_from: ["${NAME}"]
      pull: false
  apart:
    profiles: [apart]
    build: {<<: *build, tags: [], network: none}
`)
	guest, err := docker.ContainerInspect(t.Context(), foreign(t, p.name+"-guest", &container.Config{}, nil))
	assert.NilError(t, err) // whose gateway is this machine, as that of a build is
	name := p.name + "-named:1"
	p.env = append(p.env, "NAME="+name, "HERE="+guest.NetworkSettings.Networks["bridge"].Gateway)
	p.dropImage(name + "-too")
	p.dropImage(name)
	p.write("app/other.Dockerfile", fmt.Sprintf(`ARG GIVEN=default
FROM hyper-lite-demo AS first
ARG GIVEN
ARG EMPTY=default
ENV GIVEN=$GIVEN EMPTY=$EMPTY
FROM first AS wanted
RUN ["/demo", "dial", "legacy.test:%d"]
FROM wanted AS last
RUN ["/demo", "exit", "9"]
`, saysHello(t)))
	p.must("up", "-d", "--build")
	env := p.environment("web-1")
	assert.Assert(t, contains(env, "GIVEN=a$b", "EMPTY="), "%v", env)
	assert.Equal(t, p.inspect("web-1").Config.Labels["built"], "by the file")
	first, err := docker.ImageInspect(t.Context(), name)
	assert.NilError(t, err)
	too, err := docker.ImageInspect(t.Context(), name+"-too")
	assert.NilError(t, err)
	assert.Equal(t, first.ID, too.ID)
	// Where the build has no network, the same steps end with an error.
	says(t, p.exits(1, "build", "--no-cache", "apart").err, "apart", "dial")
}

func TestCompatPullPolicyBuildBuildsWithEveryUp(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: "${NAME}", pull_policy: build, build: .}
  user: {image: "${NAME}", pull_policy: never, depends_on: [web]}
`)
	name := p.name + "-named:1"
	p.env = append(p.env, "NAME="+name)
	p.dropImage(name)
	p.write("Dockerfile", "FROM hyper-lite-demo\nCOPY note /note\n")
	p.write("note", "first")
	noted := func(want string) {
		t.Helper()
		for _, replica := range []string{"web-1", "user-1"} {
			got, _ := p.file(replica, "/note")
			assert.Equal(t, got.content, want, replica)
		}
	}
	p.must("up", "-d", "-t", "0")
	noted("first")
	first := p.idsOf("web", "user")
	says(t, p.must("plan").out, "build", "pull_policy build")
	p.must("up", "-d", "-t", "0")
	assert.DeepEqual(t, p.idsOf("web", "user"), first) // what is built is the same image

	p.write("note", "second")
	p.must("up", "-d", "-t", "0", "--no-build")
	assert.DeepEqual(t, p.idsOf("web", "user"), first)
	says(t, p.must("pull").out, "nothing to pull")
	p.must("up", "-d", "-t", "0")
	noted("second")
	assert.Equal(t, p.must("run", "--rm", "-T", "--no-deps", "web", "exit", "0").out, "")
}

// Only buildx gives a build its secrets. Without it that is told before anything is made.
func TestCompatSecretsOfBuilds(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, `
services:
  first: {image: hyper-lite-demo}
  web:
    image: ${NAME}
    depends_on: [first]
    build:
      dockerfile_inline: |
        FROM redis:7
        RUN --mount=type=secret,id=token --mount=type=secret,id=other cat /run/secrets/token /run/secrets/other >/copied
      secrets: [token, {source: word, target: other}]
secrets:
  token: {file: token.txt}
  word: {environment: WORD}
`)
	name := p.name + "-named:1"
	p.env = append(p.env, "NAME="+name)
	p.dropImage(name)
	p.write("token.txt", "t0ken ")
	for _, verb := range []string{"build", "up --no-start"} {
		says(t, p.exits(1, strings.Fields(verb)...).err, "compose.yaml:14:23: secrets.word.environment: the variable WORD is not set")
	}
	p.env = append(p.env, "WORD=open sesame")
	printed := p.must("build", "--print").out
	says(t, printed, "id=other,type=env,env=WORD", "token.txt")
	assert.Assert(t, !strings.Contains(printed, "sesame") && !strings.Contains(printed, "t0ken"), printed)
	r := p.run("up", "--no-start")
	if r.code != 0 {
		says(t, r.err, "build.secrets needs buildx: install the docker CLI with its buildx plugin")
		assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
		return
	}
	got, _ := p.file("web-1", "/copied")
	assert.Equal(t, got.content, "t0ken open sesame")
}

// DOCKER_DEFAULT_PLATFORM is the platform of services and builds that name none. It makes only those containers anew whose
// images are built here, as with docker compose.
func TestCompatDefaultPlatform(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  built: {image: "${NAME}", build: ., restart: "no"}
  fetched: {image: hyper-lite-demo}
  own: {image: hyper-lite-demo, platform: "linux/${ARCH}"}
`)
	name := p.name + "-named:1"
	p.env = append(p.env, "NAME="+name, "ARCH="+runtime.GOARCH)
	p.dropImage(name)
	p.program("demo")
	p.write("Dockerfile", "FROM scratch\nCOPY demo /demo\nENTRYPOINT [\"/demo\", \"exit\", \"0\"]\n")
	p.must("up", "-d")
	before := p.idsOf("built", "fetched", "own")
	p.write(".env", "DOCKER_DEFAULT_PLATFORM=linux/"+runtime.GOARCH+"\n")
	says(t, p.must("plan").out, "built.1", "(platform added)")
	p.must("up", "-d", "-t", "0")
	after := p.idsOf("built", "fetched", "own")
	for service, anew := range map[string]bool{"built": true, "fetched": false, "own": false} {
		key := "/" + p.name + "-" + service + "-1"
		assert.Equal(t, before[key] != after[key], anew, service)
	}
	says(t, p.must("up", "-d").out, "nothing to change")

	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	p.at("DOCKER_DEFAULT_PLATFORM=linux/"+other, func() { // it wins over .env
		says(t, p.must("plan", "fetched").out, "pull", "hyper-lite-demo") // that is there for this machine alone
		says(t, p.must("plan", "own").out, "nothing to change")
		says(t, p.must("build", "--print").out, "linux/"+other)
		p.must("up", "--no-start", "-t", "0", "built")
	})
	made, err := docker.ImageInspect(t.Context(), name)
	assert.NilError(t, err)
	assert.Equal(t, made.Architecture, other)
	assert.Equal(t, p.inspect("built-1").Image, made.ID)
}
