package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func newServer(t *testing.T) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(newWeb("web-1", "Hello", true).handler())
	t.Cleanup(server.Close)
	return server
}

// ask returns the body and the error of the request verb.
func ask(t *testing.T, method, url string) (string, error) {
	t.Helper()
	var body strings.Builder
	err := request(t.Context(), method, url, &body)
	return body.String(), err
}

func TestHealthIsSwitchedFromOutside(t *testing.T) {
	server := newServer(t)
	for _, step := range []struct {
		switchTo string
		healthy  bool
	}{{"", true}, {"/health/fail", false}, {"/health/ok", true}} {
		if step.switchTo != "" {
			if name, err := ask(t, "POST", server.URL+step.switchTo); err != nil || name != "web-1\n" {
				t.Fatalf("POST %s: %q, %v", step.switchTo, name, err)
			}
		}
		if _, err := ask(t, "GET", server.URL+"/healthz"); (err == nil) != step.healthy {
			t.Errorf("after %q: healthy %v expected, got %v", step.switchTo, step.healthy, err)
		}
	}
	if checks, err := ask(t, "GET", server.URL+"/checks"); err != nil || checks != `{"failed":1,"passed":2}`+"\n" {
		t.Errorf("the checks are counted as %q, %v", checks, err)
	}
}

func TestEveryAnswerNamesTheReplica(t *testing.T) {
	server := newServer(t)
	for _, path := range []string{"/", "/any/path", "/replica", "/request", "/healthz", "/slow?ms=1", "/status?code=404", "/orders"} {
		answer, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if got := answer.Header.Get("X-Replica"); got != "web-1" {
			t.Errorf("%s: X-Replica is %q", path, got)
		}
	}
	if count, err := ask(t, "GET", server.URL+"/served"); err != nil || count != "8\n" {
		t.Errorf("seven requests, no health check, and this one: got %q, %v", count, err)
	}
}

func TestABodyComesBackWholeAndInItsTime(t *testing.T) {
	server := newServer(t)
	for _, c := range []struct {
		query, body string
		least       time.Duration
	}{{"", "abcdefghij", 0}, {"?ms=200", "abcdefghij", 200 * time.Millisecond}, {"?ms=40", "", 40 * time.Millisecond}} {
		begun := time.Now()
		answer, err := http.Post(server.URL+"/body"+c.query, "text/plain", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || string(got) != c.body || time.Since(begun) < c.least {
			t.Errorf("%s: got %q, %v after %s", c.query, got, err, time.Since(begun))
		}
	}
}

func TestWebSocketSaysItsNameThenEchoes(t *testing.T) {
	server := newServer(t)
	conn, _, err := websocket.Dial(t.Context(), server.URL+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	for _, want := range []string{"web-1", "one", "two"} {
		_, got, err := conn.Read(t.Context())
		if err != nil || string(got) != want {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
		next := map[string]string{"web-1": "one", "one": "two", "two": "end"}[want]
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(next)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLineServerSaysItsNameThenEchoesUntilClosed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &lineServer{name: "tcp-1"}
	ended := make(chan error, 1)
	go func() { ended <- server.serve(listener) }()

	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	if !lines.Scan() || lines.Text() != "tcp-1" {
		t.Fatalf("first line is %q", lines.Text())
	}
	fmt.Fprintln(conn, "echo me")
	if !lines.Scan() || lines.Text() != "echo me" {
		t.Fatalf("second line is %q", lines.Text())
	}
	server.close()
	if lines.Scan() {
		t.Errorf("a line after the end: %q", lines.Text())
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("serve ended with %v", err)
	}
}

func TestDatabaseURL(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("p@ss/word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{nil, ""},
		{map[string]string{"DATABASE_HOST": "db"}, "postgres://postgres@db:5432/postgres"},
		{
			map[string]string{"DATABASE_HOST": "db", "DATABASE_USER": "shop", "DATABASE_PASSWORD_FILE": file},
			"postgres://shop:p%40ss%2Fword@db:5432/shop",
		},
	} {
		got, err := databaseURL(func(name string) string { return c.env[name] })
		if err != nil || got != c.want {
			t.Errorf("%v: got %q, %v, want %q", c.env, got, err, c.want)
		}
	}
	env := func(name string) string {
		return map[string]string{"DATABASE_HOST": "db", "DATABASE_PASSWORD_FILE": "/none"}[name]
	}
	if _, err := databaseURL(env); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing password file: %v", err)
	}
}

func TestKillEndsThatProcessAlone(t *testing.T) {
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$", "-test.timeout=1m")
	child.Env = append(os.Environ(), "DEMO_TEST_WAITS=1")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"kill", strconv.Itoa(child.Process.Pid)}, io.Discard); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("it ended with %v", err)
	}
	for _, pid := range []string{"0", "1", "-1", "x"} {
		if err := run(t.Context(), []string{"kill", pid}, io.Discard); err == nil {
			t.Errorf("kill %s did something", pid)
		}
	}
}

// TestMain is also the process that TestKillEndsThatProcessAlone ends.
func TestMain(m *testing.M) {
	if os.Getenv("DEMO_TEST_WAITS") != "" {
		<-time.After(time.Minute)
	}
	os.Exit(m.Run())
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		args []string
		want error
	}{
		{[]string{"exit", "7"}, exitError(7)},
		{[]string{"wait", "1ms", "3"}, exitError(3)},
		{[]string{"wait", "1ms"}, nil},
		{[]string{"nonsense"}, exitError(2)},
		{[]string{"kill"}, exitError(2)},
	} {
		if err := run(t.Context(), c.args, &strings.Builder{}); !errors.Is(err, c.want) {
			t.Errorf("%v: got %v, want %v", c.args, err, c.want)
		}
	}
}
