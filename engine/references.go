package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// resolve turns "service:NAME" into the container that it means now, in every place where a container may
// lean on another, and returns the IDs of those whose namespaces or volumes it then uses, sorted. It asks the engine
// once, and only where there is such a reference.
func (e *Engine) resolve(ctx context.Context, project string, host *container.HostConfig) ([]string, error) {
	var shared []string
	find := &finder{list: func() ([]plan.Replica, error) { return e.List(ctx, project) }}
	for _, mode := range modesOf(host) {
		if !strings.HasPrefix(mode.get(), types.ServicePrefix) {
			continue
		}
		id, err := find.container(mode.get())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", mode.key, err)
		}
		shared = append(shared, id)
		mode.set(types.ContainerPrefix + id)
	}
	for i, link := range host.Links {
		if !strings.HasPrefix(link, types.ServicePrefix) {
			continue
		}
		id, err := find.container(link)
		if err != nil {
			return nil, fmt.Errorf("links: %w", err)
		}
		host.Links[i] = id
	}
	for i, from := range host.VolumesFrom {
		if name, isContainer := strings.CutPrefix(from, types.ContainerPrefix); isContainer {
			host.VolumesFrom[i] = name
			continue
		}
		id, err := find.container(from)
		if err != nil {
			return nil, fmt.Errorf("volumes_from: %w", err)
		}
		plain, _, _ := strings.Cut(id, ":")
		shared = append(shared, plain)
		host.VolumesFrom[i] = id
	}
	slices.Sort(shared)
	return slices.Compact(shared), nil
}

// finder finds the container that stands for a service. It lists once.
type finder struct {
	list     func() ([]plan.Replica, error)
	replicas []plan.Replica
	listed   bool
}

// container reads [service:]NAME[:OPTIONS] and returns ID[:OPTIONS].
func (f *finder) container(text string) (string, error) {
	service, options, hasOptions := strings.Cut(strings.TrimPrefix(text, types.ServicePrefix), ":")
	if !f.listed {
		var err error
		if f.replicas, err = f.list(); err != nil {
			return "", err
		}
		f.listed = true
	}
	found, ok := representative(f.replicas, service)
	if !ok {
		return "", fmt.Errorf("service %s has no container to share with: start it first", service)
	}
	if hasOptions {
		return found.ID + ":" + options, nil
	}
	return found.ID, nil
}

// mode is one setting of a container that may name another.
type mode struct {
	key string
	get func() string
	set func(string)
}

func modesOf(host *container.HostConfig) []mode {
	return []mode{
		{
			"network_mode", func() string { return string(host.NetworkMode) },
			func(s string) { host.NetworkMode = container.NetworkMode(s) },
		},
		{
			"ipc", func() string { return string(host.IpcMode) },
			func(s string) { host.IpcMode = container.IpcMode(s) },
		},
		{
			"pid", func() string { return string(host.PidMode) },
			func(s string) { host.PidMode = container.PidMode(s) },
		},
	}
}

// representative is the replica that stands for its service: a running one before any other, then the
// lowest slot, then the newest generation.
func representative(replicas []plan.Replica, service string) (plan.Replica, bool) {
	var candidates []plan.Replica
	for _, r := range replicas {
		if r.Service == service && r.Role == compose.RoleReplica && !strings.HasSuffix(r.Name, incomplete) {
			candidates = append(candidates, r)
		}
	}
	if len(candidates) == 0 {
		return plan.Replica{}, false
	}
	return slices.MinFunc(candidates, func(a, b plan.Replica) int {
		return cmp.Or(
			cmp.Compare(stateRank(a.State), stateRank(b.State)),
			cmp.Compare(a.Slot, b.Slot),
			cmp.Compare(b.Generation, a.Generation),
		)
	}), true
}

func stateRank(s plan.State) int {
	if s == plan.Running {
		return 0
	}
	return 1
}
