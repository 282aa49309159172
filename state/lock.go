package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

const (
	// retry is how often a held lock is tried again.
	retry = 50 * time.Millisecond
	// glance is how long lookers may keep a free lock from being taken: each of them has it for a moment only.
	glance = 2 * time.Second
)

// Lock makes its holder the only one who changes a project. It ends with Release or with the process: a
// dead holder never blocks, since the kernel keeps the lock and not the file's content.
type Lock struct {
	lock *flock.Flock
	path string
}

// LockOptions says how to take a lock.
type LockOptions struct {
	Command string             // what the holder does, for others to read: "hyper-lite up"
	On      []string           // the parts of the project that it is about; none: all
	Wait    time.Duration      // how long to wait for a holder; 0 not at all, negative until the context ends
	OnWait  func(*LockedError) // told once, before waiting; may be nil
}

// Holder is who has a lock, as it stands in the lock file.
type Holder struct {
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	Command string    `json:"command"`      // "hyper-lite up"
	On      []string  `json:"on,omitempty"` // the parts of the project that it is about; none: all
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
	taken, err := take(ctx, lock)
	if err == nil && !taken {
		taken, err = waitFor(ctx, lock, options)
	}
	if err != nil {
		return nil, unwritable(s.folder, fmt.Errorf("lock project: %w", err))
	}
	if !taken {
		return nil, lockedBy(path)
	}
	self := Holder{PID: os.Getpid(), Since: time.Now().UTC().Truncate(time.Second), Command: options.Command, On: options.On}
	if err := writeHolder(path, self); err != nil {
		return nil, errors.Join(unwritable(s.folder, fmt.Errorf("lock project: %w", err)), lock.Unlock())
	}
	return &Lock{lock: lock, path: path}, nil
}

// take takes a lock that nobody holds. Whoever only looks whether it is held shares it for a moment: where the lock
// can be shared, there is no holder, and it will be free at once.
func take(ctx context.Context, lock *flock.Flock) (bool, error) {
	for until := time.Now().Add(glance); ; {
		if taken, err := lock.TryLock(); taken || err != nil {
			return taken, err
		}
		held, err := isHeld(lock)
		if held || err != nil || time.Now().After(until) {
			return false, err
		}
		pause := time.NewTimer(time.Duration(rand.IntN(int(retry / 10)))) // two who take turns do not meet forever
		select {
		case <-pause.C:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// isHeld says whether somebody has the lock for themselves. The kernel knows: the record of a holder that died stays.
func isHeld(lock *flock.Flock) (bool, error) {
	shared, err := lock.TryRLock()
	if err != nil {
		return false, err
	}
	if !shared {
		return true, nil
	}
	return false, lock.Unlock()
}

// Holder is who holds the project's lock at this moment; false where nobody does. It leaves no trace, and keeps
// nobody from taking the lock.
func (s *Store) Holder() (Holder, bool, error) {
	path := filepath.Join(s.folder, "lock")
	held, err := isHeld(flock.New(path, flock.SetFlag(os.O_RDONLY)))
	if errors.Is(err, fs.ErrNotExist) {
		return Holder{}, false, nil
	}
	if err != nil {
		return Holder{}, false, fmt.Errorf("look at the lock of the project: %w", err)
	}
	if !held {
		return Holder{}, false, nil
	}
	h, ok := readHolder(path)
	return h, ok, nil // without a record it was just taken, or is just given back
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
	if err := errors.Join(writeHolder(l.path, Holder{}), l.lock.Unlock()); err != nil {
		return fmt.Errorf("unlock project: %w", err)
	}
	return nil
}

func writeHolder(path string, h Holder) error {
	record := bytes.Repeat([]byte{' '}, holderSize)
	if h.PID != 0 {
		const rest = 200                                                 // for all but the command
		h.Command = h.Command[:min(len(h.Command), (holderSize-rest)/6)] // a byte may take six in JSON
		text, err := json.Marshal(h)
		if err == nil && len(text) >= holderSize {
			h.On = nil // too many to name them
			text, err = json.Marshal(h)
		}
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

// readHolder reads the record of a lock file; false where none can be read.
func readHolder(path string) (Holder, bool) {
	file, err := os.Open(path)
	if err != nil {
		return Holder{}, false
	}
	defer file.Close() //nolint:errcheck // only read
	record := make([]byte, holderSize)
	if _, err := file.ReadAt(record, 1); err != nil {
		return Holder{}, false
	}
	var h Holder
	if err := json.Unmarshal(bytes.TrimSpace(record), &h); err != nil {
		return Holder{}, false
	}
	return h, h.PID != 0
}

// lockedBy reads who holds a lock. A record that cannot be read is an unknown holder, not a free lock.
func lockedBy(path string) *LockedError {
	h, _ := readHolder(path)
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
