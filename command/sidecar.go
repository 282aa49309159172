package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"

	"hyper-lite/engine"
	"hyper-lite/lb"
)

// runSidecar is the hidden verb `sidecar`: `sidecar run --project NAME` is the sidecar's process,
// and `sidecar connect`, run by exec in its container, joins the streams to its socket.
func runSidecar(ctx context.Context, argv []string, stdio IO) int {
	err := sidecar(ctx, argv, stdio)
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return exitDone // it was told to stop, and it did
	}
	printError(stdio.Err, palette(false), err)
	return exitCode(err)
}

func sidecar(ctx context.Context, argv []string, stdio IO) error {
	if len(argv) == 0 {
		return usagef("sidecar needs run or connect")
	}
	flags := flag.NewFlagSet("sidecar", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	project := flags.String("project", "", "the project whose balancer is kept right")
	socket := flags.String("socket", lb.Socket, "where the sidecar answers")
	if err := flags.Parse(argv[1:]); err != nil {
		return usagef("sidecar: %v", err)
	}
	switch argv[0] {
	case "connect":
		return lb.Connect(ctx, stdio.In, stdio.Out, *socket)
	case "run":
		if *project == "" {
			return usagef("sidecar run needs --project")
		}
		return keep(ctx, *project, *socket, stdio)
	}
	return usagef("sidecar has no %s", quoted(argv[0]))
}

// keep is the sidecar at work, until the context ends.
func keep(ctx context.Context, project, socket string, stdio IO) error {
	opened, err := engine.Open(ctx, engine.Options{Host: "unix://" + lb.EngineSocket})
	if err != nil {
		return err
	}
	s := lb.NewSidecar(lb.SidecarOptions{
		Project: project, Engine: watched{opened}, Socket: socket,
		Log: slog.New(slog.NewTextHandler(stdio.Err, nil)),
	})
	if err := s.Run(ctx); err != nil {
		return errors.Join(fmt.Errorf("keep the balancer of %s right: %w", project, err), opened.Close())
	}
	return opened.Close()
}

// watched is the engine as the sidecar sees it.
type watched struct{ *engine.Engine }

// Events passes on what happens to the project's containers, in the sidecar's words.
func (w watched) Events(ctx context.Context, project string, ready func(), emit func(lb.Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	happened, ended := w.Engine.Events(ctx, project)
	ready() // the stream is open once Events has returned
	for {
		select {
		case e := <-happened:
			emit(sidecarEvent(e))
		case err := <-ended:
			return err
		}
	}
}

func sidecarEvent(e engine.Event) lb.Event {
	return lb.Event{Role: e.Role, Ref: e.Ref, Action: e.Action, Health: e.Health, ExitCode: e.ExitCode, Signal: e.Signal}
}
