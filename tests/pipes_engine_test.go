//go:build engine

package tests

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"gotest.tools/v3/assert"
)

const chattering = `
services:
  web: {image: redis:7, entrypoint: [sh, -c, "i=0; while [ $$i -lt 20000 ]; do echo begun $$i; i=$$((i+1)); done; exec sleep 1000"], init: true, stop_grace_period: 0s}
`

// pipedToHead reads the first line of a command's output, and then reads no more. It returns that line, how the command
// ended, and what it said on its standard error.
func (p *project) pipedToHead(args ...string) (line string, ended syscall.WaitStatus, errs string) {
	p.t.Helper()
	reader, writer, err := os.Pipe()
	assert.NilError(p.t, err)
	var said bytes.Buffer
	c := p.command(p.t.Context(), args...)
	c.Stdout, c.Stderr = writer, &said
	assert.NilError(p.t, c.Start())
	assert.NilError(p.t, writer.Close())
	line, err = bufio.NewReader(reader).ReadString('\n')
	assert.NilError(p.t, errors.Join(err, reader.Close()), "%v: %s", args, said.String())
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		p.ok(c.Process.Kill())
		p.t.Fatalf("%v goes on although nobody reads it", args)
	}
	return line, c.ProcessState.Sys().(syscall.WaitStatus), said.String()
}

func TestAPipeThatNobodyReadsAnyMoreEndsACommandQuietly(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, chattering)
	p.must("up", "-d")
	eventually(t, time.Minute, func() error {
		if !strings.Contains(p.must("logs", "-n", "1").out, "19999") {
			return errors.New("it has not said all yet")
		}
		return nil
	})
	for _, typed := range []string{"logs", "logs -f", "exec -T web yes", "exec web yes", "export web", "cp web:/usr -", "stats --format json"} {
		_, ended, errs := p.pipedToHead(strings.Fields(typed)...)
		assert.Assert(t, ended.Signaled() && ended.Signal() == syscall.SIGPIPE || ended.ExitStatus() == 141 || ended.ExitStatus() == 0, "%s: %v", typed, ended)
		assert.Equal(t, errs, "", typed)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	assert.NilError(t, err)
	defer full.Close()
	for _, typed := range []string{"ps", "config", "logs", "exec -T web echo hi"} {
		var said bytes.Buffer
		c := p.command(t.Context(), strings.Fields(typed)...)
		c.Stdout, c.Stderr = full, &said
		assert.Error(t, c.Run(), "exit status 1", typed)
		says(t, said.String(), "no space left on device")
		assert.Equal(t, strings.Count(said.String(), "\n"), 1, said.String())
	}

	// the whole of it arrives where it is read
	whole := p.command(t.Context(), "exec", "-T", "web", "head", "-c", "20000000", "/dev/zero")
	file, err := os.Create(filepath.Join(p.dir, "dump"))
	assert.NilError(t, err)
	whole.Stdout = file
	assert.NilError(t, errors.Join(whole.Run(), file.Close()))
	size, err := os.Stat(file.Name())
	assert.NilError(t, err)
	assert.Equal(t, size.Size(), int64(20000000))
	r := p.fed(strings.NewReader("from a pipe"), "run", "--rm", "--no-deps", "--entrypoint", "cat", "web")
	assert.Equal(t, r.out, "from a pipe")
}

// What run made for us alone is ended as a process of this machine is that nobody reads any more: stopped with its hooks and
// its grace period. What others have a use for is left alone.
func TestWhatRunMadeEndsWhereNobodyReadsIt(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, `
services:
  web:
    image: redis:7
    entrypoint: [sh, -c]
    command: ["echo begun; exec sleep 1000"]
    init: true
    stop_grace_period: 2s
    volumes: [./told:/told]
    pre_stop: [{command: [sh, -c, "hostname >>/told/stopped"]}]
  deaf: {image: redis:7, entrypoint: [], stop_grace_period: 1s}
  slow: {image: redis:7, entrypoint: [], stop_grace_period: 1h}
jobs:
  tidy: {image: redis:7, entrypoint: ["yes"], init: true, triggers: {manual: true}}
  brief: {image: redis:7, entrypoint: [sh, -c], command: ["echo 1; sleep 0.5; echo 2"], triggers: {manual: true}}
`)
	unread := func(line string, typed ...string) {
		t.Helper()
		said, ended, errs := p.pipedToHead(typed...)
		assert.Equal(t, said, line, typed)
		assert.Assert(t, ended.Exited() && ended.ExitStatus() == 141, "%v: %v %s", typed, ended, errs)
		assert.Assert(t, !strings.Contains(errs, "error:"), errs)
	}
	unread("first\n", "run", "--rm", "-T", "-q", "web", "echo first; yes")
	assert.Equal(t, len(p.containers("")), 0)
	unread("y\n", "run", "--rm", "-q", "deaf", "yes") // the first process of a container is deaf to SIGTERM
	assert.Equal(t, len(p.containers("")), 0)
	unread("first\n", "run", "-T", "-q", "--name", p.name+"-kept", "web", "trap 'exit 7' TERM; echo first; while :; do echo more; sleep 0.01; done")
	assert.Equal(t, p.inspect("kept").State.ExitCode, 7)
	told, err := os.ReadFile(filepath.Join(p.dir, "told", "stopped"))
	assert.NilError(t, err)
	assert.Equal(t, strings.Count(string(told), "\n"), 2)
	unread("first\n", "run", "--rm", "-q", "--no-deps", "web", "echo first >&2; echo first; exec sh -c 'while :; do echo more; sleep 0.01; done'")

	reader, writer, err := os.Pipe() // it takes long, which is told; our signals kill it then
	assert.NilError(t, err)
	slow := p.command(t.Context(), "run", "--rm", "-T", "-q", "slow", "yes")
	slow.Stdout = writer
	words, err := slow.StderrPipe()
	assert.NilError(t, err)
	assert.NilError(t, errors.Join(slow.Start(), writer.Close()))
	_, err = reader.Read(make([]byte, 1))
	assert.NilError(t, errors.Join(err, reader.Close()))
	warning, err := bufio.NewReader(words).ReadString('\n')
	assert.NilError(t, err)
	says(t, warning, "nobody reads the output of", "Ctrl-C kills it")
	assert.NilError(t, slow.Process.Signal(os.Interrupt))
	exit, ok := errors.AsType[*exec.ExitError](slow.Wait())
	assert.Assert(t, ok)
	assert.Equal(t, exit.ExitCode(), 141)
	assert.DeepEqual(t, p.running("slow"), []string(nil))
	unread("y\n", "cron", "run", "--wait", "tidy")
	says(t, p.must("cron", "history", "tidy").out, "failed", "nobody reads the output any more")
	unread("1\n", "cron", "run", "--wait", "brief") // what ends by itself is as it ended
	unread("1\n", "cron", "run", "--wait", "--rm", "brief", "--", "echo 1; sleep 0.5; echo 2; exit 3")
	past := p.must("cron", "history", "--format", "{{.Status}} {{.Reason}}", "brief")
	assert.Equal(t, past.out, "succeeded \nfailed exited 3\n")

	p.must("up", "-d", "web")
	id := p.id("web-1")
	unread("web-1  | begun\n", "logs", "-f") // which says no more
	unread("y\n", "exec", "-T", "web", "yes")
	watcher := p.command(t.Context(), "attach", "--no-stdin", "web")
	reader, writer, err = os.Pipe()
	assert.NilError(t, err)
	watcher.Stdout = writer
	assert.NilError(t, errors.Join(watcher.Start(), writer.Close(), reader.Close()))
	exit, ok = errors.AsType[*exec.ExitError](watcher.Wait())
	assert.Assert(t, ok)
	assert.Equal(t, exit.ExitCode(), 141)
	assert.Equal(t, p.id("web-1"), id)
	assert.DeepEqual(t, p.running("web"), []string{p.name + "-web-1"})
}

// A change that was begun is done, though nobody reads any more how it goes.
func TestAChangeIsDoneThoughNobodyReadsOfIt(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
x-web: &web {image: hyper-lite-demo, environment: {V: "${V:-1}"}, stop_grace_period: 0s}
services: {one: *web, two: *web, three: *web}
`)
	for _, c := range []struct{ v, typed string }{{"1", "--progress plain up -d"}, {"2", "--progress json up -d"}, {"2", "--progress plain restart"}, {"2", "--progress plain down"}} {
		reader, writer, err := os.Pipe()
		assert.NilError(t, err)
		p.at("V="+c.v, func() {
			typed := p.command(t.Context(), strings.Fields(c.typed)...)
			typed.Stdout, typed.Stderr = writer, writer
			assert.NilError(t, errors.Join(typed.Start(), writer.Close()))
			_, err = reader.Read(make([]byte, 1))
			assert.NilError(t, errors.Join(err, reader.Close()))
			_ = typed.Wait() // it ends well, or by its last words
		})
		if strings.HasSuffix(c.typed, "down") {
			assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
			continue
		}
		for _, service := range []string{"one", "two", "three"} {
			assert.DeepEqual(t, p.running(service), []string{p.name + "-" + service + "-1"})
			assert.Assert(t, contains(p.environment(service+"-1"), "V="+c.v), c.typed)
		}
		p.at("V="+c.v, func() { says(t, p.must("up", "-d").out, "nothing to change") })
	}
	assert.Equal(t, strings.Count(p.must("history", "--format", "json").out, "\n"), 2)
}

// What a change came to is told by the exit code where nobody reads the words any more.
func TestAFailureThatNobodyReadsOfKeepsItsExitCode(t *testing.T) {
	t.Parallel()
	p := newProject(t, `services: {bad: {image: hyper-lite-demo, command: [exit, "7"], restart: "no"}}`)
	for _, c := range []struct {
		typed string
		code  int
	}{{"up -d --wait bad", 3}, {"scale nobody=2", 1}, {"up --nonsense", 2}} {
		reader, writer, err := os.Pipe()
		assert.NilError(t, err)
		typed := p.command(t.Context(), strings.Fields(c.typed)...)
		typed.Stdout, typed.Stderr = writer, writer
		assert.NilError(t, errors.Join(reader.Close(), typed.Start(), writer.Close()))
		exit, ok := errors.AsType[*exec.ExitError](typed.Wait())
		assert.Assert(t, ok && exit.ExitCode() == c.code, "%s: %v", c.typed, exit)
	}
}

func TestCtrlCAtATerminal(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, strings.Replace(chattering, "stop_grace_period: 0s", "stop_grace_period: 0s, develop: {watch: [{path: ./src, action: sync, target: /src}]}", 1))
	p.write("src/f", "1")

	up := p.atTerminal("up")
	up.shows("begun 19999")
	up.types("\x03")
	up.exits(0)
	up.cooked()
	assert.Equal(t, p.inspect("web-1").State.Running, false)

	p.must("up", "-d")
	follow := p.atTerminal("logs", "-f")
	follow.shows("begun 19999")
	follow.types("\x03")
	follow.exits(130)
	follow.cooked()

	w := p.atTerminal("watch")
	w.shows("watching web")
	w.types("\x03")
	w.exits(130)
	w.cooked()
	assert.Assert(t, p.inspect("web-1").State.Running)

	in := p.atTerminal("exec", "web", "sh", "-c", "echo ready; sleep 1000")
	in.shows("ready")
	in.types("\x03")
	in.exits(130)
	in.cooked()
	one := p.atTerminal("run", "--rm", "--no-deps", "--entrypoint", "sh", "web", "-c", "trap 'exit 130' INT; echo ready; while :; do sleep 0.1; done")
	one.shows("ready")
	one.types("\x03")
	one.exits(130)
	one.cooked()
	p.exits(143, "run", "--rm", "--no-deps", "--entrypoint", "sh", "web", "-c", "kill -TERM $$; sleep 5")
	p.exits(137, "exec", "web", "sh", "-c", "kill -KILL $$")
}

func TestTerminalsThatCanDoLittle(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, strings.Replace(chattering, "20000", "3", 1))
	at := func(env []string, columns uint16, args ...string) string {
		t.Helper()
		c := p.command(t.Context(), args...)
		c.Env = append(c.Env, append([]string{"CI=", "NO_COLOR="}, env...)...)
		side, err := pty.StartWithSize(c, &pty.Winsize{Cols: columns, Rows: 5})
		assert.NilError(t, err)
		defer side.Close()
		shown := &terminal{t: t, command: c, pty: side, ended: make(chan int, 1)}
		go shown.read()
		shown.exits(0)
		return shown.text()
	}
	dumb := at([]string{"TERM=dumb"}, 91, "up", "-d")
	assert.Assert(t, !strings.Contains(dumb, "\x1b"), "%q", dumb)
	says(t, dumb, "container "+p.name+"-web-1", "started")
	for _, columns := range []uint16{0, 1, 20} {
		says(t, strings.Join(strings.Fields(at([]string{"TERM=xterm"}, columns, "ps")), " "), "NAME", p.name+"-web-1")
		says(t, at([]string{"TERM=xterm"}, columns, "logs"), "begun 2")
	}
	at([]string{"TERM=xterm"}, 1, "up", "-d", "--force-recreate")
	moves := strings.ReplaceAll(colours.ReplaceAllString(at([]string{"TERM=xterm"}, 91, "--progress", "plain", "up", "-d", "--force-recreate"), ""), "\x1b[0m", "")
	assert.Assert(t, !strings.Contains(moves, "\x1b"), "%q", moves)
	for _, env := range []string{"NO_COLOR=1", "COMPOSE_ANSI=never"} {
		plain := at([]string{"TERM=xterm", env}, 91, "logs")
		assert.Assert(t, !colours.MatchString(plain), "%s: %q", env, plain)
	}
	assert.Assert(t, colours.MatchString(at([]string{"TERM=xterm"}, 91, "logs")))
	p.at("COMPOSE_MENU=true", func() { assert.Equal(t, p.must("ps", "--services").out, "web\n") })
}

func TestNamesTextsAndFoldersOfEveryKind(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, `
services:
  web.api_V2-x: {image: redis:7, entrypoint: [sleep, infinity], init: true, stop_grace_period: 0s, environment: {TEXT: "ñandú 漢字 🚀", ODD: "a=b 'c' \"d\" $$x"}}
  UPPER: {image: redis:7, entrypoint: [sleep, infinity], init: true, stop_grace_period: 0s}
`)
	// a folder with blanks, capitals and other letters, reached through a link; its name is the project's
	real := filepath.Join(p.dir, "Ünï Code App "+p.name)
	assert.NilError(t, os.MkdirAll(filepath.Join(real, "deep", "er"), 0o755))
	assert.NilError(t, os.Rename(filepath.Join(p.dir, "compose.yaml"), filepath.Join(real, "compose.yaml")))
	assert.NilError(t, os.Symlink(real, filepath.Join(p.dir, "link")))
	p.dir = filepath.Join(p.dir, "link", "deep", "er")

	// no home, or one that is no folder, and nothing of ours is written there
	p.env = append(p.env, "HOME=/dev/null")
	p.must("up", "-d")
	assert.DeepEqual(t, p.running("web.api_V2-x"), []string{p.name + "-web.api_V2-x-1"})
	assert.Equal(t, p.must("ps", "--services").out, "UPPER\nweb.api_V2-x\n")
	assert.Equal(t, p.must("exec", "web.api_V2-x", "sh", "-c", `echo "$TEXT $ODD"`).out, "ñandú 漢字 🚀 a=b 'c' \"d\" $x\n")
	assert.Equal(t, p.must("exec", "-e", "A=é 漢", "UPPER", "sh", "-c", `echo "$A"`).out, "é 漢\n")
	says(t, p.must("exec", "UPPER", "getent", "hosts", "web.api_V2-x").out, "web.api_V2-x")
	bare := p.command(t.Context(), "up", "-d")
	for at, pair := range bare.Env {
		if strings.HasPrefix(pair, "HOME=") {
			bare.Env[at] = "NOHOME=1"
		}
	}
	out, err := bare.CombinedOutput()
	assert.NilError(t, err, "%s", out)
	says(t, string(out), "nothing to change")

	// a command line as long as the kernel takes it
	long := strings.Repeat("a", 100_000)
	assert.Equal(t, p.must("exec", "UPPER", "sh", "-c", "echo ${#1}", "x", long).out, "100000\n")
	assert.Equal(t, p.must("run", "--rm", "-e", "LONG="+long, "--entrypoint", "sh", "UPPER", "-c", "echo ${#LONG} ${#0}", long).out, "100000 100000\n")
	many := strings.Fields(strings.Repeat("word ", 20_000))
	assert.Equal(t, len(strings.Fields(p.must(append([]string{"exec", "UPPER", "echo"}, many...)...).out)), 20_000)
	named := exec.Command(binary, "config", "--format", "json")
	named.Dir = real
	text, err := named.Output()
	assert.NilError(t, err)
	says(t, string(text), `"name": "`+"ncodeapp"+p.name+`"`)
}
