//go:build engine

package tests

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/image"
	"gotest.tools/v3/assert"
)

// revision is one line of history's JSON.
type revision struct {
	Revision int
	Who      string
	Command  string
	Files    string
	Changed  map[string][]string
	Outcome  string
	Error    string
	Current  bool
}

// history is the revisions, the newest first.
func (p *project) history() []revision {
	p.t.Helper()
	var all []revision
	for line := range strings.Lines(p.must("history", "--format", "json").out) {
		var r revision
		assert.NilError(p.t, json.Unmarshal([]byte(line), &r))
		all = append(all, r)
	}
	return all
}

const greeting = `
services:
  web:
    image: hyper-lite-demo
    replicas: 2
    protocol: http
    service_port: ${PORT}
    container_port: 80
    environment: {GREETING: "${GREETING:-one}", ODD: "a$$b"}
    health_check: {interval: 200ms}
    stop_grace_period: 1s
  worker:
    image: hyper-lite-demo
    command: wait 1h
    init: true
    stop_grace_period: 1s
`

func TestHistoryRollbackAndDrift(t *testing.T) {
	t.Parallel()
	p := newProject(t, greeting)
	p.env = append(p.env, "SUDO_USER=ada")
	assert.Equal(t, len(p.history()), 0)
	p.must("up", "-d", "--wait")
	worker := p.id("worker-1")
	p.at("GREETING=two", func() {
		p.must("up", "-d", "--wait")
		says(t, p.must("plan").out, "nothing to change\n")
		p.must("up", "-d") // which changes nothing, and is none
	})
	p.write("compose.yaml", greeting+"  added: {image: hyper-lite-demo, command: wait 1h, init: true}\n")
	p.at("GREETING=two", func() { p.must("scale", "web=3") })
	p.at("GREETING=two", func() { p.must("up", "-d") })

	all := p.history()
	assert.Equal(t, len(all), 4)
	for at, c := range []struct {
		command string
		changed map[string][]string
	}{
		{"up -d", map[string][]string{"web": {"scale 3->2"}, "added": {"added"}}},
		{"scale web=3", map[string][]string{"web": {"scale 2->3"}}},
		{"up -d --wait", map[string][]string{"web": {"environment.GREETING"}}},
		{"up -d --wait", map[string][]string{"web": {"added"}, "worker": {"added"}}},
	} {
		r := all[at]
		assert.Equal(t, r.Revision, 4-at)
		assert.Equal(t, r.Command, c.command)
		assert.DeepEqual(t, r.Changed, c.changed)
		assert.Equal(t, r.Outcome, "applied")
		assert.Equal(t, r.Current, at == 0)
		assert.Assert(t, strings.HasPrefix(r.Who, "ada@"), r.Who)
	}
	assert.Assert(t, all[3].Files != all[2].Files)
	says(t, p.must("history").out, "REVISION", "web: environment.GREETING", "added: added; web: scale 3->2", "applied")

	dry := p.must("rollback", "--dry-run", "1")
	says(t, dry.out, "plan for "+p.name, "environment.GREETING changed")
	says(t, dry.err, "orphan containers "+p.name+"-added-1")
	assert.Equal(t, len(p.history()), 4)

	r := p.must("rollback", "1")
	says(t, r.err, "orphan containers "+p.name+"-added-1")
	for _, name := range []string{"web-1", "web-2"} {
		assert.Assert(t, contains(p.environment(name), "GREETING=one", "ODD=a$b"), "%v", p.environment(name))
	}
	assert.Equal(t, len(p.running("web")), 2)
	assert.Equal(t, len(p.running("added")), 1, "what was added since stays")
	assert.Equal(t, p.id("worker-1"), worker, "what is as it was then stays")
	assert.Equal(t, len(p.answerers(20)), 2)
	newest := p.history()[0]
	assert.Equal(t, newest.Command, "rollback to 1")
	assert.DeepEqual(t, newest.Changed, map[string][]string{"web": {"environment.GREETING"}, "added": {"removed"}})

	// The files say otherwise, and the plan says so.
	p.at("GREETING=two", func() {
		planned := p.must("plan").out
		says(t, planned, "environment.GREETING changed", "drift against revision 5\n", "added  files  added\n", "web    files  environment.GREETING\n")
		assert.Equal(t, p.must("up", "--dry-run").out, planned)
		var read struct {
			Drift struct {
				Revision int
				Services []struct{ Service string }
			}
		}
		assert.NilError(t, json.Unmarshal([]byte(p.must("plan", "--format", "json").out), &read))
		assert.Equal(t, read.Drift.Revision, 5)
		assert.Equal(t, len(read.Drift.Services), 2)
	})

	// Without a number: to what was applied before.
	p.must("rollback", "--remove-orphans")
	assert.Assert(t, contains(p.environment("web-2"), "GREETING=two"))
	assert.Equal(t, p.history()[0].Command, "rollback to 4")

	// The host differs where somebody meddled.
	p.must("stop", "-t", "0", "worker")
	p.at("GREETING=two", func() {
		says(t, p.must("plan").out, "drift against revision 6\n", "worker  host   worker.1: exited (")
	})

	says(t, p.exits(1, "rollback", "99").err, "there is no revision 99: kept are 1, 2, 3, 4, 5, 6")
	p.exits(2, "rollback", "first")
	p.must("down", "-t", "0")
	assert.Equal(t, len(p.history()), 6, "history outlives the containers")
	p.must("rollback", "1")
	assert.Assert(t, contains(p.environment("web-1"), "GREETING=one"))
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	p := newProject(t, "services: {web: {image: hyper-lite-demo, init: true, command: 'wait 1h', environment: {V: '${V}'}}}\nx-hyper-lite: {revisions: 3}\n")
	for v := range 5 {
		p.at(fmt.Sprintf("V=%d", v), func() { p.must("up", "-d", "-t", "0") })
	}
	assert.Equal(t, p.must("history", "-q").out, "5\n4\n3\n")
	says(t, p.exits(1, "rollback", "2").err, "kept are 3, 4, 5")
	info, err := os.Stat(p.stateFile())
	assert.NilError(t, err)
	assert.Equal(t, info.Mode().Perm(), os.FileMode(0o600))
}

// A tag that was built anew means another image; going back means the image that ran.
func TestRollbackRunsTheVeryImageThatRan(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: ${IMAGE}
    stop_grace_period: 1s
    build: {context: ., args: {V: "${V:-1}"}}
`)
	name := p.name + "-image:1"
	p.env = append(p.env, "IMAGE="+name)
	p.dropImage(name)
	p.write("Dockerfile", "FROM hyper-lite-demo\nARG V\nENV V=$V\n")
	p.must("up", "-d")
	first := p.inspect("web-1").Image
	p.dropImage(first) // it has no name by then
	p.at("V=2", func() { p.must("up", "-d", "--build", "-t", "1") })
	second := p.inspect("web-1").Image
	assert.Assert(t, first != second)
	assert.DeepEqual(t, p.history()[0].Changed, map[string][]string{"web": {"image"}})

	p.must("rollback", "-t", "1")
	web := p.inspect("web-1")
	assert.Equal(t, web.Image, first)
	assert.Assert(t, contains(web.Config.Env, "V=1"), "%v", web.Config.Env)
	assert.Equal(t, web.Config.Labels["hyper-lite.image"], name)
	says(t, p.must("ps", "--format", "{{.Image}}").out, name)
	says(t, p.must("plan").out, "image digest changed", "web  files  "+name+" is another image now")
	p.must("up", "-d", "-t", "1")
	assert.Equal(t, p.inspect("web-1").Image, second)

	// An image that the engine has no more cannot come back: its name stands in, and that is told.
	_, err := docker.ImageRemove(t.Context(), first, image.RemoveOptions{Force: true})
	assert.NilError(t, err)
	r := p.must("rollback", "1")
	says(t, r.err, "the engine has no longer the image "+strings.TrimPrefix(first, "sha256:")[:12]+" that service web ran then")
	assert.Equal(t, p.inspect("web-1").Image, second)
}

func TestAFailedUpIsInTheHistory(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: hyper-lite-demo, command: "${COMMAND:-serve}", stop_grace_period: 1s}
`)
	p.must("up", "-d", "--wait")
	before := p.id("web-1")
	p.at("COMMAND=exit 7", func() { p.exits(3, "up", "-d", "--wait") })
	newest := p.history()[0]
	assert.Equal(t, newest.Revision, 2)
	assert.Assert(t, newest.Outcome == "failed" || newest.Outcome == "paused", newest.Outcome)
	says(t, newest.Error, "web.1", "exited (7)")
	assert.DeepEqual(t, newest.Changed, map[string][]string{"web": {"command"}})
	assert.Assert(t, !strings.Contains(newest.Error, "\n"))
	assert.Assert(t, p.history()[1].Current)

	p.must("rollback", "-t", "1") // to what was applied last
	assert.Equal(t, len(p.running("web")), 1)
	assert.Equal(t, p.id("web-1"), before, "a replica that never was replaced is not touched")
	says(t, p.must("plan").out, "nothing to change\n")
}

func TestNoSecretIsInTheHistory(t *testing.T) {
	t.Parallel()
	fromFile, fromVariable, inConfig := randomWord(t), randomWord(t), randomWord(t)
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    stop_grace_period: 1s
    environment: {V: "${V:-1}"}
    secrets: [file, variable]
    configs: [{source: variable, target: /etc/a}, {source: file, target: /etc/b}, {source: inline, target: /etc/c}]
    post_start: [{command: [/demo, exit, "0"]}]
secrets:
  file: {file: ./secret.txt}
  variable: {environment: HL_SECRET}
configs:
  variable: {environment: HL_CONFIG}
  file: {file: ./secret.txt}
  inline: {content: "inline-text"}
`)
	p.write("secret.txt", fromFile)
	p.env = append(p.env, "HL_CONFIG="+inConfig)
	with := func(do func()) { p.at("HL_SECRET="+fromVariable, do) }
	nowhere := func() {
		t.Helper()
		assert.NilError(t, filepath.WalkDir(filepath.Join(p.dir, ".hyper-lite"), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			for at, secret := range []string{fromFile, fromVariable, inConfig} {
				assert.Assert(t, !strings.Contains(string(text), secret), "secret %d is in %s", at, path)
			}
			info, statErr := entry.Info()
			assert.NilError(t, statErr)
			assert.Equal(t, info.Mode().Perm(), os.FileMode(0o600), path)
			return err
		}))
	}
	with(func() {
		p.must("up", "-d")
		p.at("V=2", func() { p.must("up", "-d", "-t", "0") })
		p.at("V=3", func() { p.must("scale", "web=2") })
	})
	nowhere()
	assert.Assert(t, len(p.history()) >= 2)
	// What the secrets hold is needed again, and is what it is now.
	says(t, p.exits(1, "rollback", "1").err, "revision 1", "secrets.variable", "HL_SECRET is not set")
	p.write("secret.txt", randomWord(t))
	with(func() {
		r := p.must("rollback", "-t", "0", "1")
		says(t, r.err, "service web is not as it was in revision 1: configs.file, secrets.file, of which only today's is known")
	})
	assert.Assert(t, contains(p.environment("web-1"), "V=1"))
	nowhere()
}
