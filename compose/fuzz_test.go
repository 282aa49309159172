package compose

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// Whatever a file holds, Load returns: no panic, no hang, and no success without a name.
func FuzzLoad(f *testing.F) {
	seeds, err := filepath.Glob("testdata/errors/*.yaml")
	assert.NilError(f, err)
	for _, s := range seeds {
		text, err := os.ReadFile(s)
		assert.NilError(f, err)
		f.Add(string(text))
	}
	f.Add(canonicalFile)
	f.Add("a: &a [*a]")
	f.Add("services: {web: {<<: [{replicas: 3}, {image: x}], x-hyper-lite: !override {drain: 3}}}")
	f.Add("services: !reset null")
	f.Add("services: {a: {ports: [{}], depends_on: {b: null}, x-hyper-lite: []}}\n---\n- x")
	f.Add("include: [compose.yaml]\nservices: {a: {extends: {file: compose.yaml, service: a}}}")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		assert.NilError(t, os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(text), 0o600))
		var p Project
		var err error
		done := make(chan struct{})
		go func() {
			defer close(done)
			p, _, err = Load(t.Context(), LoadOptions{WorkDir: dir, ProjectName: "fuzz"})
		}()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			buffer := make([]byte, 1<<16)
			t.Fatalf("Load hangs:\n%s", buffer[:runtime.Stack(buffer, true)])
		}
		var wrong FieldErrors
		if errors.As(err, &wrong) {
			assert.Assert(t, len(wrong) > 0)
		}
		if err == nil {
			assert.Equal(t, p.Name, "fuzz")
			_, err = Canonical(p, "yaml")
			assert.NilError(t, err)
		}
	})
}
