package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"

	"hyper-lite/plan"
)

// detaching is how long an engine may take to notice that the last container has left a network.
const detaching = 2 * time.Second

// createNetwork makes a network unless one of that name is there. Engines allow two networks of one
// name, so that creates of one name never run side by side.
func (e *Engine) createNetwork(ctx context.Context, step plan.CreateNetwork) error {
	return e.alone("network "+step.Name, func() error {
		there, err := e.findNetwork(ctx, step.Name)
		if err != nil {
			return err
		}
		if there != nil {
			return sameDigest(there.Labels, step.Digest)
		}
		options, err := e.networkOptions(step)
		if err != nil {
			return err
		}
		_, err = e.client.NetworkCreate(ctx, step.Name, options)
		if errdefs.IsConflict(err) { // another process was faster
			return nil
		}
		return err
	})
}

// sameDigest refuses what carries our label but was made from another configuration. What is not ours is
// used as it is.
func sameDigest(labels map[string]string, digest string) error {
	if labels[labelProject] == "" || !plan.ResourceDiffers(labels[labelDigest], digest) {
		return nil
	}
	return fmt.Errorf("it is there with another configuration (%s, not %s): remove it first", labels[labelDigest], digest)
}

// findNetwork finds a network by its exact name; nil where there is none.
func (e *Engine) findNetwork(ctx context.Context, name string) (*network.Summary, error) {
	found, err := e.client.NetworkList(ctx, network.ListOptions{Filters: filters.NewArgs(filters.Arg("name", name))})
	if err != nil {
		return nil, wrap(err, "list networks")
	}
	for _, n := range found {
		if n.Name == name { // the filter finds parts of names too
			return &n, nil
		}
	}
	return nil, nil
}

// CheckNetwork says what would keep a network from being made on an engine whose API has that version. It changes nothing
// and asks no engine.
func CheckNetwork(step plan.CreateNetwork, api string) error {
	if step.Config.EnableIPv4 != nil && !supports(api, "1.47") {
		return fmt.Errorf("networks.%s.enable_ipv4: needs an engine with API 1.47 or newer, this one has %s", step.Key, api)
	}
	return nil
}

func (e *Engine) networkOptions(step plan.CreateNetwork) (network.CreateOptions, error) {
	config := step.Config
	options := network.CreateOptions{
		Driver:     config.Driver,
		Internal:   config.Internal,
		Attachable: config.Attachable,
		Options:    config.DriverOpts,
		EnableIPv6: config.EnableIPv6,
		Labels: resourceLabels(config.Labels, config.CustomLabels,
			e.projectOf(step.Project), composeNetwork, step.Key, step.Digest),
	}
	if err := CheckNetwork(step, e.APIVersion()); err != nil {
		return options, err
	}
	options.EnableIPv4 = config.EnableIPv4
	if ipam := config.Ipam; ipam.Driver != "" || len(ipam.Config) > 0 || len(ipam.Options) > 0 {
		options.IPAM = &network.IPAM{Driver: ipam.Driver, Options: ipam.Options, Config: pools(ipam.Config)}
	}
	return options, nil
}

func pools(config []*types.IPAMPool) []network.IPAMConfig {
	var all []network.IPAMConfig
	for _, p := range config {
		all = append(all, network.IPAMConfig{
			Subnet: p.Subnet, IPRange: p.IPRange, Gateway: p.Gateway, AuxAddress: p.AuxiliaryAddresses,
		})
	}
	return all
}

// projectOf is the project that a step names, or else the one last observed.
func (e *Engine) projectOf(named string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return cmp.Or(named, e.observed)
}

func (e *Engine) removeNetwork(ctx context.Context, step plan.RemoveNetwork) error {
	there, err := e.findNetwork(ctx, step.Name)
	if err != nil || there == nil {
		return err
	}
	if there.Labels[labelProject] == "" {
		return errNotOurs
	}
	deadline := time.Now().Add(detaching)
	for pause := newPause(); ; {
		err = gone(e.client.NetworkRemove(ctx, there.ID))
		if !errdefs.IsPermissionDenied(err) {
			return err
		}
		used, inspectErr := e.client.NetworkInspect(ctx, there.ID, network.InspectOptions{})
		switch {
		case inspectErr != nil:
			return err
		case len(used.Containers) > 0:
			return attached(step.Name, used)
		case time.Now().After(deadline):
			return miscounted(step.Name)
		}
		if err := pause.wait(ctx); err != nil {
			return err
		}
	}
}

func attached(name string, used network.Inspect) error {
	var names []string
	for _, c := range used.Containers {
		names = append(names, c.Name)
	}
	return &plan.ConflictError{
		What:   "network " + name,
		Holder: "containers that are attached to it: " + strings.Join(slices.Sorted(slices.Values(names)), ", "),
		Hint:   "disconnect or remove them",
	}
}

// miscounted is a network that the engine holds to be in use though nothing is attached: engines before 28 keep a
// count beside the list, and can lose track of it where many containers come and go at once.
func miscounted(name string) error {
	return &plan.ConflictError{
		What:   "network " + name,
		Holder: "containers that are gone, by the engine's own count",
		Hint:   "restart the engine, which counts anew, and repeat this; until then the next `up` uses the network again",
	}
}
