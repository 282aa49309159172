package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// variable is one that docker compose reads, and a run that shows what it does here.
type variable struct {
	name, value string
	verdict     string
	typed       string            // what is run with and without it; "" is `config`
	beside      map[string]string // variables that are set both times
	seen        sight
}

// sight is what a variable makes of a run.
type sight int

const (
	changing sight = iota // what is printed, or how it ends
	ignored               // nothing
	refused               // a usage error that names it
	warned                // one line of warning that names it, and nothing else
)

const variablesFile = `name: shop
services:
  web: {image: "shop:${TAG:-none}"}
  more: {image: shop, profiles: [extra]}
`

// variables are those that docker compose 5.7.0 documents or that its program asks for.
func variables(dir string) []variable {
	file := func(name string) string { return filepath.Join(dir, name) }
	both := file("compose.yaml") + "," + file("other.yaml")
	return []variable{
		{name: "COMPOSE_PROJECT_NAME", value: "another", verdict: "works"},
		{name: "COMPOSE_FILE", value: file("other.yaml"), verdict: "works"},
		{name: "COMPOSE_PATH_SEPARATOR", value: ",", beside: map[string]string{"COMPOSE_FILE": both}, verdict: "works"},
		{name: "COMPOSE_PROFILES", value: "extra", verdict: "works"},
		{name: "COMPOSE_ENV_FILES", value: file("two.env"), verdict: "works"},
		{name: "COMPOSE_DISABLE_ENV_FILE", value: "1", verdict: "works"},
		{name: "COMPOSE_CONVERT_WINDOWS_PATHS", value: "1", verdict: "works, on Windows", seen: ignored},
		{name: "COMPOSE_PARALLEL_LIMIT", value: "none", verdict: "works, and counts steps", seen: refused},
		{name: "COMPOSE_IGNORE_ORPHANS", value: "1", typed: "up -d --no-deps web", verdict: "works"},
		{name: "COMPOSE_REMOVE_ORPHANS", value: "1", typed: "up -d --no-deps web", verdict: "works"},
		{name: "COMPOSE_PROGRESS", value: "json", typed: "up -d", verdict: "works"},
		{name: "COMPOSE_ANSI", value: "always", typed: "scale nonsense", verdict: "works"},
		{name: "COMPOSE_STATUS_STDOUT", value: "1", typed: "up -d", verdict: "works"},
		{name: "COMPOSE_COMPATIBILITY", value: "1", verdict: "refused, as `--compatibility` is", seen: refused},
		{
			name: "DOCKER_DEFAULT_PLATFORM", value: "linux/s390x", typed: "plan --pull always --format json",
			verdict: "works: the platform of services and builds that name none; what is built here is made anew when it changes",
		},
		{name: "COMPOSE_MENU", value: "1", typed: "up", verdict: "no effect: there is no menu of keys; an `up` that stays says so, in one line", seen: warned},
		{name: "COMPOSE_BAKE", value: "1", typed: "up -d", verdict: "no effect: obsolete in docker compose, too", seen: ignored},
		{name: "COMPOSE_EXPERIMENTAL", value: "0", typed: "up -d", verdict: "no effect: there are no experiments to switch off", seen: ignored},
		{name: "COMPOSE_EXPERIMENTAL_GIT_REMOTE", value: "1", verdict: "no effect: files are not read from elsewhere", seen: ignored},
		{name: "COMPOSE_EXPERIMENTAL_OCI_REMOTE", value: "1", verdict: "no effect: files are not read from elsewhere", seen: ignored},
		{name: "COMPOSE_EXPERIMENTAL_WATCH_TAR", value: "0", verdict: "no effect: `watch` copies by tar always", seen: ignored},
		{name: "COMPOSE_WATCH_WINDOWS_BUFFER_SIZE", value: "1", verdict: "no effect: the buffer is that of the library", seen: ignored},
	}
}

func variableTable(t *testing.T, b *strings.Builder) {
	t.Helper()
	b.WriteString("| | |\n|---|---|\n")
	for _, v := range variables("") {
		fmt.Fprintf(b, "| `%s` | %s |\n", v.name, v.verdict)
	}
}

// ran runs what shows a variable, in a folder and on a host of its own.
func (v variable) ran(t *testing.T, dir string, set bool) result {
	t.Helper()
	s := newShell(t, "")
	s.dir = dir
	if strings.Contains(v.typed, "web") {
		before := s.run("-f", filepath.Join(dir, "orphan.yaml"), "up", "-d")
		assert.Equal(t, before.code, 0, before.err)
	}
	for name, value := range v.beside {
		s.env[name] = value
	}
	if set {
		s.env[v.name] = v.value
	}
	return s.run(strings.Fields(first(v.typed, "config"))...)
}

func TestVariablesDoWhatThePageSays(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"compose.yaml": variablesFile, "other.yaml": "name: other\nservices: {web: {image: other}}\n", ".env": "TAG=one\n", "two.env": "TAG=two\n",
		"orphan.yaml": "name: shop\nservices: {gone: {image: gone}}\n",
	} {
		assert.NilError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	for _, v := range variables(dir) {
		t.Run(v.name, func(t *testing.T) {
			without, with := v.ran(t, dir, false), v.ran(t, dir, true)
			switch v.seen {
			case changing:
				assert.Assert(t, with != without, "it changes nothing: %s", with.err)
			case ignored:
				assert.Equal(t, with, without)
			case refused:
				assert.Equal(t, with.code, exitUsage, with.err)
				assert.Assert(t, without.code != exitUsage, without.err)
			case warned:
				line := "warning: " + v.name + " has no effect: " + noMenu.why + "\n"
				assert.Equal(t, strings.Count(with.err, line), 1, with.err)
				with.err = strings.Replace(with.err, line, "", 1)
				assert.Equal(t, with.code, without.code)
				assert.Equal(t, strings.Count(with.err, "\n"), strings.Count(without.err, "\n"))
			}
		})
	}
}

// COMPOSE_MENU is nothing to tell of where there would be no menu.
func TestMenuIsToldOfOnce(t *testing.T) {
	for _, typed := range []string{"up -d", "up --menu=false", "up --no-start", "ps"} {
		s := newShell(t, shop)
		s.env["COMPOSE_MENU"] = "1"
		r := s.run(strings.Fields(typed)...)
		assert.Equal(t, r.code, 0, r.err)
		assert.Assert(t, !strings.Contains(r.err, "COMPOSE_MENU"), "%s: %s", typed, r.err)
	}
}

func TestOlderNamesOfFlags(t *testing.T) {
	s := newShell(t, shop)
	s.env["COMPOSE_ANSI"] = "always"
	assert.Assert(t, strings.Contains(s.run("scale", "nonsense").err, "\x1b["))
	assert.Assert(t, !strings.Contains(s.run("--no-ansi", "scale", "nonsense").err, "\x1b["))
	assert.Assert(t, !strings.Contains(s.run("--no-ansi", "nonsense").err, "\x1b["))
	assert.Equal(t, s.run("--no-ansi", "--ansi=never", "ps").code, exitUsage)
	for _, typed := range []string{"ps", "exec web true", "exec --workdir /srv web true"} {
		r := s.run(append([]string{"--workdir", s.dir}, strings.Fields(typed)...)...) // beside the --project-directory of run
		assert.Equal(t, r.code, exitUsage)
		assert.Assert(t, strings.Contains(r.err, "--project-directory and --workdir"), r.err)
	}
	var out lockedBuffer
	p := &program{IO: IO{In: strings.NewReader(""), Out: &out, Err: &out}, env: map[string]string{}}
	assert.Equal(t, p.run(t.Context(), []string{"--workdir", s.dir, "config", "--services"}), 0)
	assert.Equal(t, out.String(), "db\nweb\n")
}
