package command

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

func (p *program) ps() *cli.Command {
	return &cli.Command{
		Name:      "ps",
		Usage:     "list the containers of the project",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite ps                              what runs
hyper-lite ps -a web                       all containers of web, stopped ones too
hyper-lite ps --format json                one JSON object a line, with docker compose's field names
hyper-lite ps --format '{{.Name}} {{.Health}}'`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Usage: "stopped containers, runs, the balancer and the sidecar too"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "IDs only"},
			&cli.BoolFlag{Name: "services", Usage: "names of services only"},
			&cli.StringSliceFlag{Name: "status", Usage: "only containers in this `STATE`: created, running, paused, restarting, exited, dead, removing"},
			&cli.StringSliceFlag{Name: "filter", Usage: "only what `status=STATE` says"},
			&cli.BoolFlag{Name: "no-trunc", Usage: "do not shorten IDs and commands"},
			&cli.BoolFlag{Name: "orphans", Value: true, Usage: "containers of services that the files do not have, too; --orphans=false leaves them out"},
			formatFlag(),
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
			q, err := readPsQuery(c)
			if err != nil {
				return err
			}
			return i.ps(ctx, q)
		}),
	}
}

// psQuery is what ps was asked for.
type psQuery struct {
	services                   []string
	states                     []string
	all, orphans               bool
	quiet, onlyServices, whole bool
	format                     string
}

func readPsQuery(c *cli.Context) (psQuery, error) {
	q := psQuery{
		services: c.Args().Slice(), states: c.StringSlice("status"),
		all: c.Bool("all"), orphans: c.Bool("orphans"),
		quiet: c.Bool("quiet"), onlyServices: c.Bool("services"), whole: c.Bool("no-trunc"),
		format: c.String("format"),
	}
	for _, f := range c.StringSlice("filter") {
		key, value, ok := strings.Cut(f, "=")
		if !ok || key != "status" {
			return q, &usageError{msg: fmt.Sprintf("--filter: %q is not known", f), hint: "it takes status=STATE"}
		}
		q.states = append(q.states, value)
	}
	for _, state := range q.states {
		err := oneOf("status", state, "created", "running", "paused", "restarting", "exited", "dead", "removing")
		if err != nil {
			return q, err
		}
	}
	return q, nil
}

func (i *invocation) ps(ctx context.Context, q psQuery) error {
	project, containers, err := i.listedWhole(ctx, q.services)
	if err != nil {
		return err
	}
	rows := psRows(project, containers, q, time.Now())
	switch {
	case q.quiet:
		for _, r := range rows {
			fmt.Fprintln(i.Out, r.fullID)
		}
		return nil
	case q.onlyServices:
		var names []string
		for _, r := range rows {
			names = append(names, r.Service)
		}
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			fmt.Fprintln(i.Out, name)
		}
		return nil
	}
	return printList(i.Out, q.format, rows, psColumns())
}

// psRow is one container, in docker compose's field names.
type psRow struct {
	ID         string
	Name       string
	Names      string
	Project    string
	Service    string
	Image      string
	Command    string
	State      string
	Health     string
	ExitCode   int
	Status     string
	CreatedAt  string
	RunningFor string
	Publishers []publisher
	Ports      string
	Networks   string

	Labels       string
	Mounts       string
	LocalVolumes string
	Size         string // as docker compose has it: it never asks for sizes
	Engine       string // likewise

	fullID string
	labels map[string]string
}

// Label is one label of the container, for templates; "" where it has none of that name.
func (r psRow) Label(name string) string { return r.labels[name] }

// publisher is one port of a container; PublishedPort is 0 where it is not published.
type publisher struct {
	URL           string
	TargetPort    int
	PublishedPort int
	Protocol      string
}

func psColumns() []column[psRow] {
	return []column[psRow]{
		{"name", func(r psRow) string { return r.Name }},
		{"image", func(r psRow) string { return r.Image }},
		{"command", func(r psRow) string { return r.Command }},
		{"service", func(r psRow) string { return r.Service }},
		{"created", func(r psRow) string { return r.RunningFor }},
		{"status", func(r psRow) string { return r.Status }},
		{"ports", func(r psRow) string { return r.Ports }},
	}
}

// psRows chooses the containers that a query asks for, by name.
func psRows(project foundProject, containers []engine.Listed, q psQuery, now time.Time) []psRow {
	var rows []psRow
	replicas := replicasOf(containers)
	for _, c := range containers {
		if !q.wants(project, c.Replica) {
			continue
		}
		row := newPsRow(project.Name, c, q.whole, now)
		row.Publishers = append(row.Publishers, balanced(project.Project, c.Replica, replicas)...)
		row.Ports = portsText(row.Publishers)
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b psRow) int { return naturally(a.Name, b.Name) })
	return rows
}

func (q psQuery) wants(project foundProject, r plan.Replica) bool {
	if r.Role == compose.RoleJob { // it is no container of a service, and never runs
		return false
	}
	if len(q.services) > 0 && !slices.Contains(q.services, r.Service) {
		return false
	}
	if !q.orphans && project.files && r.Role == compose.RoleReplica && isOrphan(project.Project, r.Service) {
		return false
	}
	if len(q.states) > 0 {
		return slices.Contains(q.states, string(r.State)) && (q.all || r.Role == compose.RoleReplica)
	}
	if q.all {
		return true
	}
	return r.Role == compose.RoleReplica && (r.State == plan.Running || r.State == plan.Paused || r.State == plan.Restarting)
}

func isOrphan(project compose.Project, service string) bool {
	_, ok := project.Service(service)
	return !ok && !slices.Contains(project.Disabled, service)
}

func newPsRow(project string, c engine.Listed, whole bool, now time.Time) psRow {
	r := c.Replica
	row := psRow{
		ID: r.ID, Name: r.Name, Names: r.Name, Project: project, Service: r.Service, Image: r.Image,
		Command: strconv.Quote(r.Command), State: string(r.State), Health: string(r.Health), ExitCode: r.ExitCode,
		Status: r.Status, CreatedAt: r.CreatedAt.Format("2006-01-02 15:04:05 -0700 MST"),
		RunningFor: units.HumanDuration(now.Sub(r.CreatedAt)) + " ago", Networks: strings.Join(r.Networks, ","),
		Publishers: []publisher{}, fullID: r.ID,
		Labels: labelsText(c.Labels), LocalVolumes: strconv.Itoa(c.LocalVolumes), Size: "0B", labels: c.Labels,
	}
	mounts := slices.Clone(c.Mounts)
	if !whole {
		for at, name := range mounts {
			mounts[at] = shortened(name, 15)
		}
		row.ID = r.ID[:min(len(r.ID), 12)]
		row.Command = strconv.Quote(shortened(r.Command, 20))
	}
	row.Mounts = strings.Join(mounts, ",")
	for _, p := range r.Ports {
		row.Publishers = append(row.Publishers, publisher{p.HostIP, p.Container, p.Host, p.Protocol})
	}
	return row
}

// balanced are the host ports by which the balancer reaches a replica: they are the service's as much as if
// its containers published them. Which replicas the balancer has is not asked for: one that cannot have traffic by what
// the engine says of it has none of its ports.
func balanced(project compose.Project, r plan.Replica, all []plan.Replica) []publisher {
	well := r.Health == plan.NoHealth || r.Health == plan.Healthy
	if r.Role != compose.RoleReplica || r.State != plan.Running || r.OneOff || !well || replacing(r, all) {
		return nil
	}
	return balancedPorts(project, r.Service, all)
}

// balancedPorts are the host ports by which the balancer reaches a service.
func balancedPorts(project compose.Project, name string, all []plan.Replica) []publisher {
	service, ok := project.Service(name)
	if !ok {
		return nil
	}
	var ports []publisher
	for _, balancer := range all {
		if balancer.Role != compose.RoleBalancer || balancer.State != plan.Running {
			continue
		}
		for _, route := range service.Routes {
			for _, p := range balancer.Ports {
				if p.Host != 0 && p.Container == route.ServicePort {
					ports = append(ports, publisher{p.HostIP, route.ContainerPort, p.Host, p.Protocol})
				}
			}
		}
	}
	return ports
}

// replacing says that a replica is not yet, or never became, the one of its slot: it has the name of its generation,
// because the one that it is to replace still has the slot's.
func replacing(r plan.Replica, all []plan.Replica) bool {
	name, provisional := strings.CutSuffix(r.Name, fmt.Sprintf("-g%d", r.Generation))
	return provisional && slices.ContainsFunc(all, func(other plan.Replica) bool {
		return other.Name == name && other.Service == r.Service && other.Slot == r.Slot && other.State == plan.Running
	})
}

func portsText(ports []publisher) string {
	var words []string
	for _, p := range ports {
		word := fmt.Sprintf("%d/%s", p.TargetPort, p.Protocol)
		if p.PublishedPort != 0 {
			host := p.URL
			if strings.Contains(host, ":") {
				host = "[" + host + "]"
			}
			word = fmt.Sprintf("%s:%d->%s", host, p.PublishedPort, word)
		}
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, ", ")
}

// shortened cuts a text to n letters, the last of them an ellipsis.
func shortened(text string, n int) string {
	letters := []rune(text)
	if len(letters) <= n {
		return text
	}
	return string(letters[:n-1]) + "…"
}

// naturally compares names with their numbers as numbers: web-9 before web-10.
func naturally(a, b string) int {
	for a != "" && b != "" {
		x, y := leadingNumber(a), leadingNumber(b)
		if x != "" && y != "" {
			if d := compareNumbers(x, y); d != 0 {
				return d
			}
			a, b = a[len(x):], b[len(y):]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

func leadingNumber(text string) string {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	return text[:end]
}

func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
