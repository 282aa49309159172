package watch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"

	"hyper-lite/compose"
)

// folder is a project folder with files, by their paths.
func folder(t *testing.T, files ...string) string {
	t.Helper()
	dir := real(t.TempDir())
	for _, name := range files {
		name, content, _ := strings.Cut(name, "=")
		assert.NilError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755))
		assert.NilError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return dir
}

func developed(dir string, build bool, triggers ...types.Trigger) compose.Service {
	s := compose.Service{Name: "web"}
	for at := range triggers {
		triggers[at].Path = filepath.Join(dir, triggers[at].Path)
	}
	s.Body.Develop = &types.DevelopConfig{Watch: triggers}
	if build {
		s.Body.Build = &types.BuildConfig{Context: dir}
	}
	return s
}

func rulesOf(t *testing.T, services ...compose.Service) []Rule {
	t.Helper()
	var all []Rule
	for _, s := range services {
		rules, warnings, err := Rules(s)
		assert.NilError(t, err)
		assert.Equal(t, len(warnings), 0)
		all = append(all, rules...)
	}
	return all
}

func TestWhichFilesARuleIsAbout(t *testing.T) {
	dir := folder(t, ".dockerignore=node_modules\n*.md\n!kept.md\ndist/*.js\n", "src/main.go", "other")
	one := func(trigger types.Trigger) Rule { return rulesOf(t, developed(dir, true, trigger))[0] }
	source := one(types.Trigger{Path: "src", Action: types.WatchActionSync, Target: "/app", Ignore: []string{"*.tmp", "gen/", "!keep.tmp"}})
	all := one(types.Trigger{Path: ".", Action: types.WatchActionSync, Target: "/"})
	typed := one(types.Trigger{Path: ".", Action: types.WatchActionSync, Target: "/app", Include: []string{"**/*.css", "*.html"}})
	file := one(types.Trigger{Path: "other", Action: types.WatchActionSync, Target: "/etc/other"})
	for _, c := range []struct {
		rule         Rule
		name, target string // "" is not this rule's
	}{
		{source, "src/main.go", "/app/main.go"},
		{source, "src/deep/er/x.go", "/app/deep/er/x.go"},
		{source, "src", "/app"},
		{source, "srcs/main.go", ""},
		{source, "other", ""},
		{source, "src/a.tmp", ""},
		{source, "src/keep.tmp", "/app/keep.tmp"},
		{source, "src/gen/x.go", ""},
		{source, "src/node_modules/x", "/app/node_modules/x"}, // that of the context only
		{all, "node_modules/x/y.js", ""},
		{all, "readme.md", ""},
		{all, "kept.md", "/kept.md"},
		{all, "sub/readme.md", "/sub/readme.md"},
		{all, "dist/a.js", ""},
		{all, ".git/HEAD", ""},
		{all, "sub/.git/HEAD", ""},
		{all, ".gitignore", "/.gitignore"},
		{all, "a.go~", ""},
		{all, "x/.main.go.swp", ""},
		{all, "4913", ""},
		{all, ".#a", ""},
		{typed, "index.html", "/app/index.html"},
		{typed, "deep/index.html", ""},
		{typed, "deep/a.css", "/app/deep/a.css"},
		{typed, "a.js", ""},
		{file, "other", "/etc/other"},
		{file, "src/main.go", ""},
	} {
		target, ok := c.rule.match(filepath.Join(dir, c.name))
		assert.Equal(t, target, c.target, "%s: %s", c.rule.Describe(), c.name)
		assert.Equal(t, ok, c.target != "", c.name)
	}
}

func TestWithoutBuildNothingOfADockerignoreCounts(t *testing.T) {
	dir := folder(t, ".dockerignore=*\n")
	rule := rulesOf(t, developed(dir, false, types.Trigger{Path: ".", Action: types.WatchActionRestart}))[0]
	_, ok := rule.match(filepath.Join(dir, "a"))
	assert.Assert(t, ok)
}

func TestTheDockerfilesOwnIgnoreFileComesFirst(t *testing.T) {
	dir := folder(t, ".dockerignore=a\n", "D.dockerignore=b\n")
	s := developed(dir, true, types.Trigger{Path: ".", Action: types.WatchActionRebuild})
	s.Body.Build.Dockerfile = "D"
	rule := rulesOf(t, s)[0]
	_, a := rule.match(filepath.Join(dir, "a"))
	_, b := rule.match(filepath.Join(dir, "b"))
	assert.Assert(t, a && !b)
}

func TestRulesThatCannotBe(t *testing.T) {
	dir := folder(t)
	for want, s := range map[string]compose.Service{
		"services.web.develop.watch[0]: rebuild needs a service with a build section": developed(dir, false, types.Trigger{Path: ".", Action: types.WatchActionRebuild}),
		"services.web.develop.watch[0]: ignore: ":                                     developed(dir, false, types.Trigger{Path: ".", Action: types.WatchActionRestart, Ignore: []string{"[a-"}}),
		"services.web.develop.watch[1]: include: ": developed(dir, true, types.Trigger{Path: ".", Action: types.WatchActionRebuild},
			types.Trigger{Path: ".", Action: types.WatchActionRestart, Include: []string{"[a-"}}),
	} {
		_, _, err := Rules(s)
		assert.ErrorContains(t, err, want)
	}
	s := developed(dir, false, types.Trigger{Path: "src", Action: types.WatchActionSync, Target: "/a"}, types.Trigger{Path: "src", Action: types.WatchActionRestart})
	s.Body.Volumes = []types.ServiceVolumeConfig{{Type: types.VolumeTypeBind, Source: dir, Target: "/b"}}
	rules, warnings, err := Rules(s)
	assert.NilError(t, err)
	assert.Equal(t, len(rules), 1)
	assert.DeepEqual(t, warnings, []string{dir + "/src is bound into the containers of web already: it is not copied there"})
}

func TestWhatFollowsFromChanges(t *testing.T) {
	dir := folder(t)
	run := func(word string) types.ServiceHook { return types.ServiceHook{Command: []string{word}} }
	web := developed(dir, true,
		types.Trigger{Path: "src", Action: types.WatchActionSync, Target: "/app"},
		types.Trigger{Path: "conf", Action: types.WatchActionSyncRestart, Target: "/conf"},
		types.Trigger{Path: "hook", Action: types.WatchActionSyncExec, Target: "/hook", Exec: run("reload")},
		types.Trigger{Path: "go.mod", Action: types.WatchActionRebuild},
	)
	worker := developed(dir, false, types.Trigger{Path: "src", Action: types.WatchActionRestart})
	worker.Name = "worker"
	rules := rulesOf(t, web, worker)
	in := func(names ...string) []string {
		var files []string
		for _, name := range names {
			files = append(files, filepath.Join(dir, name))
		}
		return files
	}
	c := Decide(rules, in("src/b", "src/a", "src/a"))
	assert.DeepEqual(t, c, Changes{
		Sync: map[string][]Copy{"web": {{dir + "/src/a", "/app/a"}, {dir + "/src/b", "/app/b"}}}, Restart: []string{"worker"},
		Exec: map[string][]types.ServiceHook{},
	})
	c = Decide(rules, in("conf/x", "hook/1", "hook/2"))
	assert.DeepEqual(t, c.Restart, []string{"web"})
	assert.DeepEqual(t, c.Exec, map[string][]types.ServiceHook{"web": {run("reload")}})
	assert.Equal(t, len(c.Sync["web"]), 3)
	c = Decide(rules, in("go.mod", "conf/x"))
	assert.DeepEqual(t, c.Rebuild, []string{"web"})
	assert.Equal(t, len(c.Restart), 0) // it is started anew
	assert.DeepEqual(t, c.Services(), []string{"web"})
	assert.Assert(t, Decide(rules, in("elsewhere", "hooks/1")).Empty())
}

func TestWhatIsCopiedAtTheBeginning(t *testing.T) {
	dir := folder(t, "src/a", "src/deep/b", "src/skip/c", "once", "later/d")
	rules := rulesOf(t, developed(dir, false,
		types.Trigger{Path: "src", Action: types.WatchActionSync, Target: "/app", InitialSync: true, Ignore: []string{"skip"}},
		types.Trigger{Path: "once", Action: types.WatchActionSyncRestart, Target: "/etc/once", InitialSync: true},
		types.Trigger{Path: "later", Action: types.WatchActionSync, Target: "/later"},
	))
	found, err := Initial(rules, []string{"web"}, false)
	assert.NilError(t, err)
	assert.DeepEqual(t, found, map[string][]Copy{"web": {
		{dir + "/src/a", "/app/a"}, {dir + "/src/deep", "/app/deep"}, {dir + "/src/deep/b", "/app/deep/b"}, {dir + "/once", "/etc/once"},
	}})
	found, err = Initial(rules, []string{"web"}, true)
	assert.NilError(t, err)
	assert.Equal(t, len(found["web"]), 5)
	found, err = Initial(rules, []string{"worker"}, true)
	assert.NilError(t, err)
	assert.Equal(t, len(found), 0)
}
