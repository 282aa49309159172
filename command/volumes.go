package command

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/engine"
)

func (p *program) volumes() *cli.Command {
	return &cli.Command{
		Name:      "volumes",
		Usage:     "list the volumes that the project made",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite volumes
hyper-lite volumes -q db                   names of those that containers of db use
hyper-lite volumes --format '{{.Name}} {{.Mountpoint}}'`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "names only"},
			formatFlag(),
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
			return i.volumes(ctx, c.Args().Slice(), c.String("format"), c.Bool("quiet"))
		}),
	}
}

// volumeRow is one volume, in docker's field names. What docker tells only of Swarm's volumes, or counts only in
// `docker system df`, is N/A here as it is there.
type volumeRow struct {
	Availability string
	Driver       string
	Group        string
	Labels       string
	Links        string
	Mountpoint   string
	Name         string
	Scope        string
	Size         string
	Status       string
}

func (i *invocation) volumes(ctx context.Context, services []string, format string, quiet bool) error {
	project, containers, err := i.listedWhole(ctx, services)
	if err != nil {
		return err
	}
	volumes, err := i.opened.Volumes(ctx, project.Name)
	if err != nil {
		return err
	}
	rows := volumeRows(project.Name, volumes, containers, services)
	if quiet {
		for _, r := range rows {
			fmt.Fprintln(i.Out, r.Name)
		}
		return nil
	}
	return printList(i.Out, format, rows, []column[volumeRow]{
		{"driver", func(r volumeRow) string { return r.Driver }},
		{"volume name", func(r volumeRow) string { return r.Name }},
	})
}

// volumeRows leaves out the volume that the balancer and the sidecar share: it comes and goes with them. Where services
// are named, only what their containers mount is shown.
func volumeRows(project string, volumes []engine.Volume, containers []engine.Listed, services []string) []volumeRow {
	mounted := map[string]bool{}
	for _, c := range containers {
		if c.Role == compose.RoleReplica && slices.Contains(services, c.Service) {
			for _, name := range c.Mounts {
				mounted[name] = true
			}
		}
	}
	const none = "N/A"
	var rows []volumeRow
	for _, v := range volumes {
		if v.Name == project+"_hyper-lite" || (len(services) > 0 && !mounted[v.Name]) {
			continue
		}
		rows = append(rows, volumeRow{
			Availability: none, Driver: v.Driver, Group: none, Labels: labelsText(v.Labels), Links: none, Mountpoint: v.Mountpoint,
			Name: v.Name, Scope: v.Scope, Size: none, Status: none,
		})
	}
	return rows
}

// labelsText is labels as docker's listings have them, in the order of their names.
func labelsText(labels map[string]string) string {
	var words []string
	for _, name := range sortedKeys(labels) {
		words = append(words, name+"="+labels[name])
	}
	return strings.Join(words, ",")
}
