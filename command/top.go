package command

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"hyper-lite/engine"
	"hyper-lite/plan"
)

func (p *program) top() *cli.Command {
	return &cli.Command{
		Name:      "top",
		Usage:     "list the processes of containers that run",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite top
hyper-lite top web`,
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.top(ctx, c.Args().Slice()) }),
	}
}

func (i *invocation) top(ctx context.Context, services []string) error {
	_, replicas, err := i.listed(ctx, services)
	if err != nil {
		return err
	}
	running := runningOf(replicas, services)
	processes := make([]engine.Processes, len(running))
	group, calls := errgroup.WithContext(ctx)
	group.SetLimit(i.width)
	for at, r := range running {
		group.Go(func() (err error) {
			processes[at], err = i.opened.Top(calls, r.ID)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return printProcesses(i.Out, running, processes)
}

// runningOf are the containers of services that run, one-offs too, by name. No services are all.
func runningOf(replicas []plan.Replica, services []string) []plan.Replica {
	var names []string
	for _, r := range replicas {
		if (len(services) == 0 || slices.Contains(services, r.Service)) && !slices.Contains(names, r.Service) {
			names = append(names, r.Service)
		}
	}
	var running []plan.Replica
	for _, name := range names {
		for _, r := range containersOf(replicas, name, 0) {
			if isUp(r) {
				running = append(running, r)
			}
		}
	}
	slices.SortStableFunc(running, func(a, b plan.Replica) int { return naturally(a.Name, b.Name) })
	return running
}

// printProcesses prints one table for all containers. Engines may have columns of their own; CMD is always the last.
func printProcesses(out io.Writer, containers []plan.Replica, processes []engine.Processes) error {
	titles := []string{"SERVICE", "#"}
	last := ""
	for _, p := range processes {
		for _, title := range p.Titles {
			if title == "CMD" {
				last = title
			} else if !slices.Contains(titles, title) {
				titles = append(titles, title)
			}
		}
	}
	if last != "" {
		titles = append(titles, last)
	}
	table := tabwriter.NewWriter(out, 4, 1, 2, ' ', 0)
	rows := 0
	for at, p := range processes {
		for _, process := range p.Rows {
			if rows == 0 {
				fmt.Fprintln(table, strings.Join(titles, "\t"))
			}
			rows++
			cells := []string{containers[at].Service, strconv.Itoa(containers[at].Slot)}
			for _, title := range titles[2:] {
				cells = append(cells, cell(p.Titles, process, title))
			}
			fmt.Fprintln(table, strings.Join(cells, "\t"))
		}
	}
	return table.Flush()
}

func cell(titles, process []string, title string) string {
	at := slices.Index(titles, title)
	if at < 0 || at >= len(process) {
		return "-"
	}
	return process[at]
}
