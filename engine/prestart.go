package engine

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// preStart runs a pre_start hook in a container of its own, which is there for nobody but the container that it comes
// before, and is taken away however it ends.
func (e *Engine) preStart(ctx context.Context, step plan.RunHook) (err error) {
	of, err := e.ownRunner(ctx, step)
	if err != nil {
		return err
	}
	create := plan.Create{Container: plan.Container{Ref: step.Ref, Name: hookName(step)}, Service: step.Service}
	if err := e.discard(ctx, create, create.Name); err != nil {
		return err
	}
	shared, err := e.sharedMounts(ctx, of, step.Service)
	if err != nil {
		return err
	}
	made, err := e.draft(ctx, create, shared...)
	if err != nil {
		return err
	}
	id, err := e.make(ctx, create, made, create.Name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.abandon(ctx, id)) }()
	if err := e.furnish(ctx, id, made); err != nil {
		return err
	}
	code, err := e.runToEnd(ctx, id)
	if err != nil {
		return refused(err, step.Ref.Service)
	}
	if code == 0 {
		return nil
	}
	// What cannot be read is left out: the exit code is what matters.
	output, _, _ := e.Diagnose(context.WithoutCancel(ctx), id)
	return hookError(step, append(step.Service.Body.Entrypoint, step.Service.Body.Command...), code, output)
}

// ownRunner is the container whose hook a step is.
func (e *Engine) ownRunner(ctx context.Context, step plan.RunHook) (string, error) {
	id, err := e.own(ctx, step.Container)
	if err == nil && id == "" {
		err = fmt.Errorf("there is no container %s", step.Name)
	}
	return id, err
}

func hookName(step plan.RunHook) string {
	return fmt.Sprintf("%s.%s-%d", step.Name, step.Phase, step.Index)
}

// runToEnd starts a container and returns its exit code. It listens before: a short life would be over else.
func (e *Engine) runToEnd(ctx context.Context, id string) (int, error) {
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	ended, failed := e.client.ContainerWait(waiting, id, container.WaitConditionNextExit)
	if err := e.client.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		return 0, err
	}
	select {
	case end := <-ended:
		if end.Error != nil {
			return 0, errors.New(end.Error.Message)
		}
		return int(end.StatusCode), nil
	case err := <-failed:
		return 0, wrap(err, "wait for its end")
	}
}

// sharedMounts are the mounts of a container for a hook that runs before it: its binds and its volumes, anonymous ones
// too. What the hook has a file or a mount of its own for is none of them, nor is what holds only copied-in files.
func (e *Engine) sharedMounts(ctx context.Context, of string, hook compose.Service) ([]mount.Mount, error) {
	found, err := e.client.ContainerInspect(ctx, of)
	if err != nil {
		return nil, wrap(err, "inspect container")
	}
	files, err := filesOf(hook)
	if err != nil {
		return nil, err
	}
	taken := namesOf(found.Config.Labels[labelFiles])
	for _, f := range files {
		taken = append(taken, path.Clean(f.target))
	}
	var shared []mount.Mount
	for _, m := range found.Mounts {
		if !slices.Contains(taken, path.Clean(m.Destination)) {
			shared = append(shared, sharedMount(found, m)...)
		}
	}
	return shared, nil
}

// sharedMount is one mount of a container as another one can have it, or none.
func sharedMount(found container.InspectResponse, m container.MountPoint) []mount.Mount {
	shared := mount.Mount{Type: m.Type, Source: m.Source, Target: m.Destination, ReadOnly: !m.RW}
	for _, declared := range found.HostConfig.Mounts {
		if path.Clean(declared.Target) == path.Clean(m.Destination) {
			shared = declared
		}
	}
	switch m.Type {
	case mount.TypeVolume:
		shared.Source = m.Name
	case mount.TypeBind, mount.TypeImage:
	default: // the engine shares no memory between containers
		return nil
	}
	return []mount.Mount{shared}
}
