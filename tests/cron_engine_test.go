//go:build engine

package tests

import (
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

const withJobs = `
services:
  db: {image: hyper-lite-demo}
  other: {image: hyper-lite-demo}
  tidy:
    image: hyper-lite-demo
    command: [exit, "3"]
    environment: {FROM: file}
    depends_on: [db]
    cron: "0 3 * * *"
jobs:
  long: {image: hyper-lite-demo, command: [wait, 300s], triggers: {manual: true}}
  never: {image: hyper-lite-demo, triggers: {schedule: ["@daily"], manual: false}}
`

// A run by hand needs neither `up` nor a sidecar, and `down` ends it.
func TestAJobRunsByHand(t *testing.T) {
	t.Parallel()
	p := newProject(t, withJobs)
	p.exits(3, "cron", "run", "--wait", "tidy")
	assert.Equal(t, len(p.running("db")), 1) // it depends on it
	assert.Equal(t, len(p.containers("other")), 0)
	p.exits(5, "cron", "run", "--wait", "-e", "FROM=typed", "tidy", "--", "exit", "5")

	runs := p.runs("tidy")
	assert.Equal(t, len(runs), 2)
	for _, c := range runs {
		assert.Equal(t, c.Labels["hyper-lite.role"], "run")
		assert.Equal(t, c.Labels["hyper-lite.trigger"], "manual")
		name := strings.TrimPrefix(c.Names[0], "/")
		assert.Assert(t, strings.HasSuffix(name, "-tidy-"+c.Labels["hyper-lite.fire"]), name)
	}
	typed := slices.ContainsFunc(runs, func(c container.Summary) bool {
		info, err := docker.ContainerInspect(t.Context(), c.ID)
		return assert.Check(t, err) && slices.Contains(info.Config.Env, "FROM=typed")
	})
	assert.Assert(t, typed)

	name := strings.TrimSpace(p.must("cron", "run", "long").out)
	assert.Assert(t, p.inspect(strings.TrimPrefix(name, p.name+"-")).State.Running)
	refused := p.exits(1, "cron", "run", "never")
	assert.Assert(t, is.Contains(refused.err, "manual: false"))

	p.must("up", "-d") // starts no job
	assert.Equal(t, len(p.runs("tidy")), 2)
	assert.Equal(t, len(p.runs("never")), 0)
	p.registered("never")
	p.must("down")
	assert.Equal(t, len(p.containers("")), 0)
}
