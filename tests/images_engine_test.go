//go:build engine

package tests

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"gotest.tools/v3/assert"
)

func TestImagesArePulledAndPushed(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	theirs := r.publish("base:v1")
	p := newProject(t, `
services:
  base: {image: "${BASE}"}
  made:
    image: "${MADE}"
    depends_on: [base]
    build: {context: ., tags: ["${MADE}-too"], dockerfile_inline: "FROM hyper-lite-demo\nARG V=0\nENV V=$$V\n"}
`)
	ours := r.image("made:v1")
	p.env = append(p.env, "BASE="+theirs, "MADE="+ours)
	p.dropImage(ours)
	p.dropImage(ours + "-too")

	// what is in the registry comes, what can be built is only warned of
	pulled := p.must("pull")
	says(t, pulled.err, "image "+theirs, "pulled", "warning: ", "`hyper-lite build made`")
	_, err := docker.ImageInspect(t.Context(), theirs)
	assert.NilError(t, err)
	assert.Equal(t, len(p.containers("")), 0)
	assert.Assert(t, len(r.asked()) > 0)
	says(t, p.must("pull", "--policy", "missing", "--ignore-buildable").out, "nothing to pull")
	assert.Equal(t, len(r.asked()), 0)
	p.must("pull", "base", "-q")
	assert.Assert(t, len(r.asked()) > 0) // it is asked again, whether it is there or not

	// a newer one under the same name takes its place
	before, err := docker.ImageInspect(t.Context(), theirs)
	assert.NilError(t, err)
	r.publish("base:v1")
	p.must("pull", "base")
	after, err := docker.ImageInspect(t.Context(), theirs)
	assert.NilError(t, err)
	assert.Assert(t, before.ID != after.ID)

	says(t, p.exits(1, "push").err, ours, "hint: build the image before")
	p.must("push", "--ignore-push-failures")
	built := p.must("build", "--build-arg", "V=7")
	says(t, built.err, "image "+ours, "built", "FROM hyper-lite-demo")
	found, err := docker.ImageInspect(t.Context(), ours+"-too")
	assert.NilError(t, err)
	assert.Assert(t, contains(found.Config.Env, "V=7"), "%v", found.Config.Env)
	quiet := p.must("build", "-q")
	assert.Equal(t, quiet.out+quiet.err, "")

	assert.Assert(t, !r.has("made:v1"))
	p.must("--dry-run", "push")
	assert.Assert(t, !r.has("made:v1"))
	says(t, p.must("push").err, "image "+ours, "pushed")
	assert.Assert(t, r.has("made:v1") && r.has("made:v1-too") && !r.has("base:v2"))

	r.user, r.password = "me", "open sesame"
	says(t, p.exits(1, "push").err, "docker login "+r.host())
	says(t, p.exits(1, "pull", "base").err, "docker login "+r.host())
	p.must("pull", "base", "--ignore-pull-failures")
}

// has says whether the registry has a manifest under this name.
func (r *registry) has(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, there := r.manifests[name]
	return there
}

func TestBuildSaysWhatItsBuilderCannotDo(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: "${IMAGE}", build: {context: ., dockerfile_inline: "FROM hyper-lite-demo\n"}}
  plain: {image: hyper-lite-demo}
`)
	name := p.name + "-image:1"
	p.env = append(p.env, "IMAGE="+name)
	p.dropImage(name)
	p.at("DOCKER_CONFIG="+t.TempDir(), func() { // without plugins: the engine's own builder
		for _, flags := range [][]string{{"--builder", "b"}, {"--check"}, {"--ssh", "default"}, {"--sbom", "true"}, {"--provenance", "mode=max"}} {
			r := p.exits(1, append([]string{"build"}, flags...)...)
			says(t, r.err, "needs buildx")
		}
		p.must("build", "--memory", "256m", "--no-cache", "--pull=false")
	})
	_, err := docker.ImageInspect(t.Context(), name)
	assert.NilError(t, err)
	says(t, p.must("build", "plain").out, "nothing to build")
	says(t, p.must("build", "--print").out, `"context": "`+p.dir+`"`, `"type=docker"`)
	p.write("broken.yaml", "services: {web: {build: {dockerfile_inline: \"FROM hyper-lite-demo\\nRUN [\\\"/demo\\\", \\\"exit\\\", \\\"7\\\"]\\n\"}}}\n")
	says(t, p.exits(1, "-f", "broken.yaml", "build").err, "returned a non-zero code: 7")
}

func TestAContainerIsCommittedAndExported(t *testing.T) {
	t.Parallel()
	p := newProject(t, "services: {web: {image: hyper-lite-demo, deploy: {replicas: 2}, stop_grace_period: 1s}}\n")
	name := p.name + "-committed:1"
	p.dropImage(name)
	p.must("up", "-d")
	p.put("web-2", "/note", "of the second")

	id := strings.TrimSpace(p.must("commit", "--index", "2", "-c", "ENV A=1", "-a", "Me", "-m", "why", "web", name).out)
	found, err := docker.ImageInspect(t.Context(), name)
	assert.NilError(t, err)
	assert.Equal(t, found.ID, id)
	assert.Equal(t, found.Author+": "+found.Comment, "Me: why")
	assert.Assert(t, contains(found.Config.Env, "A=1"))
	p.write("again.yaml", "services: {web: {image: "+name+"}}\n")
	p.must("-f", "again.yaml", "up", "-d", "-t", "1", "--scale", "web=1")
	got, there := p.file("web-1", "/note")
	assert.Assert(t, there)
	assert.Equal(t, got.content, "of the second")

	archived := func(content io.Reader) (names []string) {
		archive := tar.NewReader(content)
		for {
			header, err := archive.Next()
			if errors.Is(err, io.EOF) {
				return names
			}
			assert.NilError(t, err)
			names = append(names, header.Name)
		}
	}
	p.must("export", "-o", "web.tar", "web")
	file, err := os.Open(filepath.Join(p.dir, "web.tar"))
	assert.NilError(t, err)
	defer file.Close()
	assert.Assert(t, contains(archived(file), "demo", "note"))
	assert.Assert(t, contains(archived(bytes.NewReader([]byte(p.must("export", "web").out))), "demo", "note"))
	says(t, p.exits(1, "export", "--index", "5", "web").err, "web has no replica 5")
	p.must("--dry-run", "export", "-o", "none.tar", "web")
	_, err = os.Stat(filepath.Join(p.dir, "none.tar"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	p.must("--dry-run", "commit", "web", name+"-none")
	_, err = docker.ImageInspect(t.Context(), name+"-none")
	assert.Assert(t, errdefs.IsNotFound(err), fmt.Sprint(err))
}
