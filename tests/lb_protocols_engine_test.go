//go:build engine

package tests

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func TestTLSPassesThroughToEveryReplica(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: hyper-lite-demo, replicas: 2, protocol: https, service_port: "${PORT}", container_port: 443}
`)
	p.must("up", "-d", "--wait")
	p.reached("web", 8, func() (string, error) {
		conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.port), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			return "", err
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName, nil // the replica's own certificate
	})
}

func TestTCPReachesEveryReplica(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  lines: {image: hyper-lite-demo, replicas: 2, protocol: tcp, service_port: "${PORT}", container_port: 7000}
`)
	p.must("up", "-d", "--wait")
	p.reached("lines", 8, func() (string, error) { return firstLine(fmt.Sprintf("127.0.0.1:%d", p.port)) })
}

func TestTLSEndsAtTheBalancerWithTheGivenChain(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: hyper-lite-demo, replicas: 2, protocol: httpsTerm, service_port: "${PORT}", container_port: 80, ssl_cert: shop.pem}
`)
	text, roots := certificate(t, "shop.test")
	p.write("shop.pem", text)
	p.must("up", "-d", "--wait")
	client := trusting(roots, p.port)
	p.reached("web", 8, func() (string, error) { return ok(client, "https://shop.test/replica") })

	response, err := client.Get("https://shop.test/request")
	assert.NilError(t, err)
	defer response.Body.Close()
	assert.Equal(t, response.Proto, "HTTP/2.0", "to the client")
	body, err := io.ReadAll(response.Body)
	assert.NilError(t, err)
	request := readArrived(t, string(body))
	assert.Equal(t, request.Proto, "HTTP/1.1", "behind the balancer")
	assert.Equal(t, request.Header.Get("X-Forwarded-Proto"), "https")
	assert.Equal(t, request.Host, "shop.test")
}

func TestACertificateThatIsReplacedIsShownWithoutNewContainers(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: hyper-lite-demo, protocol: httpsTerm, service_port: "${PORT}", container_port: 80, ssl_cert: shop.pem}
`)
	text, old := certificate(t, "shop.test")
	p.write("shop.pem", text)
	p.must("up", "-d", "--wait")
	before := p.inspect("hyper-lite-balancer").ID + p.inspect("web-1").ID
	_, err := ok(trusting(old, p.port), "https://shop.test/replica")
	assert.NilError(t, err)

	text, renewed := certificate(t, "shop.test")
	p.write("shop.pem", text)
	p.must("up", "-d", "--wait")
	_, err = ok(trusting(renewed, p.port), "https://shop.test/replica")
	assert.NilError(t, err)
	assert.Equal(t, p.inspect("hyper-lite-balancer").ID+p.inspect("web-1").ID, before)
}

// Its key may be nobody's to read but who brings the service up: looking, stopping and taking down do without. What has
// something served says what it lacks, and changes nothing.
func TestACertificateThatCannotBeReadStopsNobodyWhoLooksOrTakesDown(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: hyper-lite-demo, protocol: httpsTerm, service_port: "${PORT}", container_port: 80, ssl_cert: shop.pem}
`)
	text, roots := certificate(t, "shop.test")
	p.write("shop.pem", text)
	p.must("up", "-d", "--wait")
	away := func(what func()) {
		assert.NilError(t, os.Remove(filepath.Join(p.dir, "shop.pem")))
		what()
		p.write("shop.pem", text)
	}
	away(func() {
		for _, verb := range []string{"ps", "lb", "service ls", "service inspect web", "logs"} {
			p.must(strings.Fields(verb)...)
		}
		for _, verb := range []string{"up -d", "restart", "start"} {
			says(t, p.exits(1, strings.Fields(verb)...).err, "services.web.ssl_cert: there is no file")
		}
		_, err := ok(trusting(roots, p.port), "https://shop.test/replica")
		assert.NilError(t, err)
		p.must("stop")
	})
	p.must("start")
	_, err := ok(trusting(roots, p.port), "https://shop.test/replica")
	assert.NilError(t, err)
	away(func() { p.must("down") })
	assert.Equal(t, len(p.leftovers()), 0)
}

// webSocket opens a WebSocket and returns the connection and what follows the handshake.
func webSocket(t *testing.T, port int) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	assert.NilError(t, err)
	t.Cleanup(func() { _ = conn.Close() }) // only so that no test leaves one open
	assert.NilError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	assert.NilError(t, err)
	from := bufio.NewReader(conn)
	response, err := http.ReadResponse(from, nil)
	assert.NilError(t, err)
	assert.Equal(t, response.StatusCode, http.StatusSwitchingProtocols)
	return conn, from
}

// message reads one short text message of a WebSocket server (RFC 6455, section 5.2).
func message(t *testing.T, from io.Reader) string {
	t.Helper()
	var head [2]byte
	_, err := io.ReadFull(from, head[:])
	assert.NilError(t, err)
	assert.Equal(t, head[0], byte(0x81), "a whole text message")
	text := make([]byte, head[1])
	_, err = io.ReadFull(from, text)
	assert.NilError(t, err)
	return string(text)
}

func TestWebSocketsGoThroughTheBalancer(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: hyper-lite-demo, replicas: 2, protocol: http, service_port: "${PORT}", container_port: 80}
`)
	p.must("up", "-d", "--wait")
	p.reached("web", 4, func() (string, error) {
		conn, from := webSocket(t, p.port)
		name := message(t, from)
		_, err := conn.Write([]byte{0x81, 0x82, 0, 0, 0, 0, 'h', 'i'}) // masked with zeros
		assert.Equal(t, message(t, from), "hi")
		return name, err
	})
}

func TestSessionAffinityKeepsAClientOnItsReplica(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  sticky: {image: hyper-lite-demo, replicas: 3, protocol: http, service_port: "${PORT}", container_port: 80, session_affinity: true}
  plain: {image: hyper-lite-demo, replicas: 2, protocol: http, service_port: "${PLAIN}", container_port: 80}
`)
	plain := p.newPort("PLAIN")
	p.must("up", "-d", "--wait")
	withJar := func() *http.Client {
		jar, err := cookiejar.New(nil)
		assert.NilError(t, err)
		return &http.Client{Timeout: 15 * time.Second, Jar: jar, Transport: fresh.Transport}
	}
	p.reached("sticky", 9, func() (string, error) { // every replica gets clients, each client one replica
		client := withJar()
		name, err := ok(client, p.url("/replica"))
		for range 5 {
			again, err := ok(client, p.url("/replica"))
			assert.NilError(t, err)
			assert.Equal(t, again, name)
		}
		return name, err
	})
	client := withJar()
	p.reached("plain", 8, func() (string, error) { return ok(client, fmt.Sprintf("http://127.0.0.1:%d/replica", plain)) })
}

func TestAStickyClientGoesToAnotherReplicaWhenItsOwnIsGone(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: hyper-lite-demo, replicas: 2, protocol: http, service_port: "${PORT}", container_port: 80, session_affinity: true}
`)
	p.must("up", "-d", "--wait")
	jar, err := cookiejar.New(nil)
	assert.NilError(t, err)
	client := &http.Client{Timeout: 15 * time.Second, Jar: jar, Transport: fresh.Transport}
	name, err := ok(client, p.url("/replica"))
	assert.NilError(t, err)
	assert.NilError(t, docker.ContainerKill(t.Context(), name, "KILL"))
	eventually(t, 30*time.Second, func() error {
		next, err := ok(client, p.url("/replica"))
		if err == nil && next == name {
			err = fmt.Errorf("%s still answers", name)
		}
		return err
	})
}

func TestAlgorithmsChooseAsPromised(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  least: {image: hyper-lite-demo, replicas: 2, protocol: http, service_port: "${PORT}", container_port: 80, algorithm: leastconn}
  source: {image: hyper-lite-demo, replicas: 3, protocol: http, service_port: "${SOURCE}", container_port: 80, algorithm: source}
`)
	source := p.newPort("SOURCE")
	p.must("up", "-d", "--wait")
	p.reached("least", 40, func() (string, error) { return ok(fresh, p.url("/replica")) })

	url := fmt.Sprintf("http://127.0.0.1:%d/replica", source)
	name, err := ok(fresh, url)
	assert.NilError(t, err)
	for range 10 {
		again, err := ok(fresh, url)
		assert.NilError(t, err)
		assert.Equal(t, again, name, "one address goes to one replica")
	}
}

func TestLeastConnGoesAroundABusyReplica(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: hyper-lite-demo, replicas: 2, protocol: http, service_port: "${PORT}", container_port: 80, algorithm: leastconn}
`)
	p.must("up", "-d", "--wait")
	busy := make(chan string, 1)
	go func() {
		name, err := ok(fresh, p.url("/slow?ms=4000"))
		if err != nil {
			name = err.Error()
		}
		busy <- name
	}()
	served := func(name string) string {
		count, err := ok(fresh, p.direct(name, "/served"))
		assert.NilError(t, err)
		return count
	}
	eventually(t, 5*time.Second, func() error { // each look is counted too: the slow one makes the difference
		if served("web-1") == served("web-2") {
			return fmt.Errorf("the slow request is not there yet")
		}
		return nil
	})
	seen := p.answerers(20)
	name := <-busy
	assert.Equal(t, seen[name], 0, "%s was busy, and was asked nevertheless: %v", name, seen)
}

func TestWhatTheBalancerCannotDoIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ protocol, key, why string }{
		{"tcp", "algorithm: leastconn", "leastconn is not possible with protocol tcp"},
		{"tcp", "algorithm: source", "source is not possible with protocol tcp"},
		{"https", "algorithm: leastconn", "leastconn is not possible with protocol https"},
		{"https", "algorithm: source", "source is not possible with protocol https"},
		{"tcp", "session_affinity: true", "is not possible with protocol tcp"},
		{"https", "session_affinity: true", "is not possible with protocol https"},
		{"tcp", "hosts: [shop.test]", "a plain connection names no host"},
		{"https", "path_prefix: /shop", "the balancer sees no path"},
	} {
		t.Run(c.protocol+" "+c.key, func(t *testing.T) {
			p := newProject(t, fmt.Sprintf("services:\n  web:\n    image: hyper-lite-demo\n    protocol: %s\n    service_port: %s\n    %s\n",
				c.protocol, "${PORT}", c.key))
			up := p.exits(1, "up", "-d")
			assert.Assert(t, regexp.MustCompile(`compose\.yaml:6:\d+: services\.web\.`).MatchString(up.err), up.err)
			assert.Assert(t, strings.Contains(up.err, c.why), up.err)
			assert.Equal(t, len(p.leftovers()), 0)
		})
	}
}

func TestHostsAndPathsTellServicesOfOnePortApart(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  web: {image: hyper-lite-demo, protocol: http, service_port: "${PORT}", container_port: 80}
  api: {image: hyper-lite-demo, protocol: http, service_port: "${PORT}", container_port: 80, hosts: [api.test, "*.api.test"]}
  docs: {image: hyper-lite-demo, protocol: http, service_port: "${PORT}", container_port: 80, path_prefix: /replica}
`)
	p.must("up", "-d", "--wait")
	for _, c := range []struct{ host, path, service string }{
		{"shop.test", "/request", "web"},
		{"api.test", "/request", "api"},
		{"v2.api.test", "/request", "api"},
		{"a.v2.api.test", "/request", "web"},
		{"api.test", "/replica", "api"},
		{"shop.test", "/replica", "docs"},
		{"shop.test", "/replicas", "web"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url(c.path), nil)
		assert.NilError(t, err)
		request.Host = c.host
		response, err := fresh.Do(request)
		assert.NilError(t, err)
		assert.NilError(t, response.Body.Close())
		assert.Equal(t, response.Header.Get("X-Replica"), p.names(c.service)[0], "%s%s", c.host, c.path)
	}
}
