package command

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

func (p *program) logs() *cli.Command {
	return &cli.Command{
		Name:      "logs",
		Usage:     "print the logs of containers",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite logs -f web                     follow all replicas of web
hyper-lite logs --since 10m --tail 100
hyper-lite logs --index 2 --no-log-prefix web > web-2.log`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what comes"},
			&cli.StringFlag{Name: "tail", Aliases: []string{"n"}, Value: "all", Usage: "last `LINES` of each container, or all (default: all)"},
			&cli.StringFlag{Name: "since", Usage: "from this `TIME` on: 2026-01-02T13:23:37Z, or a duration as 42m"},
			&cli.StringFlag{Name: "until", Usage: "up to this `TIME`, written as that of --since"},
			&cli.BoolFlag{Name: "timestamps", Aliases: []string{"t"}, Usage: "with the time of each line"},
			&cli.BoolFlag{Name: "no-log-prefix", Usage: "without the container's name"},
			&cli.BoolFlag{Name: "no-color", Usage: "without colours"},
			&cli.IntFlag{Name: "index", Usage: "only replica `NUMBER` of each service"},
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.logs(ctx, c) }),
	}
}

func (i *invocation) logs(ctx context.Context, c *cli.Context) error {
	options, err := logOptions(c)
	if err != nil {
		return err
	}
	if c.IsSet("index") && c.Int("index") < 1 {
		return usagef("--index: replicas are numbered from 1")
	}
	services := c.Args().Slice()
	project, replicas, err := i.listed(ctx, services)
	if err != nil {
		return err
	}
	chosen := logged(replicas, services, c.Int("index"))
	if c.Int("index") > 0 && len(chosen) == 0 {
		return fmt.Errorf("%s has no replica %d", first(strings.Join(services, ", "), "project "+project.Name), c.Int("index"))
	}
	printer := i.logPrinter(palette(!c.Bool("no-color") && coloured(i.ansi, i.Out, i.env)), !c.Bool("no-log-prefix"))
	if !c.Bool("follow") {
		return followed(ctx, printer.copyAll(ctx, i.opened, chosen, options))
	}
	reading, stop := i.whileRead(ctx)
	defer stop()
	return followed(reading, printer.followAll(reading, i.opened, project.Name, chosen, options))
}

// logOptions reads the flags that say how much of a log is wanted.
func logOptions(c *cli.Context) (engine.LogOptions, error) {
	tail := c.String("tail")
	if n, err := strconv.Atoi(tail); tail != "all" && (err != nil || n < 0) {
		return engine.LogOptions{}, usagef("--tail: %q is no number of lines: it takes 0 and more, or all", tail)
	}
	for _, flag := range []string{"since", "until"} {
		if text := c.String(flag); text != "" && !engine.IsTime(text) {
			return engine.LogOptions{}, usagef("--%s: %q is no time: it takes a time (2026-01-02T13:23:37Z) or a duration (42m)", flag, text)
		}
	}
	return engine.LogOptions{Tail: tail, Since: c.String("since"), Until: c.String("until"), Timestamps: c.Bool("timestamps")}, nil
}

// logged chooses replicas by service and slot, in that order.
func logged(replicas []plan.Replica, services []string, slot int) []plan.Replica {
	var chosen []plan.Replica
	for _, r := range replicas {
		if r.Role != compose.RoleReplica || (slot > 0 && r.Slot != slot) {
			continue
		}
		if len(services) == 0 || slices.Contains(services, r.Service) {
			chosen = append(chosen, r)
		}
	}
	slices.SortStableFunc(chosen, func(a, b plan.Replica) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.Generation, b.Generation))
	})
	return chosen
}

// logPrinter writes the logs of many containers, whole lines at a time, each with its container's name before.
type logPrinter struct {
	mu     sync.Mutex
	out    IO
	warn   func(...string)
	paint  palette
	prefix bool
	width  int
	order  map[string]int // of services, by which they get their colours
}

func (i *invocation) logPrinter(paint palette, prefix bool) *logPrinter {
	l := newLogPrinter(i.IO, paint, prefix)
	l.warn = i.warn
	return l
}

func newLogPrinter(out IO, paint palette, prefix bool) *logPrinter {
	return &logPrinter{out: out, warn: func(...string) {}, paint: paint, prefix: prefix, order: map[string]int{}}
}

// expect makes room for the names of containers, so that their lines stand under each other.
func (l *logPrinter) expect(replicas []plan.Replica) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range replicas {
		l.width = max(l.width, len(logName(r)))
		if _, ok := l.order[r.Service]; !ok {
			l.order[r.Service] = len(l.order)
		}
	}
}

func logName(r plan.Replica) string { return fmt.Sprintf("%s-%d", r.Service, r.Slot) }

// copyAll copies the logs of containers one after the other: the same logs give the same text.
func (l *logPrinter) copyAll(ctx context.Context, host Engine, replicas []plan.Replica, options engine.LogOptions) error {
	l.expect(replicas)
	for _, r := range replicas {
		if err := l.unlessNone(l.copyOne(ctx, host, r, options)); err != nil {
			return err
		}
	}
	return nil
}

// unlessNone warns of a container that keeps no log: those of the others are shown all the same.
func (l *logPrinter) unlessNone(err error) error {
	if !errors.Is(err, engine.ErrNoLog) {
		return err
	}
	l.warn(err.Error())
	return nil
}

func (l *logPrinter) copyOne(ctx context.Context, host Engine, r plan.Replica, options engine.LogOptions) error {
	out, bad := l.writer(r, l.out.Out), l.writer(r, l.out.Err)
	err := host.Logs(ctx, r.ID, options, out, bad)
	out.flush()
	bad.flush()
	return err
}

func (l *logPrinter) writer(r plan.Replica, to io.Writer) *lineWriter {
	return &lineWriter{printer: l, replica: r, to: to}
}

// longestLine is where a line without end is cut, so that no container fills our memory. What programs log as one line,
// a document of JSON say, is shorter.
const longestLine = 1 << 20

// lineWriter gathers one stream of a container into lines.
type lineWriter struct {
	printer *logPrinter
	replica plan.Replica
	to      io.Writer
	rest    []byte
}

func (w *lineWriter) Write(text []byte) (int, error) {
	looked := len(w.rest) // no line ends before
	w.rest = append(w.rest, text...)
	for {
		end := bytes.IndexByte(w.rest[looked:], '\n')
		if end >= 0 {
			end += looked
		}
		looked = 0
		if end < 0 && len(w.rest) < longestLine {
			return len(text), nil
		}
		next := end + 1
		if end < 0 {
			end, next = longestLine, longestLine
		}
		if err := w.line(w.rest[:end]); err != nil {
			return 0, err
		}
		w.rest = w.rest[next:]
	}
}

// flush writes a last line that has no end.
func (w *lineWriter) flush() {
	if len(w.rest) > 0 {
		_ = w.line(w.rest) // whoever reads is gone: there is nobody to tell
		w.rest = nil
	}
}

// note tells of a container among its logs.
func (l *logPrinter) note(r plan.Replica, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(l.out.Out, l.paint.service(l.order[r.Service], logName(r)+" "+text))
}

func (w *lineWriter) line(text []byte) error {
	l := w.printer
	l.mu.Lock()
	defer l.mu.Unlock()
	line := strings.TrimSuffix(string(text), "\r")
	if l.prefix {
		name := fmt.Sprintf("%-*s  |", l.width, logName(w.replica))
		line = l.paint.service(l.order[w.replica.Service], name) + " " + line
	}
	_, err := fmt.Fprintln(w.to, line)
	return err
}
