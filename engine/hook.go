package engine

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"hyper-lite/plan"
)

// runHook runs a hook in its container and fails with the hook's output where it exits non-zero.
func (e *Engine) runHook(ctx context.Context, step plan.RunHook) error {
	if step.Phase == "pre_start" {
		return fmt.Errorf("pre_start hooks are not supported: make it a service of its own and wait for its service_completed_successfully")
	}
	id, err := e.own(ctx, step.Container)
	if err != nil {
		return err
	}
	if id == "" {
		return fmt.Errorf("there is no container %s", step.Name)
	}
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
		return fmt.Errorf("%s hook %d (%s) exited %d: %s", step.Phase, step.Index,
			strings.Join(step.Hook.Command, " "), code, output)
	}
	return nil
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
