package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"hyper-lite/plan"
)

// errNotOurs guards everything that changes: nothing without our label is touched.
var errNotOurs = errors.New("it was not made by hyper-lite and is left alone")

// own finds a container and makes sure that it is ours and the service's. It returns "" where there is no
// such container. Containers that were listed or made before cost no call.
func (e *Engine) own(ctx context.Context, c plan.Container) (string, error) {
	e.mu.Lock()
	id := cmp.Or(c.ID, e.names[c.Name])
	owner, known := e.ours[id]
	e.mu.Unlock()
	if known {
		return id, owner.permits(c)
	}
	found, err := e.inspect(ctx, c)
	if errdefs.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	owner = e.learn(found)
	return found.ID, owner.permits(c)
}

func (o ownership) permits(c plan.Container) error {
	if o.project == "" {
		return errNotOurs
	}
	if c.Ref.Service != "" && o.service != c.Ref.Service {
		return fmt.Errorf("it belongs to service %s of project %s and is left alone", o.service, o.project)
	}
	return nil
}

func (e *Engine) learn(found container.InspectResponse) ownership {
	owner := ownership{}
	if found.Config != nil {
		owner = ownershipOf(found.Config.Labels)
	}
	if owner.project != "" {
		e.mu.Lock()
		e.ours[found.ID] = owner
		e.mu.Unlock()
	}
	return owner
}

// inspect looks at a container by ID, or else by its exact name: an ID that starts like a name is not it.
func (e *Engine) inspect(ctx context.Context, c plan.Container) (container.InspectResponse, error) {
	found, err := e.client.ContainerInspect(ctx, c.Address())
	if err != nil {
		return found, wrap(err, "inspect container "+c.Address())
	}
	if c.ID == "" && strings.TrimPrefix(found.Name, "/") != c.Name {
		return container.InspectResponse{}, fmt.Errorf("inspect container %s: %w", c.Name, errdefs.ErrNotFound)
	}
	return found, nil
}

// noteName remembers by which name a container of ours goes, so that the steps that follow need not ask.
// An empty ID forgets the name.
func (e *Engine) noteName(name, id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	maps.DeleteFunc(e.names, func(_, known string) bool { return known == id })
	if id == "" {
		delete(e.names, name)
		return
	}
	e.names[name] = id
}

// noteGone forgets a container that was removed: an engine that is used for years must not remember every one.
func (e *Engine) noteGone(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.ours, id)
	delete(e.started, id)
}

func (e *Engine) stop(ctx context.Context, step plan.Stop) error {
	id, err := e.own(ctx, step.Container)
	if err != nil || id == "" {
		return err
	}
	return gone(e.client.ContainerStop(ctx, id, stopOptions(step.Timeout)))
}

func (e *Engine) restart(ctx context.Context, step plan.Restart) error {
	id, err := e.own(ctx, step.Container)
	if err != nil || id == "" {
		return err
	}
	err = gone(e.client.ContainerRestart(ctx, id, stopOptions(step.Timeout)))
	e.noteStart(id)
	return refused(err, step.Ref.Service)
}

func stopOptions(timeout *time.Duration) container.StopOptions {
	if timeout == nil {
		return container.StopOptions{}
	}
	seconds := wholeSeconds(*timeout)
	return container.StopOptions{Timeout: &seconds}
}

// unpause leaves a container alone that is not paused.
func (e *Engine) unpause(ctx context.Context, step plan.Unpause) error {
	id, err := e.own(ctx, step.Container)
	if err != nil || id == "" {
		return err
	}
	err = gone(e.client.ContainerUnpause(ctx, id))
	if err == nil {
		return nil
	}
	found, inspectErr := e.client.ContainerInspect(ctx, id)
	if inspectErr == nil && !found.State.Paused {
		return nil
	}
	return err
}

func (e *Engine) remove(ctx context.Context, step plan.Remove) error {
	id, err := e.own(ctx, step.Container)
	if err != nil || id == "" {
		return err
	}
	private, err := e.privateVolumes(ctx, id, step.Volumes)
	if err != nil {
		return err
	}
	err = gone(e.client.ContainerRemove(ctx, id, container.RemoveOptions{RemoveVolumes: step.Volumes}))
	if errdefs.IsConflict(err) {
		err = e.removedAlready(ctx, step.Container, id, err)
	}
	if err != nil {
		return err
	}
	e.noteName(step.Name, "")
	e.noteGone(id)
	var errs []error
	for _, volume := range private {
		err := gone(e.client.VolumeRemove(ctx, volume, false))
		if !errdefs.IsConflict(err) { // its successor has it by now
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// removedAlready waits where someone else is removing the container, and returns cause otherwise: as a
// *plan.RunsError where it runs.
func (e *Engine) removedAlready(ctx context.Context, c plan.Container, id string, cause error) error {
	for pause := newPause(); ; {
		found, err := e.client.ContainerInspect(ctx, id)
		if errdefs.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if found.State.Running {
			return &plan.RunsError{Container: c, Err: cause}
		}
		if found.State.Status != container.StateRemoving {
			return cause
		}
		if err := pause.wait(ctx); err != nil {
			return err
		}
	}
}

// rename counts a missing container as done: after its renaming it is not found under its old name.
func (e *Engine) rename(ctx context.Context, step plan.Rename) error {
	id, err := e.own(ctx, step.Container)
	if err != nil || id == "" {
		return err
	}
	err = gone(e.client.ContainerRename(ctx, id, step.To))
	if err == nil {
		e.noteName(step.To, id)
		return nil
	}
	holder, inspectErr := e.inspect(ctx, plan.Container{Name: step.To})
	if inspectErr != nil {
		return err
	}
	if holder.ID == id {
		return nil
	}
	return nameTaken(step.To, holder)
}

func nameTaken(name string, holder container.InspectResponse) *plan.ConflictError {
	return &plan.ConflictError{
		What:   "container name " + name,
		Holder: describe(holder.ID, strings.TrimPrefix(holder.Name, "/"), holder.Config.Labels),
		Hint:   "remove or rename it: docker rename " + name + " NEW-NAME",
	}
}

// describe names a container for a message.
func describe(id, name string, labels map[string]string) string {
	project := labels[labelProject]
	if project == "" {
		project = labels[composeProject]
	}
	text := fmt.Sprintf("container %s (%.12s)", name, id)
	if project != "" {
		text += " of project " + project
	}
	return text
}

// gone makes a thing that is not there count as done.
func gone(err error) error {
	if errdefs.IsNotFound(err) || errdefs.IsNotModified(err) {
		return nil
	}
	return err
}
