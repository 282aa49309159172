package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/docker/docker/api/types/container"
)

// Ending is the end of a container that somebody waits for.
type Ending string

const (
	Stopped  Ending = Ending(container.WaitConditionNotRunning) // it does not run; one that does not run has ended already
	NextExit Ending = Ending(container.WaitConditionNextExit)   // its next end, after a start that is still to come
	Removed  Ending = Ending(container.WaitConditionRemoved)    // it ended and is gone
)

// Wait watches a container from now on. What it returns waits for the end, and returns the exit code.
func (e *Engine) Wait(ctx context.Context, name string, ending Ending) func() (int, error) {
	ended, failed := e.client.ContainerWait(ctx, name, container.WaitCondition(ending))
	return func() (int, error) {
		select {
		case result := <-ended:
			if result.Error != nil {
				return 0, fmt.Errorf("wait for container %s: %w", name, errors.New(result.Error.Message))
			}
			return int(result.StatusCode), nil
		case err := <-failed:
			if cause := ctx.Err(); cause != nil {
				return 0, cause
			}
			return 0, fmt.Errorf("wait for container %s: %w", name, err)
		}
	}
}
