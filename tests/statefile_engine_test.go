//go:build engine

package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

const one = "services: {web: {image: hyper-lite-demo, environment: {GREETING: \"${GREETING:-one}\"}}}\n"

func (p *project) stateFile() string {
	return filepath.Join(p.dir, ".hyper-lite", p.name, "state.json")
}

func TestADamagedStateFileIsToldWithTheWayOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, content string
		says          []string
		wayOut        func(t *testing.T, file string)
	}{
		{"corrupt", `{"version": 1, "revi`, []string{"corrupt", "mv ", ".bak"}, func(t *testing.T, file string) {
			assert.NilError(t, os.Rename(file+".bak", file))
		}},
		{"empty", "", []string{"corrupt", "empty", "delete it"}, func(t *testing.T, file string) {
			assert.NilError(t, os.Remove(file))
		}},
		{"newer", `{"version": 99}`, []string{"version 99", "newer hyper-lite", "move the file away"}, func(t *testing.T, file string) {
			assert.NilError(t, os.Rename(file, file+".away"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, one)
			p.must("up", "-d")
			p.at("GREETING=two", func() { p.must("up", "-d", "-t", "0") }) // now there is a previous state, too
			before := ids(p.containers(""))
			assert.NilError(t, os.WriteFile(p.stateFile(), []byte(c.content), 0o600))

			r := p.exits(1, "up", "-d")
			says(t, r.err, append(c.says, p.stateFile())...)
			assert.DeepEqual(t, ids(p.containers("")), before)
			left, err := os.ReadFile(p.stateFile())
			assert.NilError(t, err)
			assert.Equal(t, string(left), c.content, "it is never reset silently")

			c.wayOut(t, p.stateFile())
			p.must("up", "-d", "-t", "0") // back to one
			assert.Equal(t, len(p.running("web")), 1)
			says(t, p.must("up", "-d").out, "nothing to change")
			assert.NilError(t, os.WriteFile(p.stateFile(), []byte(c.content), 0o600))
			p.must("down") // never needs it
			assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
		})
	}
}

func TestALostStateFolderIsRebuiltFromTheEngine(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web:
    image: hyper-lite-demo
    environment: {GREETING: "${GREETING:-one}"}
    protocol: http
    service_port: ${PORT}
    container_port: 80
`)
	p.must("up", "-d")
	before := ids(p.containers(""))
	lose := func() { assert.NilError(t, os.RemoveAll(filepath.Join(p.dir, ".hyper-lite"))) }
	lose()
	says(t, p.must("up", "-d").out, "nothing to change")
	assert.DeepEqual(t, ids(p.containers("")), before)
	lose()
	p.at("GREETING=two", func() { p.must("up", "-d", "-t", "0") })
	_, body, err := get(fresh, p.url("/"))
	assert.NilError(t, err)
	says(t, body, "two")
	lose()
	p.must("down")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
}

func TestStateIsClosedToOthersAndKeepsValuesOnlyWhereARollbackNeedsThem(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: hyper-lite-demo, environment: {GREETING: value-of-greeting}}
x-hyper-lite:
  revisions: ${REVISIONS:-5}
`)
	holders := func() []string {
		var found []string
		folder := filepath.Join(p.dir, ".hyper-lite")
		assert.NilError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			if entry.IsDir() {
				assert.Equal(t, info.Mode().Perm(), fs.FileMode(0o700), path)
				return nil
			}
			assert.Equal(t, info.Mode().Perm(), fs.FileMode(0o600), path)
			text, err := os.ReadFile(path)
			if bytes.Contains(text, []byte("value-of-greeting")) {
				found = append(found, filepath.Base(path))
			}
			return err
		}))
		return found
	}
	p.must("up", "-d")
	assert.DeepEqual(t, holders(), []string{"state.json"})
	p.must("down", "-t", "0")
	assert.NilError(t, os.RemoveAll(filepath.Join(p.dir, ".hyper-lite")))
	p.at("REVISIONS=0", func() { p.must("up", "-d") })
	assert.Equal(t, len(holders()), 0, "%v", holders())
}

func TestASecondUpWaitsForTheFirstOrFailsAtOnce(t *testing.T) {
	t.Parallel()
	p := newProject(t, "services: {slow: {image: hyper-lite-demo, command: [wait, 4s], restart: \"no\"}}\n")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	first := p.command(ctx, "up", "--wait") // waits until the one-shot is done
	assert.NilError(t, first.Start())
	eventually(t, 30*time.Second, func() error {
		text, err := os.ReadFile(filepath.Join(p.dir, ".hyper-lite", p.name, "lock"))
		if err == nil && !bytes.Contains(text, []byte("hyper-lite up")) {
			err = fs.ErrNotExist
		}
		return err
	})
	pid := strconv.Itoa(first.Process.Pid)
	r := p.exits(5, "--no-wait-lock", "up", "-d")
	says(t, r.err, "process "+pid, "hyper-lite up")

	second := p.must("up", "--wait")
	says(t, second.err, "process "+pid, "waiting", "--no-wait-lock")
	says(t, second.out, "nothing to change")
	assert.NilError(t, first.Wait())

	p.must("--no-wait-lock", "up", "-d") // it is free again
}

func TestALockDiesWithItsHolder(t *testing.T) {
	t.Parallel()
	p := newProject(t, "services: {slow: {image: hyper-lite-demo, command: [wait, 1h], restart: \"no\"}}\n")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	first := p.command(ctx, "up", "--wait")
	assert.NilError(t, first.Start())
	eventually(t, 30*time.Second, func() error {
		if len(p.running("slow")) == 0 {
			return fs.ErrNotExist
		}
		return nil
	})
	assert.NilError(t, first.Process.Kill())
	assert.Assert(t, first.Wait() != nil)
	p.must("--no-wait-lock", "up", "-d")
}

// withoutPower is a command as somebody runs it whom the permissions of files bind: root's do not.
func withoutPower(c *exec.Cmd) (*exec.Cmd, error) {
	if os.Geteuid() != 0 {
		return c, nil
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		return nil, err
	}
	c.Args = append([]string{setpriv, "--bounding-set", "-dac_override,-dac_read_search", c.Path}, c.Args[1:]...)
	c.Path = setpriv
	return c, nil
}

func TestAReadOnlyProjectFolderIsTold(t *testing.T) {
	t.Parallel()
	p := newProject(t, one)
	run := func(args ...string) result {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		c, err := withoutPower(p.command(ctx, args...))
		assert.NilError(t, err)
		var out, errs bytes.Buffer
		c.Stdout, c.Stderr = &out, &errs
		if err := c.Run(); c.ProcessState == nil {
			t.Fatal(err)
		}
		return result{c.ProcessState.ExitCode(), out.String(), errs.String()}
	}
	lock := func(mode fs.FileMode) { assert.NilError(t, os.Chmod(p.dir, mode)) }
	t.Cleanup(func() { lock(0o755) })
	lock(0o555)
	r := run("up", "-d")
	assert.Equal(t, r.code, 1, r.err)
	says(t, r.err, p.dir, "permission denied", "make the folder writable")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	for _, looking := range []string{"plan", "ps", "config -q"} {
		r := run(strings.Fields(looking)...)
		assert.Equal(t, r.code, 0, "%s: %s", looking, r.err)
	}
	lock(0o755)
	p.must("up", "-d")
	assert.NilError(t, os.RemoveAll(filepath.Join(p.dir, ".hyper-lite")))
	lock(0o555)
	r = run("down", "-t", "0")
	assert.Equal(t, r.code, 0, r.err)
	says(t, r.err, "warning:", "without a lock")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
}

func TestEveryChangeIsARevision(t *testing.T) {
	t.Parallel()
	p := newProject(t, one)
	p.must("up", "-d")
	p.must("up", "-d")
	p.at("GREETING=two", func() { p.must("up", "-d", "-t", "0") })
	text, err := os.ReadFile(p.stateFile())
	assert.NilError(t, err)
	var document struct{ Revisions []struct{ Number int } }
	assert.NilError(t, json.Unmarshal(text, &document))
	assert.Equal(t, len(document.Revisions), 2, "%+v", document)
}
