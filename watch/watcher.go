package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// A batch ends once nothing changed for quiet, or most after its first change: editors and `git checkout` write many
// files at once.
const (
	quiet = 200 * time.Millisecond
	most  = 2 * time.Second
)

// Watcher tells of files that change under the paths of rules.
type Watcher struct {
	rules  []Rule
	system *fsnotify.Watcher

	mu      sync.Mutex
	changed map[string]bool
	moved   bool // a file or folder has another name: watches of folders may have gone with the old one
	wake    chan struct{}
}

// NewWatcher begins to watch. What changes from now on is told by Run.
func NewWatcher(rules []Rule) (*Watcher, error) {
	system, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", limits(err))
	}
	w := &Watcher{rules: rules, system: system, changed: map[string]bool{}, wake: make(chan struct{}, 1)}
	for _, r := range rules {
		if err := w.root(r.Path, false); err != nil {
			return nil, errors.Join(err, system.Close())
		}
	}
	return w, nil
}

// limits says what to do where the system has no room for more watches.
func limits(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE) {
		return fmt.Errorf("%w: the system watches too many files: ignore folders that do not matter (develop.watch.ignore, .dockerignore), or raise fs.inotify.max_user_watches and fs.inotify.max_user_instances", err)
	}
	return err
}

// root watches a rule's path: first the folder that it is in, so that the path is found again after it was replaced, then
// a folder with all below it. Where the path is not there, the nearest folder above is watched until it comes. With tell,
// what is there has changed.
func (w *Watcher) root(path string, tell bool) error {
	for {
		above, err := w.nearest(filepath.Dir(path))
		if err != nil {
			return err
		}
		if above == filepath.Dir(path) {
			break
		}
		below, err := filepath.Rel(above, path)
		if err != nil {
			return err
		}
		first, _, _ := strings.Cut(below, string(filepath.Separator))
		if _, err := os.Lstat(filepath.Join(above, first)); err != nil {
			return ignoreGone(err)
		}
		tell = true // it came just now
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return ignoreGone(err)
	case info.IsDir():
		return w.tree(path, tell)
	case tell:
		w.note(path)
	}
	return nil
}

// nearest watches the folder, or the nearest one above that is there, and returns it.
func (w *Watcher) nearest(folder string) (string, error) {
	for {
		err := w.add(folder)
		if err == nil || folder == filepath.Dir(folder) || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return folder, err
		}
		folder = filepath.Dir(folder)
	}
}

// tree watches a folder and all below it, but what every rule passes over. With tell, the files in it have changed.
func (w *Watcher) tree(folder string, tell bool) error {
	return filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile
		}
		if err != nil {
			return fmt.Errorf("watch %s: %w", path, err)
		}
		if tell {
			w.note(path)
		}
		if !entry.IsDir() {
			return nil
		}
		if w.passes(path) {
			return filepath.SkipDir
		}
		return ignoreGone(w.add(path))
	})
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (w *Watcher) add(folder string) error {
	if err := w.system.Add(folder); err != nil {
		return fmt.Errorf("watch %s: %w", folder, limits(err))
	}
	return nil
}

func (w *Watcher) passes(folder string) bool {
	return !slices.ContainsFunc(w.rules, func(r Rule) bool { return !r.passes(folder) })
}

// note takes a changed file down, where a rule may be about it.
func (w *Watcher) note(file string) {
	w.mu.Lock()
	known := w.changed[file]
	w.mu.Unlock()
	if !known && !slices.ContainsFunc(w.rules, func(r Rule) bool { _, ok := r.match(file); return ok }) {
		return
	}
	w.mu.Lock()
	w.changed[file] = true
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // awake already
	}
}

// Run hands over the files that changed, in batches, each once and sorted, until the context ends; then it returns the
// context's error. While a batch is handled, the next one gathers.
func (w *Watcher) Run(ctx context.Context, handle func(ctx context.Context, files []string)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(w.listen(ctx)) }()
	go func() { cancel(w.heed(ctx)) }()
	for {
		files, err := w.batch(ctx)
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		if err != nil {
			return errors.Join(err, w.system.Close())
		}
		if len(files) > 0 {
			handle(ctx, files)
		}
	}
}

// listen takes in what the system tells, at once: its own memory is small.
func (w *Watcher) listen(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case event, open := <-w.system.Events:
			if !open {
				return errors.New("watch files: the system ended it")
			}
			if err := w.take(event); err != nil {
				return err
			}
		}
	}
}

// heed takes in what the system complains of. It does so beside listen: the system does not go on before it is heard.
func (w *Watcher) heed(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err, open := <-w.system.Errors:
			if !open {
				return errors.New("watch files: the system ended it")
			}
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return fmt.Errorf("watch files: %w", err)
			}
			for _, r := range w.rules { // more changed than the system could remember: all may have
				if err := w.root(r.Path, true); err != nil {
					return err
				}
			}
		}
	}
}

func (w *Watcher) take(event fsnotify.Event) error {
	w.note(event.Name)
	if event.Has(fsnotify.Rename) {
		w.forget(event.Name)
	}
	if !event.Has(fsnotify.Create | fsnotify.Rename | fsnotify.Remove) {
		return nil
	}
	for _, r := range w.rules {
		if within(event.Name, r.Path) { // it, or a folder on the way to it, went or came
			if err := w.root(r.Path, event.Has(fsnotify.Create)); err != nil {
				return err
			}
		}
	}
	info, err := os.Lstat(event.Name)
	if err != nil || !info.IsDir() || w.passes(event.Name) {
		return nil // gone, or nothing to go into
	}
	if !slices.ContainsFunc(w.rules, func(r Rule) bool { return within(r.Path, event.Name) }) {
		return nil
	}
	return w.tree(event.Name, true)
}

// forget watches a folder no more that has another name now: the system would go on to tell of it by the old one.
func (w *Watcher) forget(folder string) {
	for _, watched := range w.system.WatchList() {
		if within(folder, watched) {
			_ = w.system.Remove(watched) // the system may have forgotten it, too
		}
	}
	w.mu.Lock()
	w.moved = true
	w.mu.Unlock()
}

// batch waits for a change, and then until no more come.
func (w *Watcher) batch(ctx context.Context) ([]string, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-w.wake:
	}
	end := time.NewTimer(most)
	defer end.Stop()
	for calm := false; !calm; {
		pause := time.NewTimer(quiet)
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil, ctx.Err()
		case <-w.wake:
		case <-pause.C:
			calm = true
		case <-end.C:
			calm = true
		}
		pause.Stop()
	}
	if err := w.again(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	files := slices.Sorted(maps.Keys(w.changed))
	clear(w.changed)
	return files, nil
}

// again watches all folders again after one was moved. What is in a folder that nobody watched meanwhile has changed.
func (w *Watcher) again() error {
	w.mu.Lock()
	moved := w.moved
	w.moved = false
	w.mu.Unlock()
	if !moved {
		return nil
	}
	watched := map[string]bool{}
	for _, folder := range w.system.WatchList() {
		watched[folder] = true
	}
	for _, r := range w.rules {
		if err := w.root(r.Path, false); err != nil {
			return err
		}
	}
	for _, folder := range w.system.WatchList() {
		if watched[folder] {
			continue
		}
		entries, err := os.ReadDir(folder)
		if ignoreGone(err) != nil {
			return fmt.Errorf("watch %s: %w", folder, err)
		}
		for _, e := range entries {
			w.note(filepath.Join(folder, e.Name()))
		}
	}
	return nil
}
