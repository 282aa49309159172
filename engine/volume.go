package engine

import (
	"context"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/volume"

	"hyper-lite/plan"
)

// createVolume makes a volume unless one of that name is there: the engine itself answers with the one
// that is.
func (e *Engine) createVolume(ctx context.Context, step plan.CreateVolume) error {
	there, err := e.client.VolumeCreate(ctx, volume.CreateOptions{
		Name:       step.Name,
		Driver:     step.Config.Driver,
		DriverOpts: step.Config.DriverOpts,
		Labels: resourceLabels(step.Config.Labels, step.Config.CustomLabels,
			e.projectOf(step.Project), composeVolume, step.Key, step.Digest),
	})
	if errdefs.IsConflict(err) {
		return &plan.ConflictError{
			What:   "volume " + step.Name,
			Holder: "a volume of another driver",
			Hint:   "give the volume another name, or remove it: docker volume rm " + step.Name,
		}
	}
	if err != nil {
		return err
	}
	return sameDigest(there.Labels, step.Digest)
}

func (e *Engine) removeVolume(ctx context.Context, step plan.RemoveVolume) error {
	there, err := e.client.VolumeInspect(ctx, step.Name)
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return wrap(err, "inspect volume "+step.Name)
	}
	if there.Labels[labelProject] == "" {
		return errNotOurs
	}
	return gone(e.client.VolumeRemove(ctx, step.Name, false))
}
