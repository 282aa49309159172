package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/moby/go-archive"
)

// CopyOptions say how files are copied into and out of a container.
type CopyOptions struct {
	Follow bool // a symbolic link at the source stands for what it points to
	Owners bool // into a container: keep the numbers of users and groups, instead of the container's own user
}

// CopyOut copies a file or folder of a container, which need not run, to a path of this machine, as `docker cp` does.
func (e *Engine) CopyOut(ctx context.Context, name, from, to string, options CopyOptions) error {
	to, err := absolute(to)
	if err != nil {
		return err
	}
	if err := writable(to); err != nil {
		return err
	}
	content, source, err := e.archiveOf(ctx, name, from, options)
	if err != nil {
		return err
	}
	defer content.Close()
	if source.RebaseName != "" {
		_, base := archive.SplitPathDirEntry(source.Path)
		content = archive.RebaseArchiveEntries(content, base, source.RebaseName)
		defer content.Close()
	}
	return wrap(archive.CopyTo(content, source, to), fmt.Sprintf("copy %s of container %s to %s", from, name, to))
}

// CopyOutTar writes a file or folder of a container as a tar archive.
func (e *Engine) CopyOutTar(ctx context.Context, name, from string, to io.Writer, options CopyOptions) error {
	content, _, err := e.archiveOf(ctx, name, from, options)
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.Copy(to, content)
	return wrap(err, fmt.Sprintf("copy %s of container %s", from, name))
}

func (e *Engine) archiveOf(ctx context.Context, name, from string, options CopyOptions) (io.ReadCloser, archive.CopyInfo, error) {
	source := archive.CopyInfo{Path: from, Exists: true}
	if options.Follow {
		if is, err := e.client.ContainerStatPath(ctx, name, from); err == nil && is.Mode&os.ModeSymlink != 0 {
			source.Path, source.RebaseName = archive.GetRebaseName(from, linkTarget(from, is.LinkTarget))
		}
	}
	content, is, err := e.client.CopyFromContainer(ctx, name, source.Path)
	if err != nil {
		return nil, source, fmt.Errorf("copy %s of container %s: %w", from, name, err)
	}
	source.IsDir = is.Mode.IsDir()
	return content, source, nil
}

// linkTarget is where a link of a container leads. A relative one starts at its own folder.
func linkTarget(link, target string) string {
	if path.IsAbs(target) {
		return target
	}
	folder, _ := archive.SplitPathDirEntry(link)
	return path.Join(folder, target)
}

// CopyIn copies a file or folder of this machine into a container, which need not run, as `docker cp` does.
func (e *Engine) CopyIn(ctx context.Context, name, from, to string, options CopyOptions) error {
	from, err := absolute(from)
	if err != nil {
		return err
	}
	target, err := e.destination(ctx, name, to)
	if err != nil {
		return err
	}
	source, err := archive.CopyInfoSourcePath(from, options.Follow)
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	content, err := archive.TarResource(source)
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	defer content.Close()
	folder, prepared, err := archive.PrepareArchiveCopy(content, source, target)
	if err != nil {
		return fmt.Errorf("copy %s to %s of container %s: %w", from, to, name, err)
	}
	defer prepared.Close()
	return e.unpack(ctx, name, to, folder, prepared, options)
}

// CopyInTar unpacks a tar archive into a folder of a container.
func (e *Engine) CopyInTar(ctx context.Context, name string, from io.Reader, to string, options CopyOptions) error {
	target, err := e.destination(ctx, name, to)
	if err != nil {
		return err
	}
	if !target.IsDir {
		return fmt.Errorf("copy to %s of container %s: an archive is unpacked into a folder, and this is none", to, name)
	}
	return e.unpack(ctx, name, to, target.Path, from, options)
}

func (e *Engine) unpack(ctx context.Context, name, to, folder string, content io.Reader, options CopyOptions) error {
	err := e.client.CopyToContainer(ctx, name, folder, content, container.CopyToContainerOptions{CopyUIDGID: options.Owners})
	return wrap(err, fmt.Sprintf("copy to %s of container %s", to, name))
}

// destination is a place in a container, behind a symbolic link where it is one. One that is not there may still be
// made: its folder is asked for then.
func (e *Engine) destination(ctx context.Context, name, to string) (archive.CopyInfo, error) {
	target := archive.CopyInfo{Path: to}
	is, err := e.client.ContainerStatPath(ctx, name, to)
	if err == nil && is.Mode&os.ModeSymlink != 0 {
		target.Path = linkTarget(to, is.LinkTarget)
		is, err = e.client.ContainerStatPath(ctx, name, target.Path)
	}
	if errdefs.IsNotFound(err) {
		return target, nil
	}
	if err != nil {
		return target, fmt.Errorf("copy to %s of container %s: %w", to, name, err)
	}
	if is.Mode&(os.ModeNamedPipe|os.ModeSocket|os.ModeDevice|os.ModeIrregular) != 0 {
		return target, fmt.Errorf("copy to %s of container %s: it is neither a folder nor a regular file", to, name)
	}
	target.Exists, target.IsDir = true, is.Mode.IsDir()
	return target, nil
}

// absolute keeps what the end of a path says: "/" is a folder, "/." is what is in it.
func absolute(name string) (string, error) {
	whole, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	return archive.PreserveTrailingDotOrSeparator(whole, name), nil
}

// writable is an error where nothing can be put at a path of this machine.
func writable(to string) error {
	if _, err := os.Stat(filepath.Dir(filepath.Clean(to))); err != nil {
		return fmt.Errorf("copy to %s: %w", to, err)
	}
	is, err := os.Stat(to)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("copy to %s: %w", to, err)
	}
	if !is.IsDir() && !is.Mode().IsRegular() {
		return fmt.Errorf("copy to %s: it is neither a folder nor a regular file", to)
	}
	return nil
}
