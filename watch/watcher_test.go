package watch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"
)

// told is what a running watcher said.
type told struct {
	t   *testing.T
	dir string

	mu      sync.Mutex
	batches [][]string
}

// watching runs a watcher over a folder until the test ends.
func watching(t *testing.T, dir string, triggers ...types.Trigger) *told {
	t.Helper()
	w, err := NewWatcher(rulesOf(t, developed(dir, true, triggers...)))
	assert.NilError(t, err)
	got := &told{t: t, dir: dir}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- w.Run(ctx, func(_ context.Context, files []string) {
			got.mu.Lock()
			defer got.mu.Unlock()
			got.batches = append(got.batches, files)
		})
	}()
	t.Cleanup(func() {
		cancel()
		assert.Check(t, errors.Is(<-ended, context.Canceled))
	})
	return got
}

func (g *told) write(names ...string) {
	g.t.Helper()
	for _, name := range names {
		path := filepath.Join(g.dir, name)
		assert.NilError(g.t, os.MkdirAll(filepath.Dir(path), 0o755))
		assert.NilError(g.t, os.WriteFile(path, []byte(time.Now().String()), 0o600))
	}
}

// soon waits until every one of these files was told of, since the last time, and none of those in never.
func (g *told) soon(never string, names ...string) {
	g.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		g.mu.Lock()
		all := slices.Concat(g.batches...)
		g.mu.Unlock()
		missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(all, filepath.Join(g.dir, name)) })
		for _, file := range all {
			assert.Assert(g.t, never == "" || !strings.Contains(file, never), "%v", all)
		}
		if len(missing) == 0 {
			g.mu.Lock()
			g.batches = nil
			g.mu.Unlock()
			return
		}
		if time.Now().After(deadline) {
			g.t.Fatalf("not told of %v, but of %v", missing, all)
		}
		time.Sleep(10 * time.Millisecond) // between two looks of a poll
	}
}

func TestChangesAreToldInBatches(t *testing.T) {
	g := watching(t, folder(t, "src/a", "src/deep/b", "src/deep/er/c"), types.Trigger{Path: "src", Action: types.WatchActionRebuild})
	g.write("src/a", "src/deep/b", "src/new", "outside")
	g.soon("outside", "src/a", "src/deep/b", "src/new")
	for range 5 {
		g.write("src/a", "src/a")
	}
	g.soon("", "src/a")
	g.write("src/x/y/z/deep.go") // folders that come with files in them
	g.soon("", "src/x/y/z/deep.go")
	g.write("src/x/y/z/deep.go")
	g.soon("", "src/x/y/z/deep.go")
	assert.NilError(t, os.Remove(filepath.Join(g.dir, "src/a")))
	g.soon("", "src/a")
	assert.NilError(t, os.RemoveAll(filepath.Join(g.dir, "src/x")))
	g.soon("", "src/x")
	assert.NilError(t, os.Rename(filepath.Join(g.dir, "src/deep"), filepath.Join(g.dir, "src/moved")))
	g.soon("", "src/deep", "src/moved/b")
	g.write("src/moved/b", "src/moved/er/c")
	g.soon("", "src/moved/b", "src/moved/er/c")
	assert.NilError(t, os.Chmod(filepath.Join(g.dir, "src/new"), 0o755))
	g.soon("", "src/new")
}

func TestManyFilesAtOnceAreFewBatches(t *testing.T) {
	g := watching(t, folder(t, "src/a"), types.Trigger{Path: "src", Action: types.WatchActionRebuild})
	var names []string
	for n := range 300 {
		names = append(names, filepath.Join("src", "in-"+string(rune('a'+n%26)), time.Duration(n).String()))
	}
	g.write(names...)
	g.soon("", names...)
}

func TestIgnoredFoldersAreNotWatched(t *testing.T) {
	dir := folder(t, ".dockerignore=node_modules\n", "node_modules/x/y", ".git/HEAD", "a")
	rules := rulesOf(t, developed(dir, true, types.Trigger{Path: ".", Action: types.WatchActionRebuild}))
	w, err := NewWatcher(rules)
	assert.NilError(t, err)
	defer w.system.Close()
	for _, watched := range w.system.WatchList() {
		assert.Assert(t, !strings.Contains(watched, "node_modules") && !strings.Contains(watched, ".git"), watched)
	}
	g := watching(t, dir, types.Trigger{Path: ".", Action: types.WatchActionRebuild})
	g.write("node_modules/x/y", ".git/HEAD", "b/node_modules/z", "a")
	g.soon(".git", "a", "b/node_modules/z") // a pattern without ** is about the context's own
}

func TestAFileIsFollowedThroughItsReplacement(t *testing.T) {
	g := watching(t, folder(t, "conf/app.ini", "conf/other"), types.Trigger{Path: "conf/app.ini", Action: types.WatchActionRebuild})
	for range 3 { // as editors save
		g.write("conf/.app.new", "conf/other")
		assert.NilError(t, os.Rename(filepath.Join(g.dir, "conf/.app.new"), filepath.Join(g.dir, "conf/app.ini")))
		g.soon("other", "conf/app.ini")
	}
}

func TestWhatIsNotThereYetIsWaitedFor(t *testing.T) {
	g := watching(t, folder(t, "a"), types.Trigger{Path: "later/on/src", Action: types.WatchActionRebuild})
	g.write("a", "later/x", "later/on/src/main.go")
	g.soon("later/x", "later/on/src/main.go")
	assert.NilError(t, os.RemoveAll(filepath.Join(g.dir, "later/on")))
	g.soon("", "later/on/src")
	g.write("later/on/src/again.go")
	g.soon("", "later/on/src/again.go")
}
