package command

import (
	"context"

	"hyper-lite/engine"
)

// looking is what the verbs that only look need of an engine, beyond what a plan needs.
type looking interface {
	// Listing returns every container of a project with one call, with what only listings show.
	Listing(ctx context.Context, project string) ([]engine.Listed, error)
	// ComposeProjects returns every project on the host with one call, docker compose's own too.
	ComposeProjects(ctx context.Context) ([]engine.Project, error)
	// Composed are the names of the containers that docker compose made for a project.
	Composed(ctx context.Context, project string) ([]string, error)
	// Lifespan asks when a container ran last.
	Lifespan(ctx context.Context, container string) (engine.Lifespan, error)
	// Images asks for images by ID; those that are gone are left out.
	Images(ctx context.Context, ids []string) (map[string]engine.ImageDetail, error)
	// ImageDigest asks an image's registry what its name means: "sha256:...".
	ImageDigest(ctx context.Context, image string) (string, error)
	// Volumes returns the volumes of a project.
	Volumes(ctx context.Context, project string) ([]engine.Volume, error)
	// Usage measures one container.
	Usage(ctx context.Context, container string) (engine.Usage, error)
	// EventsWithin tells what happens to the containers of a project; its one error is io.EOF at the end of the span.
	EventsWithin(ctx context.Context, project string, span engine.EventSpan) (<-chan engine.Event, <-chan error)
}
