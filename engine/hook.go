package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"hyper-lite/plan"
)

// runHook runs a hook to its end and fails with a *plan.HookError where it exits non-zero. A container whose post_start
// hook fails is stopped (Compose spec, "post_start"). A container that has ended needs no pre_stop hook any more; one
// that ended before its post_start hook is a *plan.UnhealthyError, unless it exited 0.
func (e *Engine) runHook(ctx context.Context, step plan.RunHook) error {
	if step.Phase == plan.PreStart {
		return e.preStart(ctx, step)
	}
	id, err := e.ownRunner(ctx, step)
	if err != nil {
		return err
	}
	begun := time.Now()
	err = e.hookInside(ctx, id, step)
	if err == nil || ctx.Err() != nil && step.Phase == plan.PreStop {
		return err
	}
	found, ended := e.hasEnded(ctx, id)
	switch {
	case ended && step.Phase == plan.PreStop:
		return nil
	case ended && !errors.As(err, new(*plan.HookError)): // there was nothing to run it in
		return e.endedEarly(ctx, step, found, begun)
	case step.Phase == plan.PostStart:
		stopped := gone(e.client.ContainerStop(context.WithoutCancel(ctx), id, container.StopOptions{}))
		return errors.Join(err, wrap(stopped, "stop it"))
	}
	return err
}

// hookInside runs a hook in the container itself.
func (e *Engine) hookInside(ctx context.Context, id string, step plan.RunHook) error {
	code, output, err := e.run(ctx, id, container.ExecOptions{
		Cmd:        step.Hook.Command,
		User:       step.Hook.User,
		Privileged: step.Hook.Privileged,
		WorkingDir: step.Hook.WorkingDir,
		Env:        environment(step.Hook.Environment),
	})
	if err != nil {
		return err
	}
	if code != 0 {
		return hookError(step, step.Hook.Command, code, strings.Split(output, "\n"))
	}
	return nil
}

// hasEnded looks whether a container is known not to run.
func (e *Engine) hasEnded(ctx context.Context, id string) (container.InspectResponse, bool) {
	found, err := e.client.ContainerInspect(ctx, id)
	return found, errdefs.IsNotFound(err) || err == nil && !found.State.Running
}

// endedEarly is what a container means that ended before its post_start hook: nothing where it was done already.
func (e *Engine) endedEarly(ctx context.Context, step plan.RunHook, found container.InspectResponse, since time.Time) error {
	reason := "was removed"
	if found.ContainerJSONBase != nil && found.State != nil {
		if found.State.ExitCode == 0 {
			return nil
		}
		reason = ended(found.State)
	}
	await := plan.Await{Container: step.Container, Condition: plan.AwaitRunning}
	return e.unhealthy(ctx, await, watch{since: since}, reason)
}

func hookError(step plan.RunHook, command []string, code int, output []string) error {
	output = output[max(0, len(output)-diagnosed):]
	return &plan.HookError{
		Container: step.Container, Phase: step.Phase, Index: step.Index, Command: command, Code: code, Output: output,
	}
}

// run executes a command to its end and returns its exit code and the end of its output.
func (e *Engine) run(ctx context.Context, id string, options container.ExecOptions) (int, string, error) {
	options.AttachStdout, options.AttachStderr = true, true
	made, err := e.client.ContainerExecCreate(ctx, id, options)
	if err != nil {
		return 0, "", fmt.Errorf("prepare command: %w", err)
	}
	stream, err := e.client.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{})
	if err != nil {
		return 0, "", fmt.Errorf("run command: %w", err)
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, stream.Close)
	defer stop()
	var output bytes.Buffer
	if _, err := stdcopy.StdCopy(&output, &output, stream.Reader); err != nil {
		if cause := ctx.Err(); cause != nil {
			return 0, "", cause
		}
		return 0, "", fmt.Errorf("read output of command: %w", err)
	}
	ended, err := e.exitOf(ctx, made.ID)
	return ended, tail(output.String()), err
}

// exitOf waits out the moment between the end of a command's output and the engine's knowing of its end.
func (e *Engine) exitOf(ctx context.Context, exec string) (int, error) {
	for pause := newPause(); ; {
		found, err := e.client.ContainerExecInspect(ctx, exec)
		if err != nil {
			return 0, fmt.Errorf("inspect command: %w", err)
		}
		if !found.Running {
			return found.ExitCode, nil
		}
		if err := pause.wait(ctx); err != nil {
			return 0, err
		}
	}
}

// tail keeps the last part of an output, for a message.
func tail(output string) string {
	const most = 2000
	output = strings.TrimSpace(output)
	if len(output) > most {
		output = "..." + output[len(output)-most:]
	}
	return output
}
