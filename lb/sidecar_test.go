package lb

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func (h *house) probe(change ...func(*compose.Probe)) *compose.Probe {
	p := &compose.Probe{
		Port: h.port, Interval: 20 * time.Millisecond, StartInterval: 10 * time.Millisecond,
		Timeout: time.Second, Fall: 3, Rise: 2, Path: "/",
	}
	for _, c := range change {
		c(p)
	}
	return p
}

func (h *house) route(backends ...plan.Ref) plan.Route {
	routes := []compose.Route{httpRoute()}
	probe := h.probe()
	return plan.Route{Service: "web", Routes: routes, Probe: probe, Backends: backends, Digest: plan.RoutesDigest(routes, probe)}
}

func urls(refs ...plan.Ref) []string {
	urls := []string{}
	for _, ref := range refs {
		urls = append(urls, "http://"+ref.Alias("shop")+":8080")
	}
	return urls
}

func (h *house) serves(refs ...plan.Ref) bool {
	return is.DeepEqual(h.traefik.servers("web", "shop-web-p80"), urls(refs...))().Success()
}

func TestRouteReturnsOnceLive(t *testing.T) {
	h := newHouse(t, 3)
	b, host := h.balancer()
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 2)...)))
	assert.Assert(t, h.serves(refs("web", 2)...))
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 3)...)))
	assert.Assert(t, h.serves(refs("web", 3)...))
	assert.Equal(t, host.dials, 1, "one session serves a whole up")

	have := plan.Observed{Replicas: []plan.Replica{{Role: compose.RoleSidecar, ID: "s"}, {Role: compose.RoleBalancer, ID: "b"}}}
	published, err := b.Published(t.Context(), have)
	assert.NilError(t, err)
	assert.DeepEqual(t, published, []plan.Published{{Service: "web", Digest: h.route().Digest, Backends: refs("web", 3)}})

	// An empty route withdraws the service altogether.
	assert.NilError(t, b.Do(t.Context(), plan.Route{Service: "web"}))
	_, there := h.traefik.loaded[fileName("web")]
	assert.Assert(t, !there)
	published, err = b.Published(t.Context(), have)
	assert.NilError(t, err)
	assert.DeepEqual(t, published, []plan.Published{})
}

// onlyFile is a host whose containers hold one file.
type onlyFile struct {
	Host
	container, path, text string
}

func (o onlyFile) ReadFile(_ context.Context, container, path string) ([]byte, error) {
	if container == o.container && path == o.path {
		return []byte(o.text), nil
	}
	return nil, fs.ErrNotExist
}

// The record is read through whichever container is there: the volume is the same.
func TestPublishedIsReadThroughEitherContainer(t *testing.T) {
	const text = `{"version":1,"services":[]}`
	published, err := NewBalancer(nil, "shop").Published(t.Context(), plan.Observed{})
	assert.NilError(t, err)
	assert.Assert(t, published == nil, "there is nothing to read it through")

	for role, path := range map[compose.Role]string{
		compose.RoleSidecar: SidecarFolder + "/" + recordFile, compose.RoleBalancer: Folder + "/" + recordFile,
	} {
		have := plan.Observed{Replicas: []plan.Replica{{Role: role, ID: "it", Name: "shop-it"}}}
		published, err = NewBalancer(onlyFile{container: "it", path: path, text: text}, "shop").Published(t.Context(), have)
		assert.NilError(t, err)
		assert.Assert(t, published != nil)
		published, err = NewBalancer(onlyFile{}, "shop").Published(t.Context(), have)
		assert.NilError(t, err)
		assert.Assert(t, published != nil && len(published) == 0, "nothing was published yet")

		_, err = NewBalancer(onlyFile{container: "it", path: path, text: `{"version":99}`}, "shop").Published(t.Context(), have)
		unreadable, ok := errors.AsType[*UnreadableError](err)
		assert.Assert(t, ok, "%v", err)
		assert.ErrorContains(t, err, "from shop-it: state/routes.json has version 99")
		assert.Assert(t, unreadable.Hint() != "")
	}
}

// A second route with nothing changed writes nothing and signals nobody.
func TestRepeatedRouteDoesNotReload(t *testing.T) {
	h := newHouse(t, 2)
	b, _ := h.balancer()
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 2)...)))
	reloads, signals, before := h.traefik.count(), h.engine.signalled(), h.times()
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 2)...)))
	h.stop()
	h.run()
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 2)...)))
	assert.Equal(t, h.traefik.count(), reloads)
	assert.Equal(t, h.engine.signalled(), signals)
	assert.DeepEqual(t, h.times(), before)
}

func (h *house) times() map[string]time.Time {
	times := map[string]time.Time{}
	entries, err := os.ReadDir(filepath.Join(h.folder, dynamic))
	assert.NilError(h.t, err)
	for _, e := range entries {
		info, err := e.Info()
		assert.NilError(h.t, err)
		times[e.Name()] = info.ModTime()
	}
	return times
}

func TestSignalThatIsLostIsRepeated(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	eventually(t, "the first files are live", func() bool { return h.sidecar.status().Revision != "" })
	h.traefik.set(func() { h.traefik.deaf = 1 })
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 1)...)))
	assert.Assert(t, h.serves(refs("web", 1)...))
}

// What Traefik does not take over is an error that says why, and it is not recorded as served.
func TestRouteThatIsNotLive(t *testing.T) {
	h := newHouse(t, 1)
	h.stop()
	h.patience = 300 * time.Millisecond
	h.run()
	b, _ := h.balancer()
	h.traefik.set(func() { h.traefik.disabled["shop-web-p80"] = `entryPoint "p80" doesn't exist` })
	err := b.Do(t.Context(), h.route(refs("web", 1)...))
	assert.ErrorContains(t, err, "route web: balancer shop-hyper-lite-balancer (running) does not serve the routes")
	assert.ErrorContains(t, err, `router shop-web-p80: entryPoint "p80" doesn't exist`)
	have := plan.Observed{Replicas: []plan.Replica{{Role: compose.RoleSidecar}, {Role: compose.RoleBalancer}}}
	published, err := b.Published(t.Context(), have)
	assert.NilError(t, err)
	assert.DeepEqual(t, published, []plan.Published{{Service: "web", Backends: refs("web", 1)}})

	// Another service is not held up by it.
	other := h.route(plan.Ref{Service: "api", Slot: 1, Generation: 1})
	other.Service = "api"
	assert.NilError(t, b.Do(t.Context(), other))

	h.traefik.set(func() { delete(h.traefik.disabled, "shop-web-p80") })
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 1)...)))
}

// A replica that was withdrawn, and not seen to be, counts as served: nobody may stop it on the record's word.
func TestWhatIsNotProvenToBeWithdrawnCountsAsServed(t *testing.T) {
	h := newHouse(t, 2)
	h.stop()
	h.patience = 300 * time.Millisecond
	h.run()
	b, _ := h.balancer()
	have := plan.Observed{Replicas: []plan.Replica{{Role: compose.RoleSidecar}, {Role: compose.RoleBalancer}}}
	backends := func() []plan.Ref {
		published, err := b.Published(t.Context(), have)
		assert.NilError(t, err)
		return published[0].Backends
	}
	one, two := refs("web", 1), refs("web", 2)[1:]
	assert.NilError(t, b.Do(t.Context(), h.route(one...)))
	h.traefik.set(func() { h.traefik.disabled["shop-web-p80"] = `entryPoint "p80" doesn't exist` })
	assert.Assert(t, b.Do(t.Context(), h.route(two...)) != nil)
	assert.DeepEqual(t, backends(), append(slices.Clone(two), one...))
	assert.Assert(t, b.Do(t.Context(), h.route(two...)) != nil)
	assert.DeepEqual(t, backends(), append(slices.Clone(two), one...))

	h.traefik.set(func() { delete(h.traefik.disabled, "shop-web-p80") })
	assert.NilError(t, b.Do(t.Context(), h.route(two...)))
	assert.DeepEqual(t, backends(), two)
}

func TestRouteWithoutABalancer(t *testing.T) {
	h := newHouse(t, 1)
	h.stop()
	h.patience = 200 * time.Millisecond
	h.traefik.Close()
	h.engine.replicas[0].State, h.engine.replicas[0].ExitCode = plan.Exited, 137
	h.run()
	b, _ := h.balancer()
	err := b.Do(t.Context(), h.route(refs("web", 1)...))
	assert.ErrorContains(t, err, "balancer shop-hyper-lite-balancer (exited (137)) does not serve the routes: its API cannot be asked")
}

func TestWrongRouteIsRefusedBeforeItIsWritten(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	step := h.route(refs("web", 1)...)
	step.Routes[0].Hosts = []string{"{{ evil }}"}
	assert.ErrorContains(t, b.Do(t.Context(), step), "is neither a host name")
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 1)...)))
}

// Fall failures withdraw a replica and not one fewer; Rise successes publish it again and not one fewer.
func TestFallAndRise(t *testing.T) {
	h := newHouse(t, 3)
	b, _ := h.balancer()
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 3)...)))
	sick := refs("web", 3)[1]
	h.backends[sick].set(500)
	eventually(t, "the sick one is withdrawn", func() bool { return h.serves(refs("web", 3)[0], refs("web", 3)[2]) })
	status, err := b.Status(t.Context())
	assert.NilError(t, err)
	assert.Equal(t, status.Services[0].Backends[1].Reason, "GET / answered 500, want 200 to 399")
	assert.Assert(t, !status.Services[0].Backends[1].Healthy)
	h.backends[sick].set(204)
	eventually(t, "the healed one is published", func() bool { return h.serves(refs("web", 3)...) })
}

// The routes of a service whose replicas are all down stay, and Traefik answers 503.
func TestAllDown(t *testing.T) {
	h := newHouse(t, 2)
	b, _ := h.balancer()
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 2)...)))
	for _, backend := range h.backends {
		backend.set(500)
	}
	eventually(t, "none is served", func() bool { return h.serves() })
	assert.Equal(t, len(h.traefik.loaded[fileName("web")].HTTP.Routers), 2)
	for _, backend := range h.backends {
		backend.set(200)
	}
	eventually(t, "both are served", func() bool { return h.serves(refs("web", 2)...) })
}

// What the engine says counts at once: no probe could see it within the minute that lies between two.
func TestEventsWithdrawAtOnce(t *testing.T) {
	for name, event := range map[string]Event{
		"die":       {Action: "die", ExitCode: 137},
		"stop":      {Action: "stop"},
		"kill":      {Action: "kill", Signal: "9"},
		"pause":     {Action: "pause"},
		"unhealthy": {Action: "health_status", Health: plan.Unhealthy},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, 2)
			b, _ := h.balancer()
			step := h.route(refs("web", 2)...)
			step.Probe.Interval = time.Minute
			assert.NilError(t, b.Do(t.Context(), step))
			event.Ref = refs("web", 2)[0]
			h.backends[event.Ref].server.Close()
			h.engine.happen(event)
			eventually(t, "it is withdrawn", func() bool { return h.serves(refs("web", 2)[1]) })
		})
	}
}

// What Traefik cannot make of one route must not keep a dead replica in another.
func TestAProofThatFailsHoldsUpNoWithdrawal(t *testing.T) {
	h := newHouse(t, 3)
	b, _ := h.balancer()
	all := refs("web", 3)
	assert.NilError(t, b.Do(t.Context(), h.route(all...)))
	assert.NilError(t, b.Close())
	h.stop()
	h.patience = time.Minute
	h.traefik.set(func() { h.traefik.disabled["shop-web-p80"] = "no such entry point" })
	h.engine.emit = nil
	h.run()
	eventually(t, "the events are followed", func() bool {
		h.engine.mu.Lock()
		defer h.engine.mu.Unlock()
		return h.engine.emit != nil
	})
	h.engine.happen(Event{Ref: all[0], Action: "die"})
	eventually(t, "the first one is withdrawn", func() bool { return h.serves(all[1], all[2]) })
	h.engine.happen(Event{Ref: all[1], Action: "die"})
	eventually(t, "the second one is withdrawn", func() bool { return h.serves(all[2]) })
}

// soon bounds what must not wait for a proof that cannot hold, whose patience is far longer.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// A replaced balancer lacks the ports that only the routes from before name.
func TestAProofOfOldRoutesHoldsUpNoPublication(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 1)...)))
	assert.NilError(t, b.Close())
	h.stop()
	h.patience = time.Hour
	h.traefik.set(func() { h.traefik.disabled["shop-web-p80"] = "no such entry point" })
	signals := h.engine.signalled()
	h.run()
	eventually(t, "the proof is under way", func() bool { return h.engine.signalled() > signals })
	step := h.route(refs("web", 1)...)
	step.Routes[0].ServicePort = 81
	assert.NilError(t, b.Do(soon(t), step))
	assert.DeepEqual(t, h.traefik.servers("web", "shop-web-p81"), urls(refs("web", 1)...))
	status, err := b.Status(t.Context())
	assert.NilError(t, err)
	assert.Equal(t, status.Trouble, "")
}

// Two commands, or two services of one: the proof of the one goes on while the other writes.
func TestAPublicationThatCannotHoldHoldsUpNoOther(t *testing.T) {
	h := newHouse(t, 1)
	h.stop()
	h.patience = time.Hour
	h.traefik.set(func() { h.traefik.disabled["shop-web-p80"] = "no such entry point" })
	h.run()
	first, _ := h.balancer()
	second, _ := h.balancer()
	ended := make(chan error, 1)
	go func() { ended <- first.Do(soon(t), h.route(refs("web", 1)...)) }()
	eventually(t, "it is written", func() bool { return h.serves(refs("web", 1)...) })

	other := h.route()
	other.Service = "api"
	assert.NilError(t, second.Do(soon(t), other))
	select {
	case err := <-ended:
		t.Fatalf("it is not live, and ended with %v", err)
	default:
	}
	h.traefik.set(func() { clear(h.traefik.disabled) })
	assert.NilError(t, <-ended, "its proof goes on with what the other one wrote")
}

func TestHarmlessSignalsWithdrawNothing(t *testing.T) {
	now := time.Unix(0, 0)
	up := judgement{Up: true, EverUp: true}
	assert.Assert(t, up.told(Event{Action: "kill", Signal: "1"}, now).Up)
	assert.Assert(t, up.told(Event{Action: "kill"}, now).Up, "an unknown one is waited for")
	assert.Assert(t, up.told(Event{Action: "exec_create"}, now).Up)
	assert.Assert(t, !up.told(Event{Action: "kill", Signal: "15"}, now).Up)
}

// A paused replica still accepts connections, by its kernel's grace: only the engine knows better.
func TestPausedReplicaDoesNotRise(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 1)...)))
	ref := refs("web", 1)[0]
	h.engine.happen(Event{Action: "pause", Ref: ref})
	eventually(t, "it is withdrawn", func() bool { return h.serves() })
	asked := h.backends[ref].count()
	eventually(t, "it was probed often", func() bool { return h.backends[ref].count() > asked+5 })
	assert.Assert(t, h.serves())
	h.engine.happen(Event{Action: "unpause", Ref: ref})
	eventually(t, "it is published", func() bool { return h.serves(ref) })
}

// What happened while no event could arrive is seen when the stream begins again.
func TestBrokenEventStream(t *testing.T) {
	h := newHouse(t, 2)
	b, _ := h.balancer()
	step := h.route(refs("web", 2)...)
	step.Probe.Interval = time.Minute
	assert.NilError(t, b.Do(t.Context(), step))
	h.engine.state(refs("web", 2)[0], plan.Exited)
	h.backends[refs("web", 2)[0]].server.Close()
	h.engine.breakStream()
	eventually(t, "the dead one is withdrawn", func() bool { return h.serves(refs("web", 2)[1]) })
}

// A sidecar that starts again goes on from what it knew, and takes nothing from the users.
func TestRestart(t *testing.T) {
	h := newHouse(t, 3)
	b, _ := h.balancer()
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 3)...)))
	sick := refs("web", 3)[0]
	h.backends[sick].set(500)
	eventually(t, "the sick one is withdrawn", func() bool { return h.serves(refs("web", 3)[1:]...) })
	reloads := h.traefik.count()
	h.stop()
	asked := h.backends[sick].count()
	h.run()
	eventually(t, "it is probed again", func() bool { return h.backends[sick].count() > asked+3 })
	assert.Assert(t, h.serves(refs("web", 3)[1:]...))
	assert.Equal(t, h.traefik.count(), reloads, "nothing has changed")
	h.backends[sick].set(200)
	eventually(t, "the healed one is published", func() bool { return h.serves(refs("web", 3)...) })
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 2)...)), "a session that broke is opened anew")
}

func TestUnreadableRecordIsSetAside(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 1)...)))
	h.stop()
	record := filepath.Join(h.folder, recordFile)
	assert.NilError(t, os.WriteFile(record, []byte(`{"version": 7}`), 0o600))
	h.run()
	eventually(t, "it is set aside", func() bool { _, err := os.Stat(record + ".unreadable"); return err == nil })
	assert.Assert(t, h.serves(refs("web", 1)...), "what is live stays live")
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 1)...)))
}

// makeCertificate is a throw-away certificate for a host name.
func makeCertificate(t *testing.T, digest, name string) *compose.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NilError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	assert.NilError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	assert.NilError(t, err)
	return &compose.Certificate{
		Source: "cert.pem", Digest: digest,
		Chain: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		Key:   string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	}
}

// tlsListener shows a certificate, as the balancer's port does, and returns the port.
func tlsListener(t *testing.T, c *compose.Certificate) int {
	pair, err := tls.X509KeyPair([]byte(c.Chain), []byte(c.Key))
	assert.NilError(t, err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	assert.NilError(t, err)
	server := &http.Server{Handler: http.NotFoundHandler()}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

func TestCertificates(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	ours, traefiks := makeCertificate(t, "aaaaaaaaaaaa", "shop.example.com"), makeCertificate(t, "bbbbbbbbbbbb", traefikDefault)
	step := h.route(refs("web", 1)...)
	step.Routes[0].Protocol, step.Routes[0].Cert, step.Routes[0].Hosts = compose.HTTPSTerm, ours, []string{"shop.example.com"}

	step.Routes[0].ServicePort = tlsListener(t, traefiks)
	assert.ErrorContains(t, b.Do(t.Context(), step), "the balancer cannot use cert.pem and shows its own")
	step.Routes[0].ServicePort = tlsListener(t, ours)
	assert.NilError(t, b.Do(t.Context(), step))

	for _, ending := range []string{".key", ".crt"} {
		info, err := os.Stat(filepath.Join(h.folder, certs, "aaaaaaaaaaaa"+ending))
		assert.NilError(t, err)
		assert.Equal(t, info.Mode().Perm(), os.FileMode(0o600))
	}
	text, err := os.ReadFile(filepath.Join(h.folder, recordFile))
	assert.NilError(t, err)
	assert.Assert(t, !strings.Contains(string(text), "PRIVATE KEY") && !strings.Contains(string(text), "BEGIN"))
	status, err := b.Status(t.Context())
	assert.NilError(t, err)
	assert.DeepEqual(t, status.Services[0].Routes[0].Cert, &compose.Certificate{Source: "cert.pem", Digest: "aaaaaaaaaaaa"})

	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 1)...)))
	_, err = os.Stat(filepath.Join(h.folder, certs, "aaaaaaaaaaaa.key"))
	assert.Assert(t, errors.Is(err, os.ErrNotExist), "a key that nobody uses is not kept")

	step.Routes[0].Cert = &compose.Certificate{Source: "mixed.pem", Digest: "cccccccccccc", Chain: ours.Chain, Key: traefiks.Key}
	assert.ErrorContains(t, b.Do(t.Context(), step), "certificate mixed.pem: tls: private key does not match public key")
}

func TestConfigShowsTheFiles(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 1)...)))
	files, err := b.Config(t.Context())
	assert.NilError(t, err)
	want, err := os.ReadFile(filepath.Join(h.folder, dynamic, fileName("web")))
	assert.NilError(t, err)
	assert.Equal(t, files[fileName("web")], string(want))
	assert.Equal(t, len(files), 3)
}

// A sidecar without a balancer asks nobody's API, and drops what was published while there was one.
func TestASidecarAlone(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 1)...)))
	assert.NilError(t, b.Close())
	h.stop()
	h.traefik.Close()
	h.alone = true
	h.run()
	b, _ = h.balancer()
	status, err := b.Status(t.Context())
	assert.NilError(t, err)
	assert.DeepEqual(t, status, Status{Project: "shop", Services: []ServiceStatus{}})
	have := plan.Observed{Replicas: []plan.Replica{{Role: compose.RoleSidecar}}}
	published, err := b.Published(t.Context(), have)
	assert.NilError(t, err)
	assert.DeepEqual(t, published, []plan.Published{})
	files, err := b.Config(t.Context())
	assert.NilError(t, err)
	assert.Equal(t, len(files), 0)
	assert.ErrorContains(t, b.Do(t.Context(), h.route(refs("web", 1)...)), "has no balancer")
}
