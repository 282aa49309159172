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
		Usage: "look at services, and replace their replicas",
		Description: `hyper-lite service ls
hyper-lite service inspect web
hyper-lite service rolling-update --image shop:2 web
hyper-lite service redeploy web`,
		Subcommands: []*cli.Command{
			{
				Name:  "ls",
				Usage: "list the services: their state, how many replicas run and how they are reached",
				Description: `hyper-lite service ls
hyper-lite service ls --format '{{.Name}} {{.State}} {{.Running}}/{{.Replicas}}'`,
				UsageText: `A service is Not running (it never ran), Starting, Running, Partly running (replicas are missing, stopped or
not well) or Stopped; and while a command works on it Starting, Scaling, Redeploying, Stopping or Terminating.`,
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
			p.rollingUpdate(), p.redeploy(),
			inService(p.scale()), inService(p.start()), inService(p.stop()), inService(p.restart()),
		},
	}
}

// inService is a verb that is also found under `service`.
func inService(verb *cli.Command) *cli.Command {
	verb.Description = strings.ReplaceAll(verb.Description, programName+" "+verb.Name, programName+" service "+verb.Name)
	return verb
}

// serviceRow is one service of the files or of the host.
type serviceRow struct {
	Name     string
	State    plan.ServiceState
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
		{"state", func(r serviceRow) string { return string(r.State) }},
		{"replicas", func(r serviceRow) string { return strconv.Itoa(r.Running) + "/" + strconv.Itoa(r.Replicas) }},
		{"image", func(r serviceRow) string { return r.Image }},
		{"protocol", func(r serviceRow) string { return r.Protocol }},
		{"ports", func(r serviceRow) string { return r.Ports }},
	}
}

func (i *invocation) serviceList(ctx context.Context, quiet bool, format string) error {
	project, replicas, err := i.listed(ctx, nil)
	if err != nil {
		return err
	}
	if quiet {
		for _, name := range serviceNames(compose.Project{Services: project.Services}, replicas) {
			fmt.Fprintln(i.Out, name)
		}
		return nil
	}
	states := i.serviceStates(ctx, project, replicas)
	return printList(i.Out, format, serviceRows(project, replicas, states), serviceColumns())
}

// serviceStates is the state of every service.
func (i *invocation) serviceStates(ctx context.Context, project foundProject, replicas []plan.Replica) map[string]plan.ServiceState {
	return statesOf(project, replicas, i.publishedNow(ctx, project, replicas), i.operation(project))
}

func statesOf(
	project foundProject, replicas []plan.Replica, published []plan.Published, operation plan.Operation,
) map[string]plan.ServiceState {
	states := map[string]plan.ServiceState{}
	for _, name := range serviceNames(project.Project, replicas) {
		var wanted *compose.Service
		if s, ok := project.Service(name); ok {
			wanted = &s
		}
		states[name] = plan.StateOf(name, wanted, replicas, published, operation)
	}
	return states
}

func serviceRows(project foundProject, replicas []plan.Replica, states map[string]plan.ServiceState) []serviceRow {
	var rows []serviceRow
	for _, name := range serviceNames(compose.Project{Services: project.Services}, replicas) {
		row := newServiceRow(project, name, replicas)
		row.State = states[name]
		rows = append(rows, row)
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
