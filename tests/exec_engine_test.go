//go:build engine

package tests

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// fed runs hyper-lite with a standard input.
func (p *project) fed(in io.Reader, args ...string) result {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	c := p.command(ctx, args...)
	c.Stdin, c.Stdout, c.Stderr = in, &out, &errs
	if err := c.Run(); err != nil && c.ProcessState == nil {
		p.t.Errorf("hyper-lite %s: %v", strings.Join(args, " "), err)
		return result{}
	}
	return result{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

func TestExecKeepsStreamsApartAndPassesTheCodeOn(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, shelled)
	p.must("up", "-d")

	r := p.exits(7, "exec", "web", "sh", "-c", "echo out; echo err >&2; exit 7")
	assert.Equal(t, r.out, "out\n")
	assert.Equal(t, r.err, "err\n")
	r = p.run("exec", "web", "nothing-of-that-name")
	assert.Assert(t, r.code == 126 || r.code == 127, "%d: the engine's own code, 126 before version 26", r.code)

	p.at("HERE=from here", func() {
		r = p.must("exec", "-e", "A=1", "-e", "HERE", "-w", "/usr", "-u", "nobody", "web", "sh", "-c", "echo $A,$HERE,$(pwd),$(id -un)")
	})
	assert.Equal(t, r.out, "1,from here,/usr,nobody\n")
	assert.Equal(t, p.must("exec", "--index", "2", "web", "hostname").out, p.inspect("web-2").ID[:12]+"\n")
	if r = p.run("exec", "--privileged", "web", "grep", "CapEff", "/proc/self/status"); r.code != 0 {
		says(t, r.out, "unable to apply caps: operation not permitted") // an engine that is a guest itself
	} else {
		says(t, r.out, "ffffffff")
	}

	p.must("exec", "-d", "web", "sh", "-c", "sleep 0.2; touch /tmp/made")
	eventually(t, 20*time.Second, func() error {
		if r := p.run("exec", "web", "ls", "/tmp/made"); r.code != 0 {
			return fmt.Errorf("%s", r.err)
		}
		return nil
	})
	says(t, p.exits(1, "exec", "--index", "3", "web", "id").err, "no replica 3")
	p.must("stop", "web")
	says(t, p.exits(1, "exec", "web", "id").err, `service "web" is not running`)
}

func TestExecCarriesTenMegabytesBothWaysBySeveralAtOnce(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, shelled)
	p.must("up", "-d")
	var together sync.WaitGroup
	for range 3 {
		together.Go(func() {
			sent := make([]byte, 10<<20)
			for at := range sent {
				sent[at] = byte(rand.Uint32())
			}
			r := p.fed(bytes.NewReader(sent), "exec", "-T", "web", "cat")
			if r.code != 0 || sha256.Sum256([]byte(r.out)) != sha256.Sum256(sent) {
				t.Errorf("exit %d, %d bytes of %d came back: %s", r.code, len(r.out), len(sent), r.err)
			}
		})
	}
	together.Wait()
	// A command that does not read all of its input is none the worse for it.
	r := p.fed(io.LimitReader(neverending{}, 50<<20), "exec", "-T", "web", "head", "-c", "5")
	assert.Equal(t, r.code, 0, r.err)
	assert.Equal(t, r.out, "yyyyy")
}

type neverending struct{}

func (neverending) Read(p []byte) (int, error) {
	for at := range p {
		p[at] = 'y'
	}
	return len(p), nil
}

func TestCtrlCEndsAnExecWithoutATerminal(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, shelled)
	p.must("up", "-d")
	var out lockedBuffer
	c := p.command(t.Context(), "exec", "-T", "web", "sh", "-c", "echo begun; sleep 1000")
	c.Stdout = &out
	assert.NilError(t, c.Start())
	eventually(t, time.Minute, func() error {
		if !strings.Contains(out.String(), "begun") {
			return fmt.Errorf("it said %q", out.String())
		}
		return nil
	})
	assert.NilError(t, c.Process.Signal(syscall.SIGINT))
	assert.Error(t, c.Wait(), "exit status 130")
}
