package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"hyper-lite/cron"
)

// errUnread is why something ends whose output nobody reads any more.
var errUnread = errors.New("nobody reads the output any more")

// heard is a stream of ours: writing to it is errUnread where nobody reads it any more. The engine's connection may break in the
// same words, which is a failure like any other.
type heard struct{ io.Writer }

func (h heard) Write(text []byte) (int, error) {
	n, err := h.Writer.Write(text)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) { // a socket says this where something was left unread
		err = errUnread
	}
	return n, err
}

// whileRead is a context that ends, because of errUnread, when nobody reads our output any more, though nothing is written.
func (i *invocation) whileRead(ctx context.Context) (reading context.Context, stop func()) {
	reading, cancel := context.WithCancelCause(ctx)
	go func() {
		if awaitUnread(reading, i.Out) {
			cancel(errUnread)
		}
	}()
	return reading, func() { cancel(nil) }
}

// followed is how a command ends that follows something until it is told to end, or nobody reads it any more.
func followed(ctx context.Context, err error) error {
	switch {
	case context.Cause(ctx) == errUnread: //nolint:errorlint // the very cause
		return codeError(exitUnread)
	case ctx.Err() != nil:
		return codeError(exitInterrupted)
	}
	return err
}

const (
	// patienceWithoutWord is how long an end may take before it is told of.
	patienceWithoutWord = time.Second
	// lastWord is how long what is not read any more may take to end by itself: what nobody read may have been all that was left.
	lastWord = time.Second
)

// unreadEnd is a process that ended by itself, though nobody read it.
type unreadEnd struct{ code int }

func (e unreadEnd) Error() string { return fmt.Sprintf("%v, and it exited %d", errUnread, e.code) }
func (e unreadEnd) Unwrap() error { return codeError(exitUnread) }

// leaveUnread ends what only we could read, as a process of this machine ends by SIGPIPE: with its pre_stop hooks and its grace
// period, if it does not end by itself. What is not ours is left alone.
func (i *invocation) leaveUnread(ctx context.Context, j joining, ended func() (int, error)) error {
	if j.unread == nil {
		return codeError(exitUnread)
	}
	over := make(chan error, 1)
	go func() {
		code, err := ended()
		if err == nil {
			err = unreadEnd{code}
		}
		over <- err
	}()
	select {
	case err := <-over:
		return errors.Join(codeError(exitUnread), err)
	case <-time.After(lastWord):
	}
	j.leaving.Store(true)
	told := time.AfterFunc(patienceWithoutWord, func() {
		i.warn(fmt.Sprintf("nobody reads the output of %s any more: it is stopped; Ctrl-C kills it", j.name))
	})
	defer told.Stop()
	if !j.unread(ctx) {
		return codeError(exitUnread) // which was told
	}
	return errors.Join(codeError(exitUnread), <-over)
}

// unread stops the run since nobody reads it. It returns whether it ends.
func (c *curb) unread(ctx context.Context) bool { return c.stop(ctx, cron.Failed, errUnread.Error()) }
