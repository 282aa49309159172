package command

import (
	"context"
	"fmt"
	"io"
	"strings"

	"hyper-lite/engine"
	"hyper-lite/plan"
)

// fakeProcesses is what containers of the fake engine do.
type fakeProcesses struct {
	execs   []string // "name: argv, options"
	exits   int      // the exit code of every process
	speaks  string   // what every process says
	process engine.Process
	heard   string // what processes were sent
	streams engine.Streams
	detach  bool  // the user types the detach keys
	breaks  error // of the connection to the engine
	holds   chan struct{}
	copies  []string

	ends     map[string]int // exit codes of containers that end by themselves, by name
	stopCode int            // of those that are stopped
}

func (f *fakeEngine) nameOf(container string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.replicas {
		if r.ID == container {
			return r.Name
		}
	}
	return container
}

func (f *fakeEngine) Process(context.Context, string) (engine.Process, error) {
	return f.procs.process, nil
}

func (f *fakeEngine) Exec(ctx context.Context, container string, c engine.Command, s engine.Streams) (int, error) {
	name := f.nameOf(container)
	f.procs.execs = append(f.procs.execs, fmt.Sprintf("%s: %v env=%v user=%q dir=%q privileged=%v detached=%v tty=%v stdin=%v",
		name, c.Argv, c.Env, c.User, c.WorkDir, c.Privileged, c.Detached, s.TTY, s.In != nil))
	if c.Detached {
		return 0, nil
	}
	return f.procs.exits, f.speak(ctx, s)
}

func (f *fakeEngine) speak(ctx context.Context, s engine.Streams) error {
	f.procs.streams = s
	if f.procs.breaks != nil {
		return f.procs.breaks
	}
	if s.In != nil {
		heard, err := io.ReadAll(s.In)
		if err != nil {
			return err
		}
		f.procs.heard = string(heard)
	}
	if _, err := io.WriteString(s.Out, f.procs.speaks); err != nil {
		return err
	}
	if f.procs.detach {
		return engine.ErrDetached
	}
	if f.procs.holds != nil {
		f.following <- struct{}{}
		select {
		case <-f.procs.holds:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (f *fakeEngine) Attach(ctx context.Context, container string, s engine.Streams, joined func() error) error {
	name := f.nameOf(container)
	if joined != nil {
		if err := joined(); err != nil {
			return err
		}
	}
	f.procs.execs = append(f.procs.execs, fmt.Sprintf("attach %s tty=%v stdin=%v keys=%q", name, s.TTY, s.In != nil, s.DetachKeys))
	return f.speak(ctx, s)
}

func (f *fakeEngine) Wait(ctx context.Context, container string, ending engine.Ending) func() (int, error) {
	name := f.nameOf(container)
	f.procs.execs = append(f.procs.execs, fmt.Sprintf("wait %s %s", name, ending))
	f.mu.Lock()
	defer f.mu.Unlock()
	ends := f.block[name]
	code, byItself := f.procs.ends[name]
	return func() (int, error) {
		if ends != nil {
			select {
			case <-ends:
			case <-ctx.Done():
			}
		} else if byItself {
			f.mu.Lock()
			f.change(plan.Container{Name: name}, func(r *plan.Replica) { r.State, r.ExitCode = plan.Exited, code })
			f.mu.Unlock()
		}
		return f.procs.exits, ctx.Err()
	}
}

func (f *fakeEngine) Top(_ context.Context, container string) (engine.Processes, error) {
	name := f.nameOf(container)
	if strings.Contains(name, "db") {
		return engine.Processes{Titles: []string{"PID", "CMD"}, Rows: [][]string{{"7", "postgres"}}}, nil
	}
	return engine.Processes{Titles: []string{"UID", "PID", "CMD"}, Rows: [][]string{{"root", "8", "web serve"}, {"root", "9", "web work"}}}, nil
}

func (f *fakeEngine) copied(format string, values ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.procs.copies = append(f.procs.copies, fmt.Sprintf(format, values...))
	return nil
}

func (f *fakeEngine) CopyOut(_ context.Context, container, from, to string, o engine.CopyOptions) error {
	return f.copied("%s:%s to %s %+v", f.nameOf(container), from, to, o)
}

func (f *fakeEngine) CopyOutTar(_ context.Context, container, from string, to io.Writer, o engine.CopyOptions) error {
	if _, err := io.WriteString(to, "tar of "+from); err != nil {
		return err
	}
	return f.copied("%s:%s to - %+v", f.nameOf(container), from, o)
}

func (f *fakeEngine) CopyIn(_ context.Context, container, from, to string, o engine.CopyOptions) error {
	return f.copied("%s to %s:%s %+v", from, f.nameOf(container), to, o)
}

func (f *fakeEngine) CopyInTar(_ context.Context, container string, from io.Reader, to string, o engine.CopyOptions) error {
	sent, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	return f.copied("%q to %s:%s %+v", sent, f.nameOf(container), to, o)
}

// state sets the state of a container.
func (f *fakeEngine) state(name string, state plan.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.change(plan.Container{Name: name}, func(r *plan.Replica) { r.State = state })
}
