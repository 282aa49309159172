//go:build engine

package tests

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

const shopFile = `
services:
  db: {image: hyper-lite-demo, environment: {DB: "${DB:-1}"}}
  seed: {image: hyper-lite-demo, command: [exit, "0"], restart: "no", depends_on: [db]}
  web:
    image: hyper-lite-demo
    environment: {WEB: "${WEB:-1}"}
    depends_on: [db]
  other: {image: hyper-lite-demo}
`

// idsOf is the containers of services, by name.
func (p *project) idsOf(services ...string) map[string]string {
	p.t.Helper()
	found := map[string]string{}
	for _, service := range services {
		for _, c := range p.containers(service) {
			found[c.Names[0]] = c.ID
		}
	}
	return found
}

func TestUpOfAServiceBringsWhatItDependsOn(t *testing.T) {
	t.Parallel()
	p := newProject(t, shopFile)
	p.must("up", "-d", "--no-deps", "web")
	assert.Equal(t, p.must("ps", "--services").out, "web\n")
	p.must("up", "-d", "web")
	assert.Equal(t, p.must("ps", "--services").out, "db\nweb\n")
	p.must("up", "-d", "--scale", "other=2", "other")
	assert.Equal(t, len(p.running("other")), 2)
	assert.Equal(t, len(p.containers("seed")), 0)
	p.must("up", "-d", "--scale", "other=0")
	assert.Equal(t, p.exited("seed-1"), 0)
	assert.Equal(t, p.must("ps", "--services").out, "db\nweb\n")
	finished := p.inspect("seed-1").State.FinishedAt
	p.must("up", "-d")
	assert.Equal(t, p.inspect("seed-1").State.FinishedAt, finished) // done is done
}

func TestOnlyWhatChangedIsReplaced(t *testing.T) {
	t.Parallel()
	p := newProject(t, shopFile)
	p.must("up", "-d")
	first := p.idsOf("db", "web", "other")
	p.at("WEB=2", func() {
		says(t, p.must("plan").out, "web.1", "environment.WEB changed")
		p.exits(2, "plan", "--detailed-exitcode")
		p.must("up", "-d", "--no-recreate")
		assert.DeepEqual(t, p.idsOf("db", "web", "other"), first)
		p.must("up", "-d", "-t", "1")
		assert.DeepEqual(t, p.idsOf("db", "other"), without(first, "/"+p.name+"-web-1"))
		assert.Assert(t, p.id("web-1") != first["/"+p.name+"-web-1"])
		assert.Assert(t, contains(p.environment("web-1"), "WEB=2"))
		p.exits(0, "plan", "--detailed-exitcode")
	})
	second := p.idsOf("web", "other")
	p.at("WEB=2", func() { p.must("up", "-d", "-t", "1", "--force-recreate", "--no-deps", "web") })
	third := p.idsOf("web", "other")
	assert.Equal(t, third["/"+p.name+"-other-1"], second["/"+p.name+"-other-1"])
	assert.Assert(t, third["/"+p.name+"-web-1"] != second["/"+p.name+"-web-1"])
}

const unreadFile = `
services:
  db: {image: hyper-lite-demo, environment: {DB: "${DB:-1}"}}
  web: {image: hyper-lite-demo, replicas: 2, env_file: [web.env], label_file: [web.labels], secrets: [token], depends_on: [db], ports: ["$PORT:80"]}
jobs:
  tidy: {image: hyper-lite-demo, env_file: [web.env], triggers: {schedule: ["@yearly"]}}
secrets: {token: {file: ./token}}
`

// A run about one service needs the env files, label files and secrets of that one alone. What it knows of the others no more
// stays on the host as it is.
func TestWhatARunIsNotAboutMayBeMissing(t *testing.T) {
	t.Parallel()
	p := newProject(t, unreadFile)
	held := []string{"web.env", "web.labels", "token"}
	for _, name := range held {
		p.write(name, "A=1\n")
	}
	p.must("up", "-d")
	everything := p.idsOf("")
	for _, name := range held {
		assert.NilError(t, os.Remove(filepath.Join(p.dir, name)))
	}
	db := p.id("db-1")
	p.at("DB=2", func() { p.must("up", "-d", "-t", "0", "db") })
	assert.Assert(t, p.id("db-1") != db)
	assert.Assert(t, contains(p.environment("db-1"), "DB=2"))
	p.must("up", "-d", "-t", "0", "--remove-orphans", "--force-recreate", "db")
	p.must("run", "--rm", "-T", "db", "exit", "0")
	p.must("create", "db")
	p.must("scale", "db=1")
	assert.DeepEqual(t, without(p.idsOf(""), "/"+p.name+"-db-1"), without(everything, "/"+p.name+"-db-1"))
	assert.Equal(t, len(p.answerers(8)), 2)
	for _, typed := range []string{"up -d", "up -d web", "run web", "scale web=3", "cron run tidy", "config"} {
		says(t, p.exits(1, strings.Fields(typed)...).err, "compose.yaml:", "there is no file")
	}

	for _, name := range held {
		p.write(name, "A=1\n")
	}
	says(t, p.must("up", "-d").out, "nothing to change")
	assert.DeepEqual(t, without(p.idsOf(""), "/"+p.name+"-db-1"), without(everything, "/"+p.name+"-db-1"))
	assert.Assert(t, !strings.Contains(p.must("history", "--format", "json").out, `"web":["removed"]`))
}

func without(all map[string]string, name string) map[string]string {
	left := map[string]string{}
	for key, value := range all {
		if key != name {
			left[key] = value
		}
	}
	return left
}

func TestStartStopAndRestartKeepTheContainers(t *testing.T) {
	t.Parallel()
	p := newProject(t, shopFile)
	p.must("up", "-d", "--no-start")
	assert.Equal(t, len(p.containers("")), 4)
	assert.Equal(t, p.must("ps", "-q").out, "")
	p.must("start", "web")
	assert.Assert(t, contains(p.running("web"), p.name+"-web-1"))
	p.must("up", "-d")
	first := p.idsOf("db", "web", "other")
	assert.Equal(t, p.exited("seed-1"), 0)

	p.must("stop", "-t", "1", "web", "other")
	assert.Equal(t, p.must("ps", "--services").out, "db\n")
	assert.Equal(t, p.must("ps", "--services", "--status", "exited").out, "other\nseed\nweb\n")
	p.must("start", "web", "other")
	assert.Equal(t, p.must("ps", "--services", "--filter", "status=running").out, "db\nother\nweb\n")
	started := p.inspect("web-1").State.StartedAt
	p.must("restart", "-t", "1", "web")
	assert.Assert(t, p.inspect("web-1").State.StartedAt != started)
	assert.DeepEqual(t, p.idsOf("db", "web", "other"), first)

	p.must("scale", "web=3", "other=0")
	assert.Equal(t, len(p.running("web")), 3)
	assert.Equal(t, len(p.containers("other")), 0)
	says(t, p.must("plan").out, "scale 3->1")
	assert.Equal(t, p.id("web-1"), first["/"+p.name+"-web-1"])
}

func TestThePlanIsReadOnlyAndTrue(t *testing.T) {
	t.Parallel()
	p := newProject(t, shopFile)
	planned := p.must("plan").out
	assert.Equal(t, p.must("up", "--dry-run").out, planned)
	says(t, planned, "plan for "+p.name, "db.1@1", "not found")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	var found struct {
		Project string
		Steps   []struct {
			ID                 int
			Verb, Subject, Why string
			After              []int
		}
	}
	assert.NilError(t, json.Unmarshal([]byte(p.must("plan", "--format", "json").out), &found))
	assert.Equal(t, found.Project, p.name)
	assert.Equal(t, len(found.Steps), 9, "%v", found)
	for at, step := range found.Steps {
		assert.Equal(t, step.ID, at+1)
		for _, before := range step.After {
			assert.Assert(t, before < step.ID, "%v", step)
		}
		assert.Assert(t, step.Verb != "create" || step.Why == "not found", "%v", step)
	}
	p.must("up", "-d")
	assert.Equal(t, p.must("plan").out, "plan for "+p.name+": nothing to change\n")
}
