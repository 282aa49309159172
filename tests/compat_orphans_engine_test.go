//go:build engine

package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

const lasting = "{image: hyper-lite-demo, command: wait 1h, init: true, stop_grace_period: 0s}"

func TestCompatOrphansAreWarnedOfOnceAndRemovedWhereAsked(t *testing.T) {
	t.Parallel()
	p := newProject(t, "services: {web: "+lasting+", old: "+lasting+", off: "+lasting+"}\n")
	p.must("up", "-d")
	p.write("compose.yaml", "services:\n  web: {image: hyper-lite-demo, command: wait 1h, init: true, stop_grace_period: 0s, environment: {V: '${V:-1}'}}\n"+
		"  off: {image: hyper-lite-demo, profiles: [later]}\n")
	orphan := p.name + "-old-1"
	r := p.must("up", "-d")
	assert.Equal(t, strings.Count(r.out+r.err, orphan), 1, "%s%s", r.out, r.err)
	says(t, r.err, "orphan containers "+orphan, "--remove-orphans")
	assert.Assert(t, !strings.Contains(r.err, "-off-1"), "a profile that is off makes no orphans: %s", r.err)
	p.at("COMPOSE_IGNORE_ORPHANS=1", func() {
		assert.Assert(t, !strings.Contains(p.must("up", "-d").err, orphan))
	})
	assert.DeepEqual(t, p.running("old"), []string{orphan})

	p.at("COMPOSE_REMOVE_ORPHANS=1", func() { p.must("up", "-d") })
	assert.Equal(t, len(p.containers("old")), 0)
	assert.Equal(t, len(p.running("web")), 1)
	assert.Equal(t, len(p.running("off")), 1)
}

func TestCompatAnotherFilesContainersAreNoOrphans(t *testing.T) {
	t.Parallel()
	p := newProject(t, "services: {web: "+lasting+", old: "+lasting+"}\n")
	p.write("tests.yaml", "services: {tests: "+lasting+"}\n")
	p.write("more.yaml", "services: {more: "+lasting+"}\n")
	p.must("up", "-d")
	p.must("-f", "compose.yaml", "-f", "more.yaml", "up", "-d")
	tests, guest, orphan := p.name+"-tests-1", p.name+"-guest-1", p.name+"-old-1"
	r := p.must("-f", "tests.yaml", "up", "-d")
	says(t, r.err, "of another file, "+filepath.Join(p.dir, "compose.yaml"), p.name+"-web-1")

	own := p.dir
	p.dir = t.TempDir() // another folder whose project has the same name
	p.write("compose.yaml", "services: {guest: "+lasting+"}\n")
	r = p.must("up", "-d", "--remove-orphans")
	says(t, r.err, "are of another folder", filepath.Join(own, "compose.yaml"), "another name")
	assert.Equal(t, len(p.running("")), 5, "%v", p.running(""))
	p.dir = own

	p.write("compose.yaml", "services: {web: "+lasting+"}\n")
	r = p.must("up", "-d")
	says(t, r.err, "orphan containers "+p.name+"-more-1, "+orphan+":", "containers "+tests+" are of another file", "containers "+guest+" are of another folder")
	p.must("up", "-d", "--remove-orphans")
	assert.DeepEqual(t, p.running(""), []string{guest, p.name + "-web-1"})

	p.run("down", "--remove-orphans") // whose network another folder's containers still use
	assert.DeepEqual(t, p.running(""), []string{guest})
	p.must("up", "-d")
	assert.NilError(t, os.Remove(filepath.Join(p.dir, "compose.yaml"))) // by its name alone it is one project
	p.must("down")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
}
