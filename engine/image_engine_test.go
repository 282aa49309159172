//go:build engine

package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// listener collects what an engine tells of its steps.
type listener struct {
	mu   sync.Mutex
	said []string
}

func (l *listener) hear(_ plan.Step, p Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, p.Text)
}

func (l *listener) all() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.said, "\n")
}

func TestTheSidecarsImageIsTheExecutable(t *testing.T) {
	s := stage(t)
	own, err := os.Executable()
	assert.NilError(t, err)
	program, err := os.ReadFile(own)
	assert.NilError(t, err)
	executable := filepath.Join(t.TempDir(), "hyper-lite")
	assert.NilError(t, os.WriteFile(executable, append(program, s.project...), 0o755)) // an image of its own
	s.options.Executable = executable
	name, err := s.SidecarImage()
	assert.NilError(t, err)
	assert.Check(t, strings.HasPrefix(name, SidecarRepository+":"))
	s.do(plan.Import{Image: name}, plan.Import{Image: name})
	found, err := s.client.ImageInspect(t.Context(), name)
	assert.NilError(t, err)
	assert.DeepEqual(t, []string(found.Config.Entrypoint), []string{"/hyper-lite"})
	assert.Equal(t, found.Config.Labels[labelSidecar], "true")
	observed, err := s.Observe(t.Context(), compose.Project{Name: s.project, Jobs: []compose.Job{{}}})
	assert.NilError(t, err)
	assert.Equal(t, observed.Images[name].ID, found.ID)
	s.do(plan.RemoveImage{Image: name}, plan.RemoveImage{Image: name})
}

func TestAnImageThatIsNowhere(t *testing.T) {
	s := stage(t)
	err := s.Do(t.Context(), plan.Pull{Image: "hyper-lite.invalid/" + s.project + ":v1"})
	assert.ErrorContains(t, err, "pull image hyper-lite.invalid/"+s.project+":v1: ")
	failed, ok := errors.AsType[*PullError](err)
	assert.Assert(t, ok, "%v", err)
	assert.Equal(t, failed.Registry, "hyper-lite.invalid")
	web := s.service("web", func(w *compose.Service) { w.Body.Image = s.project + ":missing" })
	assert.ErrorContains(t, s.Do(t.Context(), s.create(web, 1)), "the engine has no image "+s.project+":missing")
}

func TestTheEnginesOwnBuilder(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(b *types.BuildConfig, folder string)
	}{
		{"the context's Dockerfile", func(b *types.BuildConfig, folder string) {
			write(t, filepath.Join(folder, "Dockerfile"), "ARG BASE\nFROM ${BASE}\nCOPY . /etc/\nLABEL by=file\n")
			b.Context = folder
		}},
		{"an inline Dockerfile", func(b *types.BuildConfig, folder string) {
			b.Context, b.DockerfileInline = folder, "ARG BASE\nFROM ${BASE}\nCOPY . /etc/\nLABEL by=file\n"
		}},
		{"a Dockerfile elsewhere", func(b *types.BuildConfig, folder string) {
			b.Dockerfile = filepath.Join(t.TempDir(), "other.dockerfile")
			write(t, b.Dockerfile, "ARG BASE\nFROM ${BASE}\nCOPY . /etc/\nLABEL by=file\n")
			b.Context = folder
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := stage(t)
			folder := t.TempDir()
			write(t, filepath.Join(folder, "kept.txt"), "kept")
			write(t, filepath.Join(folder, "secret.txt"), "left out")
			write(t, filepath.Join(folder, ".dockerignore"), "secret.*\n")
			heard := &listener{}
			s.options.Progress = heard.hear
			base := testImage
			web := s.service("web", func(w *compose.Service) {
				w.Body.Image = s.project + "-web"
				w.Body.Build = &types.BuildConfig{
					Args:   types.MappingWithEquals{"BASE": &base},
					Labels: types.Labels{"from": "compose"},
				}
				test.change(w.Body.Build, folder)
			})
			image := web.Body.Image
			assert.NilError(t, s.buildByEngine(t.Context(), plan.Build{Service: web, Image: image}))
			assert.Check(t, is.Contains(heard.all(), "COPY . /etc/"))
			found, err := s.client.ImageInspect(t.Context(), image)
			assert.NilError(t, err)
			assert.Equal(t, found.Config.Labels["by"], "file")
			assert.Equal(t, found.Config.Labels["from"], "compose")
			c := s.up(web)
			assert.Check(t, is.Contains(s.output(c, "show", "/etc/kept.txt"), "kept"))
			_, err = s.ReadFile(t.Context(), c.Name, "/etc/secret.txt")
			assert.ErrorContains(t, err, "does not exist")
		})
	}
}

func TestABuildThatFailsSaysWhy(t *testing.T) {
	s := stage(t)
	folder := t.TempDir()
	write(t, filepath.Join(folder, "Dockerfile"), "FROM "+testImage+"\nCOPY missing.txt /\n")
	web := s.service("web", func(w *compose.Service) { w.Body.Build = &types.BuildConfig{Context: folder} })
	err := s.buildByEngine(t.Context(), plan.Build{Service: web, Image: s.project})
	assert.ErrorContains(t, err, "missing.txt")
	web.Body.Build.Context = filepath.Join(folder, "nowhere")
	assert.ErrorContains(t, s.buildByEngine(t.Context(), plan.Build{Service: web, Image: s.project}), "pack build context")
}
