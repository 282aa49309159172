package command

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"hyper-lite/compose"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

func (p *program) stats() *cli.Command {
	return &cli.Command{
		Name:      "stats",
		Usage:     "show what the containers use of processors, memory, network and disks",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite stats                           again and again, until Ctrl-C
hyper-lite stats --no-stream web
hyper-lite stats --all-projects --aggregate one line a project
hyper-lite stats --no-stream --format '{{.Name}} {{.CPUPerc}} {{.MemUsage}}'`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Usage: "stopped containers, the balancer and the sidecar too"},
			&cli.BoolFlag{Name: "all-projects", Usage: "of all projects on the engine, docker compose's own too"},
			&cli.BoolFlag{Name: "aggregate", Usage: "one line a project, with the sum of its containers"},
			&cli.BoolFlag{Name: "no-stream", Usage: "measure once"},
			&cli.BoolFlag{Name: "no-trunc", Usage: "do not shorten IDs"},
			formatFlag(),
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
			q := statsQuery{
				services: c.Args().Slice(), format: c.String("format"), all: c.Bool("all"), once: c.Bool("no-stream"), whole: c.Bool("no-trunc"),
			}
			if c.Bool("all-projects") || c.Bool("aggregate") {
				return i.statsOfProjects(ctx, q, c.Bool("all-projects"), c.Bool("aggregate"))
			}
			return i.stats(ctx, q)
		}),
	}
}

// statsQuery is what stats was asked for.
type statsQuery struct {
	services         []string
	format           string
	all, once, whole bool
}

// statsRow is one measurement of a container, in docker's field names.
type statsRow struct {
	BlockIO   string
	CPUPerc   string
	Container string
	ID        string
	MemPerc   string
	MemUsage  string
	Name      string
	NetIO     string
	PIDs      string
}

// between is the least time between two measurements: an engine that answers at once, as for containers that do not
// run, is not asked without pause.
const between = time.Second

func (i *invocation) stats(ctx context.Context, q statsQuery) error {
	if err := checkFormat[statsRow](q.format); err != nil {
		return err
	}
	project, _, err := i.listed(ctx, q.services)
	if err != nil {
		return err
	}
	return i.pages(ctx, q.once, func() (func() error, error) {
		rows, err := i.measure(ctx, project.Name, q)
		return func() error { return printList(i.Out, q.format, rows, statsColumns()) }, err
	})
}

// pages measures and prints, once or again and again. take measures, and returns what prints it.
func (i *invocation) pages(ctx context.Context, once bool, take func() (func() error, error)) error {
	if !once {
		var stop func()
		ctx, stop = i.whileRead(ctx)
		defer stop()
	}
	again := time.NewTicker(between)
	defer again.Stop()
	for {
		page, err := take()
		if ctx.Err() != nil && !once {
			return followed(ctx, err)
		}
		if err != nil {
			return err
		}
		if !once && isTerminal(i.Out) {
			fmt.Fprint(i.Out, "\x1b[H\x1b[2J") // a fresh page
		}
		if err := page(); err != nil || once {
			return err
		}
		select {
		case <-ctx.Done():
			return followed(ctx, nil)
		case <-again.C:
		}
	}
}

// measure measures all containers at once. They are listed anew each time: some come, some go.
func (i *invocation) measure(ctx context.Context, project string, q statsQuery) ([]statsRow, error) {
	host, err := i.engine(ctx)
	if err != nil {
		return nil, err
	}
	replicas, err := host.List(ctx, project)
	if err != nil {
		return nil, err
	}
	replicas = slices.DeleteFunc(replicas, func(r plan.Replica) bool { return !q.wants(r) })
	slices.SortStableFunc(replicas, func(a, b plan.Replica) int { return naturally(a.Name, b.Name) })
	rows := make([]statsRow, len(replicas))
	group, calls := errgroup.WithContext(ctx)
	for at, r := range replicas {
		rows[at] = newStatsRow(r, q.whole)
		if r.State != plan.Running && r.State != plan.Paused {
			continue
		}
		group.Go(func() error {
			used, err := host.Usage(calls, r.ID)
			if err != nil {
				return err
			}
			rows[at].fill(used)
			return nil
		})
	}
	return rows, group.Wait()
}

func (q statsQuery) wants(r plan.Replica) bool {
	if len(q.services) > 0 && !slices.Contains(q.services, r.Service) {
		return false
	}
	own := r.Role == compose.RoleReplica || r.Role == compose.RoleRun
	return q.all || (own && (r.State == plan.Running || r.State == plan.Paused || r.State == plan.Restarting))
}

// newStatsRow is a row without measurement.
func newStatsRow(r plan.Replica, whole bool) statsRow {
	row := statsRow{
		Container: r.ID, ID: r.ID, Name: r.Name,
		CPUPerc: "--", MemPerc: "--", MemUsage: "-- / --", NetIO: "--", BlockIO: "--", PIDs: "--",
	}
	if !whole {
		row.ID = shortID(r.ID)
	}
	return row
}

func (r *statsRow) fill(u engine.Usage) {
	percent := 0.0
	if u.MemoryLimit > 0 {
		percent = float64(u.Memory) / float64(u.MemoryLimit) * 100
	}
	size := func(bytes int64) string { return units.HumanSizeWithPrecision(float64(bytes), 3) }
	r.CPUPerc, r.MemPerc = fmt.Sprintf("%.2f%%", u.CPU), fmt.Sprintf("%.2f%%", percent)
	r.MemUsage = strings.Join([]string{units.BytesSize(float64(u.Memory)), units.BytesSize(float64(u.MemoryLimit))}, " / ")
	r.NetIO, r.BlockIO = size(u.Received)+" / "+size(u.Sent), size(u.Read)+" / "+size(u.Written)
	r.PIDs = fmt.Sprint(u.Processes)
}

func statsColumns() []column[statsRow] {
	return []column[statsRow]{
		{"container id", func(r statsRow) string { return r.ID }},
		{"name", func(r statsRow) string { return r.Name }},
		{"cpu %", func(r statsRow) string { return r.CPUPerc }},
		{"mem usage / limit", func(r statsRow) string { return r.MemUsage }},
		{"mem %", func(r statsRow) string { return r.MemPerc }},
		{"net i/o", func(r statsRow) string { return r.NetIO }},
		{"block i/o", func(r statsRow) string { return r.BlockIO }},
		{"pids", func(r statsRow) string { return r.PIDs }},
	}
}
