package lb

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
)

// What Traefik's API shows decides, by every way in which it can differ from what was written.
func TestDifferences(t *testing.T) {
	g, err := generate(table(served("web", 2, httpRoute()), served("db", 1, httpRoute(func(r *compose.Route) { r.Protocol, r.ServicePort = compose.TCP, 6379 }))))
	assert.NilError(t, err)
	for name, test := range map[string]struct {
		change func(routers, services, tcpServices, middlewares map[string]any)
		want   string
	}{
		"live":           {func(_, _, _, _ map[string]any) {}, ""},
		"another file's": {func(_, services, _, _ map[string]any) { services["x@docker"] = map[string]any{} }, ""},
		"old revision": {
			func(_, _, _, m map[string]any) { clear(m); m["shop-revision-0@file"] = map[string]any{} },
			"the balancer has not taken over " + g.revision,
		},
		"router missing":  {func(r, _, _, _ map[string]any) { delete(r, "shop-web-p80@file") }, "router shop-web-p80 is missing"},
		"router disabled": {func(r, _, _, _ map[string]any) { r["shop-web-p80@file"] = disabled("no such entry point") }, "router shop-web-p80: no such entry point"},
		"old rule": {
			func(r, _, _, _ map[string]any) {
				r["shop-web-p80@file"] = map[string]any{"status": "enabled", "rule": "Host(`x`)"}
			},
			"router shop-web-p80 still has the rule Host(`x`)",
		},
		"service missing": {func(_, s, _, _ map[string]any) { delete(s, "shop-web-p80@file") }, "service shop-web-p80 is missing"},
		"service refused": {func(_, s, _, _ map[string]any) { s["shop-web-p80@file"] = disabled("unsupported strategy") }, "service shop-web-p80: unsupported strategy"},
		"too few":         {func(_, s, _, _ map[string]any) { s["shop-web-p80@file"] = servers("url", "http://shop-web-1-g1:8080") }, "service shop-web-p80 is served by [http://shop-web-1-g1:8080], not by"},
		"too many": {
			func(_, _, s, _ map[string]any) {
				s["shop-db-p6379@file"] = servers("address", "shop-db-1-g1:8080", "shop-db-2-g1:8080")
			},
			"service shop-db-p6379 is served by [shop-db-1-g1:8080 shop-db-2-g1:8080], not by [shop-db-1-g1:8080]",
		},
		"loaded but not built": {func(_, s, _, _ map[string]any) {
			shown := servers("url", "http://shop-web-1-g1:8080", "http://shop-web-2-g1:8080")
			shown["serverStatus"] = map[string]string{"http://shop-web-1-g1:8080": "UP"}
			s["shop-web-p80@file"] = shown
		}, "service shop-web-p80 is served by"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeTraefik{disabled: map[string]string{}}
			show := map[string]map[string]any{"routers": {}, "services": {}, "middlewares": {}, "tcpRouters": {}, "tcpServices": {}}
			for _, doc := range g.docs {
				f.show(show, doc)
			}
			show["middlewares"][g.revision+"@file"] = map[string]any{"status": "enabled"}
			test.change(show["routers"], show["services"], show["tcpServices"], show["middlewares"])
			text, err := json.Marshal(show)
			assert.NilError(t, err)
			var have live
			assert.NilError(t, json.Unmarshal(text, &have))
			diffs := differences(g, have)
			if test.want == "" {
				assert.DeepEqual(t, diffs, []string(nil))
				return
			}
			assert.Equal(t, len(diffs), 1, "%v", diffs)
			assert.Assert(t, len(diffs[0]) >= len(test.want) && diffs[0][:len(test.want)] == test.want, "%s", diffs[0])
		})
	}
}

func disabled(why string) map[string]any {
	return map[string]any{"status": "disabled", "error": []string{why}}
}

func servers(key string, addresses ...string) map[string]any {
	list := []map[string]string{}
	for _, a := range addresses {
		list = append(list, map[string]string{key: a})
	}
	return map[string]any{"status": "enabled", "loadBalancer": map[string]any{"servers": list}}
}

// A balancer that is stopped waits for every connection, ours included.
func TestLooksLeaveNoConnection(t *testing.T) {
	var mu sync.Mutex
	open, kept := map[net.Conn]bool{}, false
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") }))
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		open[c] = true
		kept = kept || state == http.StateIdle
		if state == http.StateClosed {
			delete(open, c)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	c := newControl(server.URL, "secret")
	var looks sync.WaitGroup
	for range 16 {
		looks.Go(func() {
			_, err := c.look(t.Context())
			assert.Check(t, err)
		})
	}
	looks.Wait()
	eventually(t, "every connection is closed", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(open) == 0
	})
	assert.Assert(t, !kept, "a connection was kept for the next look")
}
