package engine

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// Dial runs a command in a container and returns its stdin and stdout as one connection. Reading ends
// with io.EOF where the command exited 0, else with an error that carries its exit code and stderr.
// Close ends the connection, at which a well-behaved command sees the end of its stdin.
func (e *Engine) Dial(ctx context.Context, name string, argv []string) (io.ReadWriteCloser, error) {
	made, err := e.client.ContainerExecCreate(ctx, name, container.ExecOptions{
		AttachStdin: true, AttachStdout: true, AttachStderr: true, Cmd: argv,
	})
	if err != nil {
		return nil, fmt.Errorf("prepare command in container %s: %w", name, err)
	}
	stream, err := e.client.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{})
	if err != nil {
		return nil, fmt.Errorf("run command in container %s: %w", name, err)
	}
	reader, writer := io.Pipe()
	conn := &connection{stream: stream, stdout: reader}
	go func() { writer.CloseWithError(conn.demultiplex(context.WithoutCancel(ctx), e, made.ID, writer)) }()
	return conn, nil
}

// connection is a running command's stdin and stdout.
type connection struct {
	stream types.HijackedResponse
	stdout *io.PipeReader
	once   sync.Once
}

func (c *connection) Read(p []byte) (int, error)  { return c.stdout.Read(p) }
func (c *connection) Write(p []byte) (int, error) { return c.stream.Conn.Write(p) }

// CloseWrite ends the command's stdin and leaves its stdout open.
func (c *connection) CloseWrite() error { return c.stream.CloseWrite() }

func (c *connection) Close() error {
	var err error
	c.once.Do(func() {
		err = errors.Join(c.stream.Conn.Close(), c.stdout.Close())
	})
	return err
}

// demultiplex copies stdout until the command ends and returns how it ended.
func (c *connection) demultiplex(ctx context.Context, e *Engine, exec string, stdout io.Writer) error {
	var stderr lastBytes
	if _, err := stdcopy.StdCopy(stdout, &stderr, c.stream.Reader); err != nil {
		return fmt.Errorf("read from command: %w", err)
	}
	code, err := e.exitOf(ctx, exec)
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("command exited %d: %s", code, tail(string(stderr)))
	}
	return io.EOF
}

// lastBytes keeps the end of what is written, so that a chatty command costs no memory.
type lastBytes []byte

func (l *lastBytes) Write(p []byte) (int, error) {
	const most = 64 << 10
	*l = append(*l, p...)
	if len(*l) > most {
		*l = append((*l)[:0], (*l)[len(*l)-most:]...)
	}
	return len(p), nil
}

// ReadFile reads one regular file of a container, which need not run. A file or container that is not
// there is an error that wraps fs.ErrNotExist.
func (e *Engine) ReadFile(ctx context.Context, name, path string) ([]byte, error) {
	content, _, err := e.client.CopyFromContainer(ctx, name, path)
	if errdefs.IsNotFound(err) {
		return nil, fmt.Errorf("read %s of container %s: %w", path, name, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s of container %s: %w", path, name, err)
	}
	defer content.Close()
	archive := tar.NewReader(content)
	header, err := archive.Next()
	if err != nil {
		return nil, fmt.Errorf("read %s of container %s: %w", path, name, err)
	}
	if header.Typeflag != tar.TypeReg {
		return nil, fmt.Errorf("read %s of container %s: it is no regular file", path, name)
	}
	var text bytes.Buffer
	if _, err := io.Copy(&text, archive); err != nil {
		return nil, fmt.Errorf("read %s of container %s: %w", path, name, err)
	}
	return text.Bytes(), nil
}
