package command

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/engine"
	"hyper-lite/plan"
)

func TestLogLinesStandUnderEachOther(t *testing.T) {
	var out strings.Builder
	l := newLogPrinter(IO{Out: &out}, false, true)
	web := plan.Replica{Ref: plan.Ref{Service: "web", Slot: 1}}
	worker := plan.Replica{Ref: plan.Ref{Service: "worker", Slot: 12}}
	l.expect([]plan.Replica{web, worker})
	a, b := l.writer(web, &out), l.writer(worker, &out)
	for _, part := range []string{"fir", "st\r\nsecond\n", "third"} {
		_, err := io.WriteString(a, part)
		assert.NilError(t, err)
	}
	_, err := io.WriteString(b, "\n")
	assert.NilError(t, err)
	a.flush()
	assert.Equal(t, out.String(), "web-1      | first\nweb-1      | second\nworker-12  | \nweb-1      | third\n")
}

func TestALogLineWithoutEndIsCut(t *testing.T) {
	var out strings.Builder
	l := newLogPrinter(IO{Out: &out}, false, false)
	w := l.writer(plan.Replica{}, &out)
	for range 400 {
		_, err := io.WriteString(w, strings.Repeat("x", 10_000))
		assert.NilError(t, err)
		assert.Assert(t, len(w.rest) < longestLine)
	}
	w.flush()
	assert.Equal(t, strings.Count(out.String(), "x"), 4_000_000)
	assert.Equal(t, strings.Count(out.String(), "\n"), 4)

	out.Reset()
	long := strings.Repeat("x", longestLine-1) + "\nnext\n\n"
	for rest := long; rest != ""; { // in pieces, as the engine sends it
		n := min(len(rest), 16<<10)
		_, err := io.WriteString(w, rest[:n])
		assert.NilError(t, err)
		rest = rest[n:]
	}
	assert.Assert(t, out.String() == long, "a line that is shorter stays whole")
}

func TestAReaderThatWentAwayEndsTheLog(t *testing.T) {
	w := newLogPrinter(IO{}, false, false).writer(plan.Replica{}, brokenPipe{})
	_, err := io.WriteString(w, "a\n")
	assert.ErrorIs(t, err, io.ErrClosedPipe)
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, fmt.Errorf("write: %w", io.ErrClosedPipe) }

func TestLogsOfServicesAndReplicas(t *testing.T) {
	s := newShell(t, shop)
	assert.Equal(t, s.run("up", "-d").code, 0)
	s.engine.logs = map[string]string{"shop-db-1": "ready\n", "shop-web-1": "one\n", "shop-web-2": "two\n"}
	assert.Equal(t, s.run("logs").out, "db-1   | ready\nweb-1  | one\nweb-2  | two\n")
	assert.Equal(t, s.run("logs", "web").out, "web-1  | one\nweb-2  | two\n")
	assert.Equal(t, s.run("logs", "web", "--index", "2", "--no-log-prefix").out, "two\n")
	assert.Equal(t, s.run("logs", "-f", "--tail=0", "db").out, "db-1  | ready\n")
	r := s.run("logs", "wbe")
	assert.Equal(t, r.code, 1)
	assert.Equal(t, r.err, "error: no such service: wbe\n hint: did you mean `web`?\n")
	assert.Equal(t, s.run("logs", "--tail", "many").code, 2)
	assert.Equal(t, s.run("logs", "--index", "9", "web").err, "error: web has no replica 9\n")
	assert.Equal(t, s.run("logs", "--index", "9").err, "error: project shop has no replica 9\n")
	assert.Equal(t, s.run("logs", "--index", "0", "web").code, 2)
}

// A container whose logging driver keeps nothing takes nothing from the others, and lasts as long as it does.
func TestAContainerWithoutALog(t *testing.T) {
	s := newShell(t, shop)
	s.engine.fail["logs shop-db-1"] = fmt.Errorf("read log of container shop-db-1: %w", engine.ErrNoLog)
	s.engine.logs = map[string]string{"shop-web-1": "one\n", "shop-web-2": "two\n"}
	s.engine.procs.ends = map[string]int{"shop-db-1": 4}
	r := s.run("up", "--exit-code-from", "db", "--ansi", "never")
	assert.Equal(t, r.code, 4, r.err)
	assert.Assert(t, is.Contains(r.out, "db-1 exited with code 4\n"))

	const warning = "warning: read log of container shop-db-1: its logging driver keeps none\n"
	for _, typed := range []string{"logs", "logs -f"} {
		r = s.run(strings.Fields(typed)...)
		assert.Equal(t, r.code, 0, r.err)
		assert.Equal(t, r.err, warning)
		assert.Assert(t, strings.Contains(r.out, "web-1  | one\n") && strings.Contains(r.out, "web-2  | two\n"), r.out)
	}
}

func TestATimeOfLogsIsCheckedBeforeAnything(t *testing.T) {
	s := newShell(t, "")
	for typed, code := range map[string]int{
		"--since yesterday": 2, "--until 5parsecs": 2, "--since 2026-01-02T13:23:37Z": 1, "--since 42m": 1, "--since 1767360217": 1, "--until 2026-01-02": 1,
	} {
		r := s.run(strings.Fields("logs " + typed)...)
		assert.Equal(t, r.code, code, "%s: %s", typed, r.err)
	}
	assert.Assert(t, is.Contains(s.run("logs", "--since", "yesterday").err, "--since: \"yesterday\" is no time"))
}

func TestAContainerIsFollowedThroughItsRestarts(t *testing.T) {
	for _, tail := range []string{"all", "0"} {
		s := newShell(t, "name: shop\nservices: {db: {image: postgres:15}}\n")
		assert.Equal(t, s.run("up", "-d").code, 0)
		s.engine.lives = map[string][]string{"shop-db-1": {"", "one\n", "two\n", "three\n"}}
		r := s.run("logs", "-f", "--tail", tail)
		assert.Equal(t, r, result{0, "db-1  | one\ndb-1  | two\ndb-1  | three\n", ""})
		var since, tails []string
		for _, o := range s.engine.readings {
			since, tails = append(since, o.Since), append(tails, o.Tail)
		}
		assert.DeepEqual(t, since[2:], []string{"2026-01-02T12:00:02.000000001Z", "2026-01-02T12:00:03.000000001Z"})
		assert.DeepEqual(t, tails, []string{tail, "all", "all", "all"})
		assert.Equal(t, since[1] == "", tail == "all") // what was not asked for stays out
	}
}

func TestInterruptedLogsSayNothing(t *testing.T) {
	s := newShell(t, "name: shop\nservices: {db: {image: postgres:15}}\n")
	assert.Equal(t, s.run("up", "-d").code, 0)
	s.engine.block["shop-db-1"] = make(chan struct{})
	ctx, interrupt := context.WithCancel(t.Context())
	go func() { <-s.engine.following; interrupt() }()
	assert.Equal(t, s.runContext(ctx, "logs", "-f"), result{130, "", ""})
}
