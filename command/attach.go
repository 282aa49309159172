package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"hyper-lite/compose"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

// attach follows the logs of the project until all containers end that count. The first interruption stops them
// gracefully and that is success; the second kills them.
func (i *invocation) attach(
	ctx context.Context, project compose.Project, options plan.Options, how attached, printer *logPrinter, begun time.Time,
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
	// What follows outlives the first interruption: stopping has its last words, too.
	following, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	w := &attendance{invocation: i, project: project, options: options, how: how, replicas: logged(replicas, nil, 0)}
	if how.beside != nil {
		if i.settings.progress == "auto" || i.settings.progress == "tty" {
			i.settings.progress = "plain" // moving lines and logs do not go together
		}
		w.lasting.Store(true)
		go how.beside(following)
	}
	return w.until(ctx, following, w.follow(following, host, printer, begun), interrupts)
}

// swallow takes the signal that ended the context: it reaches both, and counts once.
func swallow(interrupts <-chan os.Signal) { swallowed(interrupts) }

// attendance is an attached up at work.
type attendance struct {
	*invocation
	project  compose.Project
	options  plan.Options
	how      attached
	replicas []plan.Replica

	lasting atomic.Bool // containers come back: their end is no end

	code   int  // what we exit with
	coded  bool // it is known
	killed bool
}

// until waits until nothing is left that counts, and stops everything where that is called for.
func (w *attendance) until(ctx, following context.Context, ends <-chan plan.Replica, interrupts <-chan os.Signal) error {
	var stopped <-chan error
	stopping := false
	stop := func(why string) {
		if !stopping {
			w.lasting.Store(false)
			fmt.Fprintln(w.Err, "\nstopping"+why+"; Ctrl-C again kills")
			stopping, stopped = true, w.stop(following)
		}
	}
	interrupted := ctx.Done()
	for ends != nil || stopped != nil {
		select {
		case now, more := <-ends:
			if !more {
				ends = nil
				continue
			}
			if w.take(now) {
				stop(fmt.Sprintf(", since %s exited with code %d", logName(now), now.ExitCode))
			}
		case err := <-stopped:
			stopped = nil
			if err != nil {
				return w.outcome(err)
			}
		case <-interrupted:
			interrupted = nil
			swallow(interrupts)
			stop("")
		case <-interrupts:
			interrupted = nil
			if !stopping {
				stop("")
				continue
			}
			w.killed = true
			if err := w.killAll(following, w.replicas); err != nil {
				return err
			}
		}
	}
	return w.outcome(nil)
}

// take notes the end of a container, and says whether it ends all.
func (w *attendance) take(now plan.Replica) bool {
	all := w.how.ends(w.project, now)
	mine := all
	if w.how.codeFrom != "" {
		mine = now.Service == w.how.codeFrom
	}
	if mine && !w.coded {
		w.code, w.coded = now.ExitCode, true
	}
	return all
}

func (w *attendance) outcome(err error) error {
	if w.killed {
		return errors.Join(codeError(exitInterrupted), err)
	}
	if err != nil {
		return err
	}
	return exited(w.code)
}

// stop stops what was brought up, in the background.
func (w *attendance) stop(ctx context.Context) <-chan error {
	if w.settings.progress == "auto" || w.settings.progress == "tty" {
		w.settings.progress = "plain" // moving lines and logs do not go together
	}
	options := plan.LifecycleOptions{Services: w.options.Services, Timeout: w.options.Timeout}
	if len(options.Services) > 0 && w.how.codeFrom != "" && !slices.Contains(options.Services, w.how.codeFrom) {
		options.Services = append(slices.Clone(options.Services), w.how.codeFrom)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- w.runLifecycle(ctx, foundProject{w.project, true}, "stop", plan.StopAll, options) }()
	return stopped
}

// follow prints logs, and how each of their containers ended. The containers that count are sent once they have ended; then
// the channel is closed.
func (w *attendance) follow(ctx context.Context, host Engine, printer *logPrinter, begun time.Time) <-chan plan.Replica {
	ends := make(chan plan.Replica)
	var shown []plan.Replica
	for _, r := range w.replicas {
		if w.how.shown(w.project, w.options, r.Service) {
			shown = append(shown, r)
		}
	}
	printer.expect(shown)
	f := &following{attendance: w, host: host, printer: printer, ends: ends, seen: map[string]bool{}}
	f.begin(ctx, w.replicas, begun)
	go func() {
		f.counted.Wait()
		close(ends)
	}()
	return ends
}

// following is every container that is followed.
type following struct {
	*attendance
	host    Engine
	printer *logPrinter
	ends    chan<- plan.Replica
	counted sync.WaitGroup

	seen map[string]bool // by ID; under mu of the invocation
}

// begin follows containers that nobody follows yet.
func (f *following) begin(ctx context.Context, replicas []plan.Replica, begun time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range replicas {
		if f.seen[r.ID] {
			continue
		}
		f.seen[r.ID] = true
		if !f.how.counts(f.project, f.options, r.Service) {
			go f.one(ctx, r, begun)
			continue
		}
		f.counted.Go(func() {
			now := f.one(ctx, r, begun)
			select {
			case f.ends <- now:
			case <-ctx.Done():
			}
		})
	}
}

// one follows a container to its end, and begins with those that took its place where it is gone. While files are watched it
// may run again.
func (f *following) one(ctx context.Context, r plan.Replica, begun time.Time) plan.Replica {
	for {
		var now plan.Replica
		if f.how.shown(f.project, f.options, r.Service) {
			now = f.followAttached(ctx, f.host, r, f.printer, begun)
		} else {
			now = f.endOf(ctx, f.host, r)
		}
		begun = time.Now()
		now, next := f.exchanged(ctx, r, now)
		if next.ID != "" {
			f.begin(ctx, []plan.Replica{next}, begun.Add(-successor))
			return plan.Replica{} // its end is none of its service
		}
		for now.State != "" && now.State != plan.Running && f.lasting.Load() && pause(ctx) == nil {
			replicas, err := f.host.List(ctx, f.project.Name)
			if err != nil {
				return now
			}
			now = byID(replicas, r.ID)
		}
		if now.State == plan.Running && ctx.Err() == nil {
			continue
		}
		if now.State == "" && ctx.Err() == nil {
			f.successors(ctx, r.Service, begun)
		}
		return now
	}
}

// exchanged waits, where a container was stopped for the next one of its slot, until that one has started or the old one runs
// again. It returns the old one as it is then, and the next one.
func (f *following) exchanged(ctx context.Context, r, now plan.Replica) (old, next plan.Replica) {
	for now.State == plan.Exited || now.State == plan.Dead {
		replicas, err := f.host.List(ctx, f.project.Name)
		if err != nil {
			return now, plan.Replica{}
		}
		at := slices.IndexFunc(replicas, func(c plan.Replica) bool {
			return c.Role == compose.RoleReplica && c.Service == r.Service && c.Slot == r.Slot && c.Generation > r.Generation && !c.SetAside()
		})
		if at < 0 {
			return now, plan.Replica{}
		}
		if replicas[at].State != plan.Created {
			return now, replicas[at]
		}
		if pause(ctx) != nil {
			return now, plan.Replica{}
		}
		now = byID(replicas, r.ID)
	}
	return now, plan.Replica{}
}

// successors follows the containers of a service that came after others. They are followed from their first line.
func (f *following) successors(ctx context.Context, service string, begun time.Time) {
	for more := true; more; more = f.lasting.Load() && pause(ctx) == nil {
		replicas, err := f.host.List(ctx, f.project.Name)
		if err != nil {
			return
		}
		there := slices.DeleteFunc(logged(replicas, []string{service}, 0), func(r plan.Replica) bool { return r.OneOff })
		if len(there) > 0 {
			f.begin(ctx, there, begun.Add(-successor))
			return
		}
	}
}

// successor is how long a container may have been there before the one that it replaces is gone.
const successor = 10 * time.Minute

// endOf waits for the end of a container whose logs are not shown.
func (w *attendance) endOf(ctx context.Context, host Engine, r plan.Replica) plan.Replica {
	for {
		_, err := host.Wait(ctx, r.ID, engine.Stopped)() // a container that is gone has ended
		if ctx.Err() != nil {
			return plan.Replica{}
		}
		now, listErr := settled(ctx, host, w.project.Name, r)
		if listErr != nil || (now.State != plan.Running && now.State != plan.Paused) {
			return now
		}
		if err != nil && pause(ctx) != nil {
			return plan.Replica{}
		}
	}
}

func (i *invocation) killAll(ctx context.Context, replicas []plan.Replica) error {
	errs := make([]error, len(replicas))
	var killing sync.WaitGroup
	for at, r := range replicas {
		killing.Go(func() { errs[at] = i.opened.Kill(ctx, r.ID, "SIGKILL") })
	}
	killing.Wait()
	return errors.Join(errs...)
}

// followAttached prints the log of a container, and how it ended, and returns it as it is then.
func (w *attendance) followAttached(ctx context.Context, host Engine, r plan.Replica, printer *logPrinter, begun time.Time) plan.Replica {
	options := engine.LogOptions{Tail: "all", Timestamps: w.how.timestamps}
	if r.CreatedAt.Before(begun.Truncate(time.Second)) { // else it was made by this run: from its first line
		options.Since = begun.Format(time.RFC3339Nano)
	}
	now, err := printer.followOne(ctx, host, w.project.Name, r, options)
	if errors.Is(err, engine.ErrNoLog) {
		w.warn(err.Error())
		now, err = w.endOf(ctx, host, r), nil
	}
	if err != nil && ctx.Err() == nil {
		w.warn(fmt.Sprintf("follow log of %s: %v", r.Name, err))
	}
	if now.State == plan.Exited || now.State == plan.Dead {
		printer.note(r, fmt.Sprintf("exited with code %d", now.ExitCode))
	}
	return now
}
