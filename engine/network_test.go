package engine

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/plan"
)

// busy is an engine with one network, which refuses so many removals of it though nothing is attached.
func busy(t *testing.T, refusals int32) *Engine {
	t.Helper()
	clearEnvironment(t)
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Api-Version", "1.41")
		switch {
		case strings.HasSuffix(r.URL.Path, "/_ping"):
		case r.Method == http.MethodDelete && asked.Add(1) <= refusals:
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"message":"network shop_default has active endpoints"}`)
		case r.Method == http.MethodDelete:
			w.WriteHeader(http.StatusNoContent)
		case strings.HasSuffix(r.URL.Path, "/networks"):
			fmt.Fprintf(w, `[{"Name":"shop_default","Id":"n1","Labels":{%q:"shop"}}]`, labelProject)
		default:
			fmt.Fprint(w, `{"Name":"shop_default","Id":"n1","Containers":{}}`)
		}
	}))
	t.Cleanup(server.Close)
	e, err := Open(t.Context(), Options{Host: "tcp://" + server.Listener.Addr().String()})
	assert.NilError(t, err)
	t.Cleanup(func() { assert.Check(t, e.Close() == nil) })
	return e
}

func TestANetworkThatEmptiesAMomentLaterIsRemoved(t *testing.T) {
	assert.NilError(t, busy(t, 2).Do(t.Context(), plan.RemoveNetwork{Name: "shop_default"}))
}

func TestANetworkThatTheEngineMiscountsIsToldOf(t *testing.T) {
	err := busy(t, 1<<30).Do(t.Context(), plan.RemoveNetwork{Name: "shop_default"})
	assert.ErrorContains(t, err, "containers that are gone")
}
