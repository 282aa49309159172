package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"hyper-lite/plan"
)

const (
	// settling is how long a container without a health check must have run to count as running: what ends at once
	// seems to run for a while on a busy engine.
	settling = time.Second
	// probedSettling is the same for the first run of one that the balancer probes and watches besides.
	probedSettling = 300 * time.Millisecond
	// loop is how many restarts, while it is awaited, make a restart loop.
	loop = 3
)

// await looks until the container is what the condition says, or cannot become it any more. Within 0
// waits as long as the context lets it. What a plan.Probe adds to it is the balancer's to await.
func (e *Engine) await(ctx context.Context, step plan.Await) error {
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if step.Within > 0 {
		bounded, cancel = context.WithTimeout(ctx, step.Within)
	}
	defer cancel()
	watch := watch{condition: step.Condition, probed: step.Probe != nil, since: time.Now(), restarts: -1}
	for pause := newPause(); ; {
		found, err := e.inspect(bounded, step.Container)
		if errdefs.IsNotFound(err) {
			return e.unhealthy(ctx, step, watch, "was removed")
		}
		if err == nil {
			e.learn(found)
			if watch.restarts < 0 {
				e.begin(&watch, found)
			}
			verdict := watch.judge(found, time.Now())
			switch {
			case verdict.done:
				return e.stays(ctx, step, watch, found)
			case verdict.never != "":
				return e.unhealthy(ctx, step, watch, verdict.never)
			case verdict.again > 0:
				err = sleep(bounded, verdict.again)
			default:
				err = pause.wait(bounded)
			}
		}
		if cause := ctx.Err(); cause != nil {
			return cause
		}
		if errors.Is(bounded.Err(), context.DeadlineExceeded) {
			return e.unhealthy(ctx, step, watch, "still "+watch.last)
		}
		if err != nil {
			return err
		}
	}
}

// stays looks on for as long as a container must stay what it became. One that ended well has nothing to stay.
func (e *Engine) stays(ctx context.Context, step plan.Await, watch watch, first container.InspectResponse) error {
	if first.State.Status != container.StateRunning {
		return nil
	}
	for until := time.Now().Add(step.For); time.Now().Before(until); {
		if err := sleep(ctx, min(time.Until(until), probedSettling)); err != nil {
			return err
		}
		found, err := e.inspect(ctx, step.Container)
		if errdefs.IsNotFound(err) {
			return e.unhealthy(ctx, step, watch, "was removed")
		}
		if err != nil {
			return err
		}
		switch state := found.State; {
		case state.Status == container.StateExited || state.Status == container.StateDead:
			return e.unhealthy(ctx, step, watch, "did not stay: "+ended(state))
		case found.RestartCount > first.RestartCount || state.StartedAt != first.State.StartedAt:
			return e.unhealthy(ctx, step, watch, "did not stay: it was started again, last "+ended(state))
		case state.Health != nil && state.Health.Status == container.Unhealthy:
			return e.unhealthy(ctx, step, watch, "did not stay: health check failed")
		}
	}
	return nil
}

// watch is what was seen of a container while it is awaited.
type watch struct {
	condition plan.Condition
	probed    bool      // the balancer has its own word on it
	since     time.Time // when the await began
	started   time.Time // the earliest moment from which it is known to run
	restarts  int       // the engine's count at the first look; -1 before it
	seen      int       // the engine's count at the last look
	last      string    // what it was at the last look
	ended     string    // how it ended before its last restart, where that was seen
}

// verdict is what one look says. Neither done nor never means: look again.
type verdict struct {
	done  bool
	never string        // why the condition will never hold
	again time.Duration // when the next look is worth it; 0 is unknown
}

func (w *watch) judge(found container.InspectResponse, now time.Time) verdict {
	state := found.State
	w.last = string(state.Status)
	if state.Status == container.StateRestarting {
		w.ended = ", last " + ended(state)
	}
	exited := state.Status == container.StateExited || state.Status == container.StateDead
	switch {
	case exited && state.ExitCode == 0 && (w.condition == plan.AwaitCompleted || w.condition == plan.AwaitSettled):
		return verdict{done: true}
	case exited:
		return verdict{never: ended(state)}
	case found.RestartCount-w.restarts >= loop && (w.ended != "" || found.RestartCount-w.restarts > 2*loop):
		return verdict{never: "restart loop" + w.ended} // one that runs again has no exit code: it is waited for a little
	case state.Status != container.StateRunning:
		w.started = now // at the earliest
		return verdict{}
	case w.condition == plan.AwaitCompleted || w.condition == plan.AwaitExit:
		return verdict{}
	case w.heedsHealth() && state.Health != nil && state.Health.Status != container.NoHealthcheck:
		return w.healthy(state.Health)
	}
	if found.RestartCount > w.seen { // a restart starts the moment anew
		w.seen, w.started = found.RestartCount, now
	}
	must := settling
	if w.probed && found.RestartCount == w.restarts {
		must = probedSettling
	}
	if ran := now.Sub(w.started); ran < must {
		return verdict{again: must - ran}
	}
	return verdict{done: true}
}

// heedsHealth says whether a container's own health check has a say.
func (w *watch) heedsHealth() bool {
	return w.condition == plan.AwaitHealthy || w.condition == plan.AwaitSettled
}

func (w *watch) healthy(health *container.Health) verdict {
	w.last = "running, health " + string(health.Status)
	switch health.Status {
	case container.Healthy:
		return verdict{done: true}
	case container.Unhealthy:
		return verdict{never: "health check failed"}
	}
	return verdict{}
}

func ended(state *container.State) string {
	text := fmt.Sprintf("exited (%d)", state.ExitCode)
	if state.OOMKilled {
		text += ", out of memory"
	}
	if state.Error != "" {
		text += ": " + state.Error
	}
	return text
}

// begin counts from our own start of the container, or else from this first look. The engine counts
// restarts from the start too; after one of them, what was before says nothing.
func (e *Engine) begin(w *watch, found container.InspectResponse) {
	e.mu.Lock()
	at, ours := e.started[found.ID]
	e.mu.Unlock()
	w.started, w.restarts, w.seen = time.Now(), found.RestartCount, found.RestartCount
	if !ours {
		return
	}
	w.restarts = 0
	if found.RestartCount == 0 {
		w.started = at
	}
}

func (e *Engine) unhealthy(ctx context.Context, step plan.Await, watch watch, reason string) error {
	unhealthy := &plan.UnhealthyError{
		Container: step.Container,
		Condition: step.Condition,
		Reason:    reason,
		After:     time.Since(watch.since),
	}
	// What cannot be read is left out: the reason above is what matters.
	unhealthy.LastLog, unhealthy.Health, _ = e.Diagnose(ctx, step.Address())
	return unhealthy
}
