package command

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/state"
)

// history is what the state of a shell's project has.
func (s *shell) history() state.Document {
	s.t.Helper()
	store, err := state.Open(s.dir, "shop")
	assert.NilError(s.t, err)
	document, err := store.Read()
	assert.NilError(s.t, err)
	return document
}

func TestUpRecordsARevisionWhereItChangedSomething(t *testing.T) {
	s := newShell(t, shop)
	s.env["SUDO_USER"] = "ada"
	s.run("up", "-d")
	s.run("up", "-d")
	s.run("scale", "--no-deps", "web=3")
	revisions := s.history().Revisions
	assert.Equal(t, len(revisions), 2)
	first, second := revisions[0], revisions[1]
	assert.Assert(t, strings.HasPrefix(first.By, "ada@"), first.By)
	assert.Equal(t, first.Command, "up -d")
	assert.Equal(t, first.Summary, "3 created, 3 started")
	assert.Equal(t, first.Outcome, state.OutcomeApplied)
	assert.Equal(t, first.Error, "")
	assert.DeepEqual(t, first.Changed, map[string][]string{"db": {"added"}, "web": {"added"}})
	assert.Assert(t, is.Contains(string(first.Project), `"postgres:15"`))
	assert.Equal(t, first.Applied["web"].Replicas, 2)
	assert.Equal(t, first.Applied["web"].ImageID, "sha256:shop:1")
	assert.Assert(t, time.Since(first.At) < time.Minute)
	assert.Equal(t, second.Command, "scale --no-deps web=3")
	assert.DeepEqual(t, second.Changed, map[string][]string{"web": {"scale 2->3"}})
}

func TestAFailedUpIsRecordedAndNoGoal(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	s.engine.fail["create web.1@2"] = errors.New("no space left\non device")
	s.write(strings.ReplaceAll(shop, "shop:1", "shop:2"))
	assert.Equal(t, s.run("up", "-d").code, 3)
	document := s.history()
	assert.Equal(t, len(document.Revisions), 2)
	failed := document.Revisions[1]
	assert.Equal(t, failed.Outcome, state.OutcomePaused)
	assert.Equal(t, failed.Error, "no space left")
	assert.DeepEqual(t, failed.Changed, map[string][]string{"web": {"image"}})
	applied, ok := document.LastApplied()
	assert.Assert(t, ok && applied.Number == 1)
}

func TestARunThatBeganNothingIsNoRevision(t *testing.T) {
	s := newShell(t, "services: {web: {image: x}}\nnetworks: {default: {external: true, name: gone}}\nname: shop\n")
	assert.Equal(t, s.run("up", "-d").code, 1)
	assert.Equal(t, len(s.history().Revisions), 0)
}

func TestRevisions0RecordsNone(t *testing.T) {
	s := newShell(t, shop+"x-hyper-lite: {revisions: 0}\n")
	assert.Equal(t, s.run("up", "-d").code, 0)
	assert.Equal(t, len(s.history().Revisions), 0)
}

func TestLastApplied(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	s.run("scale", "--no-deps", "web=3")
	s.engine.fail["create web.1@2"] = errors.New("no space left")
	s.write(strings.ReplaceAll(shop, "shop:1", "shop:2"))
	s.run("up", "-d")

	i := &invocation{program: &program{IO: IO{Err: &lockedBuffer{}}}, settings: settings{directory: s.dir}}
	project, err := i.load(t.Context(), i.loadOptions())
	assert.NilError(t, err)
	held, err := i.lock(t.Context(), project, "up", nil)
	assert.NilError(t, err)
	defer held.release(&err)
	before, number, ok, err := held.lastApplied(t.Context(), "web")
	assert.NilError(t, err)
	assert.Assert(t, ok)
	assert.Equal(t, number, 2)
	assert.Equal(t, before.Dir, project.Dir)
	assert.DeepEqual(t, before.Files, project.Files)
	web, ok := before.Service("web")
	assert.Assert(t, ok)
	assert.Equal(t, web.Body.Image, "shop:1")
	assert.Equal(t, web.Replicas, 3)
	assert.Equal(t, web.ImageID, "sha256:shop:1")
}

func TestLastAppliedOfNothing(t *testing.T) {
	s := newShell(t, shop)
	i := &invocation{program: &program{IO: IO{Err: &lockedBuffer{}}}, settings: settings{directory: s.dir}}
	project, err := i.load(t.Context(), i.loadOptions())
	assert.NilError(t, err)
	held, err := i.lock(t.Context(), project, "up", nil)
	assert.NilError(t, err)
	defer held.release(&err)
	_, _, ok, err := held.lastApplied(t.Context(), "web")
	assert.NilError(t, err)
	assert.Assert(t, !ok)
}

func TestChanges(t *testing.T) {
	of := func(hash string, replicas int, image string, fields ...string) state.Applied {
		s := state.Applied{Hash: hash, Replicas: replicas, ImageID: image, Fields: map[string]string{}}
		for _, field := range fields {
			s.Fields[field] = hash
		}
		return s
	}
	for name, c := range map[string]struct {
		before, now state.Applied
		changed     []string
	}{
		"nothing":              {of("a", 1, "i", "image"), of("a", 1, "i", "image"), nil},
		"a field":              {of("a", 1, "i", "image", "environment.V"), of("b", 1, "i", "image"), []string{"environment.V", "image"}},
		"a scale":              {of("a", 3, "i"), of("a", 5, "i"), []string{"scale 3->5"}},
		"an image of the name": {of("a", 1, "i"), of("a", 1, "j"), []string{"image"}},
		"image and name":       {of("a", 1, "i", "image"), of("b", 1, "j", "image"), []string{"image"}},
		"an unknown image":     {of("a", 1, "i"), of("a", 1, ""), nil},
		"no field known":       {of("a", 1, "i"), of("b", 1, "i"), []string{"specification"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := changes(map[string]state.Applied{"web": c.before}, map[string]state.Applied{"web": c.now})
			assert.DeepEqual(t, got["web"], c.changed)
		})
	}
	assert.DeepEqual(t, changes(map[string]state.Applied{"old": {}}, map[string]state.Applied{"new": {}}),
		map[string][]string{"old": {"removed"}, "new": {"added"}})
}

func TestJobsAreAmongWhatChanged(t *testing.T) {
	const file = "name: shop\nservices: {web: {image: x}}\njobs: {nightly: {image: y, environment: {V: '1'}, triggers: {manual: true}}}\n"
	s := newShell(t, file)
	s.run("up", "-d")
	s.write(strings.NewReplacer("'1'", "'2'", "image: x", "image: z").Replace(file))
	s.run("up", "-d", "web")
	s.run("up", "-d", "--force-recreate")
	var changed []map[string][]string
	for _, r := range s.history().Revisions {
		changed = append(changed, r.Changed)
	}
	assert.DeepEqual(t, changed, []map[string][]string{
		{"web": {"added"}, "nightly": {"added"}}, {"web": {"image"}}, {"nightly": {"environment.V"}},
	})
}
