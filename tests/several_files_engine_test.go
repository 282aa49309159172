//go:build engine

package tests

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/assert/cmp"
)

func TestSeveralFilesMakeOneProject(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
include: [included/compose.yaml]
services:
  web:
    extends: {file: base/base.yaml, service: common}
    protocol: http
    service_port: ${PORT}
  debug: {image: hyper-lite-demo, profiles: [tools]}
`)
	p.write("base/base.yaml", "services: {common: {image: hyper-lite-demo, container_port: 80, x-hyper-lite: {health-check: {path: /healthz}}, labels: {from: base}}}\n")
	p.write("included/compose.yaml", "services: {helper: {image: hyper-lite-demo, x-hyper-lite: {replicas: 2}, volumes: ['./data:/data']}}\n")
	p.write("compose.override.yaml", "services: {web: {x-hyper-lite: {replicas: 3}, labels: {from: override}}}\n")
	p.write("more.yaml", "services: {web: {replicas: 2, health-check: {interval: 1s}, labels: {more: more}}}\n")

	type service struct {
		Image  string
		Labels map[string]string
		Ours   struct {
			Replicas    int
			Protocol    string
			HealthCheck struct{ Path, Interval string } `json:"health-check"`
		} `json:"x-hyper-lite"`
		Volumes []struct{ Source string }
	}
	config := func(args ...string) map[string]service {
		t.Helper()
		var model struct{ Services map[string]service }
		assert.NilError(t, json.Unmarshal([]byte(p.must(append(args, "config", "--format", "json")...).out), &model))
		return model.Services
	}
	found := config()
	assert.DeepEqual(t, sortedKeys(found), []string{"helper", "web"})
	assert.Equal(t, found["web"].Ours.Replicas, 3)
	assert.Equal(t, found["web"].Ours.Protocol, "http")
	assert.Equal(t, found["web"].Ours.HealthCheck.Path, "/healthz")
	assert.Equal(t, found["web"].Labels["from"], "override")
	assert.Equal(t, found["helper"].Ours.Replicas, 2)
	assert.Equal(t, found["helper"].Volumes[0].Source, filepath.Join(p.dir, "included/data"))

	named := config("-f", "compose.yaml", "-f", "more.yaml") // the override is not read where files are named
	assert.Equal(t, named["web"].Ours.Replicas, 2)
	assert.Equal(t, named["web"].Ours.HealthCheck.Interval, "1s")
	assert.Equal(t, named["web"].Ours.HealthCheck.Path, "/healthz")
	assert.Equal(t, named["web"].Labels["from"], "base")
	p.at("COMPOSE_FILE=compose.yaml:more.yaml", func() { assert.DeepEqual(t, config(), named) })

	assert.DeepEqual(t, sortedKeys(config("--profile", "tools")), []string{"debug", "helper", "web"})
	p.at("COMPOSE_PROFILES=tools", func() { assert.Equal(t, len(config()), 3) })
}

// What a later file says with !reset and !override is taken away, or stands alone.
func TestCompatResetAndOverride(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    environment: {KEPT: "1", GONE: "1"}
    labels: {of: first}
    ports: ["$PORT:80"]
    volumes: [./here:/here, ./there:/there]
    stop_signal: SIGUSR1
  gone: {image: hyper-lite-demo}
`)
	p.write("compose.override.yaml", `
services:
  web:
    environment: {GONE: !reset null, NEW: "2"}
    labels: !override {of: second}
    ports: !reset []
    volumes: !override [./here:/elsewhere]
    stop_signal: !reset null
  gone: !reset null
`)
	p.must("up", "-d")
	assert.Equal(t, len(p.containers("")), 1)
	web := p.inspect("web-1")
	env := p.environment("web-1")
	assert.Assert(t, contains(env, "KEPT=1", "NEW=2") && !contains(env, "GONE=1"), "%v", env)
	assert.Equal(t, web.Config.Labels["of"], "second")
	assert.Equal(t, len(web.HostConfig.PortBindings), 0)
	assert.Equal(t, len(web.Mounts), 1)
	assert.Equal(t, web.Mounts[0].Destination, "/elsewhere")
	assert.Equal(t, web.Config.StopSignal, "")
}

func TestFlagsStandBeforeOrAfterTheVerb(t *testing.T) {
	t.Parallel()
	p := newProject(t, "services: {web: {image: hyper-lite-demo, profiles: [x], environment: {V: '${V}'}}}\n")
	p.write("other/stack.yaml", "services: {only: {image: hyper-lite-demo, environment: {V: '${V}'}, volumes: ['./here:/here']}}\n")
	p.write("v.env", "V=from-file\n")
	want := p.must("-f", "other/stack.yaml", "--env-file", "v.env", "-p", p.name+"-x", "config").out
	says(t, want, "only:", "V: from-file", "name: "+p.name+"-x", filepath.Join(p.dir, "other/here"))
	for _, line := range []string{
		"config -f other/stack.yaml --env-file v.env -p NAME",
		"config --file=other/stack.yaml --env-file=v.env --project-name=NAME",
		"-f other/stack.yaml config -pNAME --env-file v.env only",
		"--project-directory other -f other/stack.yaml --env-file v.env -p NAME config",
	} {
		assert.Equal(t, p.must(strings.Fields(strings.ReplaceAll(line, "NAME", p.name+"-x"))...).out, want, line)
	}
	assert.Equal(t, p.must("config", "--services", "--profile", "x").out, "web\n")
	assert.Equal(t, p.must("--profile=x", "config", "--images").out, "hyper-lite-demo\n")
	p.at("COMPOSE_PROJECT_NAME=", func() {
		says(t, p.must("config").out, "name: \""+filepath.Base(p.dir)+"\"")
		says(t, p.must("config", "-p", "by-flag").out, "name: by-flag")
	})
	assert.Equal(t, p.must("config", "-q").out, "")
	p.exits(2, "config", "--format", "toml")
	p.exits(1, "config", "web", "--hash", "nosuch")
}

func TestConfigLoadsAgainAsTheSameProject(t *testing.T) {
	t.Parallel()
	for _, name := range examples(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := example(t, name)
			if name == "https-term" {
				makeCertificate(t, p.dir)
			}
			hashes := p.must("config", "--hash", "*").out
			assert.Assert(t, len(strings.Fields(hashes)) >= 2, hashes)
			for _, format := range []string{"yaml", "json"} {
				text := p.must("config", "--format", format).out
				p.write("again.yaml", text)
				assert.Equal(t, p.must("-f", "again.yaml", "config", "--hash", "*").out, hashes, format)
				assert.Equal(t, p.must("-f", "again.yaml", "config", "--format", format).out, text)
			}
		})
	}
}

func TestNamesAndPlacesOfFilesAreNoReasonToRecreate(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    env_file: web.env
    configs: [settings]
configs: {settings: {file: settings.conf}}
`)
	p.write("web.env", "A=1\n")
	p.write("settings.conf", "a\n")
	p.must("up", "-d")
	first := p.id("web-1")

	assert.NilError(t, os.Rename(filepath.Join(p.dir, "compose.yaml"), filepath.Join(p.dir, "renamed.yaml")))
	says(t, p.must("-f", "renamed.yaml", "up", "-d").out, "nothing to change")
	moved := filepath.Join(t.TempDir(), "elsewhere")
	assert.NilError(t, os.Rename(p.dir, moved))
	p.dir = moved
	says(t, p.must("-f", "renamed.yaml", "up", "-d").out, "nothing to change")
	assert.Equal(t, p.id("web-1"), first)

	assert.NilError(t, os.Remove(filepath.Join(p.dir, "renamed.yaml"))) // what runs is found without its files
	assert.Assert(t, cmp.Contains(p.must("ps", "--services").out, "web"))
}

func TestSchemaIsPrintedAsJSON(t *testing.T) {
	t.Parallel()
	p := newProject(t, "services: {web: {image: hyper-lite-demo}}\n")
	var schema map[string]any
	assert.NilError(t, json.Unmarshal([]byte(p.must("schema").out), &schema))
	assert.Assert(t, strings.Contains(schema["$schema"].(string), "json-schema.org"))
}
