package state

import (
	"fmt"
	"os"
	"path/filepath"
)

// replace puts text in place of a file: a temporary file beside it, flushed to the disk, then renamed, then
// the folder flushed. A reader or a crash finds the old text or the new one, never a part. The temporary
// name is fixed, since writers hold the write lock: what a crash left is overwritten by the next one.
func (s *Store) replace(path string, text []byte) error {
	name := filepath.Base(path)
	temporary := path + ".new"
	if err := s.writeFlushed(temporary, text); err != nil {
		return unwritable(s.folder, fmt.Errorf("write %s: %w", name, err))
	}
	s.reached(name + " flushed")
	if err := os.Rename(temporary, path); err != nil {
		return unwritable(s.folder, fmt.Errorf("write %s: %w", name, err))
	}
	s.reached(name + " renamed")
	if err := flushFolder(s.folder); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	s.reached(name + " done")
	return nil
}

func (s *Store) writeFlushed(path string, text []byte) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if closing := file.Close(); err == nil {
			err = closing
		}
	}()
	name := filepath.Base(path)
	s.reached(name + " opened")
	half := len(text) / 2
	if _, err := file.Write(text[:half]); err != nil {
		return err
	}
	s.reached(name + " half written")
	if _, err := file.Write(text[half:]); err != nil {
		return err
	}
	s.reached(name + " written")
	return file.Sync()
}
