//go:build engine

package tests

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"gotest.tools/v3/assert"
)

// demoProgram is the demo application's static binary, out of its image.
var demoProgram = sync.OnceValues(func() (program []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	made, err := docker.ContainerCreate(ctx, &container.Config{Image: demo}, nil, nil, nil, "")
	if err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, docker.ContainerRemove(ctx, made.ID, container.RemoveOptions{Force: true}))
	}()
	stream, _, err := docker.CopyFromContainer(ctx, made.ID, "/demo")
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	archive := tar.NewReader(stream)
	if _, err := archive.Next(); err != nil {
		return nil, err
	}
	return io.ReadAll(archive)
})

// program puts the demo application into the project folder, as something to build an image of.
func (p *project) program(name string) {
	p.t.Helper()
	content, err := demoProgram()
	assert.NilError(p.t, err)
	p.write(name, "")
	assert.NilError(p.t, os.WriteFile(filepath.Join(p.dir, name), content, 0o600))
	assert.NilError(p.t, os.Chmod(filepath.Join(p.dir, name), 0o755))
}

// dropImage removes an image at the end, where it is still there, and those that lost their name to it.
func (p *project) dropImage(name string) {
	p.t.Cleanup(func() {
		p.t.Helper()
		p.must("down", "--volumes", "-t", "0")
		drop := func(name string) {
			_, err := docker.ImageRemove(context.Background(), name, image.RemoveOptions{Force: true, PruneChildren: true})
			if !errdefs.IsNotFound(err) {
				p.ok(err)
			}
		}
		drop(name)
		nameless := filters.NewArgs(filters.Arg("dangling", "true"), filters.Arg("label", "com.docker.compose.project="+p.name))
		left, err := docker.ImageList(context.Background(), image.ListOptions{Filters: nameless})
		p.ok(err)
		for _, one := range left {
			drop(one.ID)
		}
	})
}

func TestImagesAreBuiltFromTheFolder(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    build:
      context: app
      args: {GREETING: "${GREETING:-Hi}", FROM_SHELL: }
      labels: {built: here}
  inline:
    image: ${INLINE}
    restart: "no"
    build:
      context: app
      dockerfile_inline: |
        FROM scratch
        COPY demo /demo
        ENTRYPOINT ["/demo", "exit", "0"]
`)
	built := p.name + "-web"
	p.env = append(p.env, "INLINE="+p.name+"-named:1", "FROM_SHELL=shell")
	p.dropImage(built)
	p.dropImage(p.name + "-named:1")
	p.program("app/demo")
	p.write("app/Dockerfile", `FROM scratch
ARG GREETING
ARG FROM_SHELL
ENV GREETING=$GREETING FROM_SHELL=$FROM_SHELL
COPY . /
ENTRYPOINT ["/demo"]
`)
	p.write("app/.dockerignore", "ignored\n*.md\n!kept.md\n")
	p.write("app/ignored/file", "x")
	p.write("app/notes.md", "x")
	p.write("app/kept.md", "kept")

	p.must("up", "-d")
	assert.DeepEqual(t, p.images("web"), []string{built})
	assert.Equal(t, p.inspect("web-1").Config.Labels["built"], "here")
	assert.Assert(t, contains(p.environment("web-1"), "GREETING=Hi", "FROM_SHELL=shell"), "%v", p.environment("web-1"))
	for name, want := range map[string]bool{"/kept.md": true, "/notes.md": false, "/ignored/file": false} {
		_, found := p.file("web-1", name)
		assert.Equal(t, found, want, name)
	}
	assert.Equal(t, p.exited("inline-1"), 0)
	assert.DeepEqual(t, p.images("inline"), []string{p.name + "-named:1"})

	says(t, p.must("up", "-d").out, "nothing to change") // it is there: nothing is built
	first := p.id("web-1")
	p.must("up", "-d", "--build", "web") // the same image again
	assert.Equal(t, p.id("web-1"), first)
	p.write("app/kept.md", "changed")
	says(t, p.must("up", "-d").out, "nothing to change")
	p.must("up", "-d", "--build", "-t", "1", "web")
	assert.Assert(t, p.id("web-1") != first)
	got, _ := p.file("web-1", "/kept.md")
	assert.Equal(t, got.content, "changed")

	p.must("down", "-t", "1", "--rmi", "local")
	_, err := docker.ImageInspect(t.Context(), built)
	assert.Assert(t, errdefs.IsNotFound(err), "%v", err)
}

func TestANewImageUnderTheSameNameReplacesItsContainers(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: "${IMAGE}", pull_policy: never, environment: {STAYS: same}}
  build: {image: "${IMAGE}", profiles: [build], build: {context: ., args: {V: "${V:-1}"}}}
`)
	name := p.name + "-image:1"
	p.env = append(p.env, "IMAGE="+name)
	p.dropImage(name)
	p.write("Dockerfile", "FROM hyper-lite-demo\nARG V\nENV V=$V\n")
	says(t, p.exits(1, "up", "-d", "web").err, name) // never pulled, and not there
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	p.must("up", "--no-start", "--build", "build")
	p.must("up", "-d", "web")
	says(t, p.must("plan", "web").out, "nothing to change")
	p.at("V=2", func() { p.must("up", "--no-start", "--build", "build") })
	says(t, p.must("plan", "web").out, "web.1", "image digest changed")
	p.must("up", "-d", "-t", "1", "web")
	assert.Assert(t, contains(p.environment("web-1"), "V=2", "STAYS=same"))
}

func TestABuildThatFailsIsToldWithItsLastLines(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  first: {image: hyper-lite-demo}
  web: {build: {dockerfile_inline: "FROM hyper-lite-demo\nCOPY nothing.txt /\n"}, depends_on: [first]}
`)
	says(t, p.exits(1, "up", "-d").err, "web", "nothing.txt")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
}

func TestPullPoliciesLeaveTheImageThatIsThere(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  never: {image: hyper-lite-demo, pull_policy: never}
  missing: {image: hyper-lite-demo, pull_policy: missing}
  absent: {image: hyper-lite-demo, pull_policy: if_not_present}
  always: {image: hyper-lite-demo, pull_policy: always, profiles: [pull]}
`)
	p.must("up", "-d", "--no-start")
	assert.Equal(t, len(p.containers("")), 3)
	says(t, p.must("--profile", "pull", "plan", "always").out, "pull")
	p.must("--profile", "pull", "up", "-d", "--no-start", "--pull", "never", "always")
	assert.Equal(t, len(p.containers("always")), 1)
}

// images is what the containers of a service are made of.
func (p *project) images(service string) []string {
	p.t.Helper()
	var names []string
	for _, c := range p.containers(service) {
		names = append(names, c.Image)
	}
	return names
}

func contains(all []string, wanted ...string) bool {
	for _, one := range wanted {
		if !slices.Contains(all, one) {
			return false
		}
	}
	return true
}
