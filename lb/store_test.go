package lb

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gotest.tools/v3/assert"
)

func newStore(t *testing.T) store {
	s := store{root: t.TempDir()}
	assert.NilError(t, s.makeFolders())
	return s
}

func TestEqualTextIsNotWritten(t *testing.T) {
	s := newStore(t)
	changed, err := s.write("dynamic/a.yml", []byte("a"), 0o644)
	assert.NilError(t, err)
	assert.Assert(t, changed)
	before, err := os.Stat(s.path("dynamic/a.yml"))
	assert.NilError(t, err)
	changed, err = s.write("dynamic/a.yml", []byte("a"), 0o644)
	assert.NilError(t, err)
	assert.Assert(t, !changed)
	after, err := os.Stat(s.path("dynamic/a.yml"))
	assert.NilError(t, err)
	assert.Assert(t, os.SameFile(before, after), "an equal file was replaced")
	changed, err = s.write("dynamic/a.yml", []byte("b"), 0o644)
	assert.NilError(t, err)
	assert.Assert(t, changed)
	after, err = os.Stat(s.path("dynamic/a.yml"))
	assert.NilError(t, err)
	assert.Assert(t, !os.SameFile(before, after), "a file was written in place: a reader could see a part of it")
}

func TestDynamicFolderHoldsExactlyTheFiles(t *testing.T) {
	s := newStore(t)
	for name, text := range map[string]string{"service-old.yml": "old", "service-web.yml.new": "half writ", "service-web.yml": "web"} {
		assert.NilError(t, os.WriteFile(filepath.Join(s.root, dynamic, name), []byte(text), 0o644))
	}
	files := map[string][]byte{"service-web.yml": []byte("web"), revisionFile: []byte("1")}
	changed, err := s.putDynamic(files, true)
	assert.NilError(t, err)
	assert.Assert(t, changed)
	assert.DeepEqual(t, names(t, s), []string{revisionFile, "service-old.yml", "service-web.yml"})
	changed, err = s.putDynamic(files, false)
	assert.NilError(t, err)
	assert.Assert(t, changed, "a removed file is a change")
	assert.DeepEqual(t, names(t, s), []string{revisionFile, "service-web.yml"})
	changed, err = s.putDynamic(files, false)
	assert.NilError(t, err)
	assert.Assert(t, !changed)
}

func names(t *testing.T, s store) []string {
	entries, err := os.ReadDir(s.path(dynamic))
	assert.NilError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// A temporary file that a crash left is no obstacle, and Traefik never reads one.
func TestTemporaryNameIsNotRead(t *testing.T) {
	for _, ending := range []string{".yml", ".yaml", ".toml"} {
		assert.Assert(t, filepath.Ext("service-web.yml"+temporary) != ending)
	}
	s := newStore(t)
	assert.NilError(t, os.WriteFile(s.path("state/routes.json"+temporary), []byte(`{"vers`), 0o600))
	r, unreadable, err := s.load()
	assert.NilError(t, err)
	assert.Equal(t, unreadable, "")
	r.Project = "shop"
	assert.NilError(t, s.save(r))
	again, _, err := s.load()
	assert.NilError(t, err)
	assert.Equal(t, again.Project, "shop")
}

func TestPasswordStays(t *testing.T) {
	s := newStore(t)
	first, err := s.password()
	assert.NilError(t, err)
	assert.Assert(t, len(first) > 40)
	second, err := s.password()
	assert.NilError(t, err)
	assert.Equal(t, first, second)
	other, err := newStore(t).password()
	assert.NilError(t, err)
	assert.Assert(t, other != first)
	info, err := os.Stat(s.path(passwordFile))
	assert.NilError(t, err)
	assert.Equal(t, info.Mode().Perm(), os.FileMode(0o600))
}

func TestDynamicFilesShowOnlyTraefiks(t *testing.T) {
	s := newStore(t)
	_, err := s.write("dynamic/a.yml", []byte("a"), 0o644)
	assert.NilError(t, err)
	assert.NilError(t, os.WriteFile(s.path("dynamic/b.yml"+temporary), nil, 0o644))
	files, err := s.dynamicFiles()
	assert.NilError(t, err)
	assert.DeepEqual(t, slices.Collect(maps.Keys(files)), []string{"a.yml"})
}
