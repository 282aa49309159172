package engine

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"hyper-lite/compose"
)

// networkKeys say which networks the container joins and what it finds there.
var networkKeys = []key{
	plain("network_mode", func(t *translation) {
		t.host.NetworkMode = container.NetworkMode(cmp.Or(t.body.NetworkMode, "none"))
	}),
	{name: "networks", apply: (*translation).networking},
	{name: "mac_address", set: func(b *types.ServiceConfig) bool { return b.MacAddress != "" }, apply: (*translation).macAddress},
	{name: "links", apply: func(t *translation) error { return t.link(t.body.Links, t.service.Project) }},
	{name: "external_links", apply: func(t *translation) error { return t.link(t.body.ExternalLinks, "") }},
	plain("extra_hosts", func(t *translation) {
		t.host.ExtraHosts = slices.Sorted(slices.Values(t.body.ExtraHosts.AsList(":")))
	}),
	plain("dns", func(t *translation) { t.host.DNS = t.body.DNS }),
	plain("dns_opt", func(t *translation) { t.host.DNSOptions = t.body.DNSOpts }),
	plain("dns_search", func(t *translation) { t.host.DNSSearch = t.body.DNSSearch }),
}

// interfaceName is the driver option that carries interface_name.
const interfaceName = "com.docker.network.endpoint.ifname"

func (t *translation) networking() error {
	if len(t.body.Networks) == 0 {
		return nil
	}
	if t.body.NetworkMode != "" {
		return errors.New("cannot be combined with network_mode")
	}
	var errs []error
	for i, name := range t.body.NetworksByPriority() {
		if err := t.join(name, i == 0); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	if len(t.networks) > 0 {
		t.host.NetworkMode = container.NetworkMode(t.networks[0].name)
	}
	return errors.Join(errs...)
}

func (t *translation) join(name string, first bool) error {
	config, ok := t.service.Networks[name]
	if !ok {
		return errors.New("is not among the networks of the file")
	}
	wanted := t.body.Networks[name]
	endpoint := &network.EndpointSettings{}
	// The balancer, the sidecar and runs answer to no service's name.
	if role(t.service) == compose.RoleReplica && wanted.ServiceNameAliasEnabled() {
		endpoint.Aliases = []string{t.service.Name}
	}
	t.networks = append(t.networks, attachment{name: config.Name, endpoint: endpoint})
	if wanted == nil {
		return nil
	}
	for _, alias := range wanted.Aliases {
		if !slices.Contains(endpoint.Aliases, alias) {
			endpoint.Aliases = append(endpoint.Aliases, alias)
		}
	}
	if len(wanted.DriverOpts) > 0 {
		endpoint.DriverOpts = maps.Clone(map[string]string(wanted.DriverOpts))
	}
	if wanted.Ipv4Address != "" || wanted.Ipv6Address != "" || len(wanted.LinkLocalIPs) > 0 {
		endpoint.IPAMConfig = &network.EndpointIPAMConfig{
			IPv4Address:  wanted.Ipv4Address,
			IPv6Address:  wanted.Ipv6Address,
			LinkLocalIPs: wanted.LinkLocalIPs,
		}
	}
	return t.newerNetworking(wanted, endpoint, first)
}

// newerNetworking is what not every supported engine knows of an attachment.
func (t *translation) newerNetworking(wanted *types.ServiceNetworkConfig, endpoint *network.EndpointSettings, first bool) error {
	if wanted.GatewayPriority != 0 {
		if err := t.needs("1.48"); err != nil {
			return fmt.Errorf("gw_priority %w", err)
		}
		endpoint.GwPriority = wanted.GatewayPriority
	}
	if wanted.InterfaceName != "" {
		if err := t.needs("1.49"); err != nil {
			return fmt.Errorf("interface_name %w", err)
		}
		if endpoint.DriverOpts == nil {
			endpoint.DriverOpts = map[string]string{}
		}
		endpoint.DriverOpts[interfaceName] = wanted.InterfaceName
	}
	if wanted.MacAddress == "" {
		return nil
	}
	if supports(t.api, "1.44") {
		endpoint.MacAddress = wanted.MacAddress
		return nil
	}
	if !first {
		return fmt.Errorf("mac_address on any network but the first %w", t.needs("1.44"))
	}
	//lint:ignore SA1019 the only way before API 1.44
	t.config.MacAddress = wanted.MacAddress
	return nil
}

// macAddress of the service is that of its first network.
func (t *translation) macAddress() error {
	if supports(t.api, "1.44") && len(t.networks) > 0 {
		t.networks[0].endpoint.MacAddress = t.body.MacAddress
		return nil
	}
	//lint:ignore SA1019 the only way before API 1.44
	t.config.MacAddress = t.body.MacAddress
	return nil
}

// link lets the container find another by a second name. On networks of the file the engine's DNS
// resolves it when asked, so that a service's name leads to all its replicas, whenever they were made.
func (t *translation) link(links []string, project string) error {
	for _, entry := range links {
		name, alias, found := strings.Cut(entry, ":")
		if !found {
			alias = name
		}
		if name == "" || alias == "" {
			return fmt.Errorf("read %q: write NAME or NAME:ALIAS", entry)
		}
		switch {
		case len(t.networks) > 0:
			for _, n := range t.networks {
				n.endpoint.Links = append(n.endpoint.Links, name+":"+alias)
			}
		case t.body.NetworkMode != "bridge":
			return errors.New("needs a network: network_mode " + cmp.Or(t.body.NetworkMode, "none") + " has no names")
		case project != "":
			t.host.Links = append(t.host.Links, types.ServicePrefix+name+":"+alias)
		default:
			t.host.Links = append(t.host.Links, name+":"+alias)
		}
	}
	return nil
}
