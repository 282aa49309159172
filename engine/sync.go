package engine

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/moby/go-archive"

	"hyper-lite/plan"
)

// File is a file of ours, and where it is in a container: an absolute path.
type File struct{ From, To string }

// Sync makes files of a running container of ours like those here: it copies those that are there, and removes those that
// are not any more. Folders are made, their content is not copied. Files keep their mode and belong to whom they belong
// here; in a container without `rm` nothing is removed, which is an error after everything else was done.
func (e *Engine) Sync(ctx context.Context, c plan.Container, files []File) error {
	id, err := e.own(ctx, c)
	if err != nil {
		return fmt.Errorf("copy files to container %s: %w", c.Name, err)
	}
	if id == "" {
		return nil
	}
	var there []File
	var gone []string
	for _, f := range files {
		_, err := os.Lstat(f.From)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			gone = append(gone, f.To)
		case err != nil:
			return fmt.Errorf("copy files to container %s: %w", c.Name, err)
		default:
			there = append(there, f)
		}
	}
	// What is removed first may be a folder in whose place there is a file now.
	removed := e.removeFiles(ctx, id, gone)
	return errors.Join(wrap(e.copyFiles(ctx, id, there), "copy files to container "+c.Name), wrap(removed, "remove files of container "+c.Name))
}

func (e *Engine) removeFiles(ctx context.Context, id string, gone []string) error {
	if len(gone) == 0 {
		return nil
	}
	code, output, err := e.run(ctx, id, container.ExecOptions{Cmd: append([]string{"rm", "-rf", "--"}, gone...), User: "0"})
	switch {
	case err != nil:
		return err
	case code == 126 || code == 127:
		return fmt.Errorf("its image has no `rm`: %s", strings.Join(gone, ", "))
	case code != 0:
		return fmt.Errorf("rm exited %d: %s", code, output)
	}
	return nil
}

// copyFiles sends files as one archive that is made while it is sent.
func (e *Engine) copyFiles(ctx context.Context, id string, files []File) error {
	if len(files) == 0 {
		return nil
	}
	reader, writer := io.Pipe()
	go func() {
		to := tar.NewWriter(writer)
		var err error
		for _, f := range files {
			if err = packFile(to, f); err != nil {
				break
			}
		}
		writer.CloseWithError(errors.Join(err, to.Close()))
	}()
	defer reader.Close()
	return e.client.CopyToContainer(ctx, id, "/", reader, container.CopyToContainerOptions{CopyUIDGID: true})
}

// packFile adds one file. One that went meanwhile is left out: its removal is told of, too. One that grows is cut where
// it ended at first: its growing is told of, too.
func packFile(to *tar.Writer, f File) error {
	info, err := os.Lstat(f.From)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	link := ""
	if info.Mode()&os.ModeSymlink != 0 {
		if link, err = os.Readlink(f.From); err != nil {
			return err
		}
	}
	header, err := archive.FileInfoHeader(strings.TrimPrefix(path.Clean(f.To), "/"), info, link)
	if err != nil {
		return nil // sockets and the like have no place in an archive
	}
	if header.Typeflag != tar.TypeReg {
		return to.WriteHeader(header)
	}
	file, err := os.Open(f.From)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if err := to.WriteHeader(header); err != nil {
		return err
	}
	written, err := io.Copy(to, io.LimitReader(file, header.Size))
	if err == nil && written < header.Size {
		_, err = io.CopyN(to, zeros{}, header.Size-written) // it became shorter: it comes again
	}
	return err
}

// zeros is an endless file of nothing.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
