package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/containerd/errdefs"

	"hyper-lite/plan"
)

// Lifespan is when a container ran last, and how that ended.
type Lifespan struct {
	State    plan.State // "": there is no such container any more
	Started  time.Time  // zero: never
	Finished time.Time  // zero: it has not ended
	ExitCode int
	OOM      bool
}

// Lifespan asks when a container ran last.
func (e *Engine) Lifespan(ctx context.Context, name string) (Lifespan, error) {
	found, err := e.client.ContainerInspect(ctx, name)
	if errdefs.IsNotFound(err) {
		return Lifespan{}, nil
	}
	if err != nil {
		return Lifespan{}, e.reached(wrap(err, "inspect container "+name))
	}
	life := Lifespan{State: plan.State(found.State.Status), ExitCode: found.State.ExitCode, OOM: found.State.OOMKilled}
	if life.Started, err = moment(found.State.StartedAt); err == nil {
		life.Finished, err = moment(found.State.FinishedAt)
	}
	if err != nil {
		return Lifespan{}, fmt.Errorf("inspect container %s: %w", name, err)
	}
	switch ended := life.State == plan.Exited || life.State == plan.Dead; {
	case !life.Finished.Before(life.Started):
	case ended: // the engine takes its time for a start, and may write down the end of a short life before it
		life.Finished = life.Started
	default:
		life.Finished = time.Time{} // that was an end before it was started again
	}
	return life, nil
}

// moment reads a time of the engine, whose word for never is the year 1.
func moment(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.Year() <= 1 {
		return time.Time{}, err
	}
	return at, nil
}
