package state

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Replace puts text in place of a file: a reader or a crash finds the old text or the new one, never a part. Only one
// writer at a time may do so.
func Replace(path string, text []byte, mode os.FileMode) error {
	return ReplaceBy(path, mode, func(to io.Writer) error {
		_, err := to.Write(text)
		return err
	})
}

// ReplaceBy is Replace for a text that is too long to be held at once. Where write fails, the old text stays.
func ReplaceBy(path string, mode os.FileMode, write func(to io.Writer) error) error {
	temporary := path + ".new"
	if err := writeWhole(temporary, mode, write); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return flushFolder(filepath.Dir(path))
}

func writeWhole(path string, mode os.FileMode, write func(to io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(file)
	if err = write(buffered); err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}
