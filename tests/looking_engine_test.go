//go:build engine

package tests

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

const shelf = `
services:
  web: {image: hyper-lite-demo, deploy: {replicas: 2}, volumes: ["data:/data", /cache]}
  db: {image: hyper-lite-demo, volumes: ["rows:/rows"], stop_grace_period: 1s}
volumes: {data: {}, rows: {}, unused: {}}
`

// objects reads one JSON object a line.
func objects(t testing.TB, text string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(text) {
		var object map[string]any
		assert.NilError(t, json.Unmarshal([]byte(line), &object), line)
		all = append(all, object)
	}
	return all
}

func TestProjectsAreListed(t *testing.T) {
	t.Parallel()
	p := newProject(t, shelf)
	mine := "--filter=name=^" + p.name + "$"
	p.must("up", "-d")
	assert.Equal(t, p.must("ls", "-q", mine).out, p.name+"\n")
	var listed []map[string]string
	assert.NilError(t, json.Unmarshal([]byte(p.must("ls", mine, "--format", "json").out), &listed))
	assert.DeepEqual(t, listed, []map[string]string{{"Name": p.name, "Status": "running(3)", "ConfigFiles": p.dir + "/compose.yaml"}})
	p.must("stop", "-t", "1", "db")
	says(t, p.must("ls", mine).out, "running(2)")
	says(t, p.must("ls", "-a", mine).out, "exited(1), running(2)")
	p.must("stop", "-t", "1")
	assert.Equal(t, p.must("ls", "-q", mine).out, "")
	assert.Equal(t, p.must("ls", "-aq", mine).out, p.name+"\n")
}

func TestImagesVolumesAndUsageAreListed(t *testing.T) {
	t.Parallel()
	p := newProject(t, shelf)
	p.must("up", "-d")
	found, err := docker.ImageInspect(t.Context(), demo)
	assert.NilError(t, err)
	images := objects(t, p.must("images", "--format", "json").out)
	assert.Equal(t, len(images), 3)
	for at, name := range []string{"db-1", "web-1", "web-2"} {
		assert.Equal(t, images[at]["ContainerName"], p.name+"-"+name)
		assert.Equal(t, images[at]["ID"], found.ID)
		assert.Equal(t, images[at]["Repository"], demo)
		assert.Equal(t, images[at]["Tag"], "latest")
		assert.Equal(t, images[at]["Platform"], found.Os+"/"+found.Architecture)
		assert.Equal(t, images[at]["Size"], float64(found.Size))
	}
	assert.Equal(t, p.must("images", "-q").out, strings.TrimPrefix(found.ID, "sha256:")+"\n")
	assert.Equal(t, strings.Count(p.must("images", "db").out, "\n"), 2)

	names := strings.Fields(p.must("volumes", "-q").out)
	slices.Sort(names)
	assert.DeepEqual(t, names, []string{p.name + "_data", p.name + "_rows"})
	assert.Equal(t, p.must("volumes", "-q", "db").out, p.name+"_rows\n")
	volume, err := docker.VolumeInspect(t.Context(), p.name+"_rows")
	assert.NilError(t, err)
	assert.Equal(t, p.must("volumes", "db", "--format", "{{.Driver}} {{.Mountpoint}}").out, "local "+volume.Mountpoint+"\n")

	usage := objects(t, p.must("stats", "--no-stream", "--format", "json").out)
	assert.Equal(t, len(usage), 3)
	for _, u := range usage {
		assert.Assert(t, u["PIDs"] != "0" && u["PIDs"] != "--", "%v", u)
		says(t, u["MemUsage"].(string), "iB / ")
	}
	sum := objects(t, p.must("stats", "--no-stream", "--aggregate", "--format", "json").out)
	assert.Equal(t, len(sum), 1)
	assert.Assert(t, sum[0]["Project"] == p.name && sum[0]["Containers"] == 3.0 && sum[0]["PIDs"] != 0.0, "%v", sum[0])
	says(t, p.must("stats", "--no-stream", "--all-projects").out, p.name+"-web-2")
	p.must("stop", "-t", "1", "db")
	assert.Equal(t, strings.Count(p.must("stats", "--no-stream").out, "\n"), 3)
	says(t, p.must("stats", "--no-stream", "-a", "db").out, "-- / --")

	mounts := objects(t, p.must("ps", "--format", "json", "web").out)[0]
	assert.Equal(t, mounts["LocalVolumes"], "2")
	says(t, p.must("ps", "--no-trunc", "--format", "{{.Mounts}}", "web").out, p.name+"_data")
	says(t, mounts["Labels"].(string), "com.docker.compose.service=web")
	assert.Equal(t, p.must("ps", "db", "-a", "--format", `{{.Label "com.docker.compose.service"}}`).out, "db\n")
}

func TestEventsAreToldAsTheyHappen(t *testing.T) {
	t.Parallel()
	p := newProject(t, shelf)
	p.must("up", "-d")
	follow := p.begin("events", "--json")
	only := p.begin("events", "web")
	eventually(t, 30*time.Second, func() error { // until both follow
		if strings.Contains(follow.out.String(), `"action":"start"`) && strings.Contains(only.out.String(), " container start ") {
			return nil
		}
		p.must("restart", "-t", "1", "--no-deps")
		return errors.New("no start was told of")
	})
	for _, e := range objects(t, follow.out.String()[:strings.LastIndex(follow.out.String(), "\n")+1]) {
		assert.Equal(t, e["type"], "container")
		assert.Assert(t, e["service"] == "db" || e["service"] == "web", "%v", e)
		for name := range e["attributes"].(map[string]any) {
			assert.Assert(t, !strings.HasPrefix(name, "com.docker.compose") && !strings.HasPrefix(name, "hyper-lite."), name)
		}
	}
	assert.Assert(t, !strings.Contains(only.out.String(), p.name+"-db-1"))
	for _, c := range []*begun{follow, only} {
		assert.NilError(t, c.Process.Signal(os.Interrupt))
		assert.Equal(t, c.ends(), 130)
	}
	eventually(t, 30*time.Second, func() error { // of what is past the engine remembers the last 256 events of all projects
		since := time.Now().UTC().Format(time.RFC3339Nano)
		p.must("restart", "-t", "1", "--no-deps", "db")
		past := p.must("events", "--since", since, "--until", time.Now().UTC().Format(time.RFC3339Nano), "db").out
		for _, wanted := range []string{"container die", "container start", p.inspect("db-1").ID} {
			if !strings.Contains(past, wanted) {
				return fmt.Errorf("no %q in:\n%s", wanted, past)
			}
		}
		return nil
	})
}
