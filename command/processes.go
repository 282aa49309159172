package command

import (
	"context"
	"io"

	"hyper-lite/engine"
)

// processes is what the verbs need that reach into containers.
type processes interface {
	// Process is what must be known of a container's process to join it.
	Process(ctx context.Context, container string) (engine.Process, error)
	// Exec runs a command in a container and returns its exit code.
	Exec(ctx context.Context, container string, c engine.Command, s engine.Streams) (int, error)
	// Attach joins a container's process until it ends. joined is called once nothing it says can be missed.
	Attach(ctx context.Context, container string, s engine.Streams, joined func() error) error
	// Wait watches a container from now on. What it returns waits for the end, and returns the exit code.
	Wait(ctx context.Context, container string, ending engine.Ending) func() (int, error)
	// Top lists the processes of a container that runs.
	Top(ctx context.Context, container string) (engine.Processes, error)
	// CopyOut copies a file or folder of a container to a path of this machine.
	CopyOut(ctx context.Context, container, from, to string, options engine.CopyOptions) error
	// CopyOutTar writes a file or folder of a container as a tar archive.
	CopyOutTar(ctx context.Context, container, from string, to io.Writer, options engine.CopyOptions) error
	// CopyIn copies a file or folder of this machine into a container.
	CopyIn(ctx context.Context, container, from, to string, options engine.CopyOptions) error
	// CopyInTar unpacks a tar archive into a folder of a container.
	CopyInTar(ctx context.Context, container string, from io.Reader, to string, options engine.CopyOptions) error
}
