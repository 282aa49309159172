package lb

import (
	"errors"
	"testing"

	"gotest.tools/v3/assert"
)

type other struct{ heard []string }

func (o *other) Tell(word string, reply *int) error {
	if word == "" {
		return errors.New("nothing was said")
	}
	o.heard = append(o.heard, word)
	*reply = len(o.heard)
	return nil
}

// Another room's work answers on the same connections, and the sidecar's own answers go on.
func TestOthersAnswerToo(t *testing.T) {
	h := newHouse(t, 1)
	o := &other{}
	h.sidecar.Answer("Other", o) // no connection is open yet
	b, _ := h.balancer()
	var n int
	assert.NilError(t, b.Ask(t.Context(), "Other.Tell", "one", &n))
	assert.NilError(t, b.Ask(t.Context(), "Other.Tell", "two", &n))
	assert.Equal(t, n, 2)
	assert.Error(t, b.Ask(t.Context(), "Other.Tell", "", &n), "nothing was said")
	assert.Assert(t, IsOlder(b.Ask(t.Context(), "Nobody.Tell", "one", &n)))
	assert.Assert(t, IsOlder(b.Ask(t.Context(), "Other.Shout", "one", &n)))
	_, err := b.Status(t.Context())
	assert.NilError(t, err)
}
