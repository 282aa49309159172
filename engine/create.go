package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// create makes a container with everything that it needs before its start. A container that needs more
// than one call carries an unfinished name until the last, so that an interrupted create is never taken
// for a whole one.
func (e *Engine) create(ctx context.Context, step plan.Create) error {
	made, err := e.draft(ctx, step)
	if err != nil {
		return err
	}
	return e.realise(ctx, step, made)
}

// realise makes what was thought through, or finds that it is there already.
func (e *Engine) realise(ctx context.Context, step plan.Create, made draft) error {
	name := step.Name
	if made.whole() {
		id, err := e.make(ctx, step, made, name)
		e.noteName(name, id)
		return e.settleName(ctx, step, err)
	}
	if there, err := e.inspect(ctx, plan.Container{Name: name}); err == nil {
		return e.sameContainer(step, there)
	} else if !errdefs.IsNotFound(err) {
		return err
	}
	if err := e.discard(ctx, step, name+incomplete); err != nil {
		return err
	}
	id, err := e.make(ctx, step, made, name+incomplete)
	if err != nil {
		return err
	}
	if err := e.furnish(ctx, id, made); err != nil {
		return errors.Join(err, e.abandon(ctx, id))
	}
	err = e.client.ContainerRename(ctx, id, name)
	if err == nil {
		e.noteName(name, id)
		return nil
	}
	return errors.Join(e.settleName(ctx, step, err), e.abandon(ctx, id))
}

// draft is a container that was thought through and not made yet.
type draft struct {
	specification
	copies  []copyIn     // what is copied in before the start
	later   []attachment // networks that are connected after the create
	adopted []string     // where anonymous volumes of the replaced container are mounted

	unpacked []byte // an archive that is unpacked at its root; nil: none
}

// whole says whether one call makes it.
func (d draft) whole() bool { return len(d.copies) == 0 && len(d.later) == 0 && d.unpacked == nil }

// draft thinks a container through. shared are mounts that it has besides its own, where nothing else is in their place.
func (e *Engine) draft(ctx context.Context, step plan.Create, shared ...mount.Mount) (draft, error) {
	spec, errs := translate(step.Service, e.APIVersion())
	if len(errs) > 0 {
		return draft{}, errors.Join(errs...)
	}
	made := draft{specification: spec}
	if step.Service.ImageID != "" {
		made.config.Image = step.Service.ImageID
	}
	imageID, err := e.imageID(ctx, made.config.Image)
	if err != nil {
		return draft{}, err
	}
	if made.config.Env, err = e.proxied(step.Service, made.config.Env); err != nil {
		return draft{}, err
	}
	if err := e.clearCommand(ctx, &made); err != nil {
		return draft{}, err
	}
	var owners []string
	if role(step.Service) != compose.RoleJob { // a run resolves them when it is made
		if owners, err = e.resolve(ctx, step.Service.Project, &made.host); err != nil {
			return draft{}, err
		}
	}
	made.share(shared)
	if made.copies, err = e.placeFiles(step.Service, &made.host); err != nil {
		return draft{}, err
	}
	if err := e.takeOver(ctx, step.Previous, &made); err != nil {
		return draft{}, err
	}
	made.host.AutoRemove = step.AutoRemove
	made.config.StdinOnce = role(step.Service) == compose.RoleRun && made.config.OpenStdin // its end is the process's, too
	if made.config.Labels, err = containerLabels(step.Service, step.Ref, imageID); err != nil {
		return draft{}, err
	}
	if folders := foldersOf(made.copies); folders != "" {
		made.config.Labels[labelFiles] = folders
	}
	if holdsFiles(step.Service.Digest) {
		made.config.Labels[labelCopies] = copiesLabel(made.copies)
	}
	if len(owners) > 0 {
		made.config.Labels[labelShares] = strings.Join(owners, ",")
	}
	if len(made.adopted) > 0 {
		made.config.Labels[labelAdopted] = strings.Join(made.adopted, ",")
	}
	if role(step.Service) == compose.RoleReplica {
		for _, n := range made.networks {
			n.endpoint.Aliases = append(n.endpoint.Aliases, step.Ref.Alias(step.Service.Project))
		}
	}
	if len(made.networks) > 1 && !e.supports("1.44") { // older engines take one network at create
		made.networks, made.later = made.networks[:1], made.networks[1:]
	}
	return made, nil
}

// share adds mounts of another container, where nothing else is in their place.
func (d *draft) share(mounts []mount.Mount) {
	for _, m := range mounts {
		if !slices.Contains(coversOf(&d.host), path.Clean(m.Target)) {
			d.host.Mounts = append(d.host.Mounts, m)
		}
	}
}

// clearCommand clears the image's command where the file says so. The engine clears it only where an
// entrypoint is given, so that the image's own is.
func (e *Engine) clearCommand(ctx context.Context, made *draft) error {
	if made.config.Cmd == nil || len(made.config.Cmd) > 0 || made.config.Entrypoint != nil {
		return nil
	}
	image, err := e.imageConfig(ctx, made.config.Image)
	if err != nil {
		return err
	}
	made.config.Entrypoint = image.Entrypoint
	return nil
}

func (e *Engine) make(ctx context.Context, step plan.Create, made draft, name string) (string, error) {
	endpoints := &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{}}
	for _, n := range made.networks {
		endpoints.EndpointsConfig[n.name] = n.endpoint
	}
	created, err := e.client.ContainerCreate(ctx, &made.config, &made.host, endpoints, made.platform, name)
	if err != nil {
		return "", err
	}
	e.mu.Lock()
	e.ours[created.ID] = ownershipOf(made.config.Labels)
	e.mu.Unlock()
	for _, warning := range created.Warnings {
		e.report(step, Progress{ID: "warning", Text: warning})
	}
	return created.ID, nil
}

// furnish does what one create call cannot.
func (e *Engine) furnish(ctx context.Context, id string, made draft) error {
	for _, n := range made.later {
		if err := e.client.NetworkConnect(ctx, n.name, id, n.endpoint); err != nil {
			return fmt.Errorf("connect to network %s: %w", n.name, err)
		}
	}
	if made.unpacked != nil {
		err := e.client.CopyToContainer(ctx, id, "/", bytes.NewReader(made.unpacked), container.CopyToContainerOptions{})
		if err != nil {
			return wrap(err, "copy what was kept")
		}
	}
	return e.copyIn(ctx, id, made.copies)
}

// settleName turns a taken name into what it means: a container that is already as wanted, or a conflict.
func (e *Engine) settleName(ctx context.Context, step plan.Create, cause error) error {
	if !errdefs.IsConflict(cause) {
		return cause
	}
	there, err := e.inspect(ctx, plan.Container{Name: step.Name})
	if err != nil {
		return cause
	}
	return e.sameContainer(step, there)
}

func (e *Engine) sameContainer(step plan.Create, there container.InspectResponse) error {
	labels := there.Config.Labels
	if role(step.Service) != compose.RoleRun && labels[labelProject] == step.Service.Project && refOf(labels) == step.Ref &&
		labels[labelHash] == step.Service.Digest.Hash {
		e.learn(there)
		return nil
	}
	return nameTaken(step.Name, there)
}

// discard removes what an interrupted create left.
func (e *Engine) discard(ctx context.Context, step plan.Create, name string) error {
	there, err := e.inspect(ctx, plan.Container{Name: name})
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if there.Config.Labels[labelProject] != step.Service.Project {
		return nameTaken(name, there)
	}
	return e.abandon(ctx, there.ID)
}

// removedWithin is how long a removal is waited for that somebody else has begun.
const removedWithin = 10 * time.Second

// abandon removes a container of ours that was never finished, even where the caller gave up. One that somebody else is removing
// is as good as gone.
func (e *Engine) abandon(ctx context.Context, id string) error {
	ctx = context.WithoutCancel(ctx)
	remove := func() error {
		return gone(e.client.ContainerRemove(ctx, id, container.RemoveOptions{RemoveVolumes: true, Force: true}))
	}
	err := remove()
	waiting, cancel := context.WithTimeout(ctx, removedWithin)
	defer cancel()
	for pause := newPause(); errdefs.IsConflict(err); err = remove() { // by force only this is one
		if pause.wait(waiting) != nil {
			return nil
		}
	}
	return wrap(err, "remove unfinished container")
}

// takeOver mounts the anonymous volumes of the container that is replaced, where the new one has the same
// place for them: one that the file or its image declares, and nothing else is mounted at.
func (e *Engine) takeOver(ctx context.Context, previous string, made *draft) error {
	if previous == "" {
		return nil
	}
	old, err := e.client.ContainerInspect(ctx, previous)
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return wrap(err, "inspect replaced container")
	}
	anonymous := anonymousVolumes(old)
	if len(anonymous) == 0 {
		return nil
	}
	image, err := e.imageConfig(ctx, made.config.Image)
	if err != nil {
		return err
	}
	adopt(made, anonymous, image.Volumes)
	return nil
}

// ownershipOf reads from a container's labels whose it is.
func ownershipOf(labels map[string]string) ownership {
	return ownership{
		project: labels[labelProject],
		service: labels[labelService],
		files:   labels[labelFiles],
		adopted: labels[labelAdopted],
	}
}

// namesOf splits a list that a label carries.
func namesOf(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}
