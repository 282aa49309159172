package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// in lays files out in the shell's folder.
func (s *shell) in(files map[string]string) {
	s.t.Helper()
	for name, text := range files {
		path := filepath.Join(s.dir, name)
		assert.NilError(s.t, os.MkdirAll(filepath.Dir(path), 0o755))
		assert.NilError(s.t, os.WriteFile(path, []byte(text), 0o600))
	}
}

// shown is what config prints of a service.
func (s *shell) shown(service string, typed ...string) map[string]any {
	s.t.Helper()
	r := s.run(append([]string{"config", "--format", "json"}, typed...)...)
	assert.Equal(s.t, r.code, 0, r.err)
	var model struct{ Services map[string]map[string]any }
	assert.NilError(s.t, json.Unmarshal([]byte(r.out), &model))
	return model.Services[service]
}

func TestEnvFilesOfServices(t *testing.T) {
	s := newShell(t, `services:
  web:
    image: x
    env_file:
      - first.env
      - {path: gone.env, required: false}
      - {path: raw.env, format: raw}
      - path: last.env
    environment: {OWN: "yes", FROM_SHELL: , "NOWHERE": }
`)
	s.env["SHELL_VALUE"], s.env["FROM_SHELL"] = "of the shell", "1"
	s.in(map[string]string{
		"first.env": "# a comment\nA=1\nB=\"two words\"\nexport C='$${A}'\nD=${SHELL_VALUE}\nE=${A}-${UNSET:-none}\nOWN=no\nTWICE=first\n",
		"raw.env":   "R=\"kept\" $A # all of it\n",
		"last.env":  "TWICE=last\nEMPTY=\n",
	})
	assert.DeepEqual(t, s.shown("web")["environment"], map[string]any{
		"A": "1", "B": "two words", "C": "$$$${A}", "D": "of the shell", "E": "1-none", "R": `"kept" $$A # all of it`,
		"TWICE": "last", "EMPTY": "", "OWN": "yes", "FROM_SHELL": "1", "NOWHERE": nil,
	})
	assert.NilError(t, os.Remove(filepath.Join(s.dir, "last.env")))
	r := s.run("config")
	assert.Equal(t, r.code, 1)
	assert.Assert(t, is.Contains(r.err, "last.env"))
}

func TestProfilesAreSwitchedOnByNamingAService(t *testing.T) {
	s := newShell(t, `services:
  web: {image: x}
  debug: {image: x, profiles: [debug], depends_on: [store]}
  store: {image: x, profiles: [debug]}
  other: {image: x, profiles: [other]}
`)
	for typed, want := range map[string]string{
		"":                 "web\n",
		"--profile debug":  "debug\nstore\nweb\n",
		"--profile *":      "debug\nother\nstore\nweb\n",
		"debug":            "debug\nstore\n",
		"--profile other ": "other\nweb\n",
	} {
		assert.Equal(t, s.run(append([]string{"config", "--services"}, strings.Fields(typed)...)...).out, want, typed)
	}
	s.env["COMPOSE_PROFILES"] = "debug, other"
	assert.Equal(t, s.run("config", "--services").out, "debug\nother\nstore\nweb\n")
	delete(s.env, "COMPOSE_PROFILES")
	assert.Equal(t, s.run("up", "-d", "debug").code, 0)
	assert.Equal(t, s.run("ps", "--services").out, "debug\nstore\n")
}

func TestResetAndOverride(t *testing.T) {
	s := newShell(t, `services:
  web:
    image: x
    ports: ["80:80", "81:81"]
    environment: {A: "1", B: "2"}
    command: [serve]
    labels: {a: "1"}
`)
	s.in(map[string]string{"over.yaml": `services:
  web:
    ports: !override ["90:90"]
    environment: {A: !reset null, C: "3"}
    command: !reset null
    labels: !override {b: "2"}
`})
	web := s.shown("web", "-f", filepath.Join(s.dir, "compose.yaml"), "-f", filepath.Join(s.dir, "over.yaml"))
	assert.DeepEqual(t, web["environment"], map[string]any{"B": "2", "C": "3"})
	assert.DeepEqual(t, web["labels"], map[string]any{"b": "2"})
	assert.Assert(t, web["command"] == nil)
	assert.Equal(t, len(web["ports"].([]any)), 1)
}

func TestIncludeAndExtendsHaveFilesOfTheirOwn(t *testing.T) {
	s := newShell(t, `include:
  - path: sub/compose.yaml
    env_file: sub/own.env
    project_directory: sub/place
  - path: [two/a.yaml, two/b.yaml]
services:
  web:
    extends: {file: base/common.yaml, service: base}
    image: "web:${TAG}"
`)
	s.in(map[string]string{
		".env":             "TAG=outer\n",
		"sub/own.env":      "TAG=inner\nPLACE=here\n",
		"sub/compose.yaml": "services: {inner: {image: 'inner:${TAG}', volumes: ['./data:/data'], labels: {place: '${PLACE}'}}}\n",
		"two/.env":         "TAG=two\n",
		"two/a.yaml":       "services: {pair: {image: 'pair:${TAG}', environment: {A: a, B: a}}}\n",
		"two/b.yaml":       "services: {pair: {environment: {B: b}}}\n",
		"base/common.yaml": "services: {base: {image: base, env_file: base.env, volumes: ['./data:/data'], cap_add: [SYS_TIME]}}\n",
		"base/base.env":    "FROM=base\n",
	})
	inner := s.shown("inner")
	assert.Equal(t, inner["image"], "inner:outer") // the project's own variables win
	assert.DeepEqual(t, inner["labels"], map[string]any{"place": "here"})
	assert.Equal(t, inner["volumes"].([]any)[0].(map[string]any)["source"], s.dir+"/sub/place/data")
	web := s.shown("web")
	assert.Equal(t, web["image"], "web:outer")
	assert.DeepEqual(t, web["environment"], map[string]any{"FROM": "base"})
	assert.DeepEqual(t, web["cap_add"], []any{"SYS_TIME"})
	assert.Equal(t, web["volumes"].([]any)[0].(map[string]any)["source"], s.dir+"/base/data")
	assert.DeepEqual(t, s.shown("pair")["environment"], map[string]any{"A": "a", "B": "b"})
}
