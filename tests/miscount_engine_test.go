//go:build engine

package tests

import (
	"context"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
)

// Engines before version 28 can count more containers on a network than there are, where several start or stop at
// once, and then never remove it, whoever asks: docker-compose and the docker CLI meet the same. hyper-lite says so
// and ends with 1, as it should. A scenario is not to blame for it, so it is forgiven where the engine itself shows
// it, and only for that network.

// miscounted says whether the engine refuses to remove a network that it shows to be empty.
func (p *project) miscounted(name string) bool {
	ctx := context.Background()
	found, err := p.docker.NetworkInspect(ctx, name, network.InspectOptions{})
	if errdefs.IsNotFound(err) {
		return false
	}
	p.ok(err)
	if len(found.Containers) > 0 {
		return false
	}
	err = p.docker.NetworkRemove(ctx, name)
	if !errdefs.IsPermissionDenied(err) {
		return false
	}
	p.t.Logf("the engine miscounts: %v", err)
	return true
}

// onlyMiscounted says whether a down failed for nothing but such networks.
func (p *project) onlyMiscounted(r result) bool {
	const said = "by the engine's own count"
	if r.code != 1 || strings.Count(r.err, "error: ") != strings.Count(r.err, said) {
		return false
	}
	mine := filters.NewArgs(filters.Arg("label", "hyper-lite.project="+p.name))
	networks, err := p.docker.NetworkList(context.Background(), network.ListOptions{Filters: mine})
	p.ok(err)
	for _, n := range networks {
		if !p.miscounted(n.Name) {
			return false
		}
	}
	return len(networks) > 0
}
