package command

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func (p *program) service() *cli.Command {
	return &cli.Command{
		Name:  "service",
		Usage: "look at services",
		Description: `hyper-lite service ls
hyper-lite service inspect web`,
		Subcommands: []*cli.Command{
			{
				Name:  "ls",
				Usage: "list the services, with how many replicas run and how they are reached",
				Description: `hyper-lite service ls
hyper-lite service ls --format '{{.Name}} {{.Running}}/{{.Replicas}}'`,
				Flags: []cli.Flag{
					&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "names only"},
					formatFlag(),
				},
				Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
					return i.serviceList(ctx, c.Bool("quiet"), c.String("format"))
				}),
			},
			{
				Name:      "inspect",
				Usage:     "print all that is known of services, as JSON",
				ArgsUsage: "SERVICE...",
				Description: `hyper-lite service inspect web
hyper-lite service inspect web | jq '.[0].containers'`,
				Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
					if c.NArg() == 0 {
						return &usageError{msg: "service inspect needs a service", hint: "as in `hyper-lite service inspect web`"}
					}
					return i.serviceInspect(ctx, c.Args().Slice())
				}),
			},
		},
	}
}

// serviceRow is one service of the files or of the host.
type serviceRow struct {
	Name     string
	Replicas int // that the files ask for; 0 where they do not have the service
	Running  int
	Healthy  int // running, and not found unhealthy or still starting
	Image    string
	Hash     string
	Ports    string // by which the host reaches it
	Protocol string // on the balancer
	Orphan   bool   // the files do not have it
}

func serviceColumns() []column[serviceRow] {
	return []column[serviceRow]{
		{"name", func(r serviceRow) string { return r.Name }},
		{"replicas", func(r serviceRow) string { return strconv.Itoa(r.Running) + "/" + strconv.Itoa(r.Replicas) }},
		{"image", func(r serviceRow) string { return r.Image }},
		{"protocol", func(r serviceRow) string { return r.Protocol }},
		{"ports", func(r serviceRow) string { return r.Ports }},
	}
}

func (i *invocation) serviceList(ctx context.Context, quiet bool, format string) error {
	project, replicas, err := i.projectNow(ctx)
	if err != nil {
		return err
	}
	rows := serviceRows(project, replicas)
	if quiet {
		for _, r := range rows {
			fmt.Fprintln(i.Out, r.Name)
		}
		return nil
	}
	return printList(i.Out, format, rows, serviceColumns())
}

// projectNow is the project and its containers.
func (i *invocation) projectNow(ctx context.Context) (foundProject, []plan.Replica, error) {
	project, err := i.find(ctx)
	if err != nil {
		return foundProject{}, nil, err
	}
	host, err := i.engine(ctx)
	if err != nil {
		return foundProject{}, nil, err
	}
	replicas, err := host.List(ctx, project.Name)
	return project, replicas, err
}

func serviceRows(project foundProject, replicas []plan.Replica) []serviceRow {
	var rows []serviceRow
	for _, name := range serviceNames(compose.Project{Services: project.Services}, replicas) {
		rows = append(rows, newServiceRow(project, name, replicas))
	}
	return rows
}

func newServiceRow(project foundProject, name string, replicas []plan.Replica) serviceRow {
	service, known := project.Service(name)
	row := serviceRow{
		Name: name, Replicas: service.Replicas, Image: service.Body.Image, Hash: service.Digest.Hash,
		Orphan: project.files && !known,
	}
	var protocols []string
	for _, r := range service.Routes {
		protocols = append(protocols, string(r.Protocol))
	}
	slices.Sort(protocols)
	row.Protocol = strings.Join(slices.Compact(protocols), ", ")
	var ports []publisher
	for _, r := range logged(replicas, []string{name}, 0) {
		row.Image = first(row.Image, r.Image)
		if r.State != plan.Running {
			continue
		}
		row.Running++
		if r.Health == plan.NoHealth || r.Health == plan.Healthy {
			row.Healthy++
		}
		for _, p := range r.Ports {
			if p.Host != 0 {
				ports = append(ports, publisher{p.HostIP, p.Container, p.Host, p.Protocol})
			}
		}
	}
	if row.Running > 0 {
		ports = append(ports, balancedPorts(project.Project, name, replicas)...)
	}
	row.Ports = portsText(ports)
	return row
}
