package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// The test binary is also the second process of the tests: ROLE says what it does in DIR.
func TestMain(m *testing.M) {
	role := os.Getenv("STATE_TEST_ROLE")
	if role == "" {
		os.Exit(m.Run())
	}
	if err := play(role); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func play(role string) error {
	store, err := Open(os.Getenv("STATE_TEST_DIR"), "shop")
	if err != nil {
		return err
	}
	switch role {
	case "die":
		store.reached = func(step string) {
			if step == os.Getenv("STATE_TEST_STEP") {
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}
		return store.Update(record("second"))
	case "append":
		for i := range 20 {
			if err := store.Update(record(fmt.Sprintf("%d-%d", os.Getpid(), i))); err != nil {
				return err
			}
		}
		return nil
	case "hold":
		options := LockOptions{Command: "hyper-lite up", On: []string{"web", "db"}}
		if _, err := store.Lock(context.Background(), options); err != nil {
			return err
		}
		fmt.Println("held")
		select {}
	case "look":
		fmt.Println("looking")
		for {
			if _, _, err := store.Holder(); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("no role %q", role)
}

func other(t *testing.T, dir, role string, env ...string) *exec.Cmd {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), append(env, "STATE_TEST_ROLE="+role, "STATE_TEST_DIR="+dir)...)
	command.Stderr = os.Stderr
	return command
}

func record(summary string) func(*Document) error {
	return func(d *Document) error {
		d.Record(Revision{Summary: summary, Outcome: OutcomeApplied, Project: json.RawMessage(`{"a":1}`)}, 1000)
		return nil
	}
}

func open(t *testing.T, dir, project string) *Store {
	t.Helper()
	store, err := Open(dir, project)
	assert.NilError(t, err)
	return store
}

func summaries(d Document) []string {
	var all []string
	for _, r := range d.Revisions {
		all = append(all, r.Summary)
	}
	return all
}

func TestReadLeavesNoTrace(t *testing.T) {
	dir := t.TempDir()
	document, err := open(t, dir, "shop").Read()
	assert.NilError(t, err)
	assert.DeepEqual(t, document, Document{Version: Version})
	entries, err := os.ReadDir(dir)
	assert.NilError(t, err)
	assert.Equal(t, len(entries), 0)
}

func TestUpdateKeepsWhatWasWritten(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir, "shop")
	assert.NilError(t, store.Update(record("first")))
	assert.NilError(t, store.Update(func(d *Document) error {
		d.Records = map[string]json.RawMessage{"cron": json.RawMessage(`{"runs":[1]}`)}
		return nil
	}))
	document, err := store.Read()
	assert.NilError(t, err)
	assert.DeepEqual(t, summaries(document), []string{"first"})
	var runs struct{ Runs []int }
	assert.NilError(t, json.Unmarshal(document.Records["cron"], &runs))
	assert.DeepEqual(t, runs.Runs, []int{1})

	for path, mode := range map[string]os.FileMode{
		Folder: 0o700 | os.ModeDir, Folder + "/shop": 0o700 | os.ModeDir,
		Folder + "/shop/state.json": 0o600, Folder + "/shop/state.json.bak": 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, path))
		assert.NilError(t, err)
		assert.Equal(t, info.Mode(), mode, path)
	}
	ignore, err := os.ReadFile(filepath.Join(dir, Folder, ".gitignore"))
	assert.NilError(t, err)
	assert.Equal(t, string(ignore), "*\n")
}

func TestUpdateThatFailsOrChangesNothingWritesNothing(t *testing.T) {
	store := open(t, t.TempDir(), "shop")
	assert.NilError(t, store.Update(record("first")))
	store.reached = func(step string) { t.Errorf("wrote: %s", step) }
	assert.NilError(t, store.Update(func(*Document) error { return nil }))
	stop := errors.New("stop")
	err := store.Update(func(d *Document) error {
		d.Revisions = nil
		return stop
	})
	assert.ErrorIs(t, err, stop)
	document, err := store.Read()
	assert.NilError(t, err)
	assert.DeepEqual(t, summaries(document), []string{"first"})
}

func TestProjectsOfOneFolderDoNotClash(t *testing.T) {
	dir := t.TempDir()
	assert.NilError(t, open(t, dir, "shop").Update(record("shop")))
	document, err := open(t, dir, "blog").Read()
	assert.NilError(t, err)
	assert.Equal(t, len(document.Revisions), 0)
	_, err = open(t, dir, "shop").Lock(t.Context(), LockOptions{})
	assert.NilError(t, err)
	lock, err := open(t, dir, "blog").Lock(t.Context(), LockOptions{})
	assert.NilError(t, err)
	assert.NilError(t, lock.Release())
}

func TestOpenRefusesWhatIsNoProjectName(t *testing.T) {
	for _, name := range []string{"", ".", "../shop", "a/b", "Shop", "-x"} {
		_, err := Open(t.TempDir(), name)
		assert.ErrorContains(t, err, "is no project name", name)
	}
}

func TestRecordIsBoundedAndNumbersAreNotReused(t *testing.T) {
	var d Document
	for range 5 {
		d.Record(Revision{At: time.Now()}, 2)
	}
	assert.Equal(t, len(d.Revisions), 2)
	assert.Equal(t, d.Revisions[0].Number, 4)
	assert.Equal(t, d.Record(Revision{}, 0), 6)
	assert.Equal(t, len(d.Revisions), 0)
	assert.Equal(t, d.Record(Revision{}, 2), 7)
	assert.Equal(t, len(d.Revisions), 1)
	assert.Equal(t, d.Revisions[0].Number, 7)
}

func TestDamagedFileIsAClearErrorAndStays(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "blank": "\n", "cut": `{"version": 1, "revi`, "no version": `{}`, "two": `{"version":1}{"version":1}`,
		"list": `[]`, "wrong type": `{"version":1,"revisions":7}`, "zeros": "\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			store := open(t, t.TempDir(), "shop")
			assert.NilError(t, store.Update(record("first")))
			assert.NilError(t, store.Update(record("second")))
			assert.NilError(t, os.WriteFile(store.Path(), []byte(text), 0o600))

			_, err := store.Read()
			corrupt, ok := errors.AsType[*CorruptError](err)
			assert.Assert(t, ok, "%v", err)
			assert.Equal(t, corrupt.Path, store.Path())
			assert.Equal(t, corrupt.Backup, store.backup())
			assert.Assert(t, is.Contains(corrupt.Hint(), "mv "))
			assert.Assert(t, errors.As(store.Update(record("third")), &corrupt))
			left, err := os.ReadFile(store.Path())
			assert.NilError(t, err)
			assert.Equal(t, string(left), text)

			assert.NilError(t, os.Rename(corrupt.Backup, store.Path())) // what the hint says
			document, err := store.Read()
			assert.NilError(t, err)
			assert.DeepEqual(t, summaries(document), []string{"first"})
		})
	}
}

func TestNewerFileIsAClearErrorAndStays(t *testing.T) {
	store := open(t, t.TempDir(), "shop")
	assert.NilError(t, store.Update(record("first")))
	text := `{"version": 99, "revisions": {"of": "another kind"}}`
	assert.NilError(t, os.WriteFile(store.Path(), []byte(text), 0o600))
	_, err := store.Read()
	newer, ok := errors.AsType[*NewerError](err)
	assert.Assert(t, ok, "%v", err)
	assert.Equal(t, newer.Version, 99)
	assert.ErrorContains(t, store.Update(record("second")), "has version 99")
	left, err := os.ReadFile(store.Path())
	assert.NilError(t, err)
	assert.Equal(t, string(left), text)
}

func TestDamagedBackupIsNotOffered(t *testing.T) {
	store := open(t, t.TempDir(), "shop")
	assert.NilError(t, store.Update(record("first")))
	assert.NilError(t, os.WriteFile(store.backup(), nil, 0o600))
	assert.NilError(t, os.WriteFile(store.Path(), nil, 0o600))
	_, err := store.Read()
	corrupt, ok := errors.AsType[*CorruptError](err)
	assert.Assert(t, ok, "%v", err)
	assert.Equal(t, corrupt.Backup, "")
	assert.Assert(t, is.Contains(corrupt.Hint(), "delete it"))
}

// Killed at every step of a write, the file is the old or the new document, and the next write works.
func TestKilledAtEveryStep(t *testing.T) {
	var steps []string
	probe := open(t, t.TempDir(), "shop")
	assert.NilError(t, probe.Update(record("first")))
	probe.reached = func(step string) { steps = append(steps, step) }
	assert.NilError(t, probe.Update(record("second")))
	assert.Equal(t, len(steps), 12)

	for _, step := range steps {
		t.Run(step, func(t *testing.T) {
			dir := t.TempDir()
			store := open(t, dir, "shop")
			assert.NilError(t, store.Update(record("first")))
			err := other(t, dir, "die", "STATE_TEST_STEP="+step).Run()
			exit, ok := errors.AsType[*exec.ExitError](err)
			assert.Assert(t, ok, "the writer lived: %v", err)
			assert.Equal(t, exit.Sys().(syscall.WaitStatus).Signal(), syscall.SIGKILL)

			want := []string{"first"}
			if step == "state.json renamed" || step == "state.json done" {
				want = []string{"first", "second"}
			}
			document, err := store.Read()
			assert.NilError(t, err)
			assert.DeepEqual(t, summaries(document), want)

			assert.NilError(t, store.Update(record("third")))
			document, err = store.Read()
			assert.NilError(t, err)
			assert.DeepEqual(t, summaries(document), append(want, "third"))
			backup, err := os.ReadFile(store.backup())
			assert.NilError(t, err)
			previous, err := decode(backup)
			assert.NilError(t, err)
			assert.DeepEqual(t, summaries(previous), want)
			left, err := filepath.Glob(filepath.Join(store.folder, "*.new"))
			assert.NilError(t, err)
			assert.Equal(t, len(left), 0, "%v", left)
		})
	}
}

func TestWritersNeverLoseEachOthersRecords(t *testing.T) {
	dir := t.TempDir()
	var writers sync.WaitGroup
	failures := make(chan error, 6)
	for range 3 {
		writers.Go(func() { failures <- other(t, dir, "append").Run() })
		writers.Go(func() {
			store, err := Open(dir, "shop")
			for i := 0; i < 20 && err == nil; i++ {
				err = store.Update(record("here"))
			}
			failures <- err
		})
	}
	writers.Wait()
	close(failures)
	for err := range failures {
		assert.NilError(t, err)
	}
	document, err := open(t, dir, "shop").Read()
	assert.NilError(t, err)
	assert.Equal(t, len(document.Revisions), 6*20)
	for i, r := range document.Revisions {
		assert.Equal(t, r.Number, i+1)
	}
}

func TestFolderThatCannotBeWritten(t *testing.T) {
	if os.Geteuid() == 0 {
		dir := t.TempDir() // root may write everywhere: a file in the folder's place is the nearest thing
		assert.NilError(t, os.WriteFile(filepath.Join(dir, Folder), nil, 0o600))
		assert.ErrorContains(t, open(t, dir, "shop").Update(record("first")), "make state folder")
		err := unwritable(dir, &os.PathError{Op: "mkdir", Path: "x", Err: syscall.EROFS})
		assert.Error(t, err, fmt.Sprintf("write state in %s: read-only file system", dir))
		return
	}
	dir := t.TempDir()
	assert.NilError(t, os.Chmod(dir, 0o500))
	unwritable := &UnwritableError{}
	assert.Assert(t, errors.As(open(t, dir, "shop").Update(record("first")), &unwritable))
	_, err := open(t, dir, "shop").Lock(t.Context(), LockOptions{})
	assert.Assert(t, errors.As(err, &unwritable))
	assert.Equal(t, unwritable.Path, dir)
}
