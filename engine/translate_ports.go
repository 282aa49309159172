package engine

import (
	"cmp"
	"fmt"

	"github.com/docker/go-connections/nat"
)

// portKeys say what the container itself listens on and publishes.
var portKeys = []key{
	{name: "expose", apply: (*translation).expose},
	{name: "ports", apply: (*translation).ports},
}

func (t *translation) expose() error {
	for _, entry := range t.body.Expose {
		protocol, numbers := nat.SplitProtoPort(entry)
		first, last, err := nat.ParsePortRange(numbers)
		if err != nil {
			return fmt.Errorf("read port %q: %w", entry, err)
		}
		for number := first; number <= last; number++ {
			port, err := nat.NewPort(cmp.Or(protocol, "tcp"), fmt.Sprint(number))
			if err != nil {
				return fmt.Errorf("read port %q: %w", entry, err)
			}
			t.exposed(port)
		}
	}
	return nil
}

func (t *translation) exposed(port nat.Port) {
	if t.config.ExposedPorts == nil {
		t.config.ExposedPorts = nat.PortSet{}
	}
	t.config.ExposedPorts[port] = struct{}{}
}

// ports are published as the file says: no published port means one that the engine chooses, a range
// means one of it.
func (t *translation) ports() error {
	for _, p := range t.body.Ports {
		port, err := nat.NewPort(cmp.Or(p.Protocol, "tcp"), fmt.Sprint(p.Target))
		if err != nil {
			return fmt.Errorf("read port %d/%s: %w", p.Target, p.Protocol, err)
		}
		t.exposed(port)
		if t.host.PortBindings == nil {
			t.host.PortBindings = nat.PortMap{}
		}
		t.host.PortBindings[port] = append(t.host.PortBindings[port], nat.PortBinding{
			HostIP:   p.HostIP,
			HostPort: p.Published,
		})
	}
	return nil
}
