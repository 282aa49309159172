package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

// fakeEngine is a host in memory: it does steps to its list of containers, and remembers them.
type fakeEngine struct {
	mu        sync.Mutex
	replicas  []plan.Replica
	networks  map[string]plan.Network
	done      []string          // "create web.1@1"
	born      int               // how many containers were made: no two have one ID
	calls     []string          // that only look
	fail      map[string]error  // by "verb subject"
	logs      map[string]string // by container name
	killed    chan string
	following chan struct{}            // one for each log that is followed
	block     map[string]chan struct{} // a log that is followed ends when its channel closes; by container name
	lives     map[string][]string      // what a container that the engine starts again says in each life; by its name
	readings  []engine.LogOptions
	composed  map[string][]string // containers that docker compose made, by project
	workDir   string              // of the project that runs
	procs     fakeProcesses
	doing     func(plan.Step)              // sees every step; may be nil
	labels    map[string]map[string]string // of the files, by container name
	files     map[string]string            // in containers, by path

	seen // of the verbs that only look
	made // of those that make something
}

func newFakeEngine() *fakeEngine {
	return &fakeEngine{
		networks: map[string]plan.Network{}, fail: map[string]error{}, logs: map[string]string{},
		labels: map[string]map[string]string{}, killed: make(chan string, 10), following: make(chan struct{}, 10), block: map[string]chan struct{}{},
	}
}

func (f *fakeEngine) Observe(_ context.Context, project compose.Project) (plan.Observed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "observe")
	have := plan.Observed{
		Replicas: append([]plan.Replica(nil), f.replicas...), Networks: map[string]plan.Network{},
		Volumes: map[string]plan.Volume{}, Images: map[string]plan.Image{},
	}
	for name, n := range f.networks {
		have.Networks[name] = n
	}
	for _, s := range project.WithHooks() {
		have.Images[s.Body.Image] = plan.Image{ID: "sha256:" + s.Body.Image}
	}
	return have, nil
}

func (f *fakeEngine) Do(_ context.Context, step plan.Step) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := step.Verb() + " " + step.Subject()
	if err := f.fail[name]; err != nil {
		return err
	}
	f.done = append(f.done, name)
	if f.doing != nil {
		f.doing(step)
	}
	switch s := step.(type) {
	case plan.CreateNetwork:
		f.networks[s.Name] = plan.Network{Name: s.Name, Ours: true, Digest: s.Digest}
	case plan.RemoveNetwork:
		delete(f.networks, s.Name)
	case plan.Create:
		f.born++
		f.labels[s.Name] = s.Service.Body.Labels
		f.replicas = append(f.replicas, plan.Replica{
			Ref: s.Ref, Role: s.Service.Role, OneOff: s.Service.Role == compose.RoleRun, Digest: s.Service.Digest, ID: fmt.Sprintf("%064d", f.born), Name: s.Name,
			Image: s.Service.Body.Image, ImageID: "sha256:" + s.Service.Body.Image, State: plan.Created, Networks: []string{s.Service.Project + "_default"},
			CreatedAt: time.Now(), Fire: s.Service.Body.Labels[compose.LabelFire],
		})
	case plan.Register:
		f.born++
		f.replicas = append(f.replicas, plan.Replica{
			Ref: s.Ref, Role: compose.RoleJob, ID: fmt.Sprintf("%064d", f.born), Name: s.Name, Image: s.Image, State: plan.Created,
			CreatedAt: time.Now(), Jobs: s.Label,
		})
	case plan.Start:
		f.change(s.Container, func(r *plan.Replica) { r.State, r.Status = plan.Running, "Up 1 second" })
	case plan.Stop:
		f.change(s.Container, func(r *plan.Replica) { r.State, r.Status, r.ExitCode = plan.Exited, "Exited (0)", f.procs.stopCode })
		if ends := f.block[s.Name]; ends != nil {
			close(ends)
		}
	case plan.Kill:
		f.change(s.Container, func(r *plan.Replica) { r.State, r.Status = plan.Exited, "Exited (137)" })
	case plan.Freeze:
		f.change(s.Container, func(r *plan.Replica) { r.State, r.Status = plan.Paused, "Up (Paused)" })
	case plan.Unpause:
		f.change(s.Container, func(r *plan.Replica) { r.State, r.Status = plan.Running, "Up 1 second" })
	case plan.Rename:
		f.change(s.Container, func(r *plan.Replica) { r.Name = s.To })
	case plan.Remove:
		var left []plan.Replica
		for _, r := range f.replicas {
			if r.ID != s.ID && r.Name != s.Name {
				left = append(left, r)
			}
		}
		f.replicas = left
	}
	return nil
}

func (f *fakeEngine) change(c plan.Container, change func(*plan.Replica)) {
	for at, r := range f.replicas {
		if r.ID == c.ID || r.Name == c.Name {
			change(&f.replicas[at])
		}
	}
}

func (f *fakeEngine) List(context.Context, string) ([]plan.Replica, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "list")
	return append([]plan.Replica(nil), f.replicas...), nil
}

func (f *fakeEngine) Projects(context.Context) ([]engine.Project, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return []engine.Project{{Name: "shop", WorkDir: first(f.workDir, "/gone"), Replicas: f.replicas}}, nil
}

func (f *fakeEngine) Logs(ctx context.Context, id string, options engine.LogOptions, out, bad io.Writer) error {
	f.mu.Lock()
	var name string
	for _, r := range f.replicas {
		if r.ID == id {
			name = r.Name
		}
	}
	if err := f.fail["logs "+name]; err != nil {
		f.mu.Unlock()
		return err
	}
	text, ends := f.logs[name], f.block[name]
	lives := f.lives[name]
	if len(lives) > 0 {
		text, f.lives[name] = lives[0], lives[1:]
	}
	f.readings = append(f.readings, options)
	if options.Last != nil && text != "" {
		*options.Last = noon.Add(time.Duration(len(f.readings)) * time.Second)
	}
	f.mu.Unlock()
	if _, err := io.WriteString(out, text); err != nil {
		return err
	}
	if !options.Follow {
		return nil
	}
	if len(lives) > 1 {
		return nil // it runs again
	}
	if ends == nil { // it ends by itself
		f.mu.Lock()
		f.change(plan.Container{ID: id}, func(r *plan.Replica) { r.State, r.ExitCode = plan.Exited, f.procs.ends[name] })
		f.mu.Unlock()
		return nil
	}
	f.following <- struct{}{}
	select {
	case <-ends:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *fakeEngine) Diagnose(context.Context, string) ([]string, string, error) {
	return []string{"listening", "out of memory"}, "curl: refused", nil
}

func (f *fakeEngine) Kill(_ context.Context, id, signal string) error {
	f.killed <- signal
	return nil
}

func (f *fakeEngine) Dial(context.Context, string, []string) (io.ReadWriteCloser, error) {
	return nil, errors.New("there is no sidecar")
}

func (f *fakeEngine) ReadFile(_ context.Context, _, path string) ([]byte, error) {
	if text, ok := f.files[path]; ok {
		return []byte(text), nil
	}
	return nil, fs.ErrNotExist
}
func (f *fakeEngine) SidecarImage() (string, error) { return "hyper-lite-sidecar:0123", nil }
func (f *fakeEngine) SocketPath() string            { return "/var/run/docker.sock" }
func (f *fakeEngine) Endpoint() string              { return "unix:///var/run/docker.sock" }
func (f *fakeEngine) Close() error                  { return nil }

// shell is a place to type commands in.
type shell struct {
	t       *testing.T
	dir     string
	engine  *fakeEngine
	env     map[string]string
	openErr error
	heard   func(text string) // told all that is written to standard error; may be nil
}

const shop = `name: shop
services:
  db:
    image: postgres:15
  web:
    image: shop:1
    replicas: 2
    depends_on: [db]
`

func newShell(t *testing.T, file string) *shell {
	t.Helper()
	dir := t.TempDir()
	if file != "" {
		assert.NilError(t, os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(file), 0o600))
	}
	return &shell{t: t, dir: dir, engine: newFakeEngine(), env: map[string]string{}}
}

// result is what a command left behind.
type result struct {
	code     int
	out, err string
}

func (s *shell) run(argv ...string) result { return s.runContext(s.t.Context(), argv...) }

func (s *shell) runContext(ctx context.Context, argv ...string) result {
	s.t.Helper()
	var out lockedBuffer
	bad := lockedBuffer{heard: s.heard}
	p := &program{
		IO: IO{In: strings.NewReader(""), Out: &out, Err: &bad}, version: "1.2.3", env: s.env,
		openEngine: func(context.Context, engine.Options) (Engine, error) {
			if s.openErr != nil {
				return nil, s.openErr
			}
			return s.engine, nil
		},
	}
	code := p.run(ctx, append([]string{"--project-directory", s.dir}, argv...))
	return result{code, out.String(), bad.String()}
}

// lockedBuffer is a buffer for several writers.
type lockedBuffer struct {
	mu    sync.Mutex
	b     bytes.Buffer
	heard func(text string)
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	if l.heard != nil {
		l.heard(string(p))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func typeName(v any) string { return fmt.Sprintf("%T", v) }

// write puts another compose.yaml in the place of the first.
func (s *shell) write(file string) {
	s.t.Helper()
	assert.NilError(s.t, os.WriteFile(filepath.Join(s.dir, "compose.yaml"), []byte(file), 0o600))
}
