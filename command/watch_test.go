package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/engine"
	"hyper-lite/plan"
)

func (f *fakeEngine) Sync(_ context.Context, c plan.Container, files []engine.File) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, file := range files {
		f.done = append(f.done, fmt.Sprintf("copy %s to %s:%s", filepath.Base(file.From), c.Name, file.To))
	}
	return f.fail["copy"]
}

func (f *fakeEngine) RemoveDangling(_ context.Context, ids []string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = append(f.done, "prune "+strings.Join(ids, " "))
	return ids, nil
}

const developed = `name: shop
services:
  web:
    image: shop:1
    build: .
    deploy: {replicas: 2}
    develop:
      watch:
        - {action: sync, path: ./src, target: /app, initial_sync: true, ignore: ["*.tmp"]}
        - {action: sync+exec, path: ./hook, target: /hook, exec: {command: [reload, now]}}
        - {action: sync+restart, path: ./conf, target: /conf}
        - {action: rebuild, path: ./go.mod}
  worker:
    image: worker:1
    develop: {watch: [{action: restart, path: ./conf}]}
  db: {image: postgres:15}
`

// watchingShell is a shell in which watch runs, until the test ends.
func watchingShell(t *testing.T, argv ...string) (*shell, func(want ...string)) {
	t.Helper()
	s := newShell(t, developed)
	for _, name := range []string{"src/a.go", "src/b.tmp", "hook/h", "conf/c", "go.mod"} {
		s.touch(name)
	}
	if slices.Contains(argv, "--no-up") {
		assert.Equal(t, s.run("up", "-d").code, 0)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan result, 1)
	go func() { ended <- s.runContext(ctx, append([]string{"watch"}, argv...)...) }()
	t.Cleanup(func() {
		interrupt()
		r := <-ended
		assert.Check(t, is.Equal(r.code, 130), "%s", r.err)
	})
	seen := 0 // of what was done
	did := func(want ...string) {
		t.Helper()
		deadline := time.Now().Add(10 * time.Second)
		for {
			s.engine.mu.Lock()
			done := slices.Clone(s.engine.done[seen:])
			s.engine.mu.Unlock()
			if missing := slices.DeleteFunc(slices.Clone(want), func(step string) bool { return slices.Contains(done, step) }); len(missing) == 0 {
				seen += len(done)
				return
			} else if time.Now().After(deadline) {
				t.Fatalf("not done: %v; done: %v", missing, done)
			}
			time.Sleep(5 * time.Millisecond) // between two looks of a poll
		}
	}
	return s, did
}

func (s *shell) touch(name string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	assert.NilError(s.t, os.MkdirAll(filepath.Dir(path), 0o755))
	assert.NilError(s.t, os.WriteFile(path, []byte(time.Now().String()), 0o600))
}

func TestWatchDoesWhatTheFileSays(t *testing.T) {
	s, did := watchingShell(t)
	did("build image shop:1", "start web.2@1", "start worker.1@1", "start db.1@1", "copy a.go to shop-web-1:/app/a.go", "copy a.go to shop-web-2:/app/a.go")
	s.touch("src/new.go")
	did("copy new.go to shop-web-1:/app/new.go", "copy new.go to shop-web-2:/app/new.go")
	s.touch("hook/h")
	did("copy h to shop-web-1:/hook/h", "copy h to shop-web-2:/hook/h", "hook web.1@1", "hook web.2@1")
	s.touch("conf/c")
	did("copy c to shop-web-1:/conf/c", "restart web.1@1", "restart web.2@1", "restart worker.1@1")
	s.touch("go.mod")
	did("build image shop:1", "create web.1@2", "create web.2@2", "copy a.go to shop-web-1:/app/a.go", "copy c to shop-web-2:/conf/c", "prune sha256:shop:1")
	assert.NilError(t, os.Remove(filepath.Join(s.dir, "src/new.go")))
	did("copy new.go to shop-web-1:/app/new.go") // which removes it there
}

func TestWatchGoesOnAfterAFailure(t *testing.T) {
	s, did := watchingShell(t, "--no-up", "--prune=false", "web")
	did("copy a.go to shop-web-1:/app/a.go")
	s.engine.mu.Lock()
	s.engine.fail["copy"] = errors.New("copy files: no space left")
	s.engine.mu.Unlock()
	s.touch("conf/c")
	did("copy c to shop-web-1:/conf/c") // or rather not
	s.engine.mu.Lock()
	clear(s.engine.fail)
	s.engine.mu.Unlock()
	s.touch("conf/c")
	did("copy c to shop-web-1:/conf/c", "restart web.1@1")
	s.touch("go.mod")
	did("build image shop:1", "create web.2@2", "copy a.go to shop-web-2:/app/a.go")
	s.engine.mu.Lock()
	defer s.engine.mu.Unlock()
	assert.Assert(t, !slices.ContainsFunc(s.engine.done, func(step string) bool { return strings.HasPrefix(step, "prune") }))
}

func TestWatchSaysWhatItWouldWatch(t *testing.T) {
	s := newShell(t, developed)
	r := s.run("watch", "--dry-run", "worker")
	assert.Equal(t, r, result{0, "worker: restart " + s.dir + "/conf\n", ""})
	assert.Equal(t, strings.Count(s.run("--dry-run", "watch").out, "\n"), 5)
	assert.Equal(t, len(s.engine.done), 0)
	assert.Assert(t, is.Contains(s.run("watch", "db").err, "error: there is nothing to watch: none of the services has develop.watch\n"))
	assert.Equal(t, s.run("watch", "dbb").code, 1)
}
