package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"hyper-lite/compose"
)

// loadScaled reads the files with other numbers of replicas. It is not enough to change a number: with more
// than one replica, ports move to the balancer. A service that the verb is not about keeps the number that it
// was scaled to, or the balancer would lose its ports. services are what the verb is about; none is all.
func (i *invocation) loadScaled(ctx context.Context, wanted map[string]int, services []string, noDeps bool) (compose.Project, error) {
	options := i.loadOptions(services...)
	options.Scale = wanted
	var typed []byte // it can be read only once
	if slices.Contains(i.files, "-") {
		var err error
		if typed, err = io.ReadAll(i.In); err != nil {
			return compose.Project{}, fmt.Errorf("read standard input: %w", err)
		}
		options.Stdin = bytes.NewReader(typed)
	}
	project, err := i.load(ctx, options)
	if err != nil {
		return project, err
	}
	if err := noSuchService(append(sortedKeys(wanted), services...), serviceNames(project, nil)); err != nil {
		return project, err
	}
	standing, err := i.standing(ctx, project, about(project, services, noDeps))
	if err != nil || len(standing) == 0 {
		return project, err
	}
	maps.Copy(standing, wanted)
	options.Scale, options.Stdin = standing, bytes.NewReader(typed)
	if kept, err := i.load(ctx, options); err == nil {
		return kept, nil
	}
	return project, nil // the files do not allow those numbers any more
}

// about is every service that a verb works on: those that were named, and what they depend on.
func about(project compose.Project, services []string, noDeps bool) []string {
	if len(services) == 0 {
		return serviceNames(project, nil)
	}
	all := slices.Clone(services)
	for at := 0; at < len(all) && !noDeps; at++ {
		s, _ := project.Service(all[at])
		for _, d := range s.DependsOn {
			if !slices.Contains(all, d.Service) {
				all = append(all, d.Service)
			}
		}
	}
	return all
}

// standing is how many replicas the services have that a verb is not about, where the files say otherwise.
func (i *invocation) standing(ctx context.Context, project compose.Project, about []string) (map[string]int, error) {
	others := func(s compose.Service) bool { return !slices.Contains(about, s.Name) }
	if !slices.ContainsFunc(project.Services, others) {
		return nil, nil
	}
	host, err := i.engine(ctx)
	if err != nil {
		return nil, err
	}
	replicas, err := host.List(ctx, project.Name)
	if err != nil {
		return nil, err
	}
	standing := map[string]int{}
	for _, s := range project.Services {
		slots := map[int]bool{}
		for _, r := range replicas {
			if r.Service == s.Name && r.Role == compose.RoleReplica && !r.OneOff {
				slots[r.Slot] = true
			}
		}
		if others(s) && len(slots) > 0 && len(slots) != s.Replicas {
			standing[s.Name] = len(slots)
		}
	}
	return standing, nil
}
