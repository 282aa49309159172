package command

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestLifecycle(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	assert.Equal(t, s.run("stop", "web").code, 0)
	assert.Equal(t, s.run("ps", "--services").out, "db\n")
	assert.Equal(t, s.run("ps", "--services", "--status", "exited").out, "web\n")
	assert.Equal(t, s.run("start").code, 0)
	assert.Equal(t, s.run("ps", "--services").out, "db\nweb\n")
	s.engine.done = nil
	assert.Equal(t, s.run("restart", "-t", "1", "db").code, 0)
	assert.Assert(t, is.Contains(strings.Join(s.engine.done, "\n"), "restart db.1@1"))
	r := s.run("stop", "nosuch")
	assert.Equal(t, r.code, 1)
}

func TestWhatIsNotThereCannotBeStarted(t *testing.T) {
	s := newShell(t, shop)
	const hint = " hint: `hyper-lite up -d` makes them\n"
	for _, verb := range []string{"start", "restart"} {
		assert.Equal(t, s.run(verb), result{1, "", "error: project shop has no containers\n" + hint})
		assert.Equal(t, s.run(verb, "web"), result{1, "", "error: service \"web\" has no container to " + verb + "\n" + hint})
	}
	assert.Equal(t, s.run("stop").code, 0)
	assert.Equal(t, s.run("up", "-d", "db").code, 0)
	assert.Equal(t, s.run("restart").code, 0)
	assert.Equal(t, s.run("start", "db").code, 0)
	assert.Equal(t, s.run("start", "web").code, 1)
}

// A job is no service: that is said, with what is meant perhaps.
func TestAJobIsNotStarted(t *testing.T) {
	s := newShell(t, shopJobs)
	for _, verb := range []string{"start", "restart"} {
		r := s.run(verb, "nightly")
		assert.Equal(t, r, result{1, "", "error: nightly is a job, and has nothing to " + verb + "\n hint: `hyper-lite cron run nightly` runs it now\n"})
	}
}
