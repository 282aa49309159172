package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"hyper-lite/compose"
	"hyper-lite/engine"
	"hyper-lite/plan"
	"hyper-lite/state"
)

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
	}{
		{nil, 0},
		{errors.New("x"), 1},
		{compose.FieldErrors{{Msg: "x"}}, 1},
		{plan.ConflictErrors{{What: "port"}}, 1},
		{&state.CorruptError{}, 1},
		{usagef("x"), 2},
		{exitChanges, 2},
		{&plan.UnhealthyError{}, 3},
		{&hinted{errors.Join(errors.New("x"), fmt.Errorf("up: %w", &plan.UnhealthyError{})), "y"}, 3},
		{fmt.Errorf("%w at unix:///x: %w", engine.ErrUnreachable, errors.New("refused")), 4},
		{fmt.Errorf("up: %w", &state.LockedError{}), 5},
		{context.Canceled, 1}, // nobody interrupted: something was given up
		{errors.Join(errInterrupted, fmt.Errorf("up: %w", context.Canceled)), 130},
		{codeError(130), 130},
	} {
		assert.Equal(t, exitCode(c.err), c.code, "%v", c.err)
	}
}

func TestErrorsAsTheyArePrinted(t *testing.T) {
	unhealthy := func(slot int) *plan.UnhealthyError {
		return &plan.UnhealthyError{
			Container: plan.Container{Ref: plan.Ref{Service: "web", Slot: slot, Generation: 4}, Name: fmt.Sprintf("shop-web-%d-g4", slot)},
			Condition: plan.AwaitHealthy, Reason: "exited (137)", After: time.Second,
			LastLog: []string{"listening on :80", "\x1b[31mout of memory\x1b[0m"}, Health: "curl: (7) failed\nrefused\n",
		}
	}
	for name, err := range map[string]error{
		"plain":   errors.New("create container shop-web-1: no such image"),
		"several": errors.Join(errors.New("pull image a: refused"), errors.New("pull image b: refused"), errors.New("pull image a: refused")),
		"because": errors.Join(errors.New("create network x: refused"), fmt.Errorf("await web.1@1: %w", context.Canceled)),
		"files": compose.FieldErrors{
			{File: "compose.yaml", Line: 5, Column: 7, Path: "services.web.replcias", Msg: "unknown key", Hint: "did you mean `replicas`?"},
			{File: "compose.yaml", Line: 9, Column: 3, Path: "services.db.image", Msg: "must be a string"},
		},
		"conflicts": plan.ConflictErrors{
			{What: "port 8080/tcp", Holder: "container blog-proxy of project blog", Hint: "stop it, or publish another port"},
			{What: "container name shop-web-1", Holder: "a container that is not ours"},
		},
		"missing":       fmt.Errorf("plan: %w", &plan.MissingError{What: "external network public", Hint: "docker network create public"}),
		"unhealthy":     &hinted{unhealthy(1), "web is still served by web.1@3, web.2@3"},
		"two-unhealthy": &hinted{errors.Join(unhealthy(1), unhealthy(2)), "nothing serves web now"},
		"locked":        &state.LockedError{PID: 4711, Command: "hyper-lite up", Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)},
		"corrupt":       &state.CorruptError{Path: "/p/state.json", Backup: "/p/state.json.bak", Err: errors.New("the file is empty")},
		"newer":         &state.NewerError{Path: "/p/state.json", Version: 9, Supported: 1},
		"interrupted":   errors.Join(errInterrupted, errors.New("await web.1@1: context canceled")),
		"usage":         &usageError{msg: "unknown flag --x", hint: "`hyper-lite --help` lists them"},
		"unreachable":   fmt.Errorf("%w at unix:///x (from the default): %w; start Docker", engine.ErrUnreachable, errors.New("refused")),
		"silent":        codeError(2),
	} {
		var out strings.Builder
		printError(&out, false, err)
		golden.Assert(t, out.String(), "error-"+name+".golden")
	}
}

func TestErrorsArePaintedOnlyWhereAsked(t *testing.T) {
	var out strings.Builder
	printError(&out, true, errors.New("x"))
	assert.Equal(t, out.String(), "\x1b[31merror:\x1b[0m x\n")
}

func TestLogLinesCannotDriveTheTerminal(t *testing.T) {
	var out strings.Builder
	printError(&out, false, &plan.UnhealthyError{LastLog: []string{"a\x1b]0;title\x07b\r\n"}})
	assert.Assert(t, !strings.ContainsAny(out.String(), "\x1b\x07\r"), "%q", out.String())
}
