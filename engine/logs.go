package engine

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	timetypes "github.com/docker/docker/api/types/time"
	"github.com/docker/docker/pkg/stdcopy"

	"hyper-lite/plan"
)

// ErrNoLog says that a container's logging driver keeps no log that could be read.
var ErrNoLog = errors.New("its logging driver keeps none")

// LogOptions choose what of a log is read.
type LogOptions struct {
	Follow     bool
	Tail       string // "all" or a number of lines; "" is all
	Since      string // a time or a duration, as `docker logs` takes it; "" is the beginning
	Until      string
	Timestamps bool

	// Last, where it is not nil, is set to the time at which the engine took the newest line that was read. A later
	// reading that begins just after it neither loses a line nor repeats one.
	Last *time.Time
}

// IsTime says whether a text is a time or a duration as LogOptions take it.
func IsTime(text string) bool {
	_, err := timetypes.GetTimestamp(text, time.Now())
	return err == nil
}

// Logs reads a container's log into two writers, in the order in which it was written, and returns at its
// end; with Follow that is when the container ends. A container with a terminal has no stderr. What cannot be read
// is an ErrNoLog.
func (e *Engine) Logs(ctx context.Context, name string, options LogOptions, stdout, stderr io.Writer) error {
	found, err := e.client.ContainerInspect(ctx, name)
	if err != nil {
		return wrap(err, "inspect container "+name)
	}
	log, err := e.client.ContainerLogs(ctx, name, container.LogsOptions{
		ShowStdout: true,
		ShowStderr: true,
		Follow:     options.Follow,
		Tail:       options.Tail,
		Since:      options.Since,
		Until:      options.Until,
		Timestamps: options.Timestamps || options.Last != nil,
	})
	if errdefs.IsNotImplemented(err) {
		return fmt.Errorf("read log of container %s: %w", strings.TrimPrefix(found.Name, "/"), ErrNoLog)
	}
	if err != nil {
		return fmt.Errorf("read log of container %s: %w", name, err)
	}
	defer log.Close()
	if options.Last != nil {
		stdout = &datedWriter{stdout, options.Last, options.Timestamps}
		stderr = &datedWriter{stderr, options.Last, options.Timestamps}
	}
	if found.Config.Tty {
		err = copyLines(stdout, log)
	} else {
		_, err = stdcopy.StdCopy(stdout, stderr, log)
	}
	if cause := ctx.Err(); cause != nil {
		return cause
	}
	return wrap(err, "read log of container "+name)
}

// datedWriter takes in lines that begin with their time, one with each Write, as the engine sends them. It keeps
// the newest time and, unless it is wanted, leaves it out of what it passes on.
type datedWriter struct {
	to   io.Writer
	last *time.Time
	keep bool
}

func (w *datedWriter) Write(text []byte) (int, error) {
	line := text
	if date, rest, found := bytes.Cut(text, []byte(" ")); found {
		if at, err := time.Parse(time.RFC3339Nano, string(date)); err == nil {
			if at.After(*w.last) {
				*w.last = at
			}
			if !w.keep {
				line = rest
			}
		}
	}
	if _, err := w.to.Write(line); err != nil {
		return 0, err
	}
	return len(text), nil
}

// copyLines copies one line with each Write. A very long one comes in parts.
func copyLines(to io.Writer, from io.Reader) error {
	lines := bufio.NewReaderSize(from, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if _, writeErr := to.Write(line); writeErr != nil {
			return writeErr
		}
		if err == io.EOF {
			return nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// diagnosed is how many log lines a diagnosis shows, and how long it may take.
const (
	diagnosed = 10
	diagnosis = 3 * time.Second
)

// Diagnose returns the last ten log lines of a container, oldest first, and what its last failed health
// check said. A part that cannot be read is empty, and the error says why.
func (e *Engine) Diagnose(ctx context.Context, name string) (lastLog []string, health string, err error) {
	ctx, cancel := context.WithTimeout(ctx, diagnosis)
	defer cancel()
	found, err := e.client.ContainerInspect(ctx, name)
	if err != nil {
		return nil, "", wrap(err, "inspect container "+name)
	}
	if found.State.Health != nil {
		for _, result := range found.State.Health.Log {
			if result.ExitCode != 0 {
				health = strings.TrimSpace(result.Output)
			}
		}
	}
	var log bytes.Buffer
	if err := e.Logs(ctx, name, LogOptions{Tail: fmt.Sprint(diagnosed)}, &log, &log); err != nil {
		return nil, health, err
	}
	lines := bufio.NewScanner(&log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		lastLog = append(lastLog, strings.TrimRight(lines.Text(), "\r"))
	}
	return lastLog, health, nil
}

// Kill sends a signal to a running container of ours, and does nothing to one that does not run or is not
// there. name is an ID or a name.
func (e *Engine) Kill(ctx context.Context, name, signal string) error {
	id, err := e.own(ctx, plan.Container{ID: name, Name: name})
	if err != nil {
		return fmt.Errorf("send %s to container %s: %w", signal, name, err)
	}
	if id == "" {
		return nil
	}
	err = gone(e.client.ContainerKill(ctx, id, signal))
	if errdefs.IsConflict(err) { // it does not run
		return nil
	}
	return wrap(err, "send "+signal+" to container "+name)
}

// Signal is Kill: it sends a signal, whatever the container makes of it.
func (e *Engine) Signal(ctx context.Context, name, signal string) error {
	return e.Kill(ctx, name, signal)
}
