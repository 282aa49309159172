package command

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/docker/go-units"
	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

func (p *program) images() *cli.Command {
	return &cli.Command{
		Name:      "images",
		Usage:     "list the images that the project's containers were made of",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite images
hyper-lite images -q web                   IDs only
hyper-lite images --format json            one JSON object a line, with docker compose's field names`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "IDs only, each once"},
			formatFlag(),
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
			return i.images(ctx, c.Args().Slice(), c.String("format"), c.Bool("quiet"))
		}),
	}
}

// imageRow is the image of one container, in docker compose's field names.
type imageRow struct {
	ID            string
	ContainerName string
	Repository    string
	Tag           string
	Platform      string
	Size          int64
	Created       *time.Time `json:",omitempty"`
	LastTagTime   time.Time  `json:",omitzero"`
}

func (i *invocation) images(ctx context.Context, services []string, format string, quiet bool) error {
	project, replicas, err := i.listed(ctx, services)
	if err != nil {
		return err
	}
	replicas = slices.DeleteFunc(replicas, func(r plan.Replica) bool {
		return r.Role != compose.RoleReplica || (len(services) > 0 && !slices.Contains(services, r.Service))
	})
	slices.SortStableFunc(replicas, func(a, b plan.Replica) int { return naturally(a.Name, b.Name) })
	if quiet {
		return i.imageIDs(replicas)
	}
	host, err := i.engine(ctx)
	if err != nil {
		return err
	}
	var ids []string
	for _, r := range replicas {
		ids = append(ids, r.ImageID)
	}
	found, err := host.Images(ctx, ids)
	if err != nil {
		return fmt.Errorf("list images of project %s: %w", project.Name, err)
	}
	rows := make([]imageRow, len(replicas))
	for at, r := range replicas {
		rows[at] = newImageRow(r, found[r.ImageID])
	}
	return printList(i.Out, format, rows, imageColumns(time.Now()))
}

func (i *invocation) imageIDs(replicas []plan.Replica) error {
	var seen []string
	for _, r := range replicas {
		if _, id, _ := strings.Cut(r.ImageID, ":"); !slices.Contains(seen, id) {
			seen = append(seen, id)
			if _, err := fmt.Fprintln(i.Out, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// newImageRow describes an image that the engine may have lost the name of, or even the image: then what the container
// knows is told.
func newImageRow(r plan.Replica, image engine.ImageDetail) imageRow {
	row := imageRow{
		ID: r.ImageID, ContainerName: r.Name, Platform: image.Platform, Size: image.Size, LastTagTime: image.Tagged,
	}
	if !image.Created.IsZero() {
		row.Created = &image.Created
	}
	name := r.Image
	if named, err := reference.ParseDockerRef(name); err == nil && !strings.HasPrefix(name, "sha256:") {
		row.Repository = reference.FamiliarName(named)
		if tagged, ok := named.(reference.Tagged); ok {
			row.Tag = tagged.Tag()
		}
	}
	return row
}

func imageColumns(now time.Time) []column[imageRow] {
	return []column[imageRow]{
		{"container", func(r imageRow) string { return r.ContainerName }},
		{"repository", func(r imageRow) string { return first(r.Repository, "<none>") }},
		{"tag", func(r imageRow) string { return first(r.Tag, "<none>") }},
		{"platform", func(r imageRow) string { return r.Platform }},
		{"image id", func(r imageRow) string { return shortID(r.ID) }},
		{"size", func(r imageRow) string { return units.HumanSizeWithPrecision(float64(r.Size), 3) }},
		{"created", func(r imageRow) string {
			if r.Created == nil {
				return "N/A"
			}
			return units.HumanDuration(now.Sub(*r.Created)) + " ago"
		}},
	}
}

// shortID is an ID as tables have it: without the name of its digest, twelve digits.
func shortID(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(len(id), 12)]
}
