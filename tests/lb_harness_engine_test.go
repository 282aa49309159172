//go:build engine

package tests

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/pkg/stdcopy"
	"gotest.tools/v3/assert"
)

// newPort gives the project another port, as $NAME in its files.
func (p *project) newPort(name string) int {
	p.t.Helper()
	port := freePort(p.t)
	p.env = append(p.env, fmt.Sprintf("%s=%d", name, port))
	return port
}

// names is by which name each running replica of a service calls itself, sorted.
func (p *project) names(service string) []string {
	p.t.Helper()
	var names []string
	for _, c := range p.containers(service) {
		if c.State == container.StateRunning {
			names = append(names, c.ID[:12])
		}
	}
	slices.Sort(names)
	return names
}

// reached calls one n times, and fails the test unless all the replicas of the service, and nobody else, answered.
func (p *project) reached(service string, n int, one func() (string, error)) {
	p.t.Helper()
	seen := map[string]bool{}
	for range n {
		name, err := one()
		assert.NilError(p.t, err)
		seen[name] = true
	}
	assert.DeepEqual(p.t, sortedKeys(seen), p.names(service))
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// firstLine is what a TCP server says first.
func firstLine(address string) (string, error) {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	line := make([]byte, 64)
	n, err := conn.Read(line)
	return strings.TrimSpace(string(line[:n])), err
}

// ok is the body of a GET that must be answered with 200.
func ok(c *http.Client, url string) (string, error) {
	code, body, err := get(c, url)
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("GET %s: %d %s", url, code, body)
	}
	return body, err
}

// direct is an address on one container itself, past the balancer.
func (p *project) direct(name, path string) string {
	p.t.Helper()
	for _, at := range p.inspect(name).NetworkSettings.Networks {
		return fmt.Sprintf("http://%s%s", at.IPAddress, path)
	}
	p.t.Fatalf("%s is in no network", name)
	return ""
}

// post steers the demo application; its answer must be 200.
func post(t *testing.T, url string) {
	t.Helper()
	response, err := fresh.Post(url, "", nil)
	assert.NilError(t, err)
	defer response.Body.Close()
	assert.Equal(t, response.StatusCode, http.StatusOK, url)
}

// arrived is a request as it arrived at a replica.
type arrived struct {
	Replica, Host, Proto string
	Header               http.Header
}

func readArrived(t *testing.T, body string) arrived {
	t.Helper()
	var a arrived
	assert.NilError(t, json.Unmarshal([]byte(body), &a), body)
	return a
}

// guest is a container of the demo image in the project's default network, which runs one of its verbs.
type guest struct{ out, address string }

// inside runs a verb of the demo application inside the project's network, and fails the test where it fails.
func (p *project) inside(args ...string) guest {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	made, err := p.docker.ContainerCreate(ctx, &container.Config{Image: demo, Cmd: args},
		&container.HostConfig{NetworkMode: container.NetworkMode(p.name + "_default")}, nil, nil, "")
	assert.NilError(p.t, err)
	defer func() {
		p.ok(p.docker.ContainerRemove(ctx, made.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	}()
	ended, failed := p.docker.ContainerWait(ctx, made.ID, container.WaitConditionNextExit)
	addresses, stop := p.addresses(ctx, made.ID)
	assert.NilError(p.t, p.docker.ContainerStart(ctx, made.ID, container.StartOptions{}))
	var code int64
	select {
	case end := <-ended:
		code = end.StatusCode
	case err := <-failed:
		p.t.Fatal(err)
	}
	out, errs := p.written(made.ID)
	assert.Equal(p.t, code, int64(0), "%v: %s", args, errs)
	stop()
	return guest{out: strings.TrimSpace(out), address: <-addresses}
}

// written is what a container has written so far.
func (p *project) written(name string) (out, errs string) {
	p.t.Helper()
	logs, err := p.docker.ContainerLogs(p.t.Context(), name, container.LogsOptions{ShowStdout: true, ShowStderr: true})
	assert.NilError(p.t, err)
	defer logs.Close()
	var stdout, stderr bytes.Buffer
	_, err = stdcopy.StdCopy(&stdout, &stderr, logs)
	assert.NilError(p.t, err)
	return stdout.String(), stderr.String()
}

// addresses tells the address that the engine gave a short-lived container: by its own events, since it may
// be gone before anybody could look. The channel gives "" where there was none.
func (p *project) addresses(ctx context.Context, id string) (found <-chan string, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	address := make(chan string, 1)
	stream, failed := p.docker.Events(ctx, events.ListOptions{Filters: filters.NewArgs(
		filters.Arg("type", "network"), filters.Arg("event", "connect"))})
	go func() {
		defer close(address)
		for {
			select {
			case <-failed:
				return
			case e := <-stream:
				if e.Actor.Attributes["container"] != id {
					continue
				}
				if seen, err := p.docker.ContainerInspect(ctx, id); err == nil {
					for _, n := range seen.NetworkSettings.Networks {
						address <- n.IPAddress
						return
					}
				}
			}
		}
	}()
	return address, cancel
}

// crash ends the first process of a container from the host, past the engine: for the engine, a kill through
// its API is the user's wish, after which it starts nothing again.
func (p *project) crash(name string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	made, err := p.docker.ContainerCreate(ctx, &container.Config{Image: demo, Cmd: []string{"kill", fmt.Sprint(p.inspect(name).State.Pid)}},
		&container.HostConfig{PidMode: "host", NetworkMode: "none"}, nil, nil, "")
	assert.NilError(p.t, err)
	defer func() { p.ok(p.docker.ContainerRemove(ctx, made.ID, container.RemoveOptions{Force: true})) }()
	ended, failed := p.docker.ContainerWait(ctx, made.ID, container.WaitConditionNextExit)
	assert.NilError(p.t, p.docker.ContainerStart(ctx, made.ID, container.StartOptions{}))
	select {
	case end := <-ended:
		assert.Equal(p.t, end.StatusCode, int64(0), "%s was not killed", name)
	case err := <-failed:
		p.t.Fatal(err)
	}
}

// restarted returns once the engine has started a container anew since before.
func (p *project) restarted(name string, before container.InspectResponse) {
	p.t.Helper()
	eventually(p.t, 20*time.Second, func() error {
		if now := p.inspect(name).State; !now.Running || now.StartedAt == before.State.StartedAt {
			return fmt.Errorf("the engine did not start %s again: %s", name, now.Status)
		}
		return nil
	})
}

// load is a stream of GETs with an end: at most so many, at most so long.
type load struct {
	mu       sync.Mutex
	requests int
	failures []string
	seen     map[string]int // by X-Replica
}

// underLoad runs what while clients ask for url over and over, one with a connection it keeps and one with a
// new connection for every request, and returns what became of the requests.
func underLoad(t *testing.T, url string, what func()) *load {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	kept := &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	defer kept.CloseIdleConnections()
	l := &load{seen: map[string]int{}}
	var clients sync.WaitGroup
	for _, c := range []*http.Client{kept, fresh} {
		clients.Go(func() { l.ask(ctx, c, url) })
	}
	what()
	eventually(t, 20*time.Second, l.enough)
	cancel()
	clients.Wait()
	t.Logf("%d requests, %d failed, answers by replica: %v", l.requests, len(l.failures), l.seen)
	return l
}

// enough says whether the load was one.
func (l *load) enough() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.requests < 50 {
		return fmt.Errorf("only %d requests were made", l.requests)
	}
	return nil
}

// ask goes on until ctx ends or 10000 requests are made; a request that was begun is finished.
func (l *load) ask(ctx context.Context, c *http.Client, url string) {
	pace := time.NewTicker(4 * time.Millisecond)
	defer pace.Stop()
	for range 10000 {
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
		}
		l.note(c.Get(url))
	}
}

func (l *load) note(response *http.Response, err error) {
	name, failure := "", ""
	if err != nil {
		failure = err.Error()
	} else {
		name = response.Header.Get("X-Replica")
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			failure = fmt.Sprintf("%d %s %v", response.StatusCode, body, err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	l.seen[name]++
	if failure != "" {
		l.failures = append(l.failures, time.Now().Format(time.StampMilli)+" "+failure)
	}
}

// lostNothing fails the test where a request failed.
func (l *load) lostNothing(t *testing.T) {
	t.Helper()
	if len(l.failures) > 0 {
		t.Errorf("%d of %d requests failed, first: %s", len(l.failures), l.requests, strings.Join(l.failures[:min(5, len(l.failures))], "\n"))
	}
}

// actions is how the engine changed the project's containers while what ran, by "container action". It listens meanwhile,
// since the engine remembers its last 256 events only, those of all projects; what is made at the end says that all was told.
func (p *project) actions(what func()) []string {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	defer cancel()
	now := time.Now()
	stream, failed := p.docker.Events(ctx, events.ListOptions{
		Since: fmt.Sprintf("%d.%09d", now.Unix(), now.Nanosecond()), Filters: filters.NewArgs(filters.Arg("type", "container")),
	})
	last := p.name + "-all-was-told"
	var actions []string
	heard := make(chan error, 1)
	go func() {
		for {
			select {
			case err := <-failed:
				heard <- err
				return
			case e := <-stream:
				if e.Actor.Attributes["name"] == last {
					heard <- nil
					return
				}
				asked := strings.HasPrefix(string(e.Action), "exec_") || e.Action == events.ActionArchivePath // the sidecar, or for a file of it
				if e.Actor.Attributes["hyper-lite.project"] == p.name && !asked {
					actions = append(actions, strings.TrimPrefix(e.Actor.Attributes["name"], p.name+"-")+" "+string(e.Action))
				}
			}
		}
	}()
	what()
	made, err := p.docker.ContainerCreate(ctx, &container.Config{Image: demo}, nil, nil, nil, last)
	assert.NilError(p.t, err)
	assert.NilError(p.t, p.docker.ContainerRemove(ctx, made.ID, container.RemoveOptions{}))
	select {
	case err := <-heard:
		assert.NilError(p.t, err)
	case <-time.After(20 * time.Second):
		p.t.Fatal("the engine does not tell what happened")
	}
	return actions
}

// certificate is a chain of two and its key in one PEM, and the pool of the one root that signed it.
func certificate(t *testing.T, names ...string) (text string, roots *x509.CertPool) {
	t.Helper()
	root, rootKey := signed(t, &x509.Certificate{Subject: pkix.Name{CommonName: "root"}, IsCA: true}, nil, nil)
	middle, middleKey := signed(t, &x509.Certificate{Subject: pkix.Name{CommonName: "middle"}, IsCA: true}, root, rootKey)
	leaf, leafKey := signed(t, &x509.Certificate{Subject: pkix.Name{CommonName: names[0]}, DNSNames: names}, middle, middleKey)
	key, err := x509.MarshalPKCS8PrivateKey(leafKey)
	assert.NilError(t, err)
	var out bytes.Buffer
	for _, block := range []*pem.Block{
		{Type: "CERTIFICATE", Bytes: leaf.Raw}, {Type: "CERTIFICATE", Bytes: middle.Raw}, {Type: "PRIVATE KEY", Bytes: key},
	} {
		assert.NilError(t, pem.Encode(&out, block))
	}
	roots = x509.NewCertPool()
	roots.AddCert(root)
	return out.String(), roots
}

func signed(t *testing.T, c, by *x509.Certificate, with *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	assert.NilError(t, err)
	c.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	assert.NilError(t, err)
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	c.BasicConstraintsValid = true
	if by == nil {
		by, with = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, key.Public(), with)
	assert.NilError(t, err)
	made, err := x509.ParseCertificate(der)
	assert.NilError(t, err)
	return made, key
}

// trusting is a client that opens a TLS connection for every request, to the project's port whatever the name
// in the URL is, and believes only these roots.
func trusting(roots *x509.CertPool, port int) *http.Client {
	return &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, fmt.Sprintf("127.0.0.1:%d", port))
		},
	}}
}
