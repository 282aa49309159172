//go:build engine

package tests

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

const tested = `
services:
  db: {image: hyper-lite-demo, command: [wait, 1000s], stop_grace_period: 5s}
  test: {image: hyper-lite-demo, command: [wait, 700ms, "4"], depends_on: [db]}
  fine: {image: hyper-lite-demo, command: [exit, "0"], depends_on: [db], attach: false}
`

func TestAnAttachedUpEndsAsItIsAsked(t *testing.T) {
	t.Parallel()
	p := newProject(t, tested)
	for _, c := range []struct {
		code  int
		typed string
	}{
		{4, "up --abort-on-container-failure"},
		{4, "up --exit-code-from test test"},
		{143, "up --exit-code-from db --abort-on-container-failure"}, // stopped by us, it says so
		{0, "up --abort-on-container-exit db fine"},
	} {
		r := p.exits(c.code, strings.Fields(c.typed)...)
		says(t, r.err, "stopping, since ")
		assert.Equal(t, len(p.running("test")), 0)
		if !strings.HasSuffix(c.typed, " test") { // there db is not what up was about
			assert.Equal(t, len(p.running("db")), 0, c.typed)
		}
		p.must("down", "-t", "1")
	}
	says(t, p.exits(2, "up", "-d", "--exit-code-from", "test").err, "--detach and --exit-code-from exclude each other")
}

func TestAnAttachedUpShowsTheLogsItIsAskedFor(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  one: {image: hyper-lite-demo, command: [exit, "1"]}
  two: {image: hyper-lite-demo, command: [exit, "2"], depends_on: [one]}
`)
	for typed, want := range map[string]string{
		"up":                              "one two",
		"up two":                          "two",
		"up --attach-dependencies two":    "one two",
		"up --no-attach one":              "two",
		"up --attach one --no-log-prefix": "one",
	} {
		r := p.must(strings.Fields(typed)...)
		for code, name := range map[string]string{"1": "one", "2": "two"} {
			shown := strings.Contains(r.out+r.err, "demo: exiting with code "+code)
			assert.Equal(t, shown, strings.Contains(want, name), "%s:\n%s%s", typed, r.out, r.err)
		}
		p.must("rm", "-f", "-s")
	}
	r := p.must("up", "--timestamps", "--menu=false")
	says(t, r.out+r.err, "one-1  | 20")
}

func TestAnAttachedUpGoesOnWithWhatReplacesItsContainers(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, `
services:
  web:
    image: redis:7
    entrypoint: [sh, -c, "echo begun $$V $$(cat /tmp/src/f); exec sleep 1000"]
    environment: {V: "${V:-one}"}
    init: true
    stop_grace_period: 0s
    develop: {watch: [{path: ./src, action: sync+restart, target: /tmp/src}]}
`)
	p.write("src/f", "first")
	shows := func(out *lockedBuffer, text string) {
		t.Helper()
		eventually(t, time.Minute, func() error {
			if !strings.Contains(out.String(), text) {
				return fmt.Errorf("no %q:\n%s", text, out.String())
			}
			return nil
		})
	}
	up, out := p.begun("up")
	p.at("V=two", func() { p.must("up", "-d") })
	shows(out, "begun two")
	assert.NilError(t, up.Process.Signal(syscall.SIGINT))
	assert.NilError(t, up.Wait(), "%s", out)
	assert.Equal(t, len(p.running("web")), 0)

	up, out = p.begun("up", "--watch")
	shows(out, "web-1  | begun")
	p.write("src/f", "second")
	shows(out, "begun one second")
	p.write("src/f", "third")
	shows(out, "begun one third")
	assert.NilError(t, up.Process.Signal(syscall.SIGINT))
	assert.NilError(t, up.Wait(), "%s", out)
	assert.Equal(t, len(p.running("web")), 0)
	says(t, p.exits(2, "up", "-d", "--watch").err, "exclude each other")
	says(t, p.exits(2, "up", "--watch", "--exit-code-from", "web").err, "--watch goes with neither")
}
