//go:build engine

package tests

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// onTerminal runs hyper-lite with its three streams on a terminal, and returns what the terminal was sent.
func (p *project) onTerminal(args ...string) string {
	p.t.Helper()
	plain := p.command(p.t.Context(), args...)
	line := make([]string, len(plain.Args))
	for at, word := range plain.Args {
		line[at] = "'" + word + "'"
	}
	c := exec.CommandContext(p.t.Context(), "script", "--quiet", "--return", "--command", strings.Join(line, " "), "/dev/null")
	c.Dir = p.dir
	c.Env = slices.DeleteFunc(plain.Env, func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return name == "CI" || name == "TERM" || (name == "NO_COLOR" && !slices.Contains(p.env, pair))
	})
	c.Env = append(c.Env, "TERM=xterm-256color", "SHELL=/bin/sh")
	out, err := c.CombinedOutput()
	assert.NilError(p.t, err, "%s", out)
	return string(out)
}

var (
	escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")
	colours = regexp.MustCompile("\x1b\\[[0-9;]+m")
)

func TestProgressFitsWhereItIsShown(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("script"); err != nil {
		t.Fatalf("the program script of util-linux makes the terminal of this test: %v", err)
	}
	p := newProject(t, `
services:
  web: {image: hyper-lite-demo, replicas: 2, environment: {V: "${V:-1}"}}
`)
	shown := p.onTerminal("up", "-d")
	assert.Assert(t, colours.MatchString(shown), "%q", shown)
	assert.Assert(t, strings.Contains(shown, "\x1b["), "%q", shown)
	last := escapes.ReplaceAllString(shown, "")
	for _, resource := range []string{"network " + p.name + "_default", "container " + p.name + "-web-1", "container " + p.name + "-web-2"} {
		says(t, last, resource)
	}

	p.at("NO_COLOR=1", func() {
		p.at("V=2", func() {
			plain := p.onTerminal("up", "-d", "-t", "1")
			assert.Assert(t, !colours.MatchString(plain), "%q", plain)
			says(t, plain, p.name+"-web-1")
		})
	})

	r := p.must("up", "-d", "-t", "1") // no terminal: a plain line a change
	assert.Assert(t, !strings.Contains(r.err+r.out, "\x1b"), "%q", r.err)
	says(t, r.err, "container "+p.name+"-web-1", "started")

	p.at("V=3", func() {
		r := p.must("--progress", "json", "up", "-d", "-t", "1")
		lines := strings.Split(strings.TrimSpace(r.err), "\n")
		assert.Assert(t, len(lines) >= 4, "%v", lines)
		for _, line := range lines {
			var event map[string]any
			assert.NilError(t, json.Unmarshal([]byte(line), &event), line)
		}
	})
	quiet := p.must("--progress", "quiet", "up", "-d", "-t", "1")
	assert.Equal(t, quiet.out+quiet.err, "")
	assert.Assert(t, strings.Contains(p.must("ps", "--ansi", "always").out+p.must("ps").out, p.name+"-web-2"))
}

func TestAnAttachedUpShowsEveryReplicasLogsAndEndsWithThem(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  talk: {image: hyper-lite-demo, command: [exit, "4"], replicas: 2}
  done: {image: hyper-lite-demo, command: [exit, "0"]}
`)
	r := p.must("up")
	says(t, r.out+r.err,
		"talk-1  | demo: exiting with code 4", "talk-2  | demo: exiting with code 4", "done-1  | demo: exiting with code 0",
		"talk-1 exited with code 4", "done-1 exited with code 0")
	bare := p.must("up", "--no-log-prefix", "done")
	assert.Assert(t, strings.Contains("\n"+bare.out+bare.err, "\ndemo: exiting with code 0\n"), "%s%s", bare.out, bare.err)
}
