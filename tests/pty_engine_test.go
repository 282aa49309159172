//go:build engine

package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"gotest.tools/v3/assert"
)

// terminal is hyper-lite at work on a terminal of its own.
type terminal struct {
	t       testing.TB
	command *exec.Cmd
	pty     *os.File
	ended   chan int

	mu    sync.Mutex
	shown bytes.Buffer
}

// atTerminal starts hyper-lite with its three streams on a terminal of 91 columns and 31 rows.
func (p *project) atTerminal(args ...string) *terminal {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	p.t.Cleanup(cancel)
	c := p.command(ctx, args...)
	c.Env = append(slices.DeleteFunc(c.Env, func(pair string) bool { return strings.HasPrefix(pair, "CI=") }), "TERM=xterm")
	side, err := pty.StartWithSize(c, &pty.Winsize{Cols: 91, Rows: 31})
	assert.NilError(p.t, err)
	t := &terminal{t: p.t, command: c, pty: side, ended: make(chan int, 1)}
	go t.read()
	p.t.Cleanup(func() { p.ok(side.Close()) })
	return t
}

func (t *terminal) read() {
	chunk := make([]byte, 4096)
	for {
		n, err := t.pty.Read(chunk)
		t.mu.Lock()
		t.shown.Write(chunk[:n])
		t.mu.Unlock()
		if err != nil {
			break
		}
	}
	err := t.command.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.ended <- exit.ExitCode()
		return
	}
	t.ended <- 0
}

func (t *terminal) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.shown.String()
}

// types sends keys.
func (t *terminal) types(keys string) {
	t.t.Helper()
	_, err := t.pty.WriteString(keys)
	assert.NilError(t.t, err)
}

// shows waits until the terminal shows a text.
func (t *terminal) shows(text string) {
	t.t.Helper()
	eventually(t.t, time.Minute, func() error {
		if shown := t.text(); !strings.Contains(shown, text) {
			return fmt.Errorf("the terminal does not show %q:\n%s", text, shown)
		}
		return nil
	})
}

// exits waits for the end, and checks the exit code.
func (t *terminal) exits(code int) {
	t.t.Helper()
	select {
	case got := <-t.ended:
		assert.Equal(t.t, got, code, "%s", t.text())
	case <-time.After(time.Minute):
		t.t.Fatalf("it does not end:\n%s", t.text())
	}
}

// cooked checks that the terminal is as it was before: it shows what is typed, and Ctrl-C is a signal.
func (t *terminal) cooked() {
	t.t.Helper()
	flags := exec.Command("stty", "-a")
	flags.Stdin = t.pty
	out, err := flags.CombinedOutput()
	assert.NilError(t.t, err, "%s", out)
	for _, flag := range []string{" echo ", " icanon ", " isig ", " opost "} {
		assert.Assert(t.t, strings.Contains(strings.ReplaceAll(string(out), "\n", " "), flag), "%s:\n%s", flag, out)
	}
}

const shelled = `
services:
  web:
    image: redis:7
    entrypoint: [sleep, infinity]
    init: true
    replicas: 2
    stop_grace_period: 0s
`

func TestExecIsATerminalWhereThereIsOne(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, shelled)
	p.must("up", "-d")

	shell := p.atTerminal("exec", "--index", "2", "web", "sh")
	shell.types("tty; echo I am $(hostname)\r")
	eventually(t, time.Minute, func() error { // an engine takes a size only once the program runs
		shell.types("stty size\r")
		if !strings.Contains(shell.text(), "31 91") {
			return errors.New("the terminal has another size")
		}
		return nil
	})
	shell.shows("/dev/pts/")
	shell.shows("I am " + p.inspect("web-2").ID[:12])
	assert.NilError(t, pty.Setsize(shell.pty, &pty.Winsize{Cols: 77, Rows: 22}))
	eventually(t, time.Minute, func() error {
		shell.types("stty size\r")
		if !strings.Contains(shell.text(), "22 77") {
			return errors.New("the size of the terminal did not change")
		}
		return nil
	})
	shell.types("echo qui''et; sleep 1000\r")
	shell.shows("quiet\r\n")
	shell.types("\x03") // reaches the sleep, not us
	shell.shows("^C")
	shell.types("echo ali''ve; exit 42\r")
	shell.shows("alive")
	shell.exits(42)
	shell.cooked()

	left := p.atTerminal("exec", "web", "sh")
	left.types("echo ready$((1+1))\r")
	left.shows("ready2")
	left.types("\x10\x11") // ctrl-p ctrl-q
	left.shows("detached")
	left.exits(0)
	left.cooked()

	plain := p.atTerminal("exec", "-T", "web", "sh", "-c", "test -t 1 || echo no terminal")
	plain.shows("no terminal")
	plain.exits(0)
}

func TestATerminalIsGivenBackWhenWeAreEnded(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, shelled)
	p.must("up", "-d")
	shell := p.atTerminal("exec", "web", "sh")
	shell.types("echo ready$((1+1))\r")
	shell.shows("ready2")
	assert.NilError(t, shell.command.Process.Signal(syscall.SIGTERM))
	shell.exits(130)
	shell.cooked()
}

// lockedBuffer is a buffer that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
