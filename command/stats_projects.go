package command

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/go-units"
	"golang.org/x/sync/errgroup"

	"hyper-lite/engine"
	"hyper-lite/plan"
)

// measured is one container of a project, and what it uses.
type measured struct {
	project string
	replica plan.Replica
	used    *engine.Usage // nil where it does not run
}

// projectStatsRow is one container in a list of several projects.
type projectStatsRow struct {
	Project  string
	Name     string
	CPUPerc  string
	MemUsage string
	MemPerc  string
	NetIO    string
	BlockIO  string
	PIDs     string
}

// totalStatsRow is one project. A share of the memory is no sum that means anything, so there is none.
type totalStatsRow struct {
	Project    string
	Containers int
	CPUPerc    string
	MemUsage   string
	NetIO      string
	BlockIO    string
	PIDs       int64
}

// statsOfProjects measures whole projects: all of them or the one that the files tell, by container or in sum.
func (i *invocation) statsOfProjects(ctx context.Context, q statsQuery, all, sum bool) error {
	switch {
	case len(q.services) > 0:
		return usagef("--all-projects and --aggregate are about whole projects: they take no service")
	case all && i.project != "":
		return usagef("--all-projects and --project-name exclude each other")
	case q.format != "" && q.format != "table" && q.format != "json":
		return usagef("--format: with --all-projects and --aggregate it is table or json")
	}
	name := ""
	if !all {
		project, _, err := i.listed(ctx, nil)
		if err != nil {
			return err
		}
		name = project.Name
	}
	return i.pages(ctx, q.once, func() (func() error, error) {
		found, err := i.measureProjects(ctx, name, q)
		if sum {
			return func() error { return printList(i.Out, q.format, totals(found), totalStatsColumns()) }, err
		}
		return func() error { return printList(i.Out, q.format, projectStatsRows(found), projectStatsColumns()) }, err
	})
}

// measureProjects measures the containers of a project, or of all where name is "", by project and name.
func (i *invocation) measureProjects(ctx context.Context, name string, q statsQuery) ([]measured, error) {
	host, err := i.engine(ctx)
	if err != nil {
		return nil, err
	}
	projects, err := host.ComposeProjects(ctx)
	if err != nil {
		return nil, err
	}
	var found []measured
	for _, p := range projects {
		for _, r := range p.Replicas {
			if (name == "" || p.Name == name) && q.wants(r) {
				found = append(found, measured{project: p.Name, replica: r})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b measured) int {
		return cmp.Or(strings.Compare(a.project, b.project), naturally(a.replica.Name, b.replica.Name))
	})
	group, calls := errgroup.WithContext(ctx)
	group.SetLimit(32) // each holds a connection for a second or two
	for at, m := range found {
		if m.replica.State != plan.Running && m.replica.State != plan.Paused {
			continue
		}
		group.Go(func() error {
			used, err := host.Usage(calls, m.replica.ID)
			found[at].used = &used
			return err
		})
	}
	return found, group.Wait()
}

func projectStatsRows(found []measured) []projectStatsRow {
	rows := make([]projectStatsRow, len(found))
	for at, m := range found {
		row := newStatsRow(m.replica, true)
		if m.used != nil {
			row.fill(*m.used)
		}
		rows[at] = projectStatsRow{m.project, row.Name, row.CPUPerc, row.MemUsage, row.MemPerc, row.NetIO, row.BlockIO, row.PIDs}
	}
	return rows
}

// totals adds up what the containers of each project use. found is ordered by project.
func totals(found []measured) []totalStatsRow {
	var rows []totalStatsRow
	for len(found) > 0 {
		name := found[0].project
		end := slices.IndexFunc(found, func(m measured) bool { return m.project != name })
		if end < 0 {
			end = len(found)
		}
		var sum engine.Usage
		for _, m := range found[:end] {
			if m.used != nil {
				sum = added(sum, *m.used)
			}
		}
		row := statsRow{}
		row.fill(sum)
		rows = append(rows, totalStatsRow{name, end, row.CPUPerc, units.BytesSize(float64(sum.Memory)), row.NetIO, row.BlockIO, sum.Processes})
		found = found[end:]
	}
	return rows
}

func added(a, b engine.Usage) engine.Usage {
	return engine.Usage{
		CPU: a.CPU + b.CPU, Memory: a.Memory + b.Memory, Received: a.Received + b.Received, Sent: a.Sent + b.Sent,
		Read: a.Read + b.Read, Written: a.Written + b.Written, Processes: a.Processes + b.Processes,
	}
}

func projectStatsColumns() []column[projectStatsRow] {
	return []column[projectStatsRow]{
		{"project", func(r projectStatsRow) string { return r.Project }},
		{"name", func(r projectStatsRow) string { return r.Name }},
		{"cpu %", func(r projectStatsRow) string { return r.CPUPerc }},
		{"mem usage / limit", func(r projectStatsRow) string { return r.MemUsage }},
		{"mem %", func(r projectStatsRow) string { return r.MemPerc }},
		{"net i/o", func(r projectStatsRow) string { return r.NetIO }},
		{"block i/o", func(r projectStatsRow) string { return r.BlockIO }},
		{"pids", func(r projectStatsRow) string { return r.PIDs }},
	}
}

func totalStatsColumns() []column[totalStatsRow] {
	return []column[totalStatsRow]{
		{"project", func(r totalStatsRow) string { return r.Project }},
		{"containers", func(r totalStatsRow) string { return fmt.Sprint(r.Containers) }},
		{"cpu %", func(r totalStatsRow) string { return r.CPUPerc }},
		{"mem usage", func(r totalStatsRow) string { return r.MemUsage }},
		{"net i/o", func(r totalStatsRow) string { return r.NetIO }},
		{"block i/o", func(r totalStatsRow) string { return r.BlockIO }},
		{"pids", func(r totalStatsRow) string { return fmt.Sprint(r.PIDs) }},
	}
}
