package engine

import (
	"context"
	"fmt"

	"github.com/docker/docker/api/types/container"
)

// Process is what must be known of a container's process to join it.
type Process struct {
	TTY   bool // it has a terminal
	Stdin bool // it reads what it is sent
	Once  bool // the end of what it is sent is an end to it
}

// Process looks at a container's process.
func (e *Engine) Process(ctx context.Context, name string) (Process, error) {
	found, err := e.client.ContainerInspect(ctx, name)
	if err != nil {
		return Process{}, wrap(err, "inspect container "+name)
	}
	return Process{TTY: found.Config.Tty, Stdin: found.Config.OpenStdin, Once: found.Config.StdinOnce}, nil
}

// Attach joins a container's process, which need not run yet, until it ends or the user leaves it: that is ErrDetached.
// joined is called once nothing that the process says can be missed any more; an error of its own ends the call. It
// may be nil.
func (e *Engine) Attach(ctx context.Context, name string, s Streams, joined func() error) error {
	stream, err := e.client.ContainerAttach(ctx, name, container.AttachOptions{
		Stream: true, Stdin: s.In != nil, Stdout: true, Stderr: true, DetachKeys: s.detachKeys(),
	})
	if err != nil {
		return fmt.Errorf("attach to container %s: %w", name, err)
	}
	defer stream.Close()
	if joined != nil {
		if err := joined(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if s.TTY {
		go s.follow(ctx, func(ctx context.Context, to container.ResizeOptions) error {
			return e.client.ContainerResize(ctx, name, to)
		})
	}
	return transfer(ctx, stream, s)
}
