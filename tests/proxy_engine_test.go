//go:build engine

package tests

import (
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"gotest.tools/v3/assert"
)

// proxy stands in front of the engine and counts what changes something on it.
type proxy struct {
	path string // of its socket

	mu      sync.Mutex
	changes int
	changed func(number int) // told after the engine has answered a change, before its client is; may be nil
}

// newProxy opens a proxy that lives until everything registered after it is cleaned up.
func newProxy(t *testing.T) *proxy {
	t.Helper()
	folder, err := os.MkdirTemp("", "hl-proxy-") // a socket's path must be short
	assert.NilError(t, err)
	p := &proxy{path: filepath.Join(folder, "engine.sock")}
	listener, err := net.Listen("unix", p.path)
	assert.NilError(t, err)
	server := &http.Server{Handler: p.handler()}
	go server.Serve(listener) //nolint:errcheck // ends with Close
	t.Cleanup(func() {
		assert.Check(t, server.Close() == nil)
		assert.Check(t, os.RemoveAll(folder) == nil)
	})
	return p
}

func (p *proxy) handler() http.Handler {
	engine, err := url.Parse(docker.DaemonHost())
	if err != nil {
		panic(err)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		if engine.Scheme == "unix" {
			return (&net.Dialer{}).DialContext(ctx, "unix", engine.Path)
		}
		return (&net.Dialer{}).DialContext(ctx, "tcp", engine.Host)
	}
	forward := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "engine" },
		Transport:     &http.Transport{DialContext: dial},
		FlushInterval: -1,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		ModifyResponse: func(r *http.Response) error {
			p.answered(r.Request)
			return nil
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// What the client began, the engine finishes, even where the client dies.
		forward.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
	})
}

var versioned = regexp.MustCompile(`^/v[0-9.]+`)

// answered counts a change. A command in the sidecar and a signal to the balancer change nothing on the engine.
func (p *proxy) answered(r *http.Request) {
	path := versioned.ReplaceAllString(r.URL.Path, "")
	exec := strings.Contains(path, "/exec")
	signal := r.URL.Query().Get("signal") == "HUP"
	if r.Method == http.MethodGet || r.Method == http.MethodHead || exec || signal {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes++
	if p.changed != nil {
		p.changed(p.changes)
	}
}

// watch begins to count anew.
func (p *proxy) watch(changed func(number int)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes, p.changed = 0, changed
}

// newProxied is a project whose engine is reached through a proxy.
func newProxied(t *testing.T, file string) (*project, *proxy) {
	t.Helper()
	between := newProxy(t)
	p := newProject(t, file)
	p.env = append(p.env, "DOCKER_HOST=unix://"+between.path)
	return p, between
}
