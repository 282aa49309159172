package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"hyper-lite/compose"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

// attach follows the logs of the project until all its containers end. The first interruption stops them
// gracefully and that is success; the second kills them.
func (i *invocation) attach(
	ctx context.Context, project compose.Project, options plan.Options, printer *logPrinter, begun time.Time,
) error {
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(interrupts)

	host, err := i.engine(ctx)
	if err != nil {
		return err
	}
	replicas, err := host.List(ctx, project.Name)
	if err != nil {
		return err
	}
	replicas = logged(replicas, options.Services, 0)
	// What follows outlives the first interruption: stopping has its last words, too.
	following, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		i.follow(following, host, project.Name, replicas, printer, begun)
	}()
	select {
	case <-ended:
		return nil
	case <-interrupts:
	case <-ctx.Done():
		swallow(interrupts)
	}
	fmt.Fprintln(i.Err, "\nstopping; Ctrl-C again kills")
	return i.stopAttached(following, project, options, replicas, interrupts, ended)
}

// swallow takes the signal that ended the context: it reaches both, and counts once.
func swallow(interrupts <-chan os.Signal) {
	select {
	case <-interrupts:
	case <-time.After(100 * time.Millisecond):
	}
}

// stopAttached stops what is attached to; another interruption kills it.
func (i *invocation) stopAttached(
	ctx context.Context, project compose.Project, options plan.Options, replicas []plan.Replica,
	interrupts <-chan os.Signal, ended <-chan struct{},
) error {
	if i.settings.progress == "auto" || i.settings.progress == "tty" {
		i.settings.progress = "plain" // moving lines and logs do not go together
	}
	stopped := make(chan error, 1)
	go func() {
		stopped <- i.runLifecycle(ctx, foundProject{project, true}, "stop", plan.StopAll,
			plan.LifecycleOptions{Services: options.Services, Timeout: options.Timeout})
	}()
	killed := false
	for {
		select {
		case err := <-stopped:
			if err == nil {
				<-ended
			}
			if killed {
				return errors.Join(codeError(exitInterrupted), err)
			}
			return err
		case <-interrupts:
			killed = true
			if err := i.kill(ctx, replicas); err != nil {
				return err
			}
		}
	}
}

func (i *invocation) kill(ctx context.Context, replicas []plan.Replica) error {
	errs := make([]error, len(replicas))
	var killing sync.WaitGroup
	for at, r := range replicas {
		killing.Go(func() { errs[at] = i.opened.Kill(ctx, r.ID, "SIGKILL") })
	}
	killing.Wait()
	return errors.Join(errs...)
}

// follow prints the logs of containers until all of them have ended and the engine does not start them again.
func (i *invocation) follow(ctx context.Context, host Engine, project string, replicas []plan.Replica, printer *logPrinter, begun time.Time) {
	printer.expect(replicas)
	var following sync.WaitGroup
	for _, r := range replicas {
		following.Go(func() {
			since := begun
			if !r.CreatedAt.Before(begun.Truncate(time.Second)) {
				since = time.Time{} // made by this run: from its first line
			}
			if err := i.followOne(ctx, host, project, r, printer, since); err != nil && ctx.Err() == nil {
				i.warn(fmt.Sprintf("follow log of %s: %v", r.Name, err))
			}
		})
	}
	following.Wait()
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

func (i *invocation) followOne(ctx context.Context, host Engine, project string, r plan.Replica, printer *logPrinter, since time.Time) error {
	for {
		options := engine.LogOptions{Follow: true, Tail: "all"}
		if !since.IsZero() {
			options.Since = since.Format(time.RFC3339Nano)
		}
		if err := printer.copyOne(ctx, host, r, options); err != nil {
			return err
		}
		since = time.Now()
		now, err := i.settled(ctx, host, project, r)
		if err != nil {
			return err
		}
		if now.State == plan.Running || now.State == plan.Paused {
			if err := pause(ctx); err != nil { // it was just started again, or has a log that cannot be followed
				return err
			}
			continue
		}
		if now.State == plan.Exited || now.State == plan.Dead {
			printer.note(r, fmt.Sprintf("exited with code %d", now.ExitCode))
		}
		return nil
	}
}

// settled is a container once the engine is not about to start it again; one without a state is gone.
func (i *invocation) settled(ctx context.Context, host Engine, project string, r plan.Replica) (plan.Replica, error) {
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
