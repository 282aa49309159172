package state

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func TestHeldLockNamesItsHolder(t *testing.T) {
	dir := t.TempDir()
	holder := begin(t, dir, "hold", "held\n")
	store := open(t, dir, "shop")
	_, err := store.Lock(t.Context(), LockOptions{})
	locked, ok := errors.AsType[*LockedError](err)
	assert.Assert(t, ok, "%v", err)
	assert.Equal(t, locked.PID, holder.Process.Pid)
	assert.Equal(t, locked.Command, "hyper-lite up")
	assert.Assert(t, time.Since(locked.Since) < time.Minute)

	assert.NilError(t, store.Update(record("beside")), "the lock of the project does not keep records out")

	// A dead holder never blocks.
	assert.NilError(t, holder.Process.Kill())
	_ = holder.Wait()
	lock, err := store.Lock(t.Context(), LockOptions{})
	assert.NilError(t, err)
	assert.NilError(t, lock.Release())
}

func TestHolderIsWhoHoldsTheLockNow(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir, "shop")
	nobody := func(why string) {
		t.Helper()
		_, held, err := store.Holder()
		assert.NilError(t, err)
		assert.Assert(t, !held, why)
	}
	nobody("there is no state yet")
	_, err := os.Stat(filepath.Join(dir, Folder))
	assert.ErrorIs(t, err, os.ErrNotExist, "looking leaves no trace")

	holder := begin(t, dir, "hold", "held\n")
	h, held, err := store.Holder()
	assert.NilError(t, err)
	assert.Assert(t, held)
	assert.Equal(t, h.PID, holder.Process.Pid)
	assert.Equal(t, h.Command, "hyper-lite up")
	assert.DeepEqual(t, h.On, []string{"web", "db"})

	assert.NilError(t, holder.Process.Kill())
	_ = holder.Wait()
	assert.Equal(t, lockedBy(filepath.Join(store.folder, "lock")).PID, holder.Process.Pid, "the record of a dead holder stays")
	nobody("the holder is dead")

	lock, err := store.Lock(t.Context(), LockOptions{Command: "hyper-lite scale", On: slices.Repeat([]string{"web"}, 1000)})
	assert.NilError(t, err)
	h, held, err = store.Holder()
	assert.NilError(t, err)
	assert.Assert(t, held && h.Command == "hyper-lite scale" && h.On == nil, "%+v", h)
	assert.NilError(t, lock.Release())
	nobody("the lock was given back")
}

// Whoever looks takes the lock from nobody, not even from one who does not wait: not after a holder that died, whose
// record stays.
func TestLookersKeepNobodyFromTheLock(t *testing.T) {
	dir := t.TempDir()
	dead := begin(t, dir, "hold", "held\n")
	assert.NilError(t, dead.Process.Kill())
	_ = dead.Wait()
	for range 3 {
		begin(t, dir, "look", "looking\n")
	}
	store := open(t, dir, "shop")
	for range 500 {
		lock, err := store.Lock(t.Context(), LockOptions{Command: "hyper-lite up"})
		assert.NilError(t, err)
		assert.NilError(t, lock.Release())
	}
}

// begin starts a second process and waits for its first line. It ends with the test.
func begin(t *testing.T, dir, role, line string) *exec.Cmd {
	t.Helper()
	process := other(t, dir, role)
	out, err := process.StdoutPipe()
	assert.NilError(t, err)
	assert.NilError(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	})
	said, err := bufio.NewReader(out).ReadString('\n')
	assert.NilError(t, err)
	assert.Equal(t, said, line)
	return process
}

func TestLockWaits(t *testing.T) {
	dir := t.TempDir()
	first, err := open(t, dir, "shop").Lock(t.Context(), LockOptions{Command: "first"})
	assert.NilError(t, err)
	second, err := open(t, dir, "shop").Lock(t.Context(), LockOptions{Wait: -1, OnWait: func(held *LockedError) {
		assert.Check(t, held.PID == os.Getpid() && held.Command == "first", "%+v", held)
		assert.Check(t, first.Release())
	}})
	assert.NilError(t, err)
	assert.NilError(t, second.Release())
}

func TestLockGivesUp(t *testing.T) {
	dir := t.TempDir()
	_, err := open(t, dir, "shop").Lock(t.Context(), LockOptions{Command: "first"})
	assert.NilError(t, err)
	_, err = open(t, dir, "shop").Lock(t.Context(), LockOptions{Wait: time.Millisecond})
	locked := &LockedError{}
	assert.Assert(t, errors.As(err, &locked), "%v", err)

	ctx, cancel := context.WithCancel(t.Context())
	_, err = open(t, dir, "shop").Lock(ctx, LockOptions{Wait: -1, OnWait: func(*LockedError) { cancel() }})
	assert.ErrorIs(t, err, context.Canceled)
}

func TestReleasedLockKeepsNoHolder(t *testing.T) {
	store := open(t, t.TempDir(), "shop")
	lock, err := store.Lock(t.Context(), LockOptions{Command: strings.Repeat("ü\x00", 2000)})
	assert.NilError(t, err)
	path := filepath.Join(store.folder, "lock")
	assert.Equal(t, lockedBy(path).PID, os.Getpid())
	assert.NilError(t, lock.Release())
	assert.Equal(t, lockedBy(path).PID, 0)
	assert.Error(t, lockedBy(path), "the project is locked by another hyper-lite")
}
