package engine

import (
	"context"

	"hyper-lite/plan"
)

// build makes a service's image: by buildx through the docker CLI where that is there, else by the
// engine's own builder.
func (e *Engine) build(ctx context.Context, step plan.Build) error {
	e.forget(step.Image)
	if hasBuildx(ctx) {
		return e.buildByBuildx(ctx, step)
	}
	return e.buildByEngine(ctx, step)
}
