package lb

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	"go.yaml.in/yaml/v4"
	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// fakeTraefik reads the dynamic directory when it is signalled, as Traefik does, and shows it in its API.
type fakeTraefik struct {
	*httptest.Server
	folder string

	mu       sync.Mutex
	loaded   map[string]document
	deaf     int // signals still to be ignored
	reloads  int
	disabled map[string]string // routers that it cannot make, and why
	open     string            // the metrics
	password string            // that it saw last
}

func newFakeTraefik(t *testing.T, folder string) *fakeTraefik {
	f := &fakeTraefik{folder: folder, loaded: map[string]document{}, disabled: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/ping", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "OK") })
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		fmt.Fprint(w, f.open)
	})
	mux.HandleFunc("/api/rawdata", f.rawdata)
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

func (f *fakeTraefik) rawdata(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	control, ok := f.loaded[controlFile]
	if !ok {
		http.NotFound(w, r)
		return
	}
	user, password, _ := r.BasicAuth()
	f.password = password
	if want := control.HTTP.Middlewares["shop-control"].BasicAuth.Users[0]; user != controlUser || Credential(password) != want {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	show := map[string]map[string]any{"routers": {}, "services": {}, "middlewares": {}, "tcpRouters": {}, "tcpServices": {}}
	for _, doc := range f.loaded {
		f.show(show, doc)
	}
	_ = json.NewEncoder(w).Encode(show)
}

func (f *fakeTraefik) show(show map[string]map[string]any, doc document) {
	routers := func(section string, routers map[string]router) {
		for name, r := range routers {
			shown := map[string]any{"rule": r.Rule, "status": "enabled", "service": r.Service}
			if why, ok := f.disabled[name]; ok {
				shown["status"], shown["error"] = "disabled", []string{why}
			}
			show[section][name+"@file"] = shown
		}
	}
	service := func(section, name, key string, addresses []string) {
		servers, status := []map[string]string{}, map[string]string{}
		for _, a := range addresses {
			servers = append(servers, map[string]string{key: a})
			status[a] = "UP"
		}
		show[section][name+"@file"] = map[string]any{"status": "enabled", "loadBalancer": map[string]any{"servers": servers}, "serverStatus": status}
	}
	if doc.HTTP != nil {
		routers("routers", doc.HTTP.Routers)
		for name := range doc.HTTP.Middlewares {
			show["middlewares"][name+"@file"] = map[string]any{"status": "enabled"}
		}
		for name, s := range doc.HTTP.Services {
			var urls []string
			for _, server := range s.LoadBalancer.Servers {
				urls = append(urls, server.URL)
			}
			service("services", name, "url", urls)
		}
	}
	if doc.TCP != nil {
		routers("tcpRouters", doc.TCP.Routers)
		for name, s := range doc.TCP.Services {
			var addresses []string
			for _, server := range s.LoadBalancer.Servers {
				addresses = append(addresses, server.Address)
			}
			service("tcpServices", name, "address", addresses)
		}
	}
}

// reload is what SIGHUP does.
func (f *fakeTraefik) reload() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.deaf > 0 {
		f.deaf--
		return nil
	}
	f.reloads++
	names, err := filepath.Glob(filepath.Join(f.folder, dynamic, "*.yml"))
	if err != nil {
		return err
	}
	loaded := map[string]document{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		var rendered bytes.Buffer
		if err := template.Must(template.New("").Parse(string(text))).Execute(&rendered, false); err != nil {
			return err
		}
		var doc document
		if err := yaml.Unmarshal(rendered.Bytes(), &doc); err != nil {
			return err
		}
		loaded[filepath.Base(name)] = doc
	}
	f.loaded = loaded
	return nil
}

// servers are the backends that requests to a route reach now.
func (f *fakeTraefik) servers(service, route string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	names := []string{}
	doc := f.loaded[fileName(service)]
	if doc.HTTP != nil {
		for _, s := range doc.HTTP.Services[route].LoadBalancer.Servers {
			names = append(names, s.URL)
		}
	}
	return names
}

func (f *fakeTraefik) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reloads
}

func (f *fakeTraefik) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// fakeEngine passes signals on to Traefik, and events to the sidecar.
type fakeEngine struct {
	traefik *fakeTraefik

	stream   sync.Mutex // one thing is told after the other
	mu       sync.Mutex
	replicas []plan.Replica
	signals  int
	steps    []string
	fail     map[string]error // by step
	sick     bool             // clones never become healthy
	most     int              // clones at the same moment
	emit     func(Event)
	broken   chan struct{}
}

func newFakeEngine(traefik *fakeTraefik) *fakeEngine {
	return &fakeEngine{traefik: traefik, broken: make(chan struct{}), replicas: []plan.Replica{
		{Role: compose.RoleBalancer, State: plan.Running, Ref: plan.Ref{Service: "balancer", Slot: 1, Generation: 1}},
	}}
}

func (f *fakeEngine) List(context.Context, string) ([]plan.Replica, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]plan.Replica(nil), f.replicas...), nil
}

// Do does what a healing consists of, and tells the events that an engine tells.
func (f *fakeEngine) Do(ctx context.Context, step plan.Step) error {
	f.mu.Lock()
	f.steps = append(f.steps, step.Verb()+" "+step.Subject())
	fail := f.fail[step.Verb()+" "+step.Subject()]
	f.mu.Unlock()
	if fail != nil {
		return fail
	}
	switch s := step.(type) {
	case plan.Clone:
		f.mu.Lock()
		defer f.mu.Unlock()
		from := f.find(s.From)
		if from == nil {
			return errors.New("there is no " + s.From.Name)
		}
		made := *from
		made.Ref, made.ID, made.Name, made.Cause, made.State, made.Health = s.Ref, "id of "+s.Name, s.Name, s.Cause, plan.Created, plan.NoHealth
		f.replicas = append(f.replicas, made)
		f.most = max(f.most, f.clones())
		return nil
	case plan.Start:
		return f.become(s.Container, Event{Action: "start"}, func(r *plan.Replica) { r.State = plan.Running })
	case plan.Stop:
		return f.become(s.Container, Event{Action: "die", ExitCode: 137}, func(r *plan.Replica) { r.State, r.ExitCode = plan.Exited, 137 })
	case plan.Remove:
		err := f.become(s.Container, Event{Action: "destroy"}, func(*plan.Replica) {})
		f.mu.Lock()
		defer f.mu.Unlock()
		f.replicas = slices.DeleteFunc(f.replicas, func(r plan.Replica) bool { return r.Ref == s.Ref })
		return err
	case plan.Rename:
		f.mu.Lock()
		defer f.mu.Unlock()
		f.find(s.Container).Name = s.To
		return nil
	case plan.Await:
		return f.await(ctx, s)
	}
	return fmt.Errorf("unexpected step %s %s", step.Verb(), step.Subject())
}

// find needs the lock.
func (f *fakeEngine) find(c plan.Container) *plan.Replica {
	for i := range f.replicas {
		if f.replicas[i].Ref == c.Ref && f.replicas[i].Role == compose.RoleReplica {
			return &f.replicas[i]
		}
	}
	return nil
}

// clones counts those that have not taken their slot. It needs the lock.
func (f *fakeEngine) clones() int {
	n := 0
	for _, r := range f.replicas {
		if r.Cause != "" && strings.HasSuffix(r.Name, fmt.Sprintf("-g%d", r.Generation)) {
			n++
		}
	}
	return n
}

func (f *fakeEngine) become(c plan.Container, e Event, change func(*plan.Replica)) error {
	f.mu.Lock()
	r := f.find(c)
	if r != nil {
		change(r)
	}
	f.mu.Unlock()
	if r == nil {
		return nil
	}
	e.Ref = c.Ref
	f.happen(e)
	return nil
}

// await ends when the clone is healthy to the engine: at once, or never where the test says that it is sick.
func (f *fakeEngine) await(ctx context.Context, step plan.Await) error {
	f.mu.Lock()
	sick := f.sick
	f.mu.Unlock()
	if !sick {
		return f.become(step.Container, Event{Action: "health_status", Health: plan.Healthy}, func(r *plan.Replica) { r.Health = plan.Healthy })
	}
	limited, cancel := context.WithTimeout(ctx, step.Within)
	defer cancel()
	<-limited.Done()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &plan.UnhealthyError{Container: step.Container, Condition: step.Condition, Reason: "still starting"}
}

func (f *fakeEngine) did() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.steps)
}

// names are the containers of a service, with their states.
func (f *fakeEngine) names(service string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for _, r := range f.replicas {
		if r.Service == service && r.Role == compose.RoleReplica {
			names = append(names, fmt.Sprintf("%s %s %s", r.Name, r.Ref, r.State))
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func (f *fakeEngine) Signal(_ context.Context, container, signal string) error {
	if container != "shop-hyper-lite-balancer" || signal != "HUP" {
		return fmt.Errorf("unexpected signal %s to %s", signal, container)
	}
	f.mu.Lock()
	f.signals++
	f.mu.Unlock()
	return f.traefik.reload()
}

func (f *fakeEngine) Events(ctx context.Context, _ string, ready func(), emit func(Event)) error {
	f.stream.Lock() // what happens meanwhile is told after it
	f.mu.Lock()
	f.emit = emit
	broken := f.broken
	f.mu.Unlock()
	ready()
	f.stream.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-broken:
		return errors.New("the stream broke")
	}
}

// breakStream ends the stream of events, as an engine does that restarts.
func (f *fakeEngine) breakStream() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.emit = nil
	close(f.broken)
	f.broken = make(chan struct{})
}

func (f *fakeEngine) running(refs ...plan.Ref) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ref := range refs {
		f.replicas = append(f.replicas, plan.Replica{
			Ref: ref, Role: compose.RoleReplica, State: plan.Running, ID: "id of " + ref.String(),
			Name: fmt.Sprintf("shop-%s-%d", ref.Service, ref.Slot), Digest: compose.Digest{Hash: "v1:aaaa"},
		})
	}
}

func (f *fakeEngine) state(ref plan.Ref, state plan.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.replicas {
		if f.replicas[i].Ref == ref {
			f.replicas[i].State = state
		}
	}
}

func (f *fakeEngine) happen(e Event) {
	f.mu.Lock()
	open := f.emit != nil
	f.mu.Unlock()
	if !open {
		return
	}
	f.stream.Lock()
	defer f.stream.Unlock()
	f.mu.Lock()
	emit := f.emit
	f.mu.Unlock()
	e.Role = compose.RoleReplica
	if emit != nil {
		emit(e)
	}
}

func (f *fakeEngine) signalled() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.signals
}

// backend is a replica: a listener on a loopback address of its own, on a port that all replicas share.
type backend struct {
	ref    plan.Ref
	host   string
	server *httptest.Server

	mu     sync.Mutex
	answer int
	asked  int
}

func (b *backend) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	w.WriteHeader(b.answer)
}

func (b *backend) set(answer int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

func (b *backend) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked
}

// house is one sidecar with all that surrounds it.
type house struct {
	t        *testing.T
	folder   string
	socket   string
	traefik  *fakeTraefik
	engine   *fakeEngine
	backends map[plan.Ref]*backend
	port     int
	cancel   context.CancelFunc
	ended    chan error
	sidecar  *Sidecar
	patience time.Duration
	alone    bool
	policies []Policy
}

func newHouse(t *testing.T, replicas int) *house {
	folder := t.TempDir()
	sockets, err := os.MkdirTemp("", "lb") // a socket's path must be short
	assert.NilError(t, err)
	t.Cleanup(func() { os.RemoveAll(sockets) })
	h := &house{t: t, folder: folder, socket: filepath.Join(sockets, "s"), traefik: newFakeTraefik(t, folder), backends: map[plan.Ref]*backend{}, patience: 5 * time.Second}
	h.engine = newFakeEngine(h.traefik)
	for _, ref := range refs("web", replicas) {
		h.addBackend(ref)
	}
	h.run()
	t.Cleanup(func() { h.stop() })
	return h
}

func (h *house) addBackend(ref plan.Ref) *backend {
	b := h.listenAs(ref)
	h.engine.running(ref)
	return b
}

// listenAs makes an address that answers for a replica which may come to be.
func (h *house) listenAs(ref plan.Ref) *backend {
	host := "127.0.7." + strconv.Itoa(len(h.backends)+1)
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(h.port)))
	assert.NilError(h.t, err)
	h.port = listener.Addr().(*net.TCPAddr).Port
	b := &backend{ref: ref, host: host, answer: 200}
	b.server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: b}}
	b.server.Start()
	h.t.Cleanup(b.server.Close)
	h.backends[ref] = b
	return b
}

func (h *house) run() {
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel, h.ended = cancel, make(chan error, 1)
	h.sidecar = NewSidecar(SidecarOptions{
		Project: "shop", Engine: h.engine, Folder: h.folder, Socket: h.socket, Control: h.traefik.URL,
		Alone: h.alone, Policies: h.policies, Pace: 10 * time.Millisecond, Settling: -1,
		Log: slog.New(slog.NewTextHandler(testWriter{h.t}, nil)), Patience: h.patience, Memory: -1,
		Address: func(ref plan.Ref) string {
			if b, ok := h.backends[ref]; ok {
				return b.host
			}
			return "127.0.7.254"
		},
	})
	go func() { h.ended <- h.sidecar.Run(ctx) }()
}

// stop ends the sidecar, as a stopped container does.
func (h *house) stop() {
	if h.cancel != nil {
		h.cancel()
		assert.NilError(h.t, <-h.ended)
		h.cancel = nil
	}
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// fakeHost joins the commands' side to the sidecar through Connect, as exec does.
type fakeHost struct {
	house *house

	mu    sync.Mutex
	dials int
	down  int // dials that still fail
	dead  error
	conns []net.Conn
}

// Do awaits the sidecar's end.
func (f *fakeHost) Do(ctx context.Context, step plan.Step) error {
	if await, ok := step.(plan.Await); !ok || await.Condition != plan.AwaitExit || await.Name != "shop-hyper-lite-sidecar" {
		return fmt.Errorf("unexpected step %s %s", step.Verb(), step.Subject())
	}
	if f.dead != nil {
		return f.dead
	}
	<-ctx.Done()
	return ctx.Err()
}

func (f *fakeHost) Dial(_ context.Context, container string, argv []string) (io.ReadWriteCloser, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dials++
	if f.down > 0 {
		f.down--
		return nil, errors.New("container is restarting")
	}
	if container != "shop-hyper-lite-sidecar" || strings.Join(argv, " ") != "/hyper-lite sidecar connect" {
		return nil, fmt.Errorf("unexpected exec of %v in %s", argv, container)
	}
	here, there := net.Pipe()
	f.conns = append(f.conns, there)
	go func() {
		_ = Connect(context.Background(), there, there, f.house.socket)
		_ = there.Close()
	}()
	return here, nil
}

// refuse makes the next sessions fail.
func (f *fakeHost) refuse(dials int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = dials
}

func (f *fakeHost) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		_ = c.Close()
	}
}

func (f *fakeHost) ReadFile(_ context.Context, _, path string) ([]byte, error) {
	rest, ok := strings.CutPrefix(path, SidecarFolder+"/")
	if !ok {
		return nil, fmt.Errorf("unexpected file %s", path)
	}
	return os.ReadFile(filepath.Join(f.house.folder, rest))
}

func (h *house) balancer() (*Balancer, *fakeHost) {
	host := &fakeHost{house: h}
	b := NewBalancer(host, "shop")
	h.t.Cleanup(func() { assert.NilError(h.t, b.Close()) })
	return b, host
}

// eventually polls until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10s: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
