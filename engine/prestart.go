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
	files, err := filesOf(step.Service)
	if err != nil {
		return err
	}
	shared, err := e.sharedMounts(ctx, of, files)
	if err != nil {
		return err
	}
	create := plan.Create{Container: plan.Container{Ref: step.Ref, Name: hookName(step)}, Service: step.Service}
	made, err := e.draft(ctx, create, shared...)
	if err != nil {
		return err
	}
	at := func(begin func() error) error { return begin() }
	return e.runBefore(ctx, step, create, made, at)
}

// Prepare runs the pre_start hooks of a run that was made and is not started yet, as its job is registered, one after the other.
// Each begins within alone.
func (e *Engine) Prepare(ctx context.Context, run RunOf, alone func(begin func() error) error) error {
	return e.reached(e.prepare(ctx, run, alone))
}

func (e *Engine) prepare(ctx context.Context, run RunOf, alone func(begin func() error) error) error {
	job, err := e.template(ctx, run.By, run.Job)
	if err != nil {
		return err
	}
	run.Role, run.Labels = compose.RoleHook, nil
	for at, before := range job.Before {
		step := plan.RunHook{Container: plan.Container{Ref: plan.Ref{Service: run.Job, Slot: 1, Generation: 1}, Name: run.Name}, Phase: plan.PreStart, Index: at + 1}
		of, err := e.ownRunner(ctx, step)
		if err != nil {
			return err
		}
		made, err := e.runOf(ctx, run, before)
		if err != nil {
			return err
		}
		var files []file
		for _, c := range made.copies {
			files = append(files, c.files...)
		}
		shared, err := e.sharedMounts(ctx, of, files)
		if err != nil {
			return err
		}
		made.share(shared)
		create := plan.Create{
			Container: plan.Container{Ref: step.Ref, Name: hookName(step)},
			Service:   compose.Service{Project: run.Project, Name: run.Job, Role: compose.RoleHook},
		}
		if err := e.runBefore(ctx, step, create, made, alone); err != nil {
			return err
		}
	}
	return nil
}

// DropHooks takes away the containers of so many pre_start hooks of a run, whatever they do.
func (e *Engine) DropHooks(ctx context.Context, project string, run plan.Container, hooks int) error {
	for at := range hooks {
		create := plan.Create{Container: run, Service: compose.Service{Project: project}}
		if err := e.discard(ctx, create, hookName(plan.RunHook{Container: run, Phase: plan.PreStart, Index: at + 1})); err != nil {
			return e.reached(err)
		}
	}
	return nil
}

// runBefore runs the container of a pre_start hook to its end, and takes it away. It begins within alone.
func (e *Engine) runBefore(ctx context.Context, step plan.RunHook, create plan.Create, made draft, alone func(begin func() error) error) (err error) {
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	id := ""
	defer func() {
		if id != "" {
			err = errors.Join(err, e.abandon(ctx, id))
		}
	}()
	var end func() (int, error)
	err = alone(func() (err error) {
		if err := e.discard(ctx, create, create.Name); err != nil {
			return err
		}
		if id, err = e.make(ctx, create, made, create.Name); err != nil {
			return err
		}
		if err := e.furnish(ctx, id, made); err != nil {
			return err
		}
		end, err = e.runToEnd(waiting, id)
		return refused(err, step.Ref.Service)
	})
	if err != nil {
		return err
	}
	code, err := end()
	if err != nil || code == 0 {
		return err
	}
	// What cannot be read is left out: the exit code is what matters.
	output, _, _ := e.Diagnose(context.WithoutCancel(ctx), id)
	return hookError(step, slices.Concat([]string(made.config.Entrypoint), []string(made.config.Cmd)), code, output)
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

// runToEnd starts a container; end returns its exit code. It listens before: a short life would be over else.
func (e *Engine) runToEnd(ctx context.Context, id string) (end func() (int, error), err error) {
	ended, failed := e.client.ContainerWait(ctx, id, container.WaitConditionNextExit)
	if err := e.client.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		return nil, err
	}
	return func() (int, error) {
		select {
		case end := <-ended:
			if end.Error != nil {
				return 0, errors.New(end.Error.Message)
			}
			return int(end.StatusCode), nil
		case err := <-failed:
			return 0, wrap(err, "wait for its end")
		}
	}, nil
}

// sharedMounts are the mounts of a container for a hook that runs before it: its binds and its volumes, anonymous ones
// too. What the hook has a file of its own for is none of them, nor is what holds only copied-in files.
func (e *Engine) sharedMounts(ctx context.Context, of string, files []file) ([]mount.Mount, error) {
	found, err := e.client.ContainerInspect(ctx, of)
	if err != nil {
		return nil, wrap(err, "inspect container")
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
