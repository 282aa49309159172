//go:build engine

package tests

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

const talkers = `
services:
  web:
    image: hyper-lite-demo
    replicas: 2
    ports: ["${PORT}:80"]
  talk: {image: hyper-lite-demo, command: [exit, "4"], restart: "no"}
`

func TestPsSpeaksAsDockerComposeDoes(t *testing.T) {
	t.Parallel()
	p := newProject(t, talkers)
	p.must("up", "-d")
	assert.Equal(t, p.exited("talk-1"), 4)
	lines := strings.Split(strings.TrimSpace(p.must("ps", "-a", "--format", "json", "web", "talk").out), "\n")
	assert.Equal(t, len(lines), 3)
	found := map[string]map[string]any{}
	for _, line := range lines { // one object a line
		var row map[string]any
		assert.NilError(t, json.Unmarshal([]byte(line), &row))
		found[row["Name"].(string)] = row
		for _, field := range []string{
			"ID", "Name", "Names", "Project", "Service", "Image", "Command", "State", "Health", "ExitCode",
			"Status", "CreatedAt", "RunningFor", "Publishers", "Ports", "Networks",
		} {
			assert.Assert(t, slices.Contains(sortedKeys(row), field), "%s is not in %s", field, line)
		}
	}
	web, talk := found[p.name+"-web-1"], found[p.name+"-talk-1"]
	assert.Equal(t, web["State"], "running")
	assert.Equal(t, web["Service"], "web")
	assert.Equal(t, web["Project"], p.name)
	assert.Equal(t, talk["State"], "exited")
	assert.Equal(t, talk["ExitCode"], 4.0)
	says(t, fmt.Sprint(web["Publishers"]), fmt.Sprintf("PublishedPort:%d", p.port))

	table := p.must("ps").out
	says(t, table, "NAME", "IMAGE", "STATUS", "PORTS", p.name+"-web-1", p.name+"-web-2", fmt.Sprintf(":%d->80/tcp", p.port))
	assert.Assert(t, !strings.Contains(table, "talk"))
	for line, want := range map[string]string{
		"ps --services":                         "web\n",
		"ps --services --status exited":         "talk\n",
		"ps --services --filter status=running": "web\n",
		"ps -q":                                 p.id("web-1") + "\n" + p.id("web-2") + "\n",
		"ps -aq talk":                           p.id("talk-1") + "\n",
		"ps --format {{.Service}}={{.State}}":   "web=running\nweb=running\n",
	} {
		assert.Equal(t, p.must(strings.Fields(line)...).out, want, line)
	}
	listed := p.must("service", "ls", "--format", "{{.Name}} {{.Running}}/{{.Replicas}}").out
	assert.Equal(t, listed, "talk 0/1\nweb 2/2\n")
	var views []struct {
		Name                       string
		Replicas, Running, Healthy int
		Containers                 []struct{ Name, State string }
	}
	assert.NilError(t, json.Unmarshal([]byte(p.must("service", "inspect", "web").out), &views))
	assert.Equal(t, len(views), 1)
	assert.Equal(t, views[0].Running, 2)
	assert.Equal(t, views[0].Containers[1].Name, p.name+"-web-2")
}

func TestLogsAreToldByReplica(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  talk: {image: hyper-lite-demo, command: [exit, "4"], restart: "no", replicas: 2}
  web: {image: hyper-lite-demo}
`)
	p.must("up", "-d")
	p.exited("talk-1")
	p.exited("talk-2")
	both := func(args ...string) []string {
		t.Helper()
		r := p.must(append([]string{"logs"}, args...)...)
		lines := strings.Split(strings.TrimSpace(r.out+r.err), "\n")
		slices.Sort(lines)
		return lines
	}
	const said = "demo: exiting with code 4"
	assert.DeepEqual(t, both("talk"), []string{"talk-1  | " + said, "talk-2  | " + said})
	assert.DeepEqual(t, both("--no-log-prefix", "talk"), []string{said, said})
	assert.DeepEqual(t, both("talk", "--index", "2"), []string{"talk-2  | " + said})
	assert.DeepEqual(t, both("--tail", "0", "talk"), []string{""})
	assert.DeepEqual(t, both("--since", "2001-01-01T00:00:00Z", "--until", "2002-01-01T00:00:00Z", "talk"), []string{""})
	stamped := strings.Fields(both("-t", "--no-log-prefix", "--index", "1", "talk")[0])
	assert.Assert(t, time.Since(moment(t, stamped[0])) < time.Minute, stamped[0])

	follow := p.begin("logs", "-f", "web")
	follow.says("web-1  | demo: ")
	assert.NilError(t, follow.Process.Signal(os.Interrupt))
	assert.Equal(t, follow.ends(), 130)
	follow = p.begin("logs", "-f", "--tail", "1", "web")
	follow.says("is serving")
	p.must("stop", "-t", "5", "web")
	follow.says("web-1  | demo: stopping") // what comes later comes, too
	assert.Equal(t, follow.ends(), 0)
}

func TestAContainerIsFollowedThroughItsRestarts(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  quick: {image: hyper-lite-demo, command: [wait, 300ms, "5"], restart: always}
  terminal: {image: hyper-lite-demo, command: [wait, 300ms, "6"], restart: always, tty: true}
`)
	p.must("up", "-d", "--no-start")
	p.must("start")
	follow := p.begin("logs", "-f", "-t")
	eventually(t, 30*time.Second, func() error {
		for _, ending := range []string{"code 5", "code 6"} {
			if n := strings.Count(follow.out.String()+follow.err.String(), ending); n < 4 {
				return fmt.Errorf("%d lines end with %s", n, ending)
			}
		}
		return nil
	})
	p.must("stop", "-t", "1")
	assert.Equal(t, follow.ends(), 0)
	lines := func(text string) []string {
		all := strings.Split(strings.TrimSpace(strings.ReplaceAll(text, "\r", "")), "\n")
		slices.Sort(all)
		return all
	}
	all := p.must("logs", "-t")
	assert.DeepEqual(t, lines(follow.out.String()+follow.err.String()), lines(all.out+all.err)) // none lost, none twice
}

func TestCompletionKnowsTheServices(t *testing.T) {
	t.Parallel()
	p := newProject(t, "services: {web: {image: hyper-lite-demo}, worker: {image: hyper-lite-demo}, db: {image: hyper-lite-demo}}\n")
	for shell, check := range map[string][]string{
		"bash": {"bash", "-n"}, "zsh": {"zsh", "-n"}, "fish": {"fish", "--no-execute"}, "powershell": nil,
	} {
		script := p.must("completion", shell).out
		assert.Assert(t, strings.Contains(script, "hyper-lite"), shell)
		if check == nil {
			continue
		}
		if _, err := exec.LookPath(check[0]); err != nil {
			t.Logf("%s is not installed: its script was not read by it", check[0])
			continue
		}
		p.write("script", script)
		read := exec.CommandContext(t.Context(), check[0], append(check[1:], "script")...)
		read.Dir = p.dir
		out, err := read.CombinedOutput()
		assert.NilError(t, err, "%s: %s", shell, out)
	}
	p.write("completed", p.must("completion", "bash").out+`
complete_words() { COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _hyper_lite 2>/dev/null; echo "${COMPREPLY[*]}"; }
complete_words hyper-lite logs w
complete_words hyper-lite up -d ""
complete_words hyper-lite sca
complete_words hyper-lite scale d
`)
	press := exec.CommandContext(t.Context(), "bash", "completed")
	press.Dir = p.dir
	press.Env = append(p.command(t.Context()).Env, "PATH="+strings.TrimSuffix(binary, "/hyper-lite")+":"+os.Getenv("PATH"))
	out, err := press.CombinedOutput()
	assert.NilError(t, err, "%s", out)
	assert.Equal(t, string(out), "web worker\ndb web worker\nscale\ndb=\n")
}

func TestTheEngineIsFoundAsTheDockerCLIFindsIt(t *testing.T) {
	t.Parallel()
	p := newProject(t, "services: {web: {image: hyper-lite-demo}}\n")
	socket := docker.DaemonHost()
	p.write("docker/config.json", `{"currentContext": "here"}`)
	for name, host := range map[string]string{"here": socket, "nowhere": "unix:///nowhere.sock"} {
		sum := fmt.Sprintf("%x", sha256.Sum256([]byte(name)))
		p.write("docker/contexts/meta/"+sum+"/meta.json",
			fmt.Sprintf(`{"Name": %q, "Metadata": {}, "Endpoints": {"docker": {"Host": %q, "SkipTLSVerify": false}}}`, name, host))
	}
	p.at("DOCKER_CONFIG="+p.dir+"/docker", func() {
		p.at("DOCKER_HOST=", func() {
			p.must("up", "-d") // the current context
			says(t, p.exits(4, "--context", "nowhere", "ps").err, "/nowhere.sock")
			p.at("DOCKER_CONTEXT=nowhere", func() {
				says(t, p.exits(4, "ps").err, "/nowhere.sock")
				p.must("-H", socket, "ps")
				p.must("--context", "here", "ps")
			})
		})
		p.at("DOCKER_HOST=unix:///other.sock", func() { says(t, p.exits(4, "ps").err, "/other.sock") })
		p.at("DOCKER_HOST=", func() {
			p.at("DOCKER_CONTEXT=none", func() {
				r := p.run("ps")
				assert.Assert(t, r.code != 0)
				says(t, r.err, "none")
			})
			assert.Equal(t, p.must("ps", "--services").out, "web\n")
		})
	})
	says(t, p.must("version").out, "hyper-lite")
}
