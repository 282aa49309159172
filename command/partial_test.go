package command

import (
	"os"
	"path/filepath"
	"slices"
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

// What a job depends on is brought up to date with it, and recorded so.
func TestARunOfAJobIsAboutWhatItDependsOn(t *testing.T) {
	const file = "name: shop\nservices: {db: {image: y}}\njobs: {tidy: {image: x, depends_on: [db], triggers: {manual: true}}}\n"
	s := newShell(t, file)
	s.run("up", "-d")
	s.write(strings.Replace(file, "image: y", "image: z", 1))
	assert.Equal(t, s.run("up", "-d", "tidy").code, 0)
	assert.DeepEqual(t, s.history().Revisions[1].Changed, map[string][]string{"db": {"image"}})
	db, _ := s.restored().Service("db")
	assert.Equal(t, db.Body.Image, "z")
}

const withUnread = `name: shop
services:
  web: {image: "shop:1", env_file: [web.env], label_file: [web.labels], secrets: [token], depends_on: [db]}
  db: {image: "postgres:15"}
  app: {image: "shop:1", depends_on: [db]}
jobs: {tidy: {image: "shop:1", env_file: [job.env], depends_on: [db], triggers: {manual: true}}, dust: {image: "shop:1", triggers: {manual: true}}}
secrets: {token: {environment: TOKEN}}
`

// whole gives withUnread all that its containers hold, or takes it away.
func (s *shell) whole(is bool) {
	s.t.Helper()
	for _, name := range []string{"web.env", "web.labels", "job.env"} {
		if path := filepath.Join(s.dir, name); is {
			assert.NilError(s.t, os.WriteFile(path, []byte("A=1\n"), 0o600))
		} else {
			assert.NilError(s.t, os.Remove(path))
		}
	}
	delete(s.env, "TOKEN")
	if is {
		s.env["TOKEN"] = "hush"
	}
}

// Only what containers are made of must be there whole, as with docker compose: what others hold may be missing. They are
// neither replaced, nor removed, nor recorded otherwise than before.
func TestOnlyWhatIsMadeMustBeWhole(t *testing.T) {
	s := newShell(t, withUnread)
	s.whole(true)
	assert.Equal(t, s.run("up", "-d").code, 0)
	first := s.history().Revisions[0]
	idsOf := func() map[string]string {
		ids := map[string]string{}
		for _, r := range s.engine.replicas {
			if !slices.Contains([]string{"db", "app"}, r.Service) && r.Role != compose.RoleRun {
				ids[r.Name] = r.ID
			}
		}
		return ids
	}
	before := idsOf()
	s.whole(false)
	s.write(strings.NewReplacer("postgres:15", "postgres:16", "dust: {image", "dust: {command: [x], image").Replace(withUnread))
	for _, typed := range []string{
		"plan db", "up -d db", "up -d app", "create db", "create --force-recreate app", "run --rm -T db true", "scale app=2", "scale app=1", "config db",
		"config --hash db,app app", "service redeploy db", "service rolling-update --image shop:2 app", "up -d --no-deps --remove-orphans app",
		"pull", "push", "build", "build --print", "up -d --force-recreate --always-recreate-deps app", "cron run dust", "up -d dust",
	} {
		r := s.run(strings.Fields(typed)...)
		assert.Check(t, is.Equal(r.code, 0), "%s: %s", typed, r.err)
		assert.Check(t, !strings.Contains(r.err+r.out, "TOKEN") && !strings.Contains(r.out, "web:"), "%s: %s%s", typed, r.out, r.err)
		if typed != "up -d dust" { // which registers the other job anew beside it, as it was
			assert.DeepEqual(t, idsOf(), before)
		}
	}
	for _, typed := range []string{"up -d", "up -d web", "up -d tidy", "config", "config web", "run web", "cron run tidy", "plan"} {
		r := s.run(strings.Fields(typed)...)
		assert.Check(t, r.code == 1 && strings.Contains(r.err, ".env") && strings.Contains(r.err, "compose.yaml:"), "%s: %s", typed, r.err)
	}

	last, _ := s.history().LastApplied()
	assert.DeepEqual(t, last.Applied["web"], first.Applied["web"])
	assert.DeepEqual(t, last.Jobs["tidy"], first.Jobs["tidy"])
	assert.Assert(t, last.Jobs["dust"].Hash != first.Jobs["dust"].Hash)
	then, now := recordedOf(t, first.Project), recordedOf(t, last.Project)
	for section, name := range map[string]string{"services": "web", "jobs": "tidy"} {
		assert.Equal(t, string(now.sections[section][name]), string(then.sections[section][name]))
	}

	s.whole(true)
	planned := s.run("plan")
	assert.Assert(t, !strings.Contains(planned.out, "web"), planned.out)
	assert.Equal(t, s.run("up", "-d").code, 0)
	s.engine.done = nil
	assert.Equal(t, s.run("rollback", "1").code, 0)
	for _, step := range s.engine.done {
		assert.Check(t, !strings.Contains(step, "web"), step)
	}
}

func recordedOf(t *testing.T, text []byte) recordedProject {
	t.Helper()
	p, err := readRecorded(text)
	assert.NilError(t, err)
	return p
}

// What is not known whole and was never applied is in no revision, though something that was needs it.
func TestWhatIsNotKnownIsNotRecorded(t *testing.T) {
	file := strings.NewReplacer("db: {image: \"postgres:15\"}", "db: {image: \"postgres:15\", env_file: [web.env]}", "web.labels", "web.env").Replace(withUnread)
	for _, typed := range []string{"up -d --no-deps app", "up -d --no-deps app dust"} {
		s := newShell(t, file)
		assert.Equal(t, s.run(strings.Fields(typed)...).code, 0)
		revision := s.history().Revisions[0]
		assert.DeepEqual(t, sortedKeys(revision.Applied), []string{"app"})
		p := recordedOf(t, revision.Project)
		assert.DeepEqual(t, sortedKeys(p.sections["services"]), []string{"app"})
		assert.DeepEqual(t, revision.Changed["app"], []string{"added"})
		_, ok := revision.Changed["db"]
		assert.Assert(t, !ok)
		project := s.restored()
		assert.Equal(t, len(project.Services), 1)
		app, _ := project.Service("app")
		assert.Equal(t, app.Digest.Hash, revision.Applied["app"].Hash)

		s.whole(true)
		assert.Equal(t, s.run("up", "-d").code, 0)
		s.whole(false)
		s.engine.done = nil
		r := s.run("rollback", "1")
		assert.Equal(t, r.code, 0, r.err)
		for _, step := range s.engine.done {
			assert.Check(t, !strings.Contains(step, "db") && !strings.Contains(step, "web"), step)
		}
	}
}
