package command

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/compose"
	"hyper-lite/engine"
)

func (f *fakeEngine) Commit(_ context.Context, id string, options engine.CommitOptions) (string, error) {
	f.commits = append(f.commits, options)
	return "sha256:" + id[60:], f.fail["commit"]
}

func (f *fakeEngine) Export(_ context.Context, id string, to io.Writer) error {
	_, err := io.WriteString(to, "archive of "+id[60:])
	return errors.Join(err, f.fail["export"])
}

// made is what the verbs that make something of a container asked of the fake engine.
type made struct {
	commits []engine.CommitOptions
}

const workshop = `name: shop
services:
  db:
    image: postgres:15
  web:
    image: shop:1
    build: {context: ., args: {A: "1"}}
    depends_on: [db]
  tool:
    build: ./tool
`

func TestPullBuildAndPush(t *testing.T) {
	s := newShell(t, workshop)
	done := func(typed string) []string {
		t.Helper()
		s.engine.done = nil
		r := s.run(strings.Fields(typed)...)
		assert.Equal(t, r.code, 0, r.err)
		return s.engine.done
	}
	assert.DeepEqual(t, done("--parallel 1 pull"), []string{"pull image postgres:15", "pull image shop:1"})
	assert.DeepEqual(t, done("pull --ignore-buildable"), []string{"pull image postgres:15"})
	assert.DeepEqual(t, done("pull web"), []string{"pull image shop:1"})
	assert.DeepEqual(t, done("--parallel 1 pull web --include-deps"), []string{"pull image postgres:15", "pull image shop:1"})
	assert.Equal(t, s.run("pull", "--policy", "missing").out, "nothing to pull\n")
	assert.DeepEqual(t, done("--parallel 1 build"), []string{"build image shop-tool", "build image shop:1"})
	assert.DeepEqual(t, done("build web --push"), []string{"build image shop:1", "push image shop:1"})
	assert.DeepEqual(t, done("push"), []string{"push image shop:1"})
	assert.Equal(t, s.run("build", "db").out, "nothing to build: no service has build:\n")
	assert.Equal(t, s.run("push", "db").out, "nothing to push: no service has both build: and image:\n")
	for _, typed := range []string{"--dry-run pull", "build --dry-run", "push --dry-run"} {
		assert.Equal(t, len(done(typed)), 0, typed)
		assert.Assert(t, is.Contains(s.run(strings.Fields(typed)...).out, "plan for shop: "), typed)
	}
	for _, typed := range []string{"pull --policy never", "build -m much", "build --build-arg =1", "build --check --push"} {
		assert.Equal(t, s.run(strings.Fields(typed)...).code, 2, typed)
	}
	for _, verb := range []string{"pull", "build", "push"} {
		assert.Equal(t, s.run(verb, "wbe").err, "error: no such service: wbe\n hint: did you mean `web`?\n")
	}
	assert.Assert(t, is.Contains(s.run("build", "--force-rm", "web").err, "warning: --force-rm has no effect"))
	assert.Equal(t, s.run("pull", "-q", "db").err, "")
}

func TestAFailedPullOfWhatCanBeBuiltIsAWarning(t *testing.T) {
	s := newShell(t, workshop)
	s.engine.fail["pull image shop:1"] = errors.New("pull image shop:1: not in the registry")
	r := s.run("pull")
	assert.Equal(t, r.code, 0)
	assert.Assert(t, is.Contains(r.err, "warning: pull image shop:1: not in the registry; where it can be built: `hyper-lite build web`\n"))
	s.engine.fail["pull image postgres:15"] = errors.New("pull image postgres:15: away")
	assert.Equal(t, s.run("pull").code, 1)
	r = s.run("pull", "--ignore-pull-failures")
	assert.Equal(t, r.code, 0)
	assert.Assert(t, is.Contains(r.err, "warning: pull image postgres:15: away"))
	s.engine.fail["push image shop:1"] = errors.New("push image shop:1: denied")
	assert.Equal(t, s.run("push").code, 1)
	assert.Equal(t, s.run("push", "--ignore-push-failures").code, 0)
}

func TestBuildPrintsABakeFile(t *testing.T) {
	s := newShell(t, `name: shop
services:
  web:
    image: shop:1
    build:
      context: web
      dockerfile: D
      args: {A: "1", GONE: }
      additional_contexts: {base: "service:base.image", docs: ./docs}
      tags: [shop:latest]
      secrets: [token]
      ulimits: {nofile: 5}
      shm_size: 1k
      extra_hosts: ["a.test=10.0.0.1"]
  base.image:
    build: {context: base, dockerfile_inline: "FROM scratch"}
secrets: {token: {environment: TOKEN}}
`)
	s.env["TOKEN"] = "t0k3n"
	r := s.run("build", "--print", "--build-arg", "B=2", "--ssh", "default,key=/k", "--sbom", "true", "--provenance", "mode=max", "--no-cache", "web")
	assert.Equal(t, r.code, 0, r.err)
	assert.Equal(t, len(s.engine.done), 0)
	var file bakeFile
	assert.NilError(t, json.Unmarshal([]byte(r.out), &file))
	assert.DeepEqual(t, file.Group["default"].Targets, []string{"base_image", "web"})
	assert.DeepEqual(t, file.Target["web"], bakeTarget{
		Context: s.dir + "/web", Contexts: map[string]string{"base": "target:base_image", "docs": s.dir + "/docs"}, Dockerfile: s.dir + "/web/D",
		Args: map[string]string{"A": "1", "B": "2"}, Tags: []string{"shop:latest", "shop:1"}, Secret: []string{"id=token,type=env,env=TOKEN"},
		SSH: []string{"default", "key=/k"}, ExtraHosts: map[string]string{"a.test": "10.0.0.1"}, ShmSize: "1024", Ulimits: []string{"nofile=5:5"},
		Attest: []string{"type=provenance,mode=max", "type=sbom"}, NoCache: true, Output: []string{"type=docker"},
		Labels: map[string]string{
			"com.docker.compose.project": "shop", "com.docker.compose.service": "web", "com.docker.compose.version": compose.LabelsVersion,
		},
	})
	assert.Equal(t, file.Target["base_image"].DockerfileInline, "FROM scratch")
	assert.Assert(t, !strings.Contains(r.out, "t0k3n"))
}

func TestCommit(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	r := s.run("commit", "-c", "ENV A=1", "--change", "USER me", "-a", "Me", "-m", "why", "-p=false", "--index", "2", "web", "shop/web:debug")
	assert.Equal(t, r.code, 0, r.err)
	assert.DeepEqual(t, s.engine.commits, []engine.CommitOptions{{
		Reference: "shop/web:debug", Author: "Me", Message: "why", Changes: []string{"ENV A=1", "USER me"},
	}})
	assert.Equal(t, s.run("commit", "db").code, 0)
	assert.DeepEqual(t, s.engine.commits[1], engine.CommitOptions{Pause: true})
	s.engine.commits = nil
	assert.Equal(t, s.run("--dry-run", "commit", "web").out, "container shop-web-1 would be committed\n")
	assert.Equal(t, len(s.engine.commits), 0)
	for typed, code := range map[string]int{"commit": 2, "commit web a b": 2, "commit web A:B:C": 2, "commit wbe": 1, "commit --index 9 web": 1, "commit --index 0 web": 2} {
		assert.Equal(t, s.run(strings.Fields(typed)...).code, code, typed)
	}
}

func TestExport(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	id := s.run("ps", "--format", "{{.ID}}", "--no-trunc", "db").out
	want := "archive of " + strings.TrimSpace(id)[60:]
	assert.Equal(t, s.run("export", "db").out, want)
	path := filepath.Join(s.dir, "db.tar")
	assert.Equal(t, s.run("export", "-o", path, "db"), result{})
	content, err := os.ReadFile(path)
	assert.NilError(t, err)
	assert.Equal(t, string(content), want)

	s.engine.fail["export"] = errors.New("broken")
	assert.Equal(t, s.run("export", "-o", path, "web").code, 1)
	content, err = os.ReadFile(path)
	assert.NilError(t, err)
	assert.Equal(t, string(content), want) // as it was
	entries, err := os.ReadDir(s.dir)
	assert.NilError(t, err)
	assert.Equal(t, len(entries), 3, "%v", entries) // the file, the archive, the state
	for typed, code := range map[string]int{"export": 2, "export web db": 2, "export wbe": 1, "export --index 9 web": 1} {
		assert.Equal(t, s.run(strings.Fields(typed)...).code, code, typed)
	}
}

func TestPublishSaysWhyItIsNotThere(t *testing.T) {
	r := newShell(t, shop).run("publish", "--app", "reg/shop:1")
	assert.Equal(t, r.code, 2)
	assert.Assert(t, is.Contains(r.err, "error: there is no command \"publish\" here\n hint: "))
}
