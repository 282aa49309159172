package engine

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/docker/cli/cli/config"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/moby/term"
)

// Streams are a user's ends of a process in a container.
type Streams struct {
	In       io.Reader // nil: the process is sent nothing
	Endless  bool      // the process has others to listen to: the end of In is not its end
	Out, Err io.Writer
	TTY      bool        // the process has a terminal: one stream, which comes out of Out
	Sizes    <-chan Size // of the user's terminal: first as it is, then whenever it changes; nil: there is none

	// DetachKeys leave the process alone where they are typed on a terminal: "ctrl-p,ctrl-q". "" is what the
	// docker CLI's configuration says.
	DetachKeys string
}

// Size is that of a terminal, in characters.
type Size struct{ Width, Height int }

// ErrDetached says that the user left a process that goes on, by typing the detach keys.
var ErrDetached = errors.New("detached")

// usualKeys are the engine's own.
const usualKeys = "ctrl-p,ctrl-q"

// IsDetachKeys says whether a text names keys as Streams take them.
func IsDetachKeys(text string) bool {
	_, err := term.ToBytes(text)
	return err == nil
}

// detachKeys are those of the streams, as the engine reads them.
func (s Streams) detachKeys() string {
	if s.DetachKeys != "" {
		return s.DetachKeys
	}
	return config.LoadDefaultConfigFile(io.Discard).DetachKeys
}

// input is what the process is sent: ErrDetached ends it where the detach keys were typed.
func (s Streams) input() (io.Reader, error) {
	if !s.TTY {
		return s.In, nil
	}
	text := s.detachKeys()
	if text == "" {
		text = usualKeys
	}
	keys, err := term.ToBytes(text)
	if err != nil {
		return nil, fmt.Errorf("read detach keys %q: %w", text, err)
	}
	return term.NewEscapeProxy(s.In, keys), nil
}

// transfer copies both ways until the process has nothing more to say, or the user leaves it. The end of what it is
// sent is passed on, and does not end what it says.
func transfer(ctx context.Context, stream types.HijackedResponse, s Streams) error {
	stop := context.AfterFunc(ctx, stream.Close)
	defer stop()
	received, sent := make(chan error, 1), make(chan error, 1)
	if s.In != nil {
		in, err := s.input()
		if err != nil {
			return err
		}
		go func() { sent <- send(stream, in, s.Endless) }()
	}
	go func() { received <- receive(stream, s) }()
	for {
		select {
		case err := <-received:
			if cause := ctx.Err(); cause != nil {
				return cause
			}
			return wrap(err, "read from the container")
		case err := <-sent:
			if err != nil {
				return err
			}
		}
	}
}

func receive(stream types.HijackedResponse, s Streams) error {
	var err error
	if s.TTY {
		_, err = io.Copy(s.Out, stream.Reader)
	} else {
		_, err = stdcopy.StdCopy(s.Out, s.Err, stream.Reader)
	}
	return err
}

// send returns nil at the end of what there is to send, and where the process no longer takes it: that is no failure of
// a process that has read enough.
func send(stream types.HijackedResponse, in io.Reader, endless bool) error {
	from := &source{from: in}
	_, _ = io.Copy(stream.Conn, from) // from tells of a failure of ours
	if _, typed := errors.AsType[term.EscapeError](from.err); typed {
		return ErrDetached
	}
	if from.err != nil {
		return fmt.Errorf("read standard input: %w", from.err)
	}
	if !endless { // else the engine would take it for our end, and say no more
		_ = stream.CloseWrite() // the process may be gone
	}
	return nil
}

// source remembers why reading failed, which a failure to write would hide.
type source struct {
	from io.Reader
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.from.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// follow tells a process of the sizes of the user's terminal, until the context ends.
func (s Streams) follow(ctx context.Context, resize func(context.Context, container.ResizeOptions) error) {
	for {
		select {
		case <-ctx.Done():
			return
		case size, open := <-s.Sizes:
			if !open {
				return
			}
			if size.Width > 0 && size.Height > 0 {
				settle(ctx, resize, container.ResizeOptions{Width: uint(size.Width), Height: uint(size.Height)})
			}
		}
	}
}

// resizes is how often a process is told of a size: one that is about to begin does not take it yet.
const resizes = 10

func settle(ctx context.Context, resize func(context.Context, container.ResizeOptions) error, to container.ResizeOptions) {
	pause := newPause()
	for range resizes {
		if resize(ctx, to) == nil || pause.wait(ctx) != nil {
			return
		}
	}
}
