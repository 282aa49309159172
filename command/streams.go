package command

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/term"

	"hyper-lite/engine"
)

// processStreams are the program's own streams for a process in a container. Where it has a terminal, ours passes every
// key on; restore gives it back, and must be called before anything else is printed.
func (i *invocation) processStreams(ctx context.Context, tty, stdin bool) (s engine.Streams, restore func(), err error) {
	s = engine.Streams{Out: heard{i.Out}, Err: heard{i.Err}, TTY: tty}
	restore = func() {}
	if stdin {
		s.In = i.In
	}
	if !tty {
		return s, restore, nil
	}
	if stdin && isTerminal(i.In) {
		if restore, err = raw(i.In.(*os.File)); err != nil {
			return s, nil, err
		}
	}
	if isTerminal(i.Out) {
		s.Sizes = sizes(ctx, i.Out.(*os.File))
	}
	return s, restore, nil
}

// raw makes a terminal pass on every key as it is, Ctrl-C too, until restore is called.
func raw(in *os.File) (restore func(), err error) {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("prepare the terminal: %w", err)
	}
	return func() { _ = term.Restore(int(in.Fd()), before) }, nil // there is no more that could be done
}

// sizes tells the size of a terminal, and every later one, until the context ends.
func sizes(ctx context.Context, out *os.File) <-chan engine.Size {
	told := make(chan engine.Size, 1)
	changed, stop := resizes()
	go func() {
		defer stop()
		for {
			if width, height, err := term.GetSize(int(out.Fd())); err == nil {
				select {
				case told <- engine.Size{Width: width, Height: height}:
				case <-ctx.Done():
					return
				}
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return told
}

// wantsTerminal decides whether a process gets a terminal: where our own input and output are terminals, unless the user
// says. asked is -t, refused is -T; nil is not said.
func (i *invocation) wantsTerminal(asked, refused *bool, stdin, detached bool) (bool, error) {
	if asked != nil && refused != nil && *asked == *refused {
		return false, usagef("--tty and --no-tty contradict each other")
	}
	if asked == nil && refused != nil {
		want := !*refused
		asked = &want
	}
	if asked == nil {
		return !detached && isTerminal(i.Out) && (isTerminal(i.In) || !stdin), nil
	}
	if *asked && stdin && !detached && !isTerminal(i.In) {
		return false, &usageError{msg: "--tty: the standard input is no terminal", hint: "-T runs without one"}
	}
	return *asked, nil
}
