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
		i.followAttached(following, host, project.Name, replicas, printer, begun)
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

// followAttached prints the logs of containers, and how each of them ended, until all have.
func (i *invocation) followAttached(
	ctx context.Context, host Engine, project string, replicas []plan.Replica, printer *logPrinter, begun time.Time,
) {
	printer.expect(replicas)
	var following sync.WaitGroup
	for _, r := range replicas {
		following.Go(func() {
			options := engine.LogOptions{Tail: "all"}
			if r.CreatedAt.Before(begun.Truncate(time.Second)) { // else it was made by this run: from its first line
				options.Since = begun.Format(time.RFC3339Nano)
			}
			now, err := printer.followOne(ctx, host, project, r, options)
			if err != nil && ctx.Err() == nil {
				i.warn(fmt.Sprintf("follow log of %s: %v", r.Name, err))
			}
			if now.State == plan.Exited || now.State == plan.Dead {
				printer.note(r, fmt.Sprintf("exited with code %d", now.ExitCode))
			}
		})
	}
	following.Wait()
}
