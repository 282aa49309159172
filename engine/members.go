package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/network"

	"hyper-lite/plan"
)

// member is a container in a network, with what it is there.
type member struct {
	plan.Container
	endpoint *network.EndpointSettings
}

// recreateNetwork makes a network of ours anew that was made from another configuration: its containers leave it, running or
// not, and join the new one under the same names. Where the new one cannot be made, the old one is made again.
func (e *Engine) recreateNetwork(ctx context.Context, step plan.RecreateNetwork) error {
	there, err := e.findNetwork(ctx, step.Name)
	if err != nil {
		return err
	}
	if there == nil || !plan.ResourceDiffers(there.Labels[labelDigest], step.Digest) {
		return e.createNetwork(ctx, step.CreateNetwork) // by an earlier try; who was not in it again by then is replaced
	}
	if there.Labels[labelProject] == "" {
		return errNotOurs
	}
	options, err := e.networkOptions(step.CreateNetwork)
	if err != nil {
		return err
	}
	old, err := e.client.NetworkInspect(ctx, there.ID, network.InspectOptions{})
	if err != nil {
		return wrap(err, "inspect it")
	}
	if others := strangers(step, old); len(others.Containers) > 0 {
		return attached(step.Name, others)
	}
	members, err := e.membersOf(ctx, step)
	if err != nil {
		return err
	}
	var left []member
	for _, m := range members {
		if err := gone(e.client.NetworkDisconnect(ctx, there.ID, m.Address(), false)); err != nil {
			return errors.Join(wrap(err, "disconnect "+m.Name), e.join(ctx, there.ID, left))
		}
		left = append(left, m)
	}
	if err := e.removeNetwork(ctx, plan.RemoveNetwork{Name: step.Name}); err != nil {
		return errors.Join(err, e.join(ctx, there.ID, left))
	}
	made, err := e.client.NetworkCreate(ctx, step.Name, options)
	if err != nil {
		return errors.Join(err, wrap(e.restore(ctx, old, left), "go back to the network of before"))
	}
	for i, m := range left {
		left[i].endpoint.IPAMConfig = addressesIn(step.Config.Ipam.Config, m.endpoint.IPAMConfig)
	}
	return e.join(ctx, made.ID, left)
}

// restore makes a network again that is gone, with those who were in it.
func (e *Engine) restore(ctx context.Context, old network.Inspect, members []member) error {
	options := network.CreateOptions{
		Driver: old.Driver, EnableIPv6: &old.EnableIPv6, IPAM: &old.IPAM,
		Internal: old.Internal, Attachable: old.Attachable, Options: old.Options, Labels: old.Labels,
	}
	if e.supports("1.47") {
		options.EnableIPv4 = &old.EnableIPv4
	}
	made, err := e.client.NetworkCreate(ctx, old.Name, options)
	if err != nil {
		return err
	}
	return e.join(ctx, made.ID, members)
}

// strangers is a network with only those of its containers that a step does not know of.
func strangers(step plan.RecreateNetwork, old network.Inspect) network.Inspect {
	others := map[string]network.EndpointResource{}
	for id, c := range old.Containers {
		if !slices.ContainsFunc(step.Members, func(m plan.Container) bool { return m.ID == id }) {
			others[id] = c
		}
	}
	old.Containers = others
	return old
}

// membersOf reads what the containers of a step are in its network. One that is gone, or has left it, is none.
func (e *Engine) membersOf(ctx context.Context, step plan.RecreateNetwork) ([]member, error) {
	var members []member
	for _, c := range step.Members {
		found, err := e.client.ContainerInspect(ctx, c.Address())
		if errdefs.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, wrap(err, "inspect "+c.Name)
		}
		if found.NetworkSettings == nil || found.NetworkSettings.Networks[step.Name] == nil {
			continue
		}
		was := found.NetworkSettings.Networks[step.Name]
		m := member{c, endpointLike(was)}
		m.endpoint.Aliases = slices.DeleteFunc(slices.Clone(was.Aliases), func(alias string) bool { return alias == found.ID[:shortID] })
		members = append(members, m)
	}
	return members, nil
}

// join connects containers to a network.
func (e *Engine) join(ctx context.Context, id string, members []member) error {
	var errs []error
	for _, m := range members {
		if err := gone(e.client.NetworkConnect(ctx, id, m.Address(), m.endpoint)); err != nil {
			errs = append(errs, fmt.Errorf("connect %s: %w; the next `up` replaces it", m.Name, err))
		}
	}
	return errors.Join(errs...)
}

// addressesIn are those of a container's fixed addresses that a network with these pools has; nil where it has none.
func addressesIn(pools []*types.IPAMPool, fixed *network.EndpointIPAMConfig) *network.EndpointIPAMConfig {
	if fixed == nil {
		return nil
	}
	in := func(address string) string {
		ip, err := netip.ParseAddr(address)
		if err != nil {
			return ""
		}
		for _, p := range pools {
			if subnet, err := netip.ParsePrefix(p.Subnet); err == nil && subnet.Contains(ip) {
				return address
			}
		}
		return ""
	}
	kept := network.EndpointIPAMConfig{IPv4Address: in(fixed.IPv4Address), IPv6Address: in(fixed.IPv6Address), LinkLocalIPs: fixed.LinkLocalIPs}
	if kept.IPv4Address == "" && kept.IPv6Address == "" && len(kept.LinkLocalIPs) == 0 {
		return nil
	}
	return &kept
}
