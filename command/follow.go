package command

import (
	"context"
	"errors"
	"sync"
	"time"

	"hyper-lite/engine"
	"hyper-lite/plan"
)

// followAll copies the logs of containers until all of them have ended for good.
func (l *logPrinter) followAll(ctx context.Context, host Engine, project string, replicas []plan.Replica, options engine.LogOptions) error {
	l.expect(replicas)
	errs := make([]error, len(replicas))
	var following sync.WaitGroup
	for at, r := range replicas {
		following.Go(func() {
			_, err := l.followOne(ctx, host, project, r, options)
			errs[at] = l.unlessNone(err)
		})
	}
	following.Wait()
	return errors.Join(errs...)
}

// followOne copies a container's log, through all restarts by the engine, until it has ended for good. It returns the
// container as it is then; one without a state is gone. A reading after a restart begins just after the last line of
// the one before, by the engine's clock.
func (l *logPrinter) followOne(
	ctx context.Context, host Engine, project string, r plan.Replica, options engine.LogOptions,
) (plan.Replica, error) {
	begun := time.Now()
	var last time.Time
	options.Follow, options.Last = true, &last
	for {
		if err := l.copyOne(ctx, host, r, options); err != nil {
			return plan.Replica{}, err
		}
		now, err := settled(ctx, host, project, r)
		if err != nil || options.Until != "" || (now.State != plan.Running && now.State != plan.Paused) {
			return now, err
		}
		if !last.IsZero() {
			options.Since, options.Tail = last.Add(1).UTC().Format(time.RFC3339Nano), "all"
		} else if options.Tail != "all" { // lines from before that were not asked for stay out
			options.Since, options.Tail = begun.Format(time.RFC3339Nano), "all"
		}
		if err := pause(ctx); err != nil { // it was just started again, or has a log that cannot be followed
			return plan.Replica{}, err
		}
	}
}

// revived is how often a container whose log ended is looked at, while the engine is about to start it again.
const revived = 500 * time.Millisecond

func pause(ctx context.Context) error {
	timer := time.NewTimer(revived)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// settled is a container once the engine is not about to start it again; one without a state is gone.
func settled(ctx context.Context, host Engine, project string, r plan.Replica) (plan.Replica, error) {
	for {
		replicas, err := host.List(ctx, project)
		if err != nil {
			return plan.Replica{}, err
		}
		now := byID(replicas, r.ID)
		if now.State != plan.Restarting {
			return now, nil
		}
		if err := pause(ctx); err != nil {
			return plan.Replica{}, err
		}
	}
}

func byID(replicas []plan.Replica, id string) plan.Replica {
	for _, r := range replicas {
		if r.ID == id {
			return r
		}
	}
	return plan.Replica{}
}
