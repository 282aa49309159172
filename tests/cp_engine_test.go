//go:build engine

package tests

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

func TestCpGoesBothWays(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, shelled)
	p.must("create") // copying needs nothing that runs
	p.write("conf/a", "1\n")
	p.write("conf/sub/b", "2\n")
	inside := func(index string, command string) string {
		t.Helper()
		return p.must("exec", "--index", index, "web", "sh", "-c", command).out
	}

	p.must("cp", "conf", "web:/srv/")    // the folder itself, into every replica
	p.must("cp", "conf/.", "web:/media") // what is in it
	p.must("cp", "conf/a", "web:/srv/renamed")
	p.must("cp", "--index", "2", "conf/a", "web:/srv/only-two")
	p.must("up", "-d")
	assert.Equal(t, inside("1", "cat /srv/conf/a /srv/conf/sub/b /media/a /srv/renamed"), "1\n2\n1\n1\n")
	assert.Equal(t, inside("2", "cat /srv/conf/a /media/sub/b /srv/only-two"), "1\n2\n1\n")
	says(t, p.exits(1, "cp", "web:/srv/only-two", "x").err, "only-two")

	inside("1", "echo from one > /tmp/f; ln -s f /tmp/link; mkdir -p /tmp/d/e; echo deep > /tmp/d/e/f; head -c 10000000 /dev/urandom > /tmp/big")
	p.must("cp", "web:/tmp/f", "f")
	p.must("cp", "web:/tmp/d", ".")
	p.must("cp", "-L", "web:/tmp/link", "followed")
	p.must("cp", "web:/tmp/link", "link")
	p.must("cp", "web:/tmp/big", "big")
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(p.dir, name))
		assert.NilError(t, err)
		return string(text)
	}
	assert.Equal(t, read("f")+read("d/e/f")+read("followed"), "from one\ndeep\nfrom one\n")
	is, err := os.Lstat(filepath.Join(p.dir, "link"))
	assert.NilError(t, err)
	assert.Assert(t, is.Mode()&os.ModeSymlink != 0)
	assert.Equal(t, len(read("big")), 10000000)

	archive := p.must("cp", "web:/tmp/d", "-").out
	header, err := tar.NewReader(strings.NewReader(archive)).Next()
	assert.NilError(t, err)
	assert.Equal(t, header.Name, "d/")
	r := p.fed(strings.NewReader(archive), "cp", "-", "web:/opt") // one input, two replicas
	assert.Equal(t, r.code, 0, r.err)
	assert.Equal(t, inside("1", "cat /opt/d/e/f")+inside("2", "cat /opt/d/e/f"), "deep\ndeep\n")

	var mine bytes.Buffer
	w := tar.NewWriter(&mine)
	assert.NilError(t, w.WriteHeader(&tar.Header{Name: "owned", Mode: 0o640, Size: 1, Uid: 1234, Gid: 1234, Typeflag: tar.TypeReg}))
	_, err = w.Write([]byte("x"))
	assert.NilError(t, err)
	assert.NilError(t, w.Close())
	r = p.fed(&mine, "cp", "-a", "-", "web:/opt")
	assert.Equal(t, r.code, 0, r.err)
	assert.Equal(t, inside("2", "stat -c %u:%g:%a /opt/owned"), "1234:1234:640\n")

	for typed, want := range map[string]string{
		"cp web:/nothing x":        "/nothing",
		"cp nothing web:/x":        "nothing",
		"cp web:/tmp/f no/folder/": "no/folder",
		"cp conf web:/tmp/f":       "copy",
		"cp - web:/tmp/f":          "unpacked into a folder",
	} {
		says(t, p.exits(1, strings.Fields(typed)...).err, want)
	}
}
