//go:build engine

package tests

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// needs fails the test where an image that only some scenarios use is not on the engine.
func needs(t *testing.T, images ...string) {
	t.Helper()
	for _, image := range images {
		if _, err := docker.ImageInspect(t.Context(), image); err != nil {
			t.Fatalf("image %s is not there, make it with `make images`: %v", image, err)
		}
	}
}

// example is a project of its own made of a folder of examples.
func example(t *testing.T, name string) *project {
	t.Helper()
	p := newProject(t, "")
	p.dir = copyExample(t, name)
	return p
}

func TestExampleQuickstart(t *testing.T) {
	t.Parallel()
	p := example(t, "quickstart")
	says(t, p.must("up", "-d", "--wait").out, fmt.Sprintf("http://localhost:%d -> web (3 replicas)", p.port))
	p.reached("web", 9, func() (string, error) { return ok(fresh, p.url("/replica")) })
	says(t, p.must("up", "-d").out, "nothing to change")
	p.must("down")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
}

// redis sends one command, its words apart, and returns the answer: a text, or the words of an error.
func redis(address string, words ...string) (string, error) {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	var command strings.Builder
	fmt.Fprintf(&command, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&command, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := conn.Write([]byte(command.String())); err != nil {
		return "", err
	}
	answer := bufio.NewReader(conn)
	line, err := answer.ReadString('\n')
	if err == nil && strings.HasPrefix(line, "$") && !strings.HasPrefix(line, "$-1") {
		line, err = answer.ReadString('\n') // the text follows its length
	}
	return strings.TrimRight(line, "\r\n"), err
}

func TestExampleTCP(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := example(t, "tcp")
	p.must("up", "-d", "--wait")
	at := fmt.Sprintf("127.0.0.1:%d", p.port)
	for _, c := range []struct{ command, want string }{
		{"PING", "+PONG"}, {"SET drink tea", "+OK"}, {"GET drink", "tea"}, {"GET none", "$-1"},
	} {
		got, err := redis(at, strings.Fields(c.command)...)
		assert.NilError(t, err, c.command)
		assert.Equal(t, got, c.want, c.command)
	}
	p.must("down")
	assert.DeepEqual(t, p.leftovers(), []string{"volume " + p.name + "_data"})
	p.must("up", "-d", "--wait")
	got, err := redis(at, "GET", "drink")
	assert.NilError(t, err)
	assert.Equal(t, got, "tea")
}

func TestExampleHTTPSTerm(t *testing.T) {
	t.Parallel()
	p := example(t, "https-term")
	r := p.exits(1, "up", "-d") // without a certificate nothing starts
	says(t, r.err, "certificate.pem")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	makeCertificate(t, p.dir)
	p.must("up", "-d", "--wait")
	pem, err := os.ReadFile(filepath.Join(p.dir, "certificate.pem"))
	assert.NilError(t, err)
	roots := x509.NewCertPool()
	assert.Assert(t, roots.AppendCertsFromPEM(pem))
	client := trusting(roots, p.port)
	p.reached("web", 6, func() (string, error) {
		return ok(client, "https://localhost/replica")
	})
}

// sold is one order of the three-tier example.
type sold struct {
	Item     string  `json:"item"`
	TakenBy  string  `json:"taken_by"`
	PackedBy *string `json:"packed_by"`
}

func (p *project) orders() ([]sold, error) {
	body, err := ok(fresh, p.url("/orders"))
	if err != nil {
		return nil, err
	}
	var all []sold
	return all, json.Unmarshal([]byte(body), &all)
}

func TestExampleThreeTier(t *testing.T) {
	t.Parallel()
	needs(t, "postgres:15")
	p := example(t, "three-tier")
	p.must("up", "-d", "--wait")
	assert.Equal(t, p.inspect("migrate-1").State.ExitCode, 0)
	for _, item := range []string{"tea", "cake"} {
		response, err := fresh.Post(p.url("/orders?item="+url.QueryEscape(item)), "", nil)
		assert.NilError(t, err)
		assert.NilError(t, response.Body.Close())
		assert.Equal(t, response.StatusCode/100, 2, http.StatusText(response.StatusCode))
	}
	var before []sold
	eventually(t, 20*time.Second, func() (err error) {
		if before, err = p.orders(); err != nil {
			return err
		}
		for _, order := range before {
			if order.PackedBy == nil {
				return fmt.Errorf("%s is not packed", order.Item)
			}
		}
		return nil
	})
	assert.Equal(t, len(before), 2)
	web, workers := p.names("web"), p.names("worker")
	for _, order := range before {
		assert.Assert(t, contains(web, order.TakenBy), "%s of %v", order.TakenBy, web)
		assert.Assert(t, contains(workers, *order.PackedBy), "%s of %v", *order.PackedBy, workers)
	}
	migrated := p.inspect("migrate-1").State.FinishedAt
	says(t, p.must("up", "-d").out, "nothing to change")
	assert.Equal(t, p.inspect("migrate-1").State.FinishedAt, migrated) // a one-shot that is done is not run again

	p.must("down", "-t", "3")
	assert.DeepEqual(t, p.leftovers(), []string{"volume " + p.name + "_rows"})
	p.must("up", "-d", "--wait")
	after, err := p.orders()
	assert.NilError(t, err)
	assert.DeepEqual(t, after, before)
	p.must("down", "-v", "-t", "3")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
}

func TestExampleJobs(t *testing.T) {
	t.Parallel()
	p := example(t, "jobs")
	p.must("config", "-q")
	assert.Equal(t, p.must("config", "--jobs").out, "backup\nreport\nrestore\nsweep\n")
	says(t, p.must("up", "-d", "--wait").out, "`up` starts no job: backup, report, restore, sweep")
	_, err := ok(fresh, p.url("/replica"))
	assert.NilError(t, err)
	for _, c := range p.containers("") {
		assert.Assert(t, !contains([]string{"backup", "report", "restore", "sweep"}, c.Labels["hyper-lite.service"]) || c.State == "created", c.Names[0])
	}
}
