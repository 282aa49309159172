//go:build engine

package tests

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"time"

	"gotest.tools/v3/assert"
)

// step is a line of --progress json.
type step struct {
	ID                         int
	Group, Verb, Subject, Name string
	State                      string // started, done, failed
	Seconds                    float64
	at                         time.Time // when it was read
}

// steps runs hyper-lite to its end and returns what it told of its steps. Each is shown to seen as soon as it is
// read, with the process that told it. The code is -1 where the process was killed.
func (p *project) steps(seen func(s step, c *exec.Cmd), args ...string) ([]step, result) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	c := p.command(ctx, append([]string{"--progress", "json"}, args...)...)
	c.Stdout = &out
	told, err := c.StderrPipe()
	assert.NilError(p.t, err)
	assert.NilError(p.t, c.Start())
	var all []step
	for lines := bufio.NewScanner(told); lines.Scan(); {
		s := step{at: time.Now()}
		if json.Unmarshal(lines.Bytes(), &s) != nil || s.Verb == "" || s.State == "moved" {
			errs.Write(append(lines.Bytes(), '\n'))
			continue
		}
		all = append(all, s)
		seen(s, c)
	}
	err = c.Wait()
	exit, exited := errors.AsType[*exec.ExitError](err)
	if err != nil && !exited {
		p.t.Fatalf("hyper-lite %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	r := result{out: out.String(), err: errs.String()}
	if exited {
		r.code = exit.ExitCode()
	}
	return all, r
}

// diesAtStep kills hyper-lite as soon as it tells for the nth time that a step is in this state. It says after
// what it was killed; "" is an end of its own, with fewer such steps, which must be a good one.
func (p *project) diesAtStep(state string, n int, args ...string) (after string) {
	p.t.Helper()
	count := 0
	_, r := p.steps(func(s step, c *exec.Cmd) {
		if s.State != state {
			return
		}
		if count++; count == n {
			after = s.Subject + " " + s.Verb + " " + s.State
			assert.Check(p.t, c.Process.Kill() == nil)
		}
	}, args...)
	if after == "" {
		assert.Equal(p.t, r.code, 0, "%s", r.err)
		return ""
	}
	assert.Equal(p.t, r.code, -1, "killed after %s, and it ended all the same: %s", after, r.err)
	return after
}
