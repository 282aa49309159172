package command

import (
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/plan"
	"hyper-lite/state"
)

func TestServicesSayWhatACommandDoesNow(t *testing.T) {
	s := newShell(t, shop)
	states := func() string { return s.run("service", "ls", "--format", "{{.Name}} {{.State}}").out }
	assert.Equal(t, states(), "db Not running\nweb Not running\n")
	s.run("up", "-d")
	assert.Equal(t, states(), "db Running\nweb Running\n")
	assert.Assert(t, is.Contains(s.run("service", "inspect", "web").out, `"state": "Running"`))

	store, err := state.Open(s.dir, "shop")
	assert.NilError(t, err)
	lock, err := store.Lock(t.Context(), state.LockOptions{Command: "hyper-lite service redeploy", On: []string{"web"}})
	assert.NilError(t, err)
	assert.Equal(t, states(), "db Running\nweb Redeploying\n")
	assert.Assert(t, is.Contains(s.run("service", "inspect", "web").out, `"state": "Redeploying"`))
	assert.NilError(t, lock.Release())
	lock, err = store.Lock(t.Context(), state.LockOptions{Command: "hyper-lite down"})
	assert.NilError(t, err)
	assert.Equal(t, states(), "db Terminating\nweb Terminating\n")
	assert.NilError(t, lock.Release())

	for at := range s.engine.replicas {
		if s.engine.replicas[at].Service == "db" {
			s.engine.replicas[at].State = plan.Exited
		}
	}
	assert.Equal(t, states(), "db Stopped\nweb Running\n")
}

// A verb leaves behind what it is about, for those who look while it works.
func TestACommandSaysWhichServicesItIsAbout(t *testing.T) {
	s := newShell(t, shop)
	var seen []state.Holder
	store, err := state.Open(s.dir, "shop")
	assert.NilError(t, err)
	s.engine.doing = func(plan.Step) {
		h, held, err := store.Holder()
		assert.Check(t, err == nil && held)
		if len(seen) == 0 || seen[len(seen)-1].Command != h.Command {
			seen = append(seen, h)
		}
	}
	for _, argv := range [][]string{{"up", "-d"}, {"scale", "web=3"}, {"restart", "db"}, {"stop"}, {"down", "web"}} {
		assert.Equal(t, s.run(argv...).code, 0)
	}
	var got []plan.Operation
	for _, h := range seen {
		got = append(got, plan.Operation{Verb: h.Command, Services: h.On})
	}
	assert.DeepEqual(t, got, []plan.Operation{
		{Verb: "hyper-lite up"},
		{Verb: "hyper-lite scale", Services: []string{"web"}},
		{Verb: "hyper-lite restart", Services: []string{"db"}},
		{Verb: "hyper-lite stop"},
		{Verb: "hyper-lite down", Services: []string{"web"}},
	})
}
