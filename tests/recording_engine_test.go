//go:build engine

package tests

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker/client"
	"gotest.tools/v3/assert"
)

// recorder stands in front of the engine and writes down every call.
type recorder struct {
	path string // of its socket

	mu    sync.Mutex
	calls []call
}

// call is one request to the engine.
type call struct {
	method string
	path   string // without the API's version: "/containers/json"
}

func (c call) String() string { return c.method + " " + c.path }

// mutating says whether a call may change something on the engine, judged by its method alone: exec counts.
func (c call) mutating() bool { return c.method != http.MethodGet && c.method != http.MethodHead }

// object is the name or ID that a call is about, and of what kind: "containers"; "" where it is about none.
func (c call) object() (kind, id string) {
	parts := strings.Split(strings.TrimPrefix(c.path, "/"), "/")
	collection := len(parts) < 2 || slices.Contains([]string{"json", "create", "prune"}, parts[1])
	if collection || !slices.Contains([]string{"containers", "networks", "volumes", "exec", "images"}, parts[0]) {
		return parts[0], ""
	}
	return parts[0], parts[1]
}

// shape is the call with the object's name left out: "GET /containers/*/archive".
func (c call) shape() string {
	if kind, id := c.object(); id != "" {
		return c.method + " " + strings.Replace(c.path, "/"+kind+"/"+id, "/"+kind+"/*", 1)
	}
	return c.String()
}

// newRecorder opens a recorder that lives until everything registered after it is cleaned up.
func newRecorder(t testing.TB) *recorder {
	t.Helper()
	folder, err := os.MkdirTemp("", "hl-recorder-") // a socket's path must be short
	assert.NilError(t, err)
	r := &recorder{path: filepath.Join(folder, "engine.sock")}
	listener, err := net.Listen("unix", r.path)
	assert.NilError(t, err)
	forward := toEngine(t)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.note(call{request.Method, apiVersion.ReplaceAllString(request.URL.Path, "")})
		forward.ServeHTTP(w, request)
	})}
	go server.Serve(listener) //nolint:errcheck // ends with Close
	t.Cleanup(func() {
		assert.Check(t, server.Close() == nil)
		assert.Check(t, os.RemoveAll(folder) == nil)
	})
	return r
}

var apiVersion = regexp.MustCompile(`^/v[0-9.]+`)

// toEngine passes requests on to the engine of the scenarios, streams and hijacked connections too.
func toEngine(t testing.TB) http.Handler {
	t.Helper()
	engine, err := client.ParseHostURL(docker.DaemonHost())
	assert.NilError(t, err)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		if engine.Scheme == "unix" {
			return (&net.Dialer{}).DialContext(ctx, "unix", engine.Host)
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", engine.Host)
	}
	return &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "engine" },
		Transport:     &http.Transport{DialContext: dial},
		FlushInterval: -1,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
}

func (r *recorder) note(c call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, c)
}

// take returns the calls since the last take, in their order.
func (r *recorder) take() calls {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.calls
	r.calls = nil
	return taken
}

type calls []call

// mutating is those of the calls that may change something.
func (c calls) mutating() calls {
	return slices.DeleteFunc(slices.Clone(c), func(c call) bool { return !c.mutating() })
}

// shapes counts the calls by shape.
func (c calls) shapes() map[string]int {
	counts := map[string]int{}
	for _, one := range c {
		counts[one.shape()]++
	}
	return counts
}

// String is the counts in one line: "6 calls: 1 GET /containers/json, ...".
func (c calls) String() string {
	counts := c.shapes()
	var words []string
	for _, shape := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%d %s", counts[shape], shape))
	}
	return fmt.Sprintf("%d calls: %s", len(c), strings.Join(words, ", "))
}

// newRecorded is a project whose engine is reached through a recorder.
func newRecorded(t testing.TB, file string) (*project, *recorder) {
	t.Helper()
	between := newRecorder(t)
	p := newProject(t, file)
	p.env = append(p.env, "DOCKER_HOST=unix://"+between.path)
	return p, between
}

// recorded is the calls of one command that must succeed.
func (p *project) recorded(between *recorder, args ...string) (calls, result) {
	p.t.Helper()
	between.take()
	done := p.must(args...)
	made := between.take()
	p.t.Logf("%s: %s", strings.Join(args, " "), made)
	return made, done
}
