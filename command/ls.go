package command

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

func (p *program) ls() *cli.Command {
	return &cli.Command{
		Name:  "ls",
		Usage: "list the projects on the engine, docker compose's own too",
		Description: `hyper-lite ls                              projects that run
hyper-lite ls -a                           stopped ones, too
hyper-lite ls --filter name=shop --format json`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Usage: "stopped projects, too"},
			&cli.StringSliceFlag{Name: "filter", Usage: "only projects whose name matches: `name=PATTERN`; may be repeated"},
			&cli.StringFlag{Name: "format", Usage: "table, or json (one list, as docker compose prints it)"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "names only"},
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.ls(ctx, c) }),
	}
}

// lsRow is one project, in docker compose's field names.
type lsRow struct {
	Name        string
	Status      string
	ConfigFiles string
}

func (i *invocation) ls(ctx context.Context, c *cli.Context) error {
	if err := oneOf("format", first(c.String("format"), "table"), "table", "json"); err != nil {
		return err
	}
	wanted, err := nameFilter(c.StringSlice("filter"))
	if err != nil {
		return err
	}
	host, err := i.engine(ctx)
	if err != nil {
		return err
	}
	projects, err := host.ComposeProjects(ctx)
	if err != nil {
		return err
	}
	rows := lsRows(projects, wanted, c.Bool("all"))
	switch {
	case c.Bool("quiet"):
		for _, r := range rows {
			fmt.Fprintln(i.Out, r.Name)
		}
		return nil
	case c.String("format") == "json":
		return json.NewEncoder(i.Out).Encode(rows)
	}
	return printList(i.Out, "table", rows, []column[lsRow]{
		{"name", func(r lsRow) string { return r.Name }},
		{"status", func(r lsRow) string { return r.Status }},
		{"config files", func(r lsRow) string { return r.ConfigFiles }},
	})
}

// nameFilter reads --filter of ls: any of the patterns may match, somewhere in the name.
func nameFilter(filters []string) (func(name string) bool, error) {
	var patterns []*regexp.Regexp
	for _, f := range filters {
		key, value, ok := strings.Cut(f, "=")
		if !ok || key != "name" {
			return nil, &usageError{msg: fmt.Sprintf("--filter: %q is not known", f), hint: "it takes name=PATTERN"}
		}
		pattern, err := regexp.Compile(value)
		if err != nil {
			return nil, &usageError{msg: fmt.Sprintf("--filter: %v", err), hint: "it takes name=PATTERN"}
		}
		patterns = append(patterns, pattern)
	}
	return func(name string) bool {
		for _, p := range patterns {
			if p.MatchString(name) {
				return true
			}
		}
		return len(patterns) == 0
	}, nil
}

// lsRows are the projects that have a container of their own services, and unless all is asked for, one that is alive.
func lsRows(projects []engine.Project, wanted func(name string) bool, all bool) []lsRow {
	rows := []lsRow{} // an empty list in JSON, not null
	for _, p := range projects {
		count := map[string]int{}
		for _, r := range p.Replicas {
			alive := r.State == plan.Running || r.State == plan.Paused || r.State == plan.Restarting
			if (r.Role == compose.RoleReplica || r.Role == compose.RoleRun) && (all || alive) {
				count[string(r.State)]++
			}
		}
		if len(count) == 0 || !wanted(p.Name) {
			continue
		}
		var status []string
		for _, state := range sortedKeys(count) {
			status = append(status, fmt.Sprintf("%s(%d)", state, count[state]))
		}
		rows = append(rows, lsRow{p.Name, strings.Join(status, ", "), strings.Join(p.Files, ",")})
	}
	return rows
}
