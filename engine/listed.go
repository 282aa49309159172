package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/docker/docker/api/types/mount"

	"hyper-lite/plan"
)

// Listed is a container with what only listings show of it.
type Listed struct {
	plan.Replica
	Labels       map[string]string
	Mounts       []string // names of volumes and sources of binds, in the engine's order
	LocalVolumes int      // how many of the mounts are volumes of the engine's own host
}

// Listing returns every container of the project, as List does, with what only listings show.
func (e *Engine) Listing(ctx context.Context, project string) ([]Listed, error) {
	containers, err := e.listOurs(ctx, labelProject+"="+project)
	if err != nil {
		return nil, fmt.Errorf("list containers of project %s: %w", project, err)
	}
	replicas, _ := e.split(project, containers)
	byID := make(map[string]Listed, len(containers))
	for _, c := range containers {
		more := Listed{Labels: c.Labels}
		for _, m := range c.Mounts {
			name := m.Name
			if name == "" {
				name = m.Source
			}
			more.Mounts = append(more.Mounts, name)
			if m.Type == mount.TypeVolume && m.Driver == "local" {
				more.LocalVolumes++
			}
		}
		byID[c.ID] = more
	}
	listed := make([]Listed, 0, len(replicas))
	for _, r := range replicas {
		more := byID[r.ID]
		more.Replica = r
		listed = append(listed, more)
	}
	return listed, nil
}

// Composed are the names of the containers that docker compose made for the services of a project, sorted, with one call.
func (e *Engine) Composed(ctx context.Context, project string) ([]string, error) {
	containers, err := e.listOurs(ctx, composeProject+"="+project)
	if err != nil {
		return nil, fmt.Errorf("list containers of project %s: %w", project, err)
	}
	var names []string
	for _, c := range containers {
		if serviceOfCompose(c.Labels) != "" {
			names = append(names, nameOf(c))
		}
	}
	slices.Sort(names)
	return names, nil
}

// ComposeProjects returns every project on the host, by name, those that docker compose made too, with one call.
func (e *Engine) ComposeProjects(ctx context.Context) ([]Project, error) {
	containers, err := e.listOurs(ctx, composeProject)
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	projects := map[string]Project{}
	for _, c := range containers {
		if c.Labels[labelProject] == "" && projectOfCompose(c.Labels) == "" {
			continue // made of an image that Compose built, and by nobody's project
		}
		r := replicaOf(c)
		p := projects[c.Labels[composeProject]]
		p.Replicas = append(p.Replicas, r)
		for _, file := range r.Files {
			if !slices.Contains(p.Files, file) {
				p.Files = append(p.Files, file)
			}
		}
		projects[c.Labels[composeProject]] = p
	}
	var all []Project
	for _, name := range slices.Sorted(maps.Keys(projects)) {
		p := projects[name]
		p.Name = name
		all = append(all, p)
	}
	return all, nil
}
