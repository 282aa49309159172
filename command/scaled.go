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
	options.Scale, options.NoDeps = wanted, noDeps
	scaled, _, err := i.loadKept(ctx, options, func(p compose.Project) ([]string, error) {
		return about(p, services, noDeps), noSuchService(services, withJobs(serviceNames(p, nil), p, nil))
	})
	return scaled, err
}

// loadKept reads the files with the numbers of replicas that stand, but for the services that the verb is about. It
// returns the project, and what the files say without them and without options.Images.
func (i *invocation) loadKept(
	ctx context.Context, options compose.LoadOptions, about func(compose.Project) ([]string, error),
) (kept, files compose.Project, err error) {
	var typed []byte // it can be read only once
	if slices.Contains(i.files, "-") {
		if typed, err = io.ReadAll(i.In); err != nil {
			return kept, files, fmt.Errorf("read standard input: %w", err)
		}
	}
	load := func(scale map[string]int, images map[string]string) (compose.Project, error) {
		options.Scale, options.Images = scale, images
		if typed != nil {
			options.Stdin = bytes.NewReader(typed)
		}
		return i.load(ctx, options)
	}
	wanted, images := options.Scale, options.Images
	files, err = load(wanted, nil)
	if err != nil {
		return kept, files, err
	}
	if err := noSuchService(sortedKeys(wanted), serviceNames(files, nil)); err != nil {
		return kept, files, err
	}
	chosen, err := about(files)
	if err != nil {
		return kept, files, err
	}
	standing, err := i.standing(ctx, files, chosen)
	if err != nil {
		return kept, files, err
	}
	if len(standing) > 0 {
		maps.Copy(standing, wanted)
		if kept, err = load(standing, images); err == nil {
			return kept, files, nil
		} // else the files do not allow those numbers any more
	}
	if images == nil {
		return files, files, nil
	}
	kept, err = load(wanted, images)
	return kept, files, err
}

// about is every service that a verb works on: those that were named, and what they, and jobs that were, depend on.
func about(project compose.Project, services []string, noDeps bool) []string {
	if len(services) == 0 {
		return serviceNames(project, nil)
	}
	all := slices.Clone(services)
	for at := 0; at < len(all) && !noDeps; at++ {
		s, ok := project.Service(all[at])
		if j, job := project.Job(all[at]); job && !ok {
			s = j.Service
		}
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
