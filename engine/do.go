package engine

import (
	"context"
	"fmt"

	"github.com/docker/docker/client"

	"hyper-lite/plan"
)

// Do performs one step. Every step is safe to repeat: what is already so is left alone, and what should
// go and is not there counts as gone. A plan.Route and a plan.Drain are the balancer's and are refused.
//
// A step that meets something of others on its way returns a *plan.ConflictError and has changed
// nothing. An await that cannot be fulfilled returns a *plan.UnhealthyError. An engine that went away in
// the middle is an ErrUnreachable.
func (e *Engine) Do(ctx context.Context, step plan.Step) error {
	err := e.do(ctx, step)
	if err == nil {
		return nil
	}
	if unhealthy, ok := err.(*plan.UnhealthyError); ok {
		return unhealthy // it names the step itself
	}
	if client.IsErrConnectionFailed(err) {
		err = e.endpoint.unreachable(err)
	}
	return fmt.Errorf("%s %s: %w", step.Verb(), step.Subject(), err)
}

func (e *Engine) do(ctx context.Context, step plan.Step) error {
	switch s := step.(type) {
	case plan.Pull:
		return e.pull(ctx, s)
	case plan.Build:
		return e.build(ctx, s)
	case plan.Push:
		return e.push(ctx, s)
	case plan.Import:
		return e.importSidecar(ctx, s)
	case plan.CreateNetwork:
		return e.createNetwork(ctx, s)
	case plan.RecreateNetwork:
		return e.recreateNetwork(ctx, s)
	case plan.CreateVolume:
		return e.createVolume(ctx, s)
	case plan.RemoveNetwork:
		return e.removeNetwork(ctx, s)
	case plan.RemoveVolume:
		return e.removeVolume(ctx, s)
	case plan.RemoveImage:
		return e.removeImage(ctx, s)
	case plan.Create:
		return e.create(ctx, s)
	case plan.Register:
		return e.register(ctx, s)
	case plan.Clone:
		return e.clone(ctx, s)
	case plan.Start:
		return e.start(ctx, s)
	case plan.Await:
		return e.await(ctx, s)
	case plan.RunHook:
		return e.runHook(ctx, s)
	case plan.Stop:
		return e.stop(ctx, s)
	case plan.Restart:
		return e.restart(ctx, s)
	case plan.Freeze:
		return e.freeze(ctx, s)
	case plan.Unpause:
		return e.unpause(ctx, s)
	case plan.Kill:
		return e.kill(ctx, s)
	case plan.Remove:
		return e.remove(ctx, s)
	case plan.Rename:
		return e.rename(ctx, s)
	case plan.Route, plan.Drain:
		return fmt.Errorf("%T is a step of the balancer, not of the engine", s)
	}
	return fmt.Errorf("%T is not a step that the engine knows", step)
}
