package state

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func TestHeldLockNamesItsHolder(t *testing.T) {
	dir := t.TempDir()
	holder := other(t, dir, "hold")
	out, err := holder.StdoutPipe()
	assert.NilError(t, err)
	assert.NilError(t, holder.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	assert.NilError(t, err)
	assert.Equal(t, line, "held\n")

	store := open(t, dir, "shop")
	_, err = store.Lock(t.Context(), LockOptions{})
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
