package engine

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
)

func TestAnEngineThatHangsIsOutOfReach(t *testing.T) {
	clearEnvironment(t)
	hangs := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("API-Version", "1.41")
		if r.URL.Path != "/_ping" {
			<-hangs
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(hangs) })
	e, err := Open(t.Context(), Options{Host: "tcp://" + server.Listener.Addr().String()})
	assert.NilError(t, err)
	t.Cleanup(func() { assert.NilError(t, e.Close()) })
	e.endpoint.patience = time.Millisecond
	_, err = e.Observe(t.Context(), compose.Project{Name: "shop"})
	assert.ErrorIs(t, err, ErrUnreachable)
	_, err = e.List(t.Context(), "shop")
	assert.ErrorIs(t, err, ErrUnreachable)
	_, err = e.Projects(t.Context())
	assert.ErrorIs(t, err, ErrUnreachable)
}
