package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hyper-lite/cron"
	"hyper-lite/plan"
)

// stopsWithin is the engine's own grace period.
const stopsWithin = 10 * time.Second

func runContainer(job, run string) plan.Container {
	return plan.Container{Ref: plan.Ref{Service: job, Slot: 1, Generation: 1}, Name: run}
}

// preStart runs the pre_start hooks of a run that was made, for as long as the job's timeout, all together.
func (f *firing) preStart(ctx context.Context, made madeRun, aside cron.Aside) error {
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if made.timeout > 0 {
		bounded, cancel = context.WithTimeout(ctx, made.timeout)
	}
	defer cancel()
	var failed error
	lost := aside(ctx, func() {
		failed = f.host.Prepare(bounded, made.RunOf, func(begin func() error) error {
			return f.alone(bounded, func(context.Context) error { return begin() })
		})
	})
	switch {
	case lost != nil:
		return lost
	case ctx.Err() != nil:
		return ctx.Err()
	case failed != nil && bounded.Err() != nil:
		return fmt.Errorf("its %s hooks took longer than %s (timeout)", plan.PreStart, made.timeout)
	}
	return failed
}

// postStart runs the post_start hooks of a run that has started. One that fails ends the run, as does one that takes longer
// than the job's timeout. The end of the sidecar does not: whoever comes after it finds the run at work.
func (f *firing) postStart(ctx context.Context, start cron.Start, aside cron.Aside) error {
	job, ok := f.job(start.Job)
	if !ok || len(job.PostStart) == 0 {
		return nil
	}
	ended := make(chan error, 1)
	go func() { ended <- f.runPostStart(context.WithoutCancel(ctx), start, job) }()
	var failed error
	lost := aside(ctx, func() {
		select {
		case failed = <-ended:
		case <-ctx.Done(): // a hook that is given up would take the run with it
			failed = ctx.Err()
		}
	})
	if failed == nil && lost != nil {
		return nil // they have run, and nothing is left to do
	}
	return failed
}

func (f *firing) runPostStart(ctx context.Context, start cron.Start, job registered) error {
	if job.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, job.Timeout)
		defer cancel()
	}
	for i, hook := range job.PostStart {
		step := plan.RunHook{Container: runContainer(start.Job, start.Run), Phase: plan.PostStart, Hook: hook, Index: i + 1}
		err := f.host.Do(ctx, step)
		if exited, ok := errors.AsType[*plan.HookError](err); ok { // whose it is stands beside it
			return exited
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// preStop runs the pre_stop hooks of a run that is to be stopped, for as long as its grace period: it is stopped whatever comes
// of them.
func (f *firing) preStop(ctx context.Context, stop cron.Stop) {
	job, ok := f.job(stop.Job)
	if !ok || len(job.PreStop) == 0 {
		return
	}
	grace := job.Grace
	if grace == 0 {
		grace = stopsWithin
	}
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	for i, hook := range job.PreStop {
		step := plan.RunHook{Container: runContainer(stop.Job, stop.Run), Phase: plan.PreStop, Hook: hook, Index: i + 1}
		if err := f.host.Do(ctx, step); err != nil {
			f.log.Warn("a run is stopped without all its pre_stop hooks", "run", stop.Run, "error", err)
			return
		}
	}
}
