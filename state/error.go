package state

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

// without is what becomes of a project whose state file is gone.
const without = "`hyper-lite up` rebuilds what it needs from the engine's labels, " +
	"only the history, the jobs of `cron create` and when images were fetched are lost"

// CorruptError says that a state file cannot be read. It is never reset silently.
type CorruptError struct {
	Path   string
	Backup string // the previous state, readable; "" where there is none
	Err    error  // what is wrong with it
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("state file %s is corrupt: %v", e.Path, e.Err)
}
func (e *CorruptError) Unwrap() error { return e.Err }

// Hint is the way out.
func (e *CorruptError) Hint() string {
	remove := "delete it: " + without
	if e.Backup == "" {
		return remove
	}
	return fmt.Sprintf("the previous state is intact: mv %q %q\nor %s", e.Backup, e.Path, remove)
}

// NewerError says that a newer hyper-lite wrote the state file.
type NewerError struct {
	Path      string
	Version   int // of the file
	Supported int // the newest that this program knows
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("state file %s has version %d, this hyper-lite knows versions up to %d", e.Path, e.Version, e.Supported)
}

// Hint is the way out.
func (e *NewerError) Hint() string {
	return "use the newer hyper-lite that wrote it, or move the file away: " + without
}

// LockedError says that another command works on the project. Where the holder could not be read, PID is 0.
type LockedError struct {
	PID     int
	Since   time.Time
	Command string
	Path    string
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return "the project is locked by another hyper-lite"
	}
	return fmt.Sprintf("the project is locked by `%s` (process %d) since %s", e.Command, e.PID, e.Since.Local().Format(time.DateTime))
}

// Hint is the way out.
func (e *LockedError) Hint() string {
	return "wait until it is done, or stop it; a process that died holds no lock"
}

// UnwritableError says that the project folder cannot hold the state.
type UnwritableError struct {
	Path string
	Err  error
}

func (e *UnwritableError) Error() string {
	return fmt.Sprintf("write state in %s: %v", e.Path, plainCause(e.Err))
}
func (e *UnwritableError) Unwrap() error { return e.Err }

// Hint is the way out.
func (e *UnwritableError) Hint() string {
	return "the lock and the revisions are kept there: make the folder writable for you," +
		" or name another one with --project-directory"
}

// unwritable names the folder where err says that writing is not allowed, and returns other errors as they are.
func unwritable(folder string, err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return &UnwritableError{Path: folder, Err: err}
	}
	return err
}

// plainCause strips the operation and the path, which the message names already.
func plainCause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
