// Package engine is Docker: it observes the host, performs single plan steps, and opens the streams
// (exec, logs, events) that other rooms need. It is the only room that imports Docker's client. It never
// decides what should change, never prints, and never touches a thing that does not carry our label.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"

	"hyper-lite/plan"
)

// ErrUnreachable says that no engine answered where we looked.
var ErrUnreachable = errors.New("engine unreachable")

// minimumAPI is the API of Engine 20.10, the oldest that is supported.
const minimumAPI = "1.41"

// Options say which engine to use, and what it needs to do its steps.
type Options struct {
	Host       string // as --host: overrides everything; "" is not given
	Context    string // as --context: a context of the docker CLI; "" is not given
	Executable string // the Linux binary that the sidecar's image is made of; "" where there is none

	// Progress is told how pulls, builds and imports proceed, and what the engine warns of. It is called
	// from several goroutines. nil: nobody listens.
	Progress func(plan.Step, Progress)
}

// Progress is one line of a long step.
type Progress struct {
	ID      string // what moves: a layer, a build step; "" is the step itself; "warning" is a warning of the engine
	Text    string // "Downloading"
	Current int64  // bytes; 0 where unknown
	Total   int64  // bytes; 0 where unknown
}

// Engine is one Docker engine. It is safe for use by several goroutines.
type Engine struct {
	client   *client.Client
	options  Options
	endpoint endpoint

	mu       sync.Mutex
	ours     map[string]ownership // what containers with our label were seen, by ID
	names    map[string]string    // IDs of the containers that we made, by their present name
	started  map[string]time.Time // when a container was started by us, by ID
	images   map[string]string    // image IDs by reference, as far as known
	locks    map[string]*sync.Mutex
	observed string // the project last observed

	proxy          sync.Once
	proxyVariables map[string]*string
	proxyErr       error

	sidecar     sync.Once
	sidecarName string
	sidecarErr  error
}

// ownership is what a container's labels say; labels never change while a container lives.
type ownership struct {
	project, service string
	files            string // folders that are volumes only for copied-in files, by commas
	adopted          string // paths whose anonymous volumes come from a replaced container, by commas
}

// Open finds the engine as the docker CLI does and asks it once which API it speaks. The order is
// Options.Host, Options.Context, DOCKER_HOST, DOCKER_CONTEXT, the current context of the CLI's
// configuration, the default socket. An engine that does not answer is an error that wraps
// ErrUnreachable, and comes within seconds.
func Open(ctx context.Context, options Options) (*Engine, error) {
	at, err := locate(options)
	if err != nil {
		return nil, err
	}
	docker, err := at.dial()
	if err != nil {
		return nil, fmt.Errorf("use engine %s: %w", at, err)
	}
	e := &Engine{
		client:   docker,
		options:  options,
		endpoint: at,
		ours:     map[string]ownership{},
		names:    map[string]string{},
		started:  map[string]time.Time{},
		images:   map[string]string{},
		locks:    map[string]*sync.Mutex{},
	}
	if err := e.negotiate(ctx); err != nil {
		return nil, errors.Join(err, docker.Close())
	}
	return e, nil
}

func (e *Engine) negotiate(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, e.endpoint.patience)
	defer cancel()
	ping, err := e.client.Ping(bounded)
	if cause := ctx.Err(); cause != nil {
		return fmt.Errorf("ask engine %s: %w", e.endpoint, cause)
	}
	if err != nil {
		return e.endpoint.unreachable(err)
	}
	e.client.NegotiateAPIVersionPing(ping)
	if versions.LessThan(e.client.ClientVersion(), minimumAPI) {
		return fmt.Errorf("engine %s speaks API %s, but %s is needed: install Docker Engine 20.10 or newer (DOCKER_API_VERSION, where set, must not be lower)",
			e.endpoint, e.client.ClientVersion(), minimumAPI)
	}
	return nil
}

// Close ends idle connections.
func (e *Engine) Close() error { return e.client.Close() }

// APIVersion is the negotiated version of the API: "1.41".
func (e *Engine) APIVersion() string { return e.client.ClientVersion() }

// Endpoint is where the engine is, for people: "unix:///var/run/docker.sock".
func (e *Engine) Endpoint() string { return e.endpoint.String() }

// SocketPath is the path of the engine's socket on the engine's own host: what the sidecar mounts.
func (e *Engine) SocketPath() string { return e.endpoint.socket() }

// supports says whether the engine's API is at least that version.
func supports(api, version string) bool {
	return version == "" || versions.GreaterThanOrEqualTo(api, version)
}

func (e *Engine) supports(version string) bool { return supports(e.APIVersion(), version) }

// report tells whoever listens how a step proceeds.
func (e *Engine) report(step plan.Step, progress Progress) {
	if e.options.Progress != nil {
		e.options.Progress(step, progress)
	}
}

// alone runs do while no other goroutine runs one under the same name.
func (e *Engine) alone(name string, do func() error) error {
	e.mu.Lock()
	lock, ok := e.locks[name]
	if !ok {
		lock = &sync.Mutex{}
		e.locks[name] = lock
	}
	e.mu.Unlock()
	lock.Lock()
	defer lock.Unlock()
	return do()
}

// unreachable says where we looked and what to do.
func (at endpoint) unreachable(cause error) error {
	var hint string
	switch {
	case errors.Is(cause, fs.ErrPermission):
		hint = "this user may not use it: add the user to the docker group, or set DOCKER_HOST to a rootless engine's socket"
	case strings.HasPrefix(at.host, "ssh://"):
		hint = "check that `ssh` reaches that host without a question and that docker runs there"
	case at.local():
		hint = "start Docker, or set DOCKER_HOST or `docker context use` to the engine you mean"
	default:
		hint = "check the address, the network and the TLS variables DOCKER_TLS_VERIFY and DOCKER_CERT_PATH"
	}
	return fmt.Errorf("%w at %s (from %s): %w; %s", ErrUnreachable, at, at.from, cause, hint)
}
