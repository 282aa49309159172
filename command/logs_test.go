package command

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

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
	for range 40 {
		_, err := io.WriteString(w, strings.Repeat("x", 10_000))
		assert.NilError(t, err)
		assert.Assert(t, len(w.rest) < longestLine)
	}
	w.flush()
	assert.Equal(t, strings.Count(out.String(), "x"), 400_000)
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
	assert.Equal(t, s.run("logs", "--index", "9", "web").code, 1)
}
