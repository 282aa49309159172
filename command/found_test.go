package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestDownWithoutFiles(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	elsewhere := &shell{t: t, dir: t.TempDir(), engine: s.engine, env: map[string]string{}}
	r := elsewhere.run("down")
	assert.Equal(t, r.code, 1)
	assert.Assert(t, is.Contains(r.err, "no compose file found"))
	assert.Assert(t, is.Contains(r.err, "-p NAME"))
	assert.Equal(t, elsewhere.run("-p", "shop", "down").code, 0)
	assert.Equal(t, len(s.engine.replicas), 0)
}

func TestWrongFilesStopEverythingButWhatTheNameFinds(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	assert.NilError(t, os.WriteFile(filepath.Join(s.dir, "compose.yaml"), []byte("services:\n  web:\n    imagee: x\n    replcias: 3\n"), 0o600))
	s.engine.done = nil
	r := s.run("up", "-d")
	assert.Equal(t, r.code, 1)
	assert.Equal(t, strings.Count(r.err, "error: "), 2, r.err)
	assert.Assert(t, is.Contains(r.err, "did you mean `replicas`?"))
	assert.Equal(t, len(s.engine.done), 0)
	assert.Assert(t, !strings.Contains(r.err, "without the files"), r.err)
	for _, verb := range []string{"down", "ps", "stop", "logs"} {
		r := s.run(verb)
		assert.Equal(t, r.code, 1)
		assert.Equal(t, strings.Count(r.err, "`hyper-lite -p NAME down`"), 1, r.err)
	}
	s.engine.workDir = s.dir
	assert.Assert(t, is.Contains(s.run("ps").err, "`hyper-lite -p shop down`"))
	assert.Equal(t, s.run("-p", "shop", "down").code, 0)
	assert.Equal(t, len(s.engine.replicas), 0)
}

func TestABadNameIsNotWorkedWith(t *testing.T) {
	s := newShell(t, shop)
	r := s.run("-p", "Bad Name!", "ps")
	assert.Equal(t, r.code, 2)
	assert.Assert(t, is.Contains(r.err, "hint: it is made of lower-case letters"))
	s.env["COMPOSE_PROJECT_NAME"] = "Bad Name!"
	r = s.run("ps")
	assert.Equal(t, r.code, 1)
	assert.Assert(t, is.Contains(r.err, "error: invalid project name"))
	assert.Equal(t, len(s.engine.calls), 0)
}

const withContents = `name: shop
services:
  web:
    image: shop:1
    secrets: [token]
    configs: [conf]
    env_file: [web.env]
  db: {image: "postgres:15"}
jobs: {tidy: {image: "shop:1", secrets: [token], triggers: {manual: true}}}
secrets: {token: {environment: TOKEN}}
configs: {conf: {file: ./conf}}
`

// What only a new container needs may be missing where none is made: as with docker compose, what runs can be looked at
// and taken down without the values of secrets, the files of configs and env files.
func TestLookingAndTakingDownNeedNoContents(t *testing.T) {
	s := newShell(t, withContents)
	for _, name := range []string{"conf", "web.env"} {
		assert.NilError(t, os.WriteFile(filepath.Join(s.dir, name), []byte("A=1\n"), 0o600))
	}
	s.env["TOKEN"] = "hush"
	r := s.run("up", "-d", "web", "db")
	assert.Equal(t, r.code, 0, r.err)
	running := len(s.engine.replicas)

	delete(s.env, "TOKEN")
	for _, name := range []string{"conf", "web.env"} {
		assert.NilError(t, os.Remove(filepath.Join(s.dir, name)))
	}
	s.engine.done = nil
	missing := []string{
		"compose.yaml:7:16: services.web.env_file[0]: there is no file", "compose.yaml:10:32: secrets.token.environment: the variable TOKEN is not set",
		"compose.yaml:11:24: configs.conf.file: there is no file",
	}
	for _, verb := range []string{"up -d", "up -d web", "create", "run web", "scale web=2", "plan", "config", "config web", "service redeploy web"} {
		r := s.run(strings.Fields(verb)...)
		assert.Check(t, is.Equal(r.code, 1), verb)
		for _, want := range missing {
			assert.Check(t, is.Contains(r.err, want), verb)
		}
	}
	assert.Check(t, is.Len(s.engine.done, 0))

	for _, verb := range []string{
		"ps", "ps -a web", "logs web", "top", "images", "volumes", "stats --no-stream", "service ls", "service inspect web", "exec web true", "cron ls",
		"cron next tidy", "cron inspect tidy", "kill -s HUP web", "pause web", "unpause web", "stop", "start", "restart web", "stop db", "rm -f db",
	} {
		r := s.run(strings.Fields(verb)...)
		assert.Check(t, is.Equal(r.code, 0), "%s: %s", verb, r.err)
		assert.Check(t, !strings.Contains(r.err, "TOKEN"), "%s: %s", verb, r.err)
	}
	assert.Check(t, is.Len(s.engine.replicas, running-1))
	assert.Check(t, !strings.Contains(s.run("service", "ls").out, "changed"))
	assert.Equal(t, s.run("down").code, 0)
	assert.Equal(t, len(s.engine.replicas)+len(s.engine.networks), 0)
}

// `start` makes containers where hooks are to run, so it needs what they hold.
func TestStartNeedsWhatItsHooksHold(t *testing.T) {
	s := newShell(t, "name: shop\nservices:\n  web:\n    image: x\n    secrets: [token]\n    pre_start: [{command: migrate}]\nsecrets: {token: {environment: TOKEN}}\n")
	s.env["TOKEN"] = "hush"
	assert.Equal(t, s.run("create").code, 0)
	delete(s.env, "TOKEN")
	s.engine.done = nil
	for _, verb := range []string{"start", "restart"} {
		r := s.run(verb)
		assert.Equal(t, r.code, 1)
		assert.Check(t, is.Contains(r.err, "secrets.token.environment: the variable TOKEN is not set"))
	}
	assert.Equal(t, s.run("stop").code, 0)
	assert.Check(t, is.Len(s.engine.done, 0))
}

// A restart needs what it is about: what is named, and what is restarted with that.
func TestARestartNeedsOnlyWhatItIsAbout(t *testing.T) {
	s := newShell(t, `name: shop
services:
  db: {image: x}
  web: {image: x, env_file: [web.env], pre_start: [{command: migrate}]}
  with: {image: x, env_file: [with.env], pre_start: [{command: migrate}], depends_on: {web: {condition: service_started, restart: true}}}
  plain: {image: x, env_file: [plain.env]}
`)
	for _, name := range []string{"web.env", "with.env", "plain.env"} {
		assert.NilError(t, os.WriteFile(filepath.Join(s.dir, name), []byte("A=1\n"), 0o600))
	}
	r := s.run("up", "-d")
	assert.Equal(t, r.code, 0, r.err)
	for _, name := range []string{"web.env", "with.env", "plain.env"} {
		assert.NilError(t, os.Remove(filepath.Join(s.dir, name)))
	}
	for _, typed := range []string{"restart db", "restart plain", "restart db plain", "start plain", "stop plain"} {
		r := s.run(strings.Fields(typed)...)
		assert.Check(t, is.Equal(r.code, 0), "%s: %s", typed, r.err)
	}
	for typed, want := range map[string][]string{
		"restart": {"web", "with"}, "start": {"web", "with"}, "restart web": {"web", "with"}, "restart with": {"with"}, "restart --no-deps web": {"web"}, "start web": {"web"},
	} {
		r := s.run(strings.Fields(typed)...)
		assert.Check(t, is.Equal(r.code, 1), typed)
		assert.Check(t, is.Equal(strings.Count(r.err, "there is no file"), len(want)), "%s: %s", typed, r.err)
		for _, name := range want {
			assert.Check(t, is.Contains(r.err, "services."+name+".env_file[0]: there is no file"), typed)
		}
	}
}
