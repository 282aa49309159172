package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"time"

	"hyper-lite/engine"
)

// joining is how a container's process is joined.
type joining struct {
	container string
	name      string // of the container, for words
	ending    engine.Ending
	tty       bool
	stdin     bool
	endless   bool                       // it has others to listen to, when our input has ended
	keys      string                     // that leave it alone
	proxy     bool                       // our signals are its signals
	kills     bool                       // a second Ctrl-C kills it
	looks     bool                       // we only look on: it ends with whoever reads us
	unread    func(context.Context) bool // stops it where nobody reads us any more, and says whether that was done; nil: it is left alone
	leaving   *atomic.Bool               // it is stopped since nobody reads us: our signals kill it now
	stops     func(string)               // stops it for SIGINT and SIGTERM, by name, instead of passing them on; nil: they are passed on
	start     func() error               // starts it once it is joined; nil where it runs
}

// join gives our streams to a container's process until it ends, and passes its exit code on as ours. Whoever leaves it
// by the detach keys leaves with success.
func (i *invocation) join(ctx context.Context, host Engine, j joining) error {
	defer heedPipes()()
	session := ctx
	j.leaving = &atomic.Bool{}
	if j.proxy {
		var stop func()
		session, stop = i.passSignals(ctx, host, j)
		defer stop()
	}
	session, cancel := context.WithCancel(session)
	defer cancel()
	if j.looks {
		var stop func()
		session, stop = i.whileRead(session)
		defer stop()
	}
	streams, restore, err := i.processStreams(session, j.tty, j.stdin)
	if err != nil {
		return err
	}
	defer restore()
	streams.DetachKeys, streams.Endless = j.keys, j.endless
	ended := host.Wait(session, j.container, j.ending)
	err = host.Attach(session, j.container, streams, j.start)
	restore()
	switch {
	case errors.Is(err, errUnread), context.Cause(session) == errUnread: //nolint:errorlint // the very cause
		return i.leaveUnread(session, j, ended)
	case errors.Is(err, engine.ErrDetached):
		fmt.Fprintf(i.Err, "\ndetached: %s goes on\n", j.name)
		return nil
	case err != nil && session.Err() != nil:
		return codeError(exitInterrupted)
	case err != nil:
		return err
	}
	code, err := ended()
	if err != nil {
		return err
	}
	return exited(code)
}

// exited is what a process's exit code is as ours.
func exited(code int) error {
	if code == 0 {
		return nil
	}
	return codeError(code)
}

// passSignals makes our signals those of a container, from now until stop is called. The session outlives them.
func (i *invocation) passSignals(ctx context.Context, host Engine, j joining) (session context.Context, stop func()) {
	session, cancel := context.WithCancel(context.WithoutCancel(ctx))
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, slices.Collect(maps.Keys(signalNames))...)
	done := make(chan struct{})
	go func() {
		defer close(done)
		interrupted := ctx.Done()
		for interrupts := 0; ; {
			name := "SIGINT"
			select {
			case <-session.Done():
				return
			case <-interrupted: // it came before we listened, or by the same signal
				interrupted = nil
				if s, ok := swallowed(signals); ok {
					name = signalNames[s]
				}
			case s := <-signals:
				interrupted = nil
				name = signalNames[s]
			}
			if name == "SIGINT" {
				interrupts++
			}
			switch {
			case j.leaving.Load() && (name == "SIGINT" || name == "SIGTERM"), j.kills && name == "SIGINT" && interrupts > 1:
				name = "SIGKILL"
			case j.kills && name == "SIGINT" && isTerminal(i.Err):
				fmt.Fprintln(i.Err, "\nCtrl-C again kills "+j.name)
			}
			if j.stops != nil && (name == "SIGINT" || name == "SIGTERM") {
				j.stops(name)
				continue
			}
			if err := host.Kill(session, j.container, name); err != nil && session.Err() == nil {
				i.warn(err.Error())
			}
		}
	}()
	return session, func() {
		signal.Stop(signals)
		cancel()
		<-done
	}
}

// swallowed is the signal that ended the context: it reaches both, and counts once.
func swallowed(signals <-chan os.Signal) (os.Signal, bool) {
	select {
	case s := <-signals:
		return s, true
	case <-time.After(100 * time.Millisecond):
		return nil, false
	}
}
