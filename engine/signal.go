package engine

import (
	"context"

	"github.com/containerd/errdefs"

	"hyper-lite/plan"
)

// freeze leaves a container alone that is paused, and one that does not run.
func (e *Engine) freeze(ctx context.Context, step plan.Freeze) error {
	id, err := e.own(ctx, step.Container)
	if err != nil || id == "" {
		return err
	}
	err = gone(e.client.ContainerPause(ctx, id))
	if err == nil {
		return nil
	}
	found, inspectErr := e.client.ContainerInspect(ctx, id)
	if inspectErr == nil && (found.State.Paused || !found.State.Running) {
		return nil
	}
	return err
}

// kill leaves a container alone that does not run.
func (e *Engine) kill(ctx context.Context, step plan.Kill) error {
	id, err := e.own(ctx, step.Container)
	if err != nil || id == "" {
		return err
	}
	err = gone(e.client.ContainerKill(ctx, id, step.Signal))
	if !errdefs.IsConflict(err) {
		return err
	}
	found, inspectErr := e.client.ContainerInspect(ctx, id)
	if inspectErr == nil && !found.State.Running {
		return nil
	}
	return err
}
