package command

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/compose"
)

// restored is the project of the newest revision.
func (s *shell) restored() compose.Project {
	s.t.Helper()
	revisions := s.history().Revisions
	i := &invocation{program: &program{IO: IO{Err: &lockedBuffer{}}}}
	project, err := i.past(compose.Project{Name: "shop", Dir: s.dir}).restore(s.t.Context(), revisions[len(revisions)-1])
	assert.NilError(s.t, err)
	return project
}

// A run that is about one service says nothing of the others: they are recorded as they were applied.
func TestARunOfSomeServicesKeepsTheOthersAsTheyWereApplied(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	s.write(strings.NewReplacer("postgres:15", "postgres:16", "shop:1", "shop:2").Replace(shop) + "  cache:\n    image: redis\n    networks: [side]\nnetworks: {side: {}}\n")
	assert.Equal(t, s.run("up", "-d", "--no-deps", "web").code, 0)
	second := s.history().Revisions[1]
	assert.DeepEqual(t, second.Changed, map[string][]string{"web": {"image"}})
	project := s.restored()
	db, ok := project.Service("db")
	assert.Assert(t, ok)
	assert.Equal(t, db.Body.Image, "postgres:15")
	assert.Equal(t, db.Digest.Hash, s.history().Revisions[0].Applied["db"].Hash)
	web, _ := project.Service("web")
	assert.Equal(t, web.Body.Image, "shop:2")
	_, ok = project.Service("cache")
	assert.Assert(t, !ok, "it was never applied")

	planned := s.run("plan").out
	assert.Assert(t, strings.HasSuffix(planned, "drift against revision 2\n  cache  files  added\n  db     files  image\n"), planned)

	s.run("up", "-d")
	assert.DeepEqual(t, s.history().Revisions[2].Changed, map[string][]string{"db": {"image"}, "cache": {"added"}})
	assert.Equal(t, s.run("rollback").code, 0)
	assert.Assert(t, is.Contains(s.run("ps", "--format", "{{.Service}} {{.Image}}").out, "db postgres:15\n"))
}

// What the others need of the project comes with them.
func TestNetworksOfOthersAreKept(t *testing.T) {
	s := newShell(t, "name: shop\nservices: {web: {image: x}, db: {image: y, networks: [back]}}\nnetworks: {back: {}}\n")
	s.run("up", "-d")
	s.write("name: shop\nservices: {web: {image: z}, db: {image: y}}\n")
	assert.Equal(t, s.run("up", "-d", "web").code, 0)
	db, _ := s.restored().Service("db")
	assert.Equal(t, db.Networks["back"].Name, "shop_back")
	assert.Equal(t, db.Digest.Hash, s.history().Revisions[0].Applied["db"].Hash)
}
