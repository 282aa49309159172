//go:build engine

package tests

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// crowd is clients that ask until they are told to stop: every other one keeps its connection, the
// others open one for each request. They GET and POST, some answers take a while, and some of the talk is
// plain TCP. Nothing is ever asked a second time: a failure is a failure.
type crowd struct {
	t       testing.TB
	clients int
	web     string        // host:port of the http route
	lines   string        // host:port of the tcp route; "" is none
	longest time.Duration // that an answer takes on purpose
	pace    time.Duration // between two requests of one client

	mu    sync.Mutex
	asked []asked

	stop context.CancelFunc
	done sync.WaitGroup
}

// asked is one request: when, for how long, and who answered, or how it failed.
type asked struct {
	begun       time.Time
	took, delay time.Duration // delay is what the answer takes on purpose
	kind        string        // of failure; "" is none
	text        string        // of the failure, or the replica's name
}

// gather sends the clients off.
func (c *crowd) gather() {
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	for n := range c.clients {
		c.done.Go(func() { c.client(ctx, n) })
	}
	c.t.Cleanup(c.disperse)
}

// disperse lets every request that was begun come to its end.
func (c *crowd) disperse() {
	c.stop()
	c.done.Wait()
}

// client asks one thing after the other, until ctx ends.
func (c *crowd) client(ctx context.Context, n int) {
	transport := &http.Transport{DisableKeepAlives: n%2 == 1, MaxIdleConnsPerHost: 1, DisableCompression: true}
	defer transport.CloseIdleConnections()
	asker := &asker{
		client: &http.Client{Transport: transport, Timeout: c.longest + 20*time.Second},
		web:    "http://" + c.web, lines: c.lines,
	}
	pace := time.NewTicker(c.pace)
	defer pace.Stop()
	for turn := n; ctx.Err() == nil; turn++ {
		delay := time.Duration(0)
		if turn%100 == 0 || turn%100 == 51 { // one GET and one POST in a hundred
			delay = c.longest * time.Duration(turn/100%4+1) / 4
		}
		begun := time.Now()
		name, kind, err := asker.ask(turn, delay)
		one := asked{begun: begun, took: time.Since(begun), delay: delay, text: name}
		if err != nil {
			one.kind, one.text = kind, err.Error()
		}
		c.note(one)
		select {
		case <-ctx.Done():
		case <-pace.C:
		}
	}
}

func (c *crowd) note(one asked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, one)
}

// made is how many requests were made so far.
func (c *crowd) made() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.asked)
}

// since is every request that was begun then or later, in that order.
func (c *crowd) since(then time.Time) []asked {
	c.mu.Lock()
	defer c.mu.Unlock()
	late := slices.DeleteFunc(slices.Clone(c.asked), func(one asked) bool { return one.begun.Before(then) })
	slices.SortFunc(late, func(a, b asked) int { return a.begun.Compare(b.begun) })
	return late
}

// heard is who has answered since then, and how often.
func (c *crowd) heard(then time.Time) map[string]int {
	names := map[string]int{}
	for _, one := range c.since(then) {
		if one.kind == "" {
			names[one.text]++
		}
	}
	return names
}

// reached says whether so many requests were made.
func (c *crowd) reached(requests int) error {
	if made := c.made(); made < requests {
		return fmt.Errorf("%d requests of %d", made, requests)
	}
	return nil
}

// reaches waits until so many requests were made.
func (c *crowd) reaches(requests int, within time.Duration) {
	c.t.Helper()
	eventually(c.t, within, func() error { return c.reached(requests) })
}

// tally is what became of the requests.
type tally struct {
	requests, failed        int
	p50, p99, longest, late time.Duration
	kinds                   []string // of failures, with how many and the first one's words
}

// count sums up, after disperse.
func (c *crowd) count() tally {
	all := c.since(time.Time{})
	sum := tally{requests: len(all)}
	var took []time.Duration
	kinds, first := map[string]int{}, map[string]string{}
	for _, one := range all {
		took = append(took, one.took)
		sum.late = max(sum.late, one.took-one.delay)
		if one.kind == "" {
			continue
		}
		sum.failed++
		if kinds[one.kind]++; kinds[one.kind] == 1 {
			first[one.kind] = fmt.Sprintf("%s after %s %s", one.begun.Format(time.StampMilli), rounded(one.took), one.text)
		}
	}
	slices.Sort(took)
	at := func(share float64) time.Duration { return took[int(share*float64(len(took)-1))] }
	sum.p50, sum.p99, sum.longest = at(0.5), at(0.99), at(1)
	for _, kind := range sortedKeys(kinds) {
		sum.kinds = append(sum.kinds, fmt.Sprintf("%d x %s, first: %s", kinds[kind], kind, first[kind]))
	}
	return sum
}

func (t tally) String() string {
	text := fmt.Sprintf("%d requests, %d failed; p50 %s, p99 %s, longest %s, longest beyond what the answer takes on purpose %s",
		t.requests, t.failed, rounded(t.p50), rounded(t.p99), rounded(t.longest), rounded(t.late))
	return strings.Join(append([]string{text}, t.kinds...), "\n")
}

func rounded(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// asker makes one request after the other over its own client.
type asker struct {
	client     *http.Client
	web, lines string
}

// ask makes the request of a turn, and says who answered, or what kind of failure it was.
func (a *asker) ask(turn int, delay time.Duration) (name, kind string, err error) {
	switch {
	case turn%20 == 7 && a.lines != "":
		name, err = a.talk(turn)
		return name, "tcp", err
	case turn%2 == 1:
		text := fmt.Sprintf("turn %d %s", turn, strings.Repeat("x", turn*37%1024))
		name, got, kind, err := a.once(http.MethodPost, fmt.Sprintf("/body?ms=%d", delay.Milliseconds()), text)
		if err == nil && got != text {
			kind, err = "wrong body", fmt.Errorf("POST: %d bytes came back for %d", len(got), len(text))
		}
		return name, kind, err
	case delay > 0:
		return a.get(fmt.Sprintf("/slow?ms=%d", delay.Milliseconds()))
	}
	return a.get("/replica")
}

func (a *asker) get(path string) (name, kind string, err error) {
	name, got, kind, err := a.once(http.MethodGet, path, "")
	if err == nil && (name == "" || strings.TrimSpace(got) != name) {
		kind, err = "wrong body", fmt.Errorf("GET %s: %q from %q", path, got, name)
	}
	return name, kind, err
}

// once sends a request a single time. Go's client sends one again by itself over another connection where the
// first was closed under it: that counts as a failure, since another client would have met it.
func (a *asker) once(method, path, body string) (name, got, kind string, err error) {
	connections := 0
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connections++ },
	})
	request, err := http.NewRequestWithContext(ctx, method, a.web+path, nil)
	if err != nil {
		return "", "", "request", err
	}
	if method == http.MethodPost {
		request.Body, request.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body)) // and no GetBody
	}
	response, err := a.client.Do(request)
	if err != nil {
		return "", "", "connection", err
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	name, got = response.Header.Get("X-Replica"), string(read)
	switch {
	case err != nil:
		return name, got, "answer cut short", fmt.Errorf("%s %s: %d of %d %w", method, path, len(got), len(body), err)
	case response.StatusCode != http.StatusOK:
		return name, got, fmt.Sprintf("status %d", response.StatusCode), fmt.Errorf("%s %s: %d %s", method, path, response.StatusCode, got)
	case connections != 1:
		return name, got, "sent again", fmt.Errorf("%s %s: over %d connections", method, path, connections)
	}
	return name, got, "", nil
}

// talk opens a TCP connection, hears the replica's name, and has one line echoed.
func (a *asker) talk(turn int) (name string, err error) {
	conn, err := net.DialTimeout("tcp", a.lines, 10*time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	from := bufio.NewReader(conn)
	said, err := from.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("hear the name: %w", err)
	}
	line := fmt.Sprintf("turn %d\n", turn)
	if _, err := io.WriteString(conn, line); err != nil {
		return "", fmt.Errorf("say a line: %w", err)
	}
	echoed, err := from.ReadString('\n')
	if err == nil && echoed != line {
		err = fmt.Errorf("%q came back for %q", echoed, line)
	}
	return strings.TrimSpace(said), err
}
