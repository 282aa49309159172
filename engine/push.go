package engine

import (
	"context"
	"fmt"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"

	"hyper-lite/plan"
)

// PushError says that an image could not be sent to its registry.
type PushError struct {
	Registry string
	Err      error
}

func (e *PushError) Error() string { return e.Err.Error() }

func (e *PushError) Unwrap() error { return e.Err }

// Hint is what to do: engines word a missing image, a missing right and a registry that is away in many ways.
func (e *PushError) Hint() string {
	return fmt.Sprintf("build the image before (`hyper-lite build`), `docker login %s`, and check that the engine's host reaches it", e.Registry)
}

// push sends an image to its registry with the credentials of the docker CLI's configuration.
func (e *Engine) push(ctx context.Context, step plan.Push) error {
	named, credentials, err := e.addressed(step, step.Image)
	if err != nil {
		return err
	}
	progress, err := e.client.ImagePush(ctx, named.String(), image.PushOptions{RegistryAuth: credentials})
	if err == nil {
		defer progress.Close()
		err = e.follow(step, progress)
	}
	if err != nil && ctx.Err() == nil {
		return &PushError{Registry: reference.Domain(named), Err: err}
	}
	return err
}
