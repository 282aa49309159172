package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/lb"
	"hyper-lite/plan"
)

func (p *program) lb() *cli.Command {
	return &cli.Command{
		Name:  "lb",
		Usage: "show what the balancer serves now, by route and replica",
		Description: `hyper-lite lb
hyper-lite lb --format json
hyper-lite lb config                       the generated files`,
		Flags: []cli.Flag{formatFlag()},
		Subcommands: []*cli.Command{{
			Name:        "config",
			Usage:       "print the balancer's generated files",
			Description: `hyper-lite lb config`,
			Action:      p.verb(func(ctx context.Context, i *invocation, _ *cli.Context) error { return i.lbConfig(ctx) }),
		}},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
			return i.lbStatus(ctx, c.String("format"))
		}),
	}
}

// lbRow is one replica behind one route.
type lbRow struct {
	Service  string
	Route    string // "http :80 -> 8080"
	Rule     string // "example.com /api", or "*"
	Publish  string // addresses of the host
	Replica  string // "web.1@4"
	Healthy  bool
	Health   string // "healthy", or why not
	Protocol string

	Container string // its name, as ps has it

	usual string // Publish, where the service port is published as it is
}

// published is the route, with its addresses of the host where its port does not say them.
func (r lbRow) published() string {
	switch r.Publish {
	case r.usual:
		return r.Route
	case "":
		return r.Route + " (networks only)"
	}
	return r.Route + " (at " + r.Publish + ")"
}

func lbColumns() []column[lbRow] {
	return []column[lbRow]{
		{"service", func(r lbRow) string { return r.Service }},
		{"route", lbRow.published},
		{"rule", func(r lbRow) string { return r.Rule }},
		{"replica", func(r lbRow) string { return r.Container }},
		{"health", func(r lbRow) string { return r.Health }},
	}
}

// reachBalancer finds the project, its containers and its balancer, or says that there is none or that it is stopped.
func (i *invocation) reachBalancer(ctx context.Context) (*lb.Balancer, []plan.Replica, error) {
	project, replicas, err := i.listed(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	routed := slices.ContainsFunc(replicas, func(r plan.Replica) bool { return r.Role == compose.RoleBalancer })
	for _, r := range replicas {
		if r.Role != compose.RoleSidecar || r.State == plan.Running && !routed { // it may be there for other things
			continue
		}
		if r.State == plan.Exited || r.State == plan.Created || r.State == plan.Dead {
			return nil, nil, &hinted{
				fmt.Errorf("project %s is stopped: nothing is served", project.Name), "`" + programName + " start` starts it again",
			}
		}
		balancer, err := i.balance(ctx, project.Name)
		return balancer, replicas, err
	}
	return nil, nil, &hinted{
		errors.New("project " + project.Name + " has no balancer"),
		"`up` makes one where a service has `protocol:`, or ports and more than one replica",
	}
}

func (i *invocation) lbStatus(ctx context.Context, format string) error {
	balancer, replicas, err := i.reachBalancer(ctx)
	if err != nil {
		return err
	}
	status, err := balancer.Status(ctx)
	if err != nil {
		return err
	}
	if status.Trouble != "" {
		i.warn("the newest change is not live: " + status.Trouble)
	}
	return printList(i.Out, format, lbRows(status, replicas), lbColumns())
}

func lbRows(status lb.Status, replicas []plan.Replica) []lbRow {
	var rows []lbRow
	for _, s := range status.Services {
		for _, r := range s.Routes {
			row := lbRow{
				Service: s.Service, Protocol: string(r.Protocol),
				Route: fmt.Sprintf("%s :%d -> %d", r.Protocol, r.ServicePort, r.ContainerPort),
				Rule:  ruleText(r), Publish: publishText(r.Publish), usual: hostPort(compose.HostPort{Port: r.ServicePort}),
			}
			for _, b := range s.Backends {
				row.Replica, row.Container = b.Ref.String(), containerName(b.Ref, replicas)
				row.Healthy, row.Health = b.Healthy, healthText(b)
				rows = append(rows, row)
			}
			if len(s.Backends) == 0 {
				row.Health = "no replica"
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// containerName is a replica's container, or the replica's own name where the container is gone.
func containerName(ref plan.Ref, replicas []plan.Replica) string {
	for _, r := range replicas {
		if r.Ref == ref && r.Role == compose.RoleReplica && !r.OneOff {
			return r.Name
		}
	}
	return ref.String()
}

func healthText(b lb.BackendStatus) string {
	if b.Healthy {
		return "healthy"
	}
	return first(b.Reason, "not healthy")
}

func ruleText(r compose.Route) string {
	rule := strings.TrimSpace(strings.Join(r.Hosts, ",") + " " + r.PathPrefix)
	return first(rule, "*")
}

func publishText(ports []compose.HostPort) string {
	words := make([]string, len(ports))
	for at, p := range ports {
		words[at] = hostPort(p)
	}
	return strings.Join(words, " ")
}

func hostPort(p compose.HostPort) string {
	return net.JoinHostPort(p.IP, strconv.Itoa(p.Port))
}

// password is how the sidecar's own way into the balancer stands in a file.
var password = regexp.MustCompile(`(?m)^(\s*- sidecar:).*$`)

func (i *invocation) lbConfig(ctx context.Context) error {
	balancer, _, err := i.reachBalancer(ctx)
	if err != nil {
		return err
	}
	files, err := balancer.Config(ctx)
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(files) {
		if _, err := fmt.Fprintf(i.Out, "# %s\n%s\n", name, strings.TrimRight(password.ReplaceAllString(files[name], "$1***"), "\n")); err != nil {
			return err
		}
	}
	return nil
}
