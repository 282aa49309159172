//go:build !windows

package state

import (
	"errors"
	"os"
	"syscall"
)

// flushFolder makes a rename in a folder survive a power cut. File systems that cannot flush a folder say so.
func flushFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	err = folder.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, folder.Close())
}
