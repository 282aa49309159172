package command

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"hyper-lite/engine"
	"hyper-lite/plan"
)

func (p *program) port() *cli.Command {
	return &cli.Command{
		Name:      "port",
		Usage:     "print the addresses on the host by which the ports of a service are reached",
		ArgsUsage: "SERVICE [PORT]",
		Description: `hyper-lite port web 80                     the balancer's, where that publishes it
hyper-lite port web                        all of them, each with the port inside
hyper-lite port --index 2 web 9090         of replica 2
hyper-lite port --protocol udp dns 53`,
		Flags: []cli.Flag{
			indexFlag(),
			&cli.StringFlag{Name: "protocol", Value: "tcp", Usage: "tcp or udp (default: tcp)"},
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.port(ctx, c) }),
	}
}

func (i *invocation) port(ctx context.Context, c *cli.Context) error {
	if c.NArg() < 1 || c.NArg() > 2 {
		return &usageError{msg: "port needs a service, and may have a port", hint: "as in `hyper-lite port web 80`"}
	}
	service, text := c.Args().Get(0), c.Args().Get(1)
	number, err := strconv.ParseUint(text, 10, 16)
	if c.NArg() > 1 && (err != nil || number == 0) {
		return usagef("%q is no port: it takes a number from 1 to 65535, the one inside the container", text)
	}
	protocol := strings.ToLower(c.String("protocol"))
	if err := oneOf("protocol", protocol, "tcp", "udp", "sctp"); err != nil {
		return err
	}
	index, err := readIndex(c)
	if err != nil {
		return err
	}
	project, replicas, err := i.listed(ctx, nil)
	if err != nil {
		return err
	}
	of, err := target(project.Project, replicas, service, index)
	if err != nil {
		return err
	}
	published := newPsRow(project.Name, engine.Listed{Replica: of}, true, of.CreatedAt).Publishers
	published = append(published, balancedPorts(project.Project, service, replicas)...)
	published = slices.DeleteFunc(published, func(p publisher) bool { return p.PublishedPort == 0 })
	if c.NArg() == 1 {
		for _, p := range published {
			if !c.IsSet("protocol") || p.Protocol == protocol {
				fmt.Fprintf(i.Out, "%d/%s -> %s\n", p.TargetPort, p.Protocol, p.address())
			}
		}
		return nil
	}
	for _, p := range published {
		if p.TargetPort == int(number) && p.Protocol == protocol {
			fmt.Fprintln(i.Out, p.address())
			return nil
		}
	}
	return noPort(fmt.Sprintf("%d/%s", number, protocol), of, published)
}

// address is where the port is reached.
func (p publisher) address() string { return net.JoinHostPort(p.URL, strconv.Itoa(p.PublishedPort)) }

func noPort(wanted string, of plan.Replica, published []publisher) error {
	var others []string
	for _, p := range published {
		others = append(others, fmt.Sprintf("%d/%s", p.TargetPort, p.Protocol))
	}
	err := fmt.Errorf("port %s of %s is not published", wanted, of.Name)
	if len(others) == 0 {
		return &hinted{err, "none of its ports is"}
	}
	slices.Sort(others)
	return &hinted{err, "published: " + strings.Join(slices.Compact(others), ", ")}
}
