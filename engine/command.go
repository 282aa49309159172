package engine

import (
	"context"
	"fmt"

	"github.com/docker/docker/api/types/container"
)

// Command is a program to run in a container that runs.
type Command struct {
	Argv       []string
	Env        []string // "NAME=value"; a name alone takes the container's own away
	User       string   // "" is the container's
	WorkDir    string   // "" is the container's
	Privileged bool
	Detached   bool // begin it, and leave it to itself
}

// Exec runs a command in a container and returns its exit code: 0 where it is detached. It returns ErrDetached where
// the user left it by the detach keys. Where the context ends the command goes on: an engine cannot signal it.
func (e *Engine) Exec(ctx context.Context, name string, c Command, s Streams) (int, error) {
	attached := !c.Detached
	made, err := e.client.ContainerExecCreate(ctx, name, container.ExecOptions{
		Cmd: c.Argv, Env: c.Env, User: c.User, WorkingDir: c.WorkDir, Privileged: c.Privileged, Tty: s.TTY,
		AttachStdin: attached && s.In != nil, AttachStdout: attached, AttachStderr: attached, DetachKeys: s.detachKeys(),
	})
	if err != nil {
		return 0, fmt.Errorf("prepare command in container %s: %w", name, err)
	}
	if c.Detached {
		err := e.client.ContainerExecStart(ctx, made.ID, container.ExecStartOptions{Detach: true, Tty: s.TTY})
		return 0, wrap(err, "run command in container "+name)
	}
	stream, err := e.client.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{Tty: s.TTY})
	if err != nil {
		return 0, fmt.Errorf("run command in container %s: %w", name, err)
	}
	defer stream.Close()
	sizing, cancel := context.WithCancel(ctx)
	defer cancel()
	if s.TTY {
		go s.follow(sizing, func(ctx context.Context, to container.ResizeOptions) error {
			return e.client.ContainerExecResize(ctx, made.ID, to)
		})
	}
	if err := transfer(ctx, stream, s); err != nil {
		return 0, err
	}
	return e.exitOf(ctx, made.ID)
}
