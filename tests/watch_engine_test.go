//go:build engine

package tests

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"gotest.tools/v3/assert"
)

// remover is a static program that does as `rm -rf --` and as `touch`, by the name that it is called by.
var remover = sync.OnceValues(func() (program []byte, err error) {
	folder, err := os.MkdirTemp("", "hyper-lite-remover-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	const source = `package main

import (
	"os"
	"path/filepath"
	"strings"
)

func main() {
	for _, name := range os.Args[1:] {
		var err error
		switch {
		case strings.HasPrefix(name, "-"):
		case filepath.Base(os.Args[0]) == "rm":
			err = os.RemoveAll(name)
		default:
			err = os.WriteFile(name, []byte(os.Getenv("WORD")), 0o644)
		}
		if err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
	}
}
`
	path := filepath.Join(folder, "main.go")
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		return nil, err
	}
	build := exec.Command("go", "build", "-o", filepath.Join(folder, "rm"), path)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=-mod=mod")
	build.Dir = folder
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return os.ReadFile(filepath.Join(folder, "rm"))
})

// withRemover puts such a program into the project folder.
func (p *project) withRemover(names ...string) {
	p.t.Helper()
	content, err := remover()
	assert.NilError(p.t, err)
	for _, name := range names {
		p.write(name, "")
		assert.NilError(p.t, os.WriteFile(filepath.Join(p.dir, name), content, 0o600))
		assert.NilError(p.t, os.Chmod(filepath.Join(p.dir, name), 0o755))
	}
}

// peek reads a file of a container that may be replaced or written at this very moment: then it is an error.
func (p *project) peek(in, name string) (string, error) {
	stream, _, err := docker.CopyFromContainer(p.t.Context(), p.name+"-"+in, name)
	if errdefs.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer stream.Close()
	archive := tar.NewReader(stream)
	if _, err := archive.Next(); err != nil {
		return "", err
	}
	content, err := io.ReadAll(archive)
	return string(content), err
}

const watchedFile = `
services:
  web:
    image: "${IMAGE}"
    build: .
    stop_grace_period: 1s
    deploy: {replicas: 2}
    develop:
      watch:
        - {action: sync, path: ./src, target: /app, initial_sync: true, ignore: ["*.tmp", gen/]}
        - {action: sync+exec, path: ./hook, target: /hook, exec: {command: [touch, /told], environment: [WORD=heard]}}
        - {action: sync+restart, path: ./app.conf, target: /etc/app.conf}
        - {action: rebuild, path: ./version}
  bare:
    image: hyper-lite-demo
    stop_grace_period: 1s
    develop:
      watch:
        - {action: sync, path: ./src, target: /app}
        - {action: restart, path: ./restart}
`

func TestWatchFollowsTheFiles(t *testing.T) {
	t.Parallel()
	p := newProject(t, watchedFile)
	name := p.name + "-watched:1"
	p.env = append(p.env, "IMAGE="+name)
	p.dropImage(name)
	p.withRemover("bin/rm", "bin/touch")
	p.write("Dockerfile", "FROM hyper-lite-demo\nCOPY bin/ /bin/\nCOPY version /version\nENV PATH=/bin\n")
	p.write(".dockerignore", "src/secret.*\n")
	for _, file := range []string{"src/main.go=v1", "src/gone.go=v1", "src/no.tmp=x", "src/gen/no.go=x", "src/secret.key=x", "hook/h=1", "app.conf=1", "version=1", "restart=1"} {
		name, content, _ := strings.Cut(file, "=")
		p.write(name, content)
	}
	w := p.begin("watch")
	w.says("watching bare, web\n")
	has := func(in, file, content string) {
		t.Helper()
		eventually(t, 60*time.Second, func() error {
			got, err := p.peek(in, file)
			if err == nil && got == content {
				return nil
			}
			return fmt.Errorf("%s of %s is %q, not %q: %v\n%s%s", file, in, got, content, err, w.out.String(), w.err.String())
		})
	}
	for _, in := range []string{"web-1", "web-2"} { // initial_sync
		has(in, "/app/main.go", "v1")
		for _, ignored := range []string{"/app/no.tmp", "/app/gen", "/app/secret.key"} {
			has(in, ignored, "")
		}
	}
	has("bare-1", "/app/main.go", "")

	// changed, new, in a new folder, with its mode
	p.write("src/main.go", "v2")
	p.write("src/deep/er/new.go", "v2")
	assert.NilError(t, os.Chmod(filepath.Join(p.dir, "src/main.go"), 0o755))
	for _, in := range []string{"web-1", "web-2", "bare-1"} {
		has(in, "/app/main.go", "v2")
		has(in, "/app/deep/er/new.go", "v2")
	}
	eventually(t, 20*time.Second, func() error {
		if got, _ := p.file("web-1", "/app/main.go"); got.mode != 0o755 {
			return fmt.Errorf("mode %o", got.mode)
		}
		return nil
	})

	// removed: where there is no rm, that is told, and the rest goes on
	assert.NilError(t, os.Remove(filepath.Join(p.dir, "src/gone.go")))
	assert.NilError(t, os.RemoveAll(filepath.Join(p.dir, "src/deep")))
	for _, in := range []string{"web-1", "web-2"} {
		has(in, "/app/gone.go", "")
		has(in, "/app/deep", "")
	}
	w.says("its image has no `rm`")

	// sync+exec and sync+restart
	p.write("hook/h", "2")
	for _, in := range []string{"web-1", "web-2"} {
		has(in, "/hook/h", "2")
		has(in, "/told", "heard")
	}
	began := p.inspect("web-1").State.StartedAt
	p.write("app.conf", "2")
	has("web-2", "/etc/app.conf", "2")
	eventually(t, 30*time.Second, func() error {
		if p.inspect("web-1").State.StartedAt == began {
			return errors.New("not restarted")
		}
		return nil
	})
	began = p.inspect("bare-1").State.StartedAt
	p.write("restart", "2")
	eventually(t, 30*time.Second, func() error {
		if p.inspect("bare-1").State.StartedAt == began {
			return errors.New("not restarted")
		}
		return nil
	})

	// rebuild: new containers from a new image, with what was copied; the old image is gone
	old, bare := p.inspect("web-1").Image, p.id("bare-1")
	p.write("version", "2")
	w.says("web: rebuilt\n")
	has("web-1", "/version", "2")
	has("web-2", "/version", "2")
	has("web-1", "/app/main.go", "v2")
	has("web-2", "/etc/app.conf", "2")
	assert.Equal(t, p.id("bare-1"), bare)
	eventually(t, 20*time.Second, func() error {
		_, err := docker.ImageInspect(t.Context(), old)
		if err == nil {
			return errors.New("the old image is still there")
		}
		return nil
	})

	// a build that fails changes nothing, and watching goes on
	id := p.id("web-1")
	p.write("Dockerfile", "FROM hyper-lite-demo\nCOPY nosuch /\n")
	p.write("version", "3")
	w.says("nosuch")
	w.says("still watching bare, web")
	assert.Equal(t, p.id("web-1"), id)
	p.write("src/main.go", "v4")
	has("web-1", "/app/main.go", "v4")

	assert.NilError(t, w.Process.Signal(os.Interrupt))
	assert.Equal(t, w.ends(), 130)
	assert.Equal(t, len(p.running("web"))+len(p.running("bare")), 3)
}

func TestWatchWithoutUp(t *testing.T) {
	t.Parallel()
	p := newProject(t, watchedFile)
	p.env = append(p.env, "IMAGE="+p.name+"-watched:1")
	p.write("src/main.go", "v1")
	p.write("restart", "1")
	says(t, p.must("watch", "--dry-run", "bare").out, "bare: sync "+p.dir+"/src -> /app", "bare: restart "+p.dir+"/restart")
	w := p.begin("watch", "--no-up", "bare")
	w.says("watching bare\n")
	assert.Equal(t, len(p.containers("")), 0)
	p.write("src/main.go", "v2")
	w.says("bare has no container that runs")
	assert.NilError(t, w.Process.Signal(os.Interrupt))
	assert.Equal(t, w.ends(), 130)
	dangling, err := docker.ImageList(context.Background(), image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", p.name+"*"))})
	assert.NilError(t, err)
	assert.Equal(t, len(dangling), 0)
}

func TestUpWatches(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: "${IMAGE}"
    build: .
    ports: ["${PORT}:80"]
    stop_grace_period: 1s
    develop: {watch: [{action: sync, path: ./src, target: /app}, {action: rebuild, path: ./version}]}
`)
	name := p.name + "-watched:1"
	p.env = append(p.env, "IMAGE="+name)
	p.dropImage(name)
	p.write("Dockerfile", "FROM hyper-lite-demo\nCOPY version /version\n")
	p.write("version", "1")
	p.write("src/a", "1")
	p.exits(2, "up", "-d", "--watch")
	up := p.begin("up", "--watch")
	up.says("web-1  | demo: ")
	up.says("watching web\n")
	file := func(name, want string) {
		t.Helper()
		eventually(t, 60*time.Second, func() error {
			if got, err := p.peek("web-1", name); err != nil || got != want {
				return fmt.Errorf("%s is %q: %v\n%s%s", name, got, err, up.out.String(), up.err.String())
			}
			return nil
		})
	}
	p.write("src/a", "2")
	file("/app/a", "2")
	first := p.id("web-1")
	p.write("version", "2") // its host port is fixed: the old container ends before the new one begins
	up.says("web: rebuilt\n")
	file("/version", "2")
	assert.Assert(t, p.id("web-1") != first)
	p.write("src/a", "3")
	file("/app/a", "3")
	assert.NilError(t, up.Process.Signal(os.Interrupt))
	assert.Equal(t, up.ends(), 0)
	assert.Equal(t, len(p.running("web")), 0)
}
