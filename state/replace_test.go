package state

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"gotest.tools/v3/assert"
)

func TestReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	assert.NilError(t, Replace(path, []byte("one"), 0o600))
	assert.NilError(t, Replace(path, []byte("two"), 0o600))
	text, err := os.ReadFile(path)
	assert.NilError(t, err)
	assert.Equal(t, string(text), "two")
	full := errors.New("no space")
	err = ReplaceBy(path, 0o600, func(to io.Writer) error {
		_, _ = io.WriteString(to, "thr")
		return full
	})
	assert.Assert(t, errors.Is(err, full))
	text, err = os.ReadFile(path)
	assert.NilError(t, err)
	assert.Equal(t, string(text), "two")
	assert.Assert(t, Replace(filepath.Join(path, "below"), nil, 0o600) != nil)
}
