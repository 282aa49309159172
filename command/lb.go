package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/lb"
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
	Health   string // "healthy for 3 minutes", or why not
	Protocol string
}

func lbColumns() []column[lbRow] {
	return []column[lbRow]{
		{"service", func(r lbRow) string { return r.Service }},
		{"route", func(r lbRow) string { return r.Route }},
		{"rule", func(r lbRow) string { return r.Rule }},
		{"published", func(r lbRow) string { return r.Publish }},
		{"replica", func(r lbRow) string { return r.Replica }},
		{"health", func(r lbRow) string { return r.Health }},
	}
}

// reachBalancer finds the project and its balancer, or says that there is none.
func (i *invocation) reachBalancer(ctx context.Context) (*lb.Balancer, error) {
	project, err := i.find(ctx)
	if err != nil {
		return nil, err
	}
	host, err := i.engine(ctx)
	if err != nil {
		return nil, err
	}
	replicas, err := host.List(ctx, project.Name)
	if err != nil {
		return nil, err
	}
	for _, r := range replicas {
		if r.Role == compose.RoleSidecar {
			return i.balance(ctx, project.Name)
		}
	}
	return nil, &hinted{
		errors.New("project " + project.Name + " has no balancer"),
		"`up` makes one where a service has `protocol:`, or ports and more than one replica",
	}
}

func (i *invocation) lbStatus(ctx context.Context, format string) error {
	balancer, err := i.reachBalancer(ctx)
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
	return printList(i.Out, format, lbRows(status), lbColumns())
}

func lbRows(status lb.Status) []lbRow {
	var rows []lbRow
	for _, s := range status.Services {
		for _, r := range s.Routes {
			row := lbRow{
				Service: s.Service, Protocol: string(r.Protocol),
				Route: fmt.Sprintf("%s :%d -> %d", r.Protocol, r.ServicePort, r.ContainerPort),
				Rule:  ruleText(r), Publish: publishText(r.Publish),
			}
			for _, b := range s.Backends {
				row.Replica, row.Healthy, row.Health = b.Ref.String(), b.Healthy, healthText(b)
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
	balancer, err := i.reachBalancer(ctx)
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
