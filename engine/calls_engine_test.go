//go:build engine

package engine

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"golang.org/x/sync/errgroup"
	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// counted opens the engine through a proxy that notes each call.
func counted(t *testing.T) (*Engine, func() []string) {
	t.Helper()
	at, err := locate(Options{})
	assert.NilError(t, err)
	path, isUnix := strings.CutPrefix(at.host, "unix://")
	assert.Assert(t, isUnix, "counting needs an engine behind a unix socket, not %s", at)
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "engine"})
	proxy.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	var mu sync.Mutex
	var calls []string
	version := regexp.MustCompile(`^/v[0-9.]+`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		calls = append(calls, r.Method+" "+version.ReplaceAllString(r.URL.Path, ""))
		mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	e, err := Open(t.Context(), Options{Host: "tcp://" + server.Listener.Addr().String()})
	assert.NilError(t, err)
	return e, func() []string {
		mu.Lock()
		defer mu.Unlock()
		taken := calls
		calls = nil
		slices.Sort(taken)
		return taken
	}
}

func TestCallsAreFew(t *testing.T) {
	s := stage(t)
	e, calls := counted(t)
	assert.DeepEqual(t, calls(), []string{"HEAD /_ping"})
	s.makeNetwork("default")
	web := s.service("web", func(w *compose.Service) { s.on(w, "default") })
	project := compose.Project{Name: s.project, Services: []compose.Service{web}}

	_, err := e.Observe(t.Context(), project)
	assert.NilError(t, err)
	assert.DeepEqual(t, calls(), []string{"GET /containers/json", "GET /images/json", "GET /networks", "GET /volumes"})

	c := s.container("web", 1)
	assert.NilError(t, e.Do(t.Context(), s.create(web, 1)))
	assert.DeepEqual(t, calls(), []string{"POST /containers/create"})
	assert.NilError(t, e.Do(t.Context(), plan.Start{Container: c}))
	assert.Equal(t, len(calls()), 1)
	assert.NilError(t, e.Do(t.Context(), plan.Await{Container: c, Condition: plan.AwaitRunning, Within: 20 * time.Second}))
	assert.Assert(t, len(calls()) <= 3)

	replicas, err := e.List(t.Context(), s.project)
	assert.NilError(t, err)
	assert.DeepEqual(t, calls(), []string{"GET /containers/json"})
	c.ID = replicas[0].ID
	for _, step := range []plan.Step{plan.Stop{Container: c}, plan.Remove{Container: c, Volumes: true}} {
		assert.NilError(t, e.Do(t.Context(), step))
		assert.Equal(t, len(calls()), 1, step.Verb())
	}
}

// Engines allow two networks of one name; a project must never get two.
func TestNetworksAreMadeOnce(t *testing.T) {
	s := stage(t)
	config := types.NetworkConfig{Name: s.project + "_default", Internal: true, Labels: types.Labels{"team": "shop"}}
	step := plan.CreateNetwork{Project: s.project, Key: "default", Config: config, Name: config.Name, Digest: plan.NetworkDigest(config)}
	var group errgroup.Group
	for range 4 {
		group.Go(func() error { return s.Do(t.Context(), step) })
	}
	assert.NilError(t, group.Wait())
	found, err := s.findNetwork(t.Context(), config.Name)
	assert.NilError(t, err)
	assert.Assert(t, found.Internal)
	assert.Equal(t, found.Labels["team"], "shop")
	assert.Equal(t, found.Labels[composeNetwork], "default")
	assert.Equal(t, len(s.observe().Networks), 1)
	s.do(plan.RemoveNetwork{Name: config.Name}, plan.RemoveNetwork{Name: config.Name})
}

func TestANetworkInUseIsAConflict(t *testing.T) {
	s := stage(t)
	s.makeNetwork("default")
	c := s.up(s.service("web", func(w *compose.Service) { s.on(w, "default") }))
	err := s.Do(t.Context(), plan.RemoveNetwork{Name: s.project + "_default"})
	assert.ErrorContains(t, err, c.Name)
}

func TestServicesShareNamespacesAndVolumes(t *testing.T) {
	s := stage(t)
	first := s.up(s.service("first", nil))
	s.output(first, "write", "/data/shared", "between services")
	second := s.service("second", func(w *compose.Service) {
		w.Body.NetworkMode, w.Body.Pid, w.Body.VolumesFrom = "service:first", "service:first", []string{"first:ro"}
	})
	c := s.up(second)
	assert.Equal(t, string(s.look(c).HostConfig.NetworkMode), "container:"+s.look(first).ID)
	assert.Assert(t, strings.Contains(s.output(c, "show", "/data/shared"), "between services"))
	third := s.service("third", func(w *compose.Service) { w.Body.NetworkMode = "service:nobody" })
	assert.ErrorContains(t, s.Do(t.Context(), s.create(third, 1)), "network_mode: service nobody has no container")
}
