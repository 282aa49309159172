package command

import (
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/plan"
	"hyper-lite/state"
)

func imagesOf(s *shell) string {
	var all []string
	for _, r := range s.engine.replicas {
		all = append(all, r.Service+" "+r.Image)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func TestRollingUpdateTakesAnotherImageUntilTheNextUp(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	s.run("scale", "web=3")
	s.engine.done = nil
	r := s.run("service", "rolling-update", "--image", "shop:2", "web")
	assert.Equal(t, r.code, 0, r.err)
	assert.Assert(t, is.Contains(r.out, "web runs shop:2, and the files say shop:1: the next `up` goes back to the files\n"))
	assert.Equal(t, imagesOf(s), "db postgres:15, web shop:2, web shop:2, web shop:2", "its scale is kept")
	assert.Assert(t, !slices.ContainsFunc(s.engine.done, func(done string) bool { return strings.Contains(done, "db") }), "%v", s.engine.done)

	again := s.run("service", "rolling-update", "--image", "shop:2", "web")
	assert.Assert(t, is.Contains(again.out, "nothing to change\n"))
	next := s.run("plan").out
	assert.Assert(t, is.Contains(next, "(image changed)"), next)
	back := s.run("service", "rolling-update", "--image", "shop:1", "web")
	assert.Assert(t, !strings.Contains(back.out, "goes back"), back.out)
	s.run("service", "rolling-update", "--image", "shop:2", "web")
	s.run("up", "-d")
	assert.Equal(t, imagesOf(s), "db postgres:15, web shop:1, web shop:1")

	store, err := state.Open(s.dir, "shop")
	assert.NilError(t, err)
	document, err := store.Read()
	assert.NilError(t, err)
	newest := document.Revisions[len(document.Revisions)-2]
	assert.Assert(t, is.Contains(newest.Command, "service rolling-update --image=shop:2 web"))
	assert.Assert(t, is.Contains(string(newest.Project), `"shop:2"`))
}

func TestRedeployReplacesWhatIsAsWanted(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	var creates []plan.Create
	s.engine.doing = func(step plan.Step) {
		if c, ok := step.(plan.Create); ok {
			creates = append(creates, c)
		}
	}
	r := s.run("service", "redeploy", "web")
	assert.Equal(t, r.code, 0, r.err)
	assert.Assert(t, is.Contains(r.err, "redeploy"))
	assert.Equal(t, len(creates), 2)
	for _, c := range creates {
		assert.Assert(t, c.Ref.Service == "web" && c.Ref.Generation == 2 && c.Previous != "", "%+v", c.Container)
	}
	creates = nil
	s.run("service", "redeploy", "--reuse-volumes=false", "db")
	assert.Equal(t, len(creates), 1)
	assert.Equal(t, creates[0].Previous, "", "it takes over no anonymous volume")
}

func TestReplacingNeedsSomethingToReplace(t *testing.T) {
	s := newShell(t, shop)
	for _, argv := range [][]string{{"service", "redeploy", "web"}, {"service", "rolling-update", "--image", "x", "web"}} {
		r := s.run(argv...)
		assert.Equal(t, r.code, 1)
		assert.Assert(t, is.Contains(r.err, `service "web" has no container to replace`), r.err)
		argv[len(argv)-1] = "wbe"
		assert.Assert(t, is.Contains(s.run(argv...).err, "no such service: wbe\n hint: did you mean `web`?"))
	}
	s.run("up", "-d")
	s.engine.done = nil
	r := s.run("--dry-run", "service", "redeploy", "web")
	assert.Equal(t, r.code, 0, r.err)
	assert.Assert(t, is.Contains(r.out, "shop-web-1-g2: redeploy"), r.out)
	assert.Equal(t, len(s.engine.done), 0)
}

func TestVerbsOfServicesAreFoundUnderServiceToo(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	assert.Equal(t, s.run("service", "scale", "web=1").code, 0)
	assert.Equal(t, imagesOf(s), "db postgres:15, web shop:1")
	assert.Equal(t, s.run("service", "stop", "web").code, 0)
	assert.Assert(t, is.Contains(s.run("service", "ls").out, "Stopped"))
	assert.Equal(t, s.run("service", "start", "web").code, 0)
	assert.Assert(t, is.Contains(s.run("service", "scale", "-h").out, "hyper-lite service scale web=5"))
}
