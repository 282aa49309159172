package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// retry is how often a held lock is tried again.
const retry = 50 * time.Millisecond

// Lock makes its holder the only one who changes a project. It ends with Release or with the process: a
// dead holder never blocks, since the kernel keeps the lock and not the file's content.
type Lock struct {
	lock *flock.Flock
	path string
}

// LockOptions says how to take a lock.
type LockOptions struct {
	Command string             // what the holder does, for others to read: "hyper-lite up"
	Wait    time.Duration      // how long to wait for a holder; 0 not at all, negative until the context ends
	OnWait  func(*LockedError) // told once, before waiting; may be nil
}

// holder is what stands in a lock file.
type holder struct {
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	Command string    `json:"command"`
}

// holderSize is the length of a holder's record, padded with spaces: it is written over the previous one in a
// single call, and no file is ever cut. It starts at the second byte, since the first one is what Windows locks,
// and nobody else could read it.
const holderSize = 1024

// Lock takes the project's lock. Where another process holds it for longer than the options allow, the error
// is a *LockedError that names the holder.
func (s *Store) Lock(ctx context.Context, options LockOptions) (*Lock, error) {
	if err := s.makeFolder(); err != nil {
		return nil, err
	}
	path := filepath.Join(s.folder, "lock")
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	taken, err := lock.TryLock()
	if err == nil && !taken {
		taken, err = waitFor(ctx, lock, options)
	}
	if err != nil {
		return nil, unwritable(s.folder, fmt.Errorf("lock project: %w", err))
	}
	if !taken {
		return nil, lockedBy(path)
	}
	self := holder{PID: os.Getpid(), Since: time.Now().UTC().Truncate(time.Second), Command: options.Command}
	if err := writeHolder(path, self); err != nil {
		return nil, errors.Join(unwritable(s.folder, fmt.Errorf("lock project: %w", err)), lock.Unlock())
	}
	return &Lock{lock: lock, path: path}, nil
}

// waitFor waits for the holder as long as the options allow.
func waitFor(ctx context.Context, lock *flock.Flock, options LockOptions) (bool, error) {
	if options.Wait == 0 {
		return false, nil
	}
	if options.OnWait != nil {
		options.OnWait(lockedBy(lock.Path()))
	}
	limited, cancel := ctx, func() {}
	if options.Wait > 0 {
		limited, cancel = context.WithTimeout(ctx, options.Wait)
	}
	defer cancel()
	taken, err := lock.TryLockContext(limited, retry)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return false, nil
	}
	return taken, err
}

// Release gives the lock back.
func (l *Lock) Release() error {
	if err := errors.Join(writeHolder(l.path, holder{}), l.lock.Unlock()); err != nil {
		return fmt.Errorf("unlock project: %w", err)
	}
	return nil
}

func writeHolder(path string, h holder) error {
	record := bytes.Repeat([]byte{' '}, holderSize)
	if h.PID != 0 {
		const rest = 200                                                 // for all but the command
		h.Command = h.Command[:min(len(h.Command), (holderSize-rest)/6)] // a byte may take six in JSON
		text, err := json.Marshal(h)
		if err != nil {
			return err
		}
		copy(record, text)
	}
	record[holderSize-1] = '\n'
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(record, 1)
	return errors.Join(err, file.Close())
}

// lockedBy reads who holds a lock. A record that cannot be read is an unknown holder, not a free lock.
func lockedBy(path string) *LockedError {
	unknown := &LockedError{Path: path}
	file, err := os.Open(path)
	if err != nil {
		return unknown
	}
	defer file.Close() //nolint:errcheck // only read
	record := make([]byte, holderSize)
	if _, err := file.ReadAt(record, 1); err != nil {
		return unknown
	}
	var h holder
	if err := json.Unmarshal(bytes.TrimSpace(record), &h); err != nil {
		return unknown
	}
	return &LockedError{PID: h.PID, Since: h.Since, Command: h.Command, Path: path}
}

// acquire takes a lock that is only ever held for the time of a write.
func acquire(ctx context.Context, path, folder string) (*flock.Flock, error) {
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	_, err := lock.TryLockContext(ctx, retry/10)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, &LockedError{Path: path}
	}
	if err != nil {
		return nil, unwritable(folder, fmt.Errorf("lock state: %w", err))
	}
	return lock, nil
}
