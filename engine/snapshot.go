package engine

import (
	"context"
	"fmt"
	"io"

	"github.com/docker/docker/api/types/container"
)

// CommitOptions say what image is made of a container.
type CommitOptions struct {
	Reference string // NAME[:TAG]; "" gives it no name
	Author    string
	Message   string
	Changes   []string // instructions of a Dockerfile
	Pause     bool     // hold its processes meanwhile
}

// Commit makes an image of a container's file system and settings, and returns the image's ID.
func (e *Engine) Commit(ctx context.Context, id string, options CommitOptions) (string, error) {
	made, err := e.client.ContainerCommit(ctx, id, container.CommitOptions{
		Reference: options.Reference, Author: options.Author, Comment: options.Message, Changes: options.Changes, Pause: options.Pause,
	})
	if err != nil {
		return "", fmt.Errorf("commit container %.12s: %w", id, err)
	}
	e.forget(options.Reference)
	return made.ID, nil
}

// Export writes a container's file system as an archive.
func (e *Engine) Export(ctx context.Context, id string, to io.Writer) error {
	archive, err := e.client.ContainerExport(ctx, id)
	if err != nil {
		return fmt.Errorf("export container %.12s: %w", id, err)
	}
	defer archive.Close()
	if _, err := io.Copy(to, archive); err != nil {
		return fmt.Errorf("export container %.12s: %w", id, err)
	}
	return nil
}
