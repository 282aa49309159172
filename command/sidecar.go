package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"hyper-lite/cron"
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
	alone := flags.Bool("alone", false, "there is no balancer")
	jobs := flags.Bool("jobs", false, "fire the project's jobs")
	policies := flags.String("policies", "", "what is done with the containers of which service")
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
		own, err := lb.DecodePolicies(*policies)
		if err != nil {
			return usagef("sidecar: %v", err)
		}
		return keep(ctx, lb.SidecarOptions{Project: *project, Socket: *socket, Alone: *alone, Policies: own}, *jobs, stdio)
	}
	return usagef("sidecar has no %s", quoted(argv[0]))
}

// keep is the sidecar at work, until the context ends. Where it cannot remember what fires it goes on without firing, and
// tries again: the balancer is not to suffer from it.
func keep(ctx context.Context, options lb.SidecarOptions, jobs bool, stdio IO) error {
	opened, err := engine.Open(ctx, engine.Options{Host: "unix://" + lb.EngineSocket})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	host := &watched{Engine: opened}
	options.Engine, options.Log = host, slog.New(slog.NewTextHandler(stdio.Err, nil))
	kept := lb.NewSidecar(options)
	var firing sync.WaitGroup
	if jobs {
		f := newFiring(options.Project, opened, kept, options.Log)
		host.tell = f.happened
		kept.Answer(cron.RemoteName, &cron.Remote{Runner: f.runner})
		firing.Go(func() { f.run(ctx) })
	}
	err = kept.Run(ctx)
	cancel()
	firing.Wait()
	if err != nil {
		return errors.Join(fmt.Errorf("look after project %s: %w", options.Project, err), opened.Close())
	}
	return opened.Close()
}

// watched is the engine as the sidecar sees it.
type watched struct {
	*engine.Engine
	tell func(engine.Event) // who else is told of events, the zero one for a stream that begins; may be nil
}

// Events passes on what happens to the project's containers, in the sidecar's words.
func (w *watched) Events(ctx context.Context, project string, ready func(), emit func(lb.Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	happened, ended := w.Engine.Events(ctx, project)
	also := w.tell
	if also == nil {
		also = func(engine.Event) {}
	}
	ready() // the stream is open once Events has returned
	also(engine.Event{})
	for {
		select {
		case e := <-happened:
			emit(sidecarEvent(e))
			also(e)
		case err := <-ended:
			return err
		}
	}
}

func sidecarEvent(e engine.Event) lb.Event {
	return lb.Event{Role: e.Role, Ref: e.Ref, Action: e.Action, Health: e.Health, ExitCode: e.ExitCode, Signal: e.Signal}
}
