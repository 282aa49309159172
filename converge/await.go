package converge

import (
	"context"
	"errors"
	"time"

	"hyper-lite/plan"
)

// await waits until the engine, and where the step has a probe the balancer too, find a replica as it should
// be. While the balancer probes, the engine watches, so that a replica that dies fails at once and not when
// its time is over.
func (h Host) await(ctx context.Context, step plan.Await) error {
	if step.Probe == nil {
		return h.Engine.Do(ctx, step)
	}
	begun := time.Now()
	once := step
	once.For = 0 // the balancer sees sooner what does not stay
	if err := h.Engine.Do(ctx, once); err != nil {
		return err
	}
	if step.Within > 0 {
		step.Within = max(step.Within-time.Since(begun), time.Second)
	}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	died := make(chan error, 1)
	go func() {
		died <- h.Engine.Do(watching, plan.Await{Container: step.Container, Condition: plan.AwaitExit})
	}()
	healthy := make(chan error, 1)
	go func() { healthy <- h.Balancer.Do(watching, step) }()
	select {
	case err := <-healthy:
		return err
	case err := <-died:
		if unhealthy, ok := errors.AsType[*plan.UnhealthyError](err); ok {
			unhealthy.Condition = step.Condition
			return unhealthy
		}
		return <-healthy
	}
}
