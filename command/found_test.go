package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func TestDownWithoutFiles(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	elsewhere := &shell{t: t, dir: t.TempDir(), engine: s.engine, env: map[string]string{}}
	r := elsewhere.run("down")
	assert.Equal(t, r.code, 1)
	assert.Assert(t, is.Contains(r.err, "no compose file found"))
	assert.Assert(t, is.Contains(r.err, "-p NAME"))
	assert.Equal(t, elsewhere.run("-p", "shop", "down").code, 0)
	assert.Equal(t, len(s.engine.replicas), 0)
}

func TestWrongFilesStopEverythingButWhatTheNameFinds(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	assert.NilError(t, os.WriteFile(filepath.Join(s.dir, "compose.yaml"), []byte("services:\n  web:\n    imagee: x\n    replcias: 3\n"), 0o600))
	s.engine.done = nil
	r := s.run("up", "-d")
	assert.Equal(t, r.code, 1)
	assert.Equal(t, strings.Count(r.err, "error: "), 2, r.err)
	assert.Assert(t, is.Contains(r.err, "did you mean `replicas`?"))
	assert.Equal(t, len(s.engine.done), 0)
	assert.Assert(t, !strings.Contains(r.err, "without the files"), r.err)
	for _, verb := range []string{"down", "ps", "stop", "logs"} {
		r := s.run(verb)
		assert.Equal(t, r.code, 1)
		assert.Equal(t, strings.Count(r.err, "`hyper-lite -p NAME down`"), 1, r.err)
	}
	s.engine.workDir = s.dir
	assert.Assert(t, is.Contains(s.run("ps").err, "`hyper-lite -p shop down`"))
	assert.Equal(t, s.run("-p", "shop", "down").code, 0)
	assert.Equal(t, len(s.engine.replicas), 0)
}

func TestABadNameIsNotWorkedWith(t *testing.T) {
	s := newShell(t, shop)
	r := s.run("-p", "Bad Name!", "ps")
	assert.Equal(t, r.code, 2)
	assert.Assert(t, is.Contains(r.err, "hint: it is made of lower-case letters"))
	s.env["COMPOSE_PROJECT_NAME"] = "Bad Name!"
	r = s.run("ps")
	assert.Equal(t, r.code, 1)
	assert.Assert(t, is.Contains(r.err, "error: invalid project name"))
	assert.Equal(t, len(s.engine.calls), 0)
}
