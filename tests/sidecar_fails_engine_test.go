//go:build engine

package tests

import (
	"archive/tar"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/volume"
	"gotest.tools/v3/assert"
)

const routedOne = `
services:
  web:
    image: hyper-lite-demo
    protocol: http
    service_port: ${PORT}
    container_port: 80
`

// spoilVolume makes the project's own volume beforehand, with a file where the sidecar needs a folder.
func spoilVolume(t *testing.T, name string) {
	t.Helper()
	_, err := docker.VolumeCreate(t.Context(), volume.CreateOptions{Name: name})
	assert.NilError(t, err)
	t.Cleanup(func() { assert.Check(t, docker.VolumeRemove(context.Background(), name, true) == nil) })
	made, err := docker.ContainerCreate(t.Context(), &container.Config{Image: demo}, &container.HostConfig{
		Mounts: []mount.Mount{{Type: mount.TypeVolume, Source: name, Target: "/spoiled"}},
	}, nil, nil, "")
	assert.NilError(t, err)
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	assert.NilError(t, w.WriteHeader(&tar.Header{Name: "state", Mode: 0o600, Typeflag: tar.TypeReg}))
	assert.NilError(t, w.Close())
	assert.NilError(t, docker.CopyToContainer(t.Context(), made.ID, "/spoiled", &archive, container.CopyToContainerOptions{}))
	assert.NilError(t, docker.ContainerRemove(t.Context(), made.ID, container.RemoveOptions{Force: true}))
}

func TestASidecarThatCannotStartIsToldSoonWithItsLastWords(t *testing.T) {
	t.Parallel()
	p := newProject(t, routedOne)
	spoilVolume(t, p.name+"_hyper-lite")
	t.Cleanup(p.remove) // before the volume
	begun := time.Now()
	r := p.exits(3, "up", "-d")
	assert.Assert(t, time.Since(begun) < soon, "it took %s", time.Since(begun))
	says(t, r.err, p.name+"-hyper-lite-sidecar", "look after project "+p.name, "docker logs")
}

func TestAnExecutableThatNeedsACLibraryIsRefusedBeforeAnythingIsMade(t *testing.T) {
	t.Parallel()
	compiler, err := exec.LookPath("cc")
	if err != nil {
		compiler, err = exec.LookPath("gcc")
	}
	assert.NilError(t, err, "a C compiler is needed to link against the C library")
	p := newProject(t, routedOne)
	dynamic := filepath.Join(t.TempDir(), "hyper-lite")
	build := exec.Command("go", "build", "-o", dynamic, "-ldflags", "-linkmode external -s -w", "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=1", "CC="+compiler)
	out, err := build.CombinedOutput()
	assert.NilError(t, err, "%s", out)

	c := exec.CommandContext(t.Context(), dynamic, "up", "-d")
	c.Dir, c.Env = p.dir, append(os.Environ(), p.env...)
	out, err = c.CombinedOutput()
	assert.Assert(t, err != nil && c.ProcessState.ExitCode() == 1, "%v: %s", err, out)
	says(t, string(out), dynamic, "C library", "CGO_ENABLED=0")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	_, err = os.Stat(filepath.Join(p.dir, ".hyper-lite"))
	assert.ErrorIs(t, err, os.ErrNotExist)

	p.write("compose.yaml", "services: {web: {image: hyper-lite-demo}}\n") // it needs no sidecar
	c = exec.CommandContext(t.Context(), dynamic, "up", "-d")
	c.Dir, c.Env = p.dir, append(os.Environ(), p.env...)
	out, err = c.CombinedOutput()
	assert.NilError(t, err, "%s", out)
	assert.Equal(t, len(p.running("web")), 1)
}
