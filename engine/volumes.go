package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/volume"
)

// Volume is a volume of a project.
type Volume struct {
	Name       string
	Driver     string
	Mountpoint string // on the engine's host
	Scope      string
	Labels     map[string]string
}

// Volumes returns the volumes that a project made, by name, with one call.
func (e *Engine) Volumes(ctx context.Context, project string) ([]Volume, error) {
	bounded, cancel := e.looking(ctx)
	defer cancel()
	found, err := e.client.VolumeList(bounded, volume.ListOptions{Filters: filters.NewArgs(filters.Arg("label", labelProject+"="+project))})
	if err != nil {
		return nil, fmt.Errorf("list volumes of project %s: %w", project, e.silent(ctx, err))
	}
	var volumes []Volume
	for _, v := range found.Volumes {
		volumes = append(volumes, Volume{Name: v.Name, Driver: v.Driver, Mountpoint: v.Mountpoint, Scope: v.Scope, Labels: v.Labels})
	}
	slices.SortFunc(volumes, func(a, b Volume) int { return cmp.Compare(a.Name, b.Name) })
	return volumes, nil
}
