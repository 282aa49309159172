package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// web answers HTTP. Every answer carries the header X-Replica.
type web struct {
	name, greeting string
	healthy        atomic.Bool
	served         atomic.Int64
	passed, failed atomic.Int64 // health checks
	orders         *orders      // nil without a database
}

func newWeb(name, greeting string, healthy bool) *web {
	w := &web{name: name, greeting: greeting}
	w.healthy.Store(healthy)
	return w
}

func (w *web) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", w.hello)
	mux.HandleFunc("GET /replica", w.replica)
	mux.HandleFunc("GET /request", w.request)
	mux.HandleFunc("GET /healthz", w.health)
	mux.HandleFunc("POST /health/fail", w.setHealth(false))
	mux.HandleFunc("POST /health/ok", w.setHealth(true))
	mux.HandleFunc("GET /slow", w.slow)
	mux.HandleFunc("POST /body", w.body)
	mux.HandleFunc("GET /status", w.status)
	mux.HandleFunc("GET /served", w.count)
	mux.HandleFunc("GET /checks", w.checks)
	mux.HandleFunc("POST /exit", w.exit)
	mux.HandleFunc("GET /ws", w.echo)
	mux.HandleFunc("GET /orders", w.listOrders)
	mux.HandleFunc("POST /orders", w.addOrder)
	return http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		out.Header().Set("X-Replica", w.name)
		if in.URL.Path != "/healthz" {
			w.served.Add(1)
		}
		mux.ServeHTTP(out, in)
	})
}

// hello is for people: who answered, and what it saw of the client.
func (w *web) hello(out http.ResponseWriter, in *http.Request) {
	out.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(out, "%s from replica %s\n", w.greeting, w.name)
	fmt.Fprintf(out, "X-Forwarded-For: %s\n", in.Header.Get("X-Forwarded-For"))
}

func (w *web) replica(out http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(out, w.name)
}

// request gives back the request as it arrived here, as JSON.
func (w *web) request(out http.ResponseWriter, in *http.Request) {
	writeJSON(out, http.StatusOK, map[string]any{
		"replica": w.name, "method": in.Method, "host": in.Host, "uri": in.RequestURI, "proto": in.Proto,
		"remote": in.RemoteAddr, "tls": in.TLS != nil, "header": in.Header,
	})
}

func (w *web) health(out http.ResponseWriter, _ *http.Request) {
	if !w.healthy.Load() {
		w.failed.Add(1)
		http.Error(out, "unhealthy", http.StatusServiceUnavailable)
		return
	}
	w.passed.Add(1)
	fmt.Fprintln(out, "healthy")
}

// setHealth changes the health of this replica alone.
func (w *web) setHealth(healthy bool) http.HandlerFunc {
	return func(out http.ResponseWriter, in *http.Request) {
		w.healthy.Store(healthy)
		w.replica(out, in)
	}
}

// slow answers after ?ms= milliseconds.
func (w *web) slow(out http.ResponseWriter, in *http.Request) {
	milliseconds, err := strconv.ParseUint(in.FormValue("ms"), 10, 24)
	if err != nil {
		http.Error(out, "ms is a number of milliseconds", http.StatusBadRequest)
		return
	}
	if sleep(in.Context(), time.Duration(milliseconds)*time.Millisecond) {
		w.replica(out, in)
	}
}

// parts is in how many pieces body sends its answer.
const parts = 4

// body sends back the request's body, in pieces over ?ms= milliseconds, with a pause before each. An answer that
// began at once could be cut by a proxy that has not noticed the end of the request's body yet (golang/go#40747).
func (w *web) body(out http.ResponseWriter, in *http.Request) {
	milliseconds, err := strconv.ParseUint(or(in.FormValue("ms"), "0"), 10, 24)
	if err != nil {
		http.Error(out, "ms is a number of milliseconds", http.StatusBadRequest)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(out, in.Body, 1<<20))
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadRequest)
		return
	}
	pause := time.Duration(milliseconds) * time.Millisecond / parts
	sender := http.NewResponseController(out)
	for part := range parts {
		if !sleep(in.Context(), pause) {
			return
		}
		from, to := len(body)*part/parts, len(body)*(part+1)/parts
		if _, err := out.Write(body[from:to]); err != nil {
			return // the client is gone
		}
		if pause > 0 && sender.Flush() != nil {
			return
		}
	}
}

// status answers with the status ?code=.
func (w *web) status(out http.ResponseWriter, in *http.Request) {
	code, err := strconv.Atoi(in.FormValue("code"))
	if err != nil || code < 200 || code > 599 {
		http.Error(out, "code is a number from 200 to 599", http.StatusBadRequest)
		return
	}
	out.WriteHeader(code)
}

// count tells how many requests, health checks left out, this replica has seen.
func (w *web) count(out http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(out, w.served.Load())
}

// checks tells how many health checks this replica has passed and failed.
func (w *web) checks(out http.ResponseWriter, _ *http.Request) {
	writeJSON(out, http.StatusOK, map[string]int64{"passed": w.passed.Load(), "failed": w.failed.Load()})
}

// exit ends the process with ?code= at once, as a crash would.
func (w *web) exit(_ http.ResponseWriter, in *http.Request) {
	code, err := strconv.ParseUint(or(in.FormValue("code"), "1"), 10, 8)
	if err != nil {
		code = 1
	}
	log.Print("demo: told to exit with code ", code)
	os.Exit(int(code))
}

// echo says its name as the first message of the WebSocket, then sends back each message.
func (w *web) echo(out http.ResponseWriter, in *http.Request) {
	conn, err := websocket.Accept(out, in, &websocket.AcceptOptions{OriginPatterns: []string{"*"}})
	if err != nil {
		return // Accept has answered the client
	}
	defer conn.CloseNow()
	kind, message := websocket.MessageText, []byte(w.name)
	for {
		if err := conn.Write(in.Context(), kind, message); err != nil {
			return
		}
		if kind, message, err = conn.Read(in.Context()); err != nil {
			return
		}
	}
}

func (w *web) listOrders(out http.ResponseWriter, in *http.Request) {
	if w.orders == nil {
		http.Error(out, "there is no database", http.StatusNotFound)
		return
	}
	list, err := w.orders.list(in.Context())
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadGateway)
		return
	}
	writeJSON(out, http.StatusOK, list)
}

// addOrder stores the order of ?item=; the worker packs it.
func (w *web) addOrder(out http.ResponseWriter, in *http.Request) {
	item := in.FormValue("item")
	if w.orders == nil || item == "" {
		http.Error(out, "an order needs a database and an item", http.StatusBadRequest)
		return
	}
	added, err := w.orders.add(in.Context(), item, w.name)
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadGateway)
		return
	}
	writeJSON(out, http.StatusCreated, added)
}

func writeJSON(out http.ResponseWriter, status int, value any) {
	out.Header().Set("Content-Type", "application/json")
	out.WriteHeader(status)
	if err := json.NewEncoder(out).Encode(value); err != nil {
		log.Print("demo: write answer: ", err)
	}
}
