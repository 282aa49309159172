package compose

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// patience is how long one small file may take to be read, on a machine that does something else as well.
const patience = 20 * time.Second

// Whatever two files hold, that the project is made of, of which the first may include and extend the second:
//
//   - Load returns in time, and without a panic;
//   - what is wrong has a file, a line and a column, and one line of words;
//   - read again it is the same project, or the same mistakes;
//   - read to be looked at only it is not refused where it is right, and the same project;
//   - what Canonical prints of it is, read again, a project with the same services, digests and replicas.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/errors/*.yaml", "testdata/seeds/*.yaml", "../examples/*/compose.yaml"} {
		seeds, err := filepath.Glob(pattern)
		assert.NilError(f, err)
		assert.Assert(f, len(seeds) > 0, pattern)
		for _, s := range seeds {
			text, err := os.ReadFile(s)
			assert.NilError(f, err)
			f.Add(string(text), otherSeed)
		}
	}
	f.Add(canonicalFile, otherSeed)
	f.Add(digestBase, otherSeed)
	for _, text := range []string{
		"a: &a [*a]", "services: !reset null", "include: other.yaml", "include: [{path: [other.yaml, other.yaml], project_directory: sub}]",
		"services: {web: {<<: [{replicas: 3}, {image: x}], x-hyper-lite: !override {drain: 3}}}",
		"services: {a: {ports: [{}], depends_on: {b: null}, x-hyper-lite: []}}\n---\n- x",
		"include: [compose.yaml]\nservices: {a: {extends: {file: compose.yaml, service: a}}}",
		"include: [other.yaml]\nservices: {b: {image: y, replicas: !override 3, labels: !reset {}}}",
		"services: {a: {extends: {file: other.yaml, service: b}, env_file: [{path: a.env, format: raw}, {path: no.env, required: false}]}}",
		"services: {a: {image: '${V:?say it}', command: ['${W-x}', '${V:+y}', $$, '$'], environment: [V, W=1, N]}}",
		"\ufeffservices:\r\n  web: {image: x}\r\n",
	} {
		f.Add(text, otherSeed)
	}
	f.Fuzz(func(t *testing.T, text, other string) {
		if leaves, where := leavesItsFolder(text + "\n" + other); leaves {
			t.Skip("a path that leads elsewhere: " + where)
		}
		dir := filepath.Join(t.TempDir(), "deep/deep/deep/deep/deep/deep/shop")
		assert.NilError(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o700))
		for name, content := range map[string]string{"compose.yaml": text, "other.yaml": other, "a.env": "A=1\nB=$A\nV\n"} {
			assert.NilError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
		}
		opt := LoadOptions{WorkDir: dir, ProjectName: "fuzz", Env: []string{"V=v", "T=t", "TOKEN=t", "PORT=80"}}
		p, err := loadInTime(t, opt)
		again, errAgain := loadInTime(t, opt)
		assert.Equal(t, fmt.Sprint(errAgain), fmt.Sprint(err))
		if err != nil {
			assert.Assert(t, placed(err), "%T: %v", err, err)
			return
		}
		assert.Equal(t, outline(again), outline(p))
		looking := opt
		looking.Looking = true
		looked, err := loadInTime(t, looking)
		assert.NilError(t, err)
		assert.Equal(t, outline(looked), outline(p))
		printed, err := Canonical(p, "yaml")
		assert.NilError(t, err)
		canonical := opt
		canonical.Files, canonical.Stdin = []string{"-"}, bytes.NewReader(printed)
		reread, err := loadInTime(t, canonical)
		assert.NilError(t, err, "%s", printed)
		assert.Equal(t, outline(reread), outline(p), "%s", printed)
	})
}

const otherSeed = "services:\n  b: &b\n    image: x\n    replicas: 2\n    labels: {l: '1'}\n    ports: ['8080:80']\n  c: {<<: *b, image: z}\n"

// leavesItsFolder says whether a text might make the loader read a file outside of the test's folder: one that
// goes up, or one that begins at a folder that stands at the root of this machine.
func leavesItsFolder(text string) (leaves bool, where string) {
	text = strings.ReplaceAll(text, "\x00", "") // UTF-16
	for _, hidden := range []string{"..", "~/", `\`, "binary"} {
		if strings.Contains(text, hidden) {
			return true, hidden
		}
	}
	for part := range strings.SplitSeq(text[min(len(text), strings.Index(text+"/", "/")):], "/") {
		first := part
		if end := strings.IndexFunc(part, func(r rune) bool { return r < 0x80 && !isPathLetter(r) }); end >= 0 {
			first = part[:end]
			if part[end] == '$' || part[end] == '}' { // a variable may end it
				return true, "/" + part
			}
		}
		if _, err := os.Lstat("/" + first); first != "" && first != "." && err == nil {
			return true, "/" + first
		}
	}
	return false, ""
}

func isPathLetter(r rune) bool {
	return r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

func loadInTime(t *testing.T, opt LoadOptions) (p Project, err error) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		p, _, err = Load(t.Context(), opt)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		buffer := make([]byte, 1<<16)
		t.Fatalf("Load hangs:\n%s", buffer[:runtime.Stack(buffer, true)])
	}
	return p, err
}

// placed says that an error is a list of mistakes, each with a place and one line of words.
func placed(err error) bool {
	var wrong FieldErrors
	return errors.As(err, &wrong) && len(wrong) > 0 && !slices.ContainsFunc(wrong, func(e *FieldError) bool {
		return e.File == "" || e.Line < 1 || e.Column < 1 || e.Msg == "" || strings.ContainsAny(e.Msg+e.Hint, "\n\r")
	})
}

// outline is what counts of a project: who runs, how often, made of what, balanced how.
func outline(p Project) string {
	var lines []string
	for _, s := range p.Templates() {
		lines = append(lines, fmt.Sprintf("%s %s x%d %s %v %v %v", s.Role, s.Name, s.Replicas, s.Digest.Hash, s.DependsOn, s.Routes, s.Digest.Fields))
	}
	return strings.Join(lines, "\n")
}
