//go:build engine

package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// testImage is made once a process, of a program that the tests build themselves.
var testImage = fmt.Sprintf("hyper-lite-engine-test:%d-%d", os.Getpid(), time.Now().UnixNano())

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) (code int) {
	ctx := context.Background()
	e, err := Open(ctx, Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, "the engine tests need a Docker engine:", err)
		return 1
	}
	if err := makeImage(ctx, e); err != nil {
		fmt.Fprintln(os.Stderr, "make test image:", err)
		return 1
	}
	defer func() {
		if err := e.Do(ctx, plan.RemoveImage{Image: testImage}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	return m.Run()
}

func makeImage(ctx context.Context, e *Engine) error {
	folder, err := os.MkdirTemp("", "hyper-lite-engine-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	program := filepath.Join(folder, "program")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./testdata/program")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, output)
	}
	binary, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	for _, folder := range []string{"data/", "etc/", "tmp/"} {
		err = errors.Join(err, w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: folder, Mode: 0o755}))
	}
	err = errors.Join(err, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "program", Mode: 0o755, Size: int64(len(binary))}))
	if _, writeErr := w.Write(binary); errors.Join(err, writeErr, w.Close()) != nil {
		return errors.Join(err, writeErr)
	}
	progress, err := e.client.ImageImport(ctx, image.ImportSource{Source: &files, SourceName: "-"}, testImage,
		image.ImportOptions{Changes: []string{`ENTRYPOINT ["/program"]`, "VOLUME /data"}})
	if err != nil {
		return err
	}
	defer progress.Close()
	return e.follow(plan.Import{Image: testImage}, progress)
}

// scene is one test's own project on the engine; everything of it is removed at the test's end.
type scene struct {
	*testing.T
	*Engine
	project string
}

func stage(t *testing.T) scene {
	t.Helper()
	t.Parallel()
	e, err := Open(t.Context(), Options{})
	assert.NilError(t, err)
	s := scene{T: t, Engine: e, project: fmt.Sprintf("enginetest%d", time.Now().UnixNano())}
	t.Cleanup(s.clean)
	return s
}

func (s scene) clean() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ours := filters.NewArgs(filters.Arg("label", labelProject+"="+s.project))
	containers, err := s.client.ContainerList(ctx, container.ListOptions{All: true, Filters: ours})
	assert.Check(s, err)
	for _, c := range containers {
		err := s.client.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true})
		assert.Check(s, gone(err))
	}
	networks, err := s.client.NetworkList(ctx, network.ListOptions{Filters: ours})
	assert.Check(s, err)
	for _, n := range networks {
		assert.Check(s, gone(s.client.NetworkRemove(ctx, n.ID)))
	}
	volumes, err := s.client.VolumeList(ctx, volume.ListOptions{Filters: ours})
	assert.Check(s, err)
	for _, v := range volumes.Volumes {
		assert.Check(s, gone(s.client.VolumeRemove(ctx, v.Name, true)))
	}
	images, err := s.client.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("reference", s.project+"*"))})
	assert.Check(s, err)
	for _, i := range images {
		_, err := s.client.ImageRemove(ctx, i.ID, image.RemoveOptions{Force: true, PruneChildren: true})
		assert.Check(s, gone(err))
	}
	assert.Check(s, s.Close())
}

// service is one that runs the test program; change adds what a test is about.
func (s scene) service(name string, change func(*compose.Service)) compose.Service {
	service := compose.Service{
		Project:  s.project,
		Name:     name,
		Role:     compose.RoleReplica,
		Replicas: 1,
		Digest:   compose.Digest{Hash: "v1:" + name, Fields: map[string]string{"image": "01234567"}},
		Body: types.ServiceConfig{
			Name:          name,
			ContainerSpec: types.ContainerSpec{Image: testImage, Command: types.ShellCommand{"run"}},
		},
	}
	if change != nil {
		change(&service)
	}
	return service
}

// on puts a service on networks of the project.
func (s scene) on(service *compose.Service, names ...string) {
	service.Networks = map[string]types.NetworkConfig{}
	service.Body.Networks = map[string]*types.ServiceNetworkConfig{}
	for _, name := range names {
		service.Networks[name] = types.NetworkConfig{Name: s.project + "_" + name}
		service.Body.Networks[name] = nil
	}
}

func (s scene) container(service string, slot int) plan.Container {
	return plan.Container{
		Ref:  plan.Ref{Service: service, Slot: slot, Generation: 1},
		Name: fmt.Sprintf("%s-%s-%d", s.project, service, slot),
	}
}

func (s scene) create(service compose.Service, slot int) plan.Create {
	return plan.Create{Container: s.container(service.Name, slot), Service: service}
}

// do performs steps that must succeed.
func (s scene) do(steps ...plan.Step) {
	s.Helper()
	for _, step := range steps {
		assert.NilError(s, s.Do(s.Context(), step))
	}
}

// up makes one replica and waits until it runs.
func (s scene) up(service compose.Service) plan.Container {
	s.Helper()
	c := s.container(service.Name, 1)
	s.do(s.create(service, 1), plan.Start{Container: c},
		plan.Await{Container: c, Condition: plan.AwaitRunning, Within: 20 * time.Second})
	return c
}

func (s scene) makeNetwork(name string) {
	s.Helper()
	config := types.NetworkConfig{Name: s.project + "_" + name}
	s.do(plan.CreateNetwork{Project: s.project, Key: name, Config: config, Name: config.Name, Digest: plan.NetworkDigest(config)})
}

func (s scene) observe() plan.Observed {
	s.Helper()
	observed, err := s.Observe(s.Context(), compose.Project{Name: s.project})
	assert.NilError(s, err)
	return observed
}

func (s scene) look(c plan.Container) container.InspectResponse {
	s.Helper()
	found, err := s.client.ContainerInspect(s.Context(), c.Name)
	assert.NilError(s, err)
	return found
}

// output runs the test program in a container and returns what it printed.
func (s scene) output(c plan.Container, arguments ...string) string {
	s.Helper()
	code, output, err := s.run(s.Context(), c.Name, container.ExecOptions{Cmd: slices.Concat([]string{"/program"}, arguments)})
	assert.NilError(s, err)
	assert.Equal(s, code, 0, output)
	return output
}
