//go:build engine

package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// words collects what a command says, for another goroutine to read.
type words struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// begun is a command that runs.
type begun struct {
	*exec.Cmd
	t        testing.TB
	out, err words
}

// begin starts hyper-lite and does not wait for it.
func (p *project) begin(args ...string) *begun {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	b := &begun{Cmd: p.command(ctx, args...), t: p.t}
	b.Stdout, b.Stderr = &b.out, &b.err
	assert.NilError(p.t, b.Start())
	p.t.Cleanup(cancel)
	return b
}

// says waits until the command's output has a text.
func (b *begun) says(text string) {
	b.t.Helper()
	eventually(b.t, 20*time.Second, func() error {
		if strings.Contains(b.out.String()+b.err.String(), text) {
			return nil
		}
		return fmt.Errorf("no %q in:\n%s%s", text, b.out.String(), b.err.String())
	})
}

// ends waits for the command's end and returns its exit code.
func (b *begun) ends() int {
	b.t.Helper()
	err := b.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		b.t.Fatal(err)
	}
	return b.ProcessState.ExitCode()
}

func TestAnInterruptedUpEndsWith130AndTheNextGoesOn(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  first: {image: hyper-lite-demo}
  slow:
    image: hyper-lite-demo
    command: [wait, "${SLOW:-1h}"]
    depends_on: [first]
  last:
    image: hyper-lite-demo
    depends_on: {slow: {condition: service_completed_successfully}}
`)
	up := p.begin("up", "-d")
	up.says(p.name + "-slow-1  started")
	assert.NilError(t, up.Process.Signal(os.Interrupt))
	interrupted := time.Now()
	assert.Equal(t, up.ends(), 130, up.err.String())
	assert.Assert(t, time.Since(interrupted) < 5*time.Second)
	says(t, up.err.String(), "interrupted", "same command again")
	assert.Equal(t, len(p.running("last")), 0)
	first := p.id("first-1")

	p.at("SLOW=100ms", func() { p.must("up", "-d", "-t", "0") })
	assert.Equal(t, len(p.running("last")), 1)
	assert.Equal(t, p.id("first-1"), first)
}

func TestCtrlCInAnAttachedUpStopsTheContainers(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    protocol: http
    service_port: ${PORT}
    container_port: 80
  db: {image: hyper-lite-demo}
`)
	up := p.begin("up")
	up.says("db-1")
	eventually(t, 20*time.Second, func() error {
		_, _, err := get(fresh, p.url("/"))
		return err
	})
	up.says("web-1  | ")
	assert.NilError(t, up.Process.Signal(os.Interrupt))
	code := up.ends()
	assert.Assert(t, code == 0 || code == 130, "exit %d: %s", code, up.err.String())
	says(t, up.out.String()+up.err.String(), "demo: stopping")
	for _, c := range p.containers("") {
		assert.Equal(t, c.State, "exited", c.Names[0])
	}
	assert.Equal(t, p.inspect("web-1").State.ExitCode, 0, "it was stopped, not killed")
	p.must("up", "-d", "--wait")
	assert.Equal(t, len(p.answerers(4)), 1)
}
