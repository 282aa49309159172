package engine

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"github.com/docker/cli/cli/config"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
)

// clearEnvironment makes a test independent of the machine's Docker settings.
func clearEnvironment(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION"} {
		t.Setenv(name, "")
	}
	folder, before := t.TempDir(), config.Dir()
	config.SetDir(folder)
	t.Cleanup(func() { config.SetDir(before) })
	return folder
}

func writeContext(t *testing.T, folder, name, host string) {
	t.Helper()
	path := filepath.Join(folder, "contexts", "meta", digest.FromString(name).Encoded())
	assert.NilError(t, os.MkdirAll(path, 0o700))
	meta := `{"Name":"` + name + `","Metadata":{},"Endpoints":{"docker":{"Host":"` + host + `","SkipTLSVerify":false}}}`
	assert.NilError(t, os.WriteFile(filepath.Join(path, "meta.json"), []byte(meta), 0o600))
}

func TestWhichEngine(t *testing.T) {
	for _, test := range []struct {
		name    string
		options Options
		env     map[string]string
		current string
		host    string
		from    string
		socket  string
	}{
		{name: "default", host: "unix:///var/run/docker.sock", from: "the default", socket: "/var/run/docker.sock"},
		{
			name: "flag wins", options: Options{Host: "unix:///flag.sock"}, env: map[string]string{"DOCKER_HOST": "unix:///env.sock"},
			host: "unix:///flag.sock", from: "--host", socket: "/flag.sock",
		},
		{
			name: "context flag before DOCKER_HOST", options: Options{Context: "staging"}, env: map[string]string{"DOCKER_HOST": "unix:///env.sock"},
			host: "ssh://me@staging", from: "--context", socket: "/var/run/docker.sock",
		},
		{
			name: "DOCKER_HOST before DOCKER_CONTEXT", env: map[string]string{"DOCKER_HOST": "unix:///run/user/1000/docker.sock", "DOCKER_CONTEXT": "staging"},
			host: "unix:///run/user/1000/docker.sock", from: "DOCKER_HOST", socket: "/run/user/1000/docker.sock",
		},
		{
			name: "DOCKER_CONTEXT before the current one", env: map[string]string{"DOCKER_CONTEXT": "staging"}, current: "other",
			host: "ssh://me@staging", from: "DOCKER_CONTEXT", socket: "/var/run/docker.sock",
		},
		{name: "current context", current: "other", host: "tcp://other:2376", from: "the current context other", socket: "/var/run/docker.sock"},
		{
			name: "default context by name", env: map[string]string{"DOCKER_CONTEXT": "default"}, current: "other",
			host: "unix:///var/run/docker.sock", from: "DOCKER_CONTEXT", socket: "/var/run/docker.sock",
		},
		{name: "no scheme", options: Options{Host: "box:2375"}, host: "tcp://box:2375", from: "--host", socket: "/var/run/docker.sock"},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := clearEnvironment(t)
			writeContext(t, folder, "staging", "ssh://me@staging")
			writeContext(t, folder, "other", "tcp://other:2376")
			if test.current != "" {
				text := []byte(`{"currentContext":"` + test.current + `"}`)
				assert.NilError(t, os.WriteFile(filepath.Join(folder, "config.json"), text, 0o600))
			}
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			at, err := locate(test.options)
			assert.NilError(t, err)
			assert.Equal(t, at.host, test.host)
			assert.Equal(t, at.from, test.from)
			assert.Equal(t, at.socket(), test.socket)
			_, err = at.dial()
			assert.NilError(t, err)
		})
	}
}

func TestEnginesThatCannotBeUsed(t *testing.T) {
	clearEnvironment(t)
	_, err := Open(t.Context(), Options{Host: "unix:///nowhere", Context: "x"})
	assert.ErrorContains(t, err, "give one of them")
	_, err = Open(t.Context(), Options{Context: "missing"})
	assert.ErrorContains(t, err, "docker context ls")
	path := filepath.Join(t.TempDir(), "none.sock")
	_, err = Open(t.Context(), Options{Host: "unix://" + path})
	assert.Check(t, is.ErrorIs(err, ErrUnreachable))
	assert.ErrorContains(t, err, path)
	assert.ErrorContains(t, err, "start Docker")
}

// serve answers as an engine of one API version would.
func serve(t *testing.T, api string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NilError(t, err)
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Api-Version", api)
	})}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { assert.Check(t, server.Close()) })
	return "tcp://" + listener.Addr().String()
}

func TestVersionsAreNegotiated(t *testing.T) {
	clearEnvironment(t)
	for api, want := range map[string]string{"1.41": "1.41", "1.47": "1.47", "9.99": "1.51"} {
		e, err := Open(t.Context(), Options{Host: serve(t, api)})
		assert.NilError(t, err)
		assert.Equal(t, e.APIVersion(), want)
		assert.NilError(t, e.Close())
	}
	_, err := Open(t.Context(), Options{Host: serve(t, "1.40")})
	assert.ErrorContains(t, err, "Docker Engine 20.10 or newer")
}

// A socket that takes connections and never answers must not hold anybody up.
func TestAnEngineThatNeverAnswers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "silent.sock")
	silent, err := net.Listen("unix", path)
	assert.NilError(t, err)
	defer silent.Close()
	at, err := byHost("unix://"+path, "a test")
	assert.NilError(t, err)
	at.patience = 50 * time.Millisecond
	docker, err := at.dial()
	assert.NilError(t, err)
	e := &Engine{client: docker, endpoint: at}
	assert.Check(t, is.ErrorIs(e.negotiate(t.Context()), ErrUnreachable))
}

// Steps side by side use the connections of those before them: one by ssh costs a login.
func TestConnectionsAreKept(t *testing.T) {
	clearEnvironment(t)
	const atOnce = 8
	var made atomic.Int32
	var together sync.WaitGroup
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		together.Done()
		together.Wait()
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			made.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	at, err := byHost("tcp://"+server.Listener.Addr().String(), "a test")
	assert.NilError(t, err)
	docker, err := at.dial()
	assert.NilError(t, err)
	defer docker.Close()
	for range 3 {
		var calls errgroup.Group
		together.Add(atOnce)
		for range atOnce {
			calls.Go(func() error { _, err := docker.Ping(t.Context()); return err })
		}
		assert.NilError(t, calls.Wait())
	}
	assert.Equal(t, made.Load(), int32(atOnce))
}

func TestTLSVariables(t *testing.T) {
	for _, test := range []struct {
		env             map[string]string
		secured, verify bool
	}{
		{nil, false, true},
		{map[string]string{"DOCKER_TLS_VERIFY": "1"}, true, true},
		{map[string]string{"DOCKER_TLS": "1"}, true, false},
	} {
		clearEnvironment(t)
		for name, value := range test.env {
			t.Setenv(name, value)
		}
		at, err := byHost("tcp://engine:2376", "a test")
		assert.NilError(t, err)
		assert.Equal(t, at.TLSData != nil || at.SkipTLSVerify, test.secured)
		assert.Equal(t, !at.SkipTLSVerify, test.verify)
	}
}
