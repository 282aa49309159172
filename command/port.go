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
		Usage:     "print the address on the host by which a port of a service is reached",
		ArgsUsage: "SERVICE PORT",
		Description: `hyper-lite port web 80                     the balancer's, where that publishes it
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
	if c.NArg() != 2 {
		return &usageError{msg: "port needs a service and a port", hint: "as in `hyper-lite port web 80`"}
	}
	service, text := c.Args().Get(0), c.Args().Get(1)
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil || number == 0 {
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
	for _, p := range published {
		if p.TargetPort == int(number) && p.Protocol == protocol && p.PublishedPort != 0 {
			fmt.Fprintln(i.Out, net.JoinHostPort(p.URL, strconv.Itoa(p.PublishedPort)))
			return nil
		}
	}
	return noPort(fmt.Sprintf("%d/%s", number, protocol), of, published)
}

func noPort(wanted string, of plan.Replica, published []publisher) error {
	var others []string
	for _, p := range published {
		if p.PublishedPort != 0 {
			others = append(others, fmt.Sprintf("%d/%s", p.TargetPort, p.Protocol))
		}
	}
	err := fmt.Errorf("port %s of %s is not published", wanted, of.Name)
	if len(others) == 0 {
		return &hinted{err, "none of its ports is"}
	}
	slices.Sort(others)
	return &hinted{err, "published: " + strings.Join(slices.Compact(others), ", ")}
}
