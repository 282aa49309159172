// Package state is a JSON document that is never half written, and a lock. It remembers what the engine
// forgets. It knows no domain: it never looks into what it keeps, and never decides what to do.
package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// Folder is the name of the folder inside the project folder.
const Folder = ".hyper-lite"

// patience bounds the wait for another writer. A write takes milliseconds.
const patience = 10 * time.Second

var projectName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

// Store is the state of one project, in <project folder>/.hyper-lite/<project>.
type Store struct {
	root   string // the project folder
	folder string
	// reached is told each step of a write, so that a test can die there.
	reached func(step string)
}

// Open names a project's state. It neither reads nor makes anything: looking leaves no trace.
func Open(dir, project string) (*Store, error) {
	if !projectName.MatchString(project) {
		return nil, fmt.Errorf("open state: %q is no project name", project)
	}
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	return &Store{root: root, folder: filepath.Join(root, Folder, project), reached: func(string) {}}, nil
}

// Projects are the names of the projects that have state in a project folder, sorted.
func Projects(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, Folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read state folder: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() && projectName.MatchString(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// Path is the state file.
func (s *Store) Path() string { return filepath.Join(s.folder, "state.json") }

func (s *Store) backup() string { return s.Path() + ".bak" }

// Read returns the document, or an empty one where there is none yet. A damaged file is a *CorruptError, one
// of a newer program a *NewerError.
func (s *Store) Read() (Document, error) {
	document, _, err := s.read()
	return document, err
}

func (s *Store) read() (Document, []byte, error) {
	text, err := os.ReadFile(s.Path())
	if errors.Is(err, fs.ErrNotExist) {
		return Document{Version: Version}, nil, nil
	}
	if err != nil {
		return Document{}, nil, fmt.Errorf("read state: %w", err)
	}
	document, err := decode(text)
	if err == nil {
		return document, text, nil
	}
	if version, ok := errors.AsType[newer](err); ok {
		return Document{}, nil, &NewerError{Path: s.Path(), Version: int(version), Supported: Version}
	}
	return Document{}, nil, &CorruptError{Path: s.Path(), Backup: s.intactBackup(), Err: err}
}

// intactBackup is the path of the previous state, or "" where there is none that could be read.
func (s *Store) intactBackup() string {
	text, err := os.ReadFile(s.backup())
	if err != nil {
		return ""
	}
	if _, err := decode(text); err != nil {
		return ""
	}
	return s.backup()
}

// Update reads the document, lets change work on it and writes it back, all under a short lock: two writers
// never lose each other's records. Whatever happens, the file is either the old or the new document, and the
// new one once Update has returned nil. Nothing is written where change fails or changes nothing.
func (s *Store) Update(change func(*Document) error) error {
	if err := s.makeFolder(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	guard, err := acquire(ctx, filepath.Join(s.folder, "write.lock"), s.folder)
	if err != nil {
		return err
	}
	defer guard.Unlock() //nolint:errcheck // the kernel releases it with the process at the latest

	document, previous, err := s.read()
	if err != nil {
		return err
	}
	if err := change(&document); err != nil {
		return err
	}
	text, err := encode(document)
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	if bytes.Equal(text, previous) {
		return nil
	}
	if previous != nil {
		if err := s.replace(s.backup(), previous); err != nil {
			return err
		}
	}
	return s.replace(s.Path(), text)
}

// makeFolder makes the state folder, closed to others and invisible to git.
func (s *Store) makeFolder() error {
	if err := os.MkdirAll(s.folder, 0o700); err != nil {
		return unwritable(s.root, fmt.Errorf("make state folder: %w", err))
	}
	ignore := filepath.Join(s.root, Folder, ".gitignore")
	if _, err := os.Lstat(ignore); err == nil {
		return nil
	}
	if err := os.WriteFile(ignore, []byte("*\n"), 0o600); err != nil {
		return unwritable(s.root, fmt.Errorf("make state folder: %w", err))
	}
	return nil
}
