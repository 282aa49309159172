package command

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/state"
)

// several is a shop with three applied revisions, and one whose rollout is paused.
func several(t *testing.T) *shell {
	t.Helper()
	s := newShell(t, shop)
	s.env["SUDO_USER"] = "ada"
	s.run("up", "-d")
	s.write(strings.ReplaceAll(shop, "shop:1", "shop:2"))
	s.run("up", "-d")
	s.run("scale", "--no-deps", "web=3")
	s.engine.fail["create web.1@3"] = errors.New("no space left\non device")
	s.write(strings.ReplaceAll(shop, "shop:1", "shop:3"))
	assert.Equal(t, s.run("up", "-d").code, 3)
	delete(s.engine.fail, "create web.1@3")
	return s
}

var place1 = regexp.MustCompile(`ada@\S+`)

func TestHistory(t *testing.T) {
	s := several(t)
	r := s.run("history")
	assert.Equal(t, r.code, 0, r.err)
	lines := strings.Split(place1.ReplaceAllString(r.out, "ada@host"), "\n")
	assert.DeepEqual(t, strings.Fields(lines[0]), []string{"REVISION", "WHEN", "WHO", "COMMAND", "FILES", "CHANGED", "OUTCOME"})
	assert.Assert(t, is.Regexp(`^4 +Less than a second ago +ada@host +up -d +[0-9a-f]{12} +web: image, scale 3->2 +paused: no space left$`, lines[1]))
	assert.Assert(t, is.Regexp(`^3 .* scale --no-deps web=3 +[0-9a-f]{12} +web: scale 2->3 +applied$`, lines[2]))
	assert.Assert(t, is.Regexp(`^2 .* up -d +[0-9a-f]{12} +web: image +applied$`, lines[3]))
	assert.Assert(t, is.Regexp(`^1 .* db: added; web: added +applied$`, lines[4]))

	assert.Equal(t, s.run("history", "-q").out, "4\n3\n2\n1\n")
	assert.Equal(t, s.run("history", "--format", "{{.Revision}} {{.Outcome}} {{.Current}}").out, "4 paused false\n3 applied true\n2 applied false\n1 applied false\n")
	var newest struct {
		Revision int
		Changed  map[string][]string
		Error    string
	}
	assert.NilError(t, json.Unmarshal([]byte(strings.SplitN(s.run("history", "--format", "json").out, "\n", 2)[0]), &newest))
	assert.Equal(t, newest.Revision, 4)
	assert.Equal(t, newest.Error, "no space left")
	assert.DeepEqual(t, newest.Changed, map[string][]string{"web": {"image", "scale 3->2"}})
	assert.Equal(t, s.run("history", "web").code, 2)
}

func TestHistoryOfNothing(t *testing.T) {
	s := newShell(t, shop)
	assert.Equal(t, strings.TrimSpace(s.run("history").out), "REVISION   WHEN   WHO   COMMAND   FILES   CHANGED   OUTCOME")
	assert.Equal(t, s.run("history", "-q").out, "")
	entries, err := os.ReadDir(s.dir)
	assert.NilError(t, err)
	assert.Equal(t, len(entries), 1, "looking leaves no trace")
	r := s.run("rollback")
	assert.Equal(t, r.code, 1)
	assert.Assert(t, is.Contains(r.err, "no revision to go back to"))
}

func TestHistoryAndRollbackNeedNoFiles(t *testing.T) {
	s := several(t)
	s.write("services: [broken\n")
	r := s.run("history", "-q")
	assert.Equal(t, r.out, "4\n3\n2\n1\n")
	assert.Assert(t, is.Contains(r.err, "the files are not used, only what was recorded of project shop"))
	assert.NilError(t, os.Remove(filepath.Join(s.dir, "compose.yaml")))
	r = s.run("history", "-q")
	assert.Equal(t, r, result{0, "4\n3\n2\n1\n", ""})
	assert.Equal(t, s.run("rollback", "1").code, 0)
	s.engine.workDir = s.dir
	assert.Assert(t, is.Contains(s.run("ps", "--format", "{{.Service}} {{.Image}}").out, "web shop:1\n"))
	assert.Equal(t, s.run("-p", "other", "history").code, 1)
	elsewhere := *s
	elsewhere.dir = t.TempDir()
	assert.Equal(t, elsewhere.run("-p", "shop", "history", "-q").out, "5\n4\n3\n2\n1\n", "its containers tell where it is")
	assert.NilError(t, os.MkdirAll(filepath.Join(s.dir, state.Folder, "blog"), 0o700))
	r = s.run("history")
	assert.Equal(t, r.code, 1)
	assert.Assert(t, is.Contains(r.err, "with -p: blog, shop"))
}

func TestRollback(t *testing.T) {
	webs := func(s *shell) string {
		return strings.Join(strings.Fields(s.run("ps", "--format", "{{.Image}}", "web").out), " ")
	}
	s := several(t)
	r := s.run("rollback")
	assert.Equal(t, r.code, 0, r.err)
	assert.Equal(t, webs(s), "shop:2 shop:2 shop:2", "after a failure: to what was applied last")

	newest := s.history().Revisions[len(s.history().Revisions)-1]
	assert.Equal(t, newest.Number, 5)
	assert.Equal(t, newest.Command, "rollback to 3")
	assert.Equal(t, newest.Outcome, state.OutcomeApplied)
	assert.Equal(t, len(newest.Changed), 0, "%v", newest.Changed)

	r = s.run("rollback", "1")
	assert.Equal(t, r.code, 0, r.err)
	assert.Equal(t, webs(s), "shop:1 shop:1")
	newest = s.history().Revisions[len(s.history().Revisions)-1]
	assert.Equal(t, newest.Command, "rollback to 1")
	assert.DeepEqual(t, newest.Changed, map[string][]string{"web": {"image", "scale 3->2"}})
	planned := s.run("plan").out
	assert.Assert(t, is.Contains(planned, "(image changed)"), planned)
	assert.Assert(t, is.Contains(planned, "web  files  image\n"), planned)

	assert.Equal(t, s.run("rollback").code, 0)
	assert.Equal(t, webs(s), "shop:2 shop:2 shop:2", "the one that was applied before")

	dry := s.run("rollback", "--dry-run", "1")
	assert.Assert(t, is.Contains(dry.out, "plan for shop: "), dry.out)
	assert.Equal(t, webs(s), "shop:2 shop:2 shop:2")
}

func TestRollbackSaysWhatItCannot(t *testing.T) {
	s := several(t)
	for argv, says := range map[string]string{
		"rollback 9":   "there is no revision 9: kept are 1, 2, 3, 4",
		"rollback x":   `"x" is no revision`,
		"rollback 1 2": `"1 2" is no revision`,
		"rollback 0":   `"0" is no revision`,
	} {
		r := s.run(strings.Fields(argv)...)
		assert.Assert(t, r.code != 0)
		assert.Assert(t, is.Contains(r.err, says), argv)
	}
	assert.Assert(t, is.Contains(s.run("rollback", "--dry-run", "4").err, "warning: revision 4 was not applied: no space left"))

	s = newShell(t, shop)
	s.run("up", "-d")
	r := s.run("rollback")
	assert.Equal(t, r.code, 1)
	assert.Assert(t, is.Contains(r.err, "no applied revision before the one that is applied now"))
}

func TestServicesThatWereAddedSinceStayUnlessOrphansAreRemoved(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	s.write(shop + "  cache: {image: redis}\n")
	s.run("up", "-d")
	r := s.run("rollback")
	assert.Equal(t, r.code, 0, r.err)
	assert.Assert(t, is.Contains(r.err, "orphan containers shop-cache-1"))
	assert.Assert(t, is.Contains(s.run("ps", "--services").out, "cache"))
	assert.Equal(t, s.run("rollback", "--remove-orphans", "1").code, 0)
	assert.Assert(t, !strings.Contains(s.run("ps", "--services").out, "cache"))
}

func TestCompletionOfRevisions(t *testing.T) {
	s := several(t)
	assert.Equal(t, s.run("--project-directory", s.dir, "history", "-q").code, 0)
	var out lockedBuffer
	p := &program{IO: IO{In: strings.NewReader(""), Out: &out, Err: &lockedBuffer{}}, env: s.env}
	p.app = p.tree()
	p.complete(t.Context(), []string{"--project-directory", s.dir, "rollback", ""})
	assert.Equal(t, out.String(), "1\n2\n3\n4\n")
}

// How many revisions are kept is what the files say now, not what they said then.
func TestGoingBackForgetsNoRevision(t *testing.T) {
	few := shop + "x-hyper-lite: {revisions: 1}\n"
	s := newShell(t, few)
	s.run("up", "-d")
	for _, tag := range []string{"shop:2", "shop:3"} {
		s.write(strings.ReplaceAll(shop, "shop:1", tag))
		s.run("up", "-d")
	}
	assert.Equal(t, s.run("rollback", "1").code, 0)
	assert.Equal(t, s.run("history", "-q").out, "4\n3\n2\n1\n")
	s.write("services: [broken")
	assert.Equal(t, s.run("rollback", "3").code, 0)
	assert.Equal(t, s.run("rollback", "1").code, 0)
	assert.Equal(t, s.run("history", "-q").out, "6\n5\n4\n3\n2\n")
	s.write(few)
	assert.Equal(t, s.run("rollback", "3").code, 0)
	assert.Equal(t, s.run("history", "-q").out, "7\n")
}
