package engine

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// answering is an engine that answers each removal with the next of these codes.
func answering(t *testing.T, codes ...int) (e *Engine, removals *int) {
	clearEnvironment(t)
	removals = new(int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("API-Version", "1.41")
		if r.Method != http.MethodDelete {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(codes[*removals])
		_, err := w.Write([]byte(`{"message":"removal of container x is already in progress"}`))
		assert.Check(t, err)
		*removals++
	}))
	t.Cleanup(server.Close)
	e, err := Open(t.Context(), Options{Host: "tcp://" + server.Listener.Addr().String()})
	assert.NilError(t, err)
	t.Cleanup(func() { assert.NilError(t, e.Close()) })
	return e, removals
}

func TestARemovalThatSomebodyElseBegan(t *testing.T) {
	e, removals := answering(t, http.StatusConflict, http.StatusConflict, http.StatusNotFound)
	assert.NilError(t, e.abandon(t.Context(), "x"))
	assert.Equal(t, *removals, 3) // its name is free by then
	e, _ = answering(t, http.StatusConflict, http.StatusInternalServerError)
	assert.Check(t, is.ErrorContains(e.abandon(t.Context(), "x"), "remove unfinished container"))
}
