package lb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	"pgregory.net/rapid"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func portOf(address net.Addr) int { return address.(*net.TCPAddr).Port }

func TestProbe(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/broken", http.StatusFound)
		case "/broken":
			w.WriteHeader(http.StatusInternalServerError)
		case "/teapot":
			w.WriteHeader(http.StatusTeapot)
		case "/slow":
			<-r.Context().Done()
		}
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	defer plain.Close()
	defer secure.Close()
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NilError(t, err)
	defer mute.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NilError(t, err)
	assert.NilError(t, gone.Close())

	for name, test := range map[string]struct {
		address net.Addr
		probe   compose.Probe
		want    string
	}{
		"connect":                  {plain.Listener.Addr(), compose.Probe{}, ""},
		"connect refused":          {gone.Addr(), compose.Probe{}, "nothing accepts connections on port %d"},
		"connect with TLS":         {secure.Listener.Addr(), compose.Probe{TLS: true}, ""},
		"TLS that is not spoken":   {plain.Listener.Addr(), compose.Probe{TLS: true}, "tls: first record does not look like a TLS handshake"},
		"TLS that does not answer": {mute.Addr(), compose.Probe{TLS: true}, "no answer on port %d within 200ms"},
		"path":                     {plain.Listener.Addr(), compose.Probe{Path: "/"}, ""},
		"path with TLS":            {secure.Listener.Addr(), compose.Probe{Path: "/", TLS: true}, ""},
		"redirect is an answer":    {plain.Listener.Addr(), compose.Probe{Path: "/redirect"}, ""},
		"path that is broken":      {plain.Listener.Addr(), compose.Probe{Path: "/broken"}, "GET /broken answered 500, want 200 to 399"},
		"path that is not ok":      {plain.Listener.Addr(), compose.Probe{Path: "/teapot"}, "GET /teapot answered 418, want 200 to 399"},
		"path of that status":      {plain.Listener.Addr(), compose.Probe{Path: "/teapot", Status: 418}, ""},
		"path of another status":   {plain.Listener.Addr(), compose.Probe{Path: "/", Status: 204}, "GET / answered 200, want 204"},
		"path that does not end":   {plain.Listener.Addr(), compose.Probe{Path: "/slow"}, "no answer on port %d within 200ms"},
		"path that is refused":     {gone.Addr(), compose.Probe{Path: "/"}, "nothing accepts connections on port %d"},
	} {
		t.Run(name, func(t *testing.T) {
			test.probe.Port, test.probe.Timeout = portOf(test.address), 200*time.Millisecond
			err := probe(t.Context(), "127.0.0.1", test.probe)
			if test.want == "" {
				assert.NilError(t, err)
				return
			}
			assert.ErrorContains(t, err, strings.ReplaceAll(test.want, "%d", fmt.Sprint(test.probe.Port)))
		})
	}
}

var errSick = errors.New("errSick")

func TestJudgement(t *testing.T) {
	config := compose.Probe{Fall: 3, Rise: 2}
	dies, starts := Event{Action: "die", ExitCode: 1}, Event{Action: "start"}
	unwell, well := Event{Action: "health_status", Health: plan.Unhealthy}, Event{Action: "health_status", Health: plan.Healthy}
	for name, test := range map[string]struct {
		up    bool
		seen  []any // nil: a good probe; an error: a bad one; an Event
		after string
	}{
		"new":                           {false, nil, "down"},
		"one good is not enough":        {false, []any{nil}, "down"},
		"rise":                          {false, []any{nil, nil}, "up"},
		"rise in a row":                 {false, []any{nil, errSick, nil}, "down"},
		"fall":                          {true, []any{errSick, errSick, errSick}, "down"},
		"two bad are not enough":        {true, []any{errSick, errSick}, "up"},
		"fall in a row":                 {true, []any{errSick, errSick, nil, errSick, errSick}, "up"},
		"back":                          {true, []any{errSick, errSick, errSick, nil, nil}, "up"},
		"dead":                          {true, []any{dies}, "down"},
		"dead does not rise":            {true, []any{dies, nil, nil, nil}, "down"},
		"restarted has to rise":         {true, []any{dies, starts, nil}, "down"},
		"restarted rises":               {true, []any{dies, starts, nil, nil}, "up"},
		"good from before do not count": {true, []any{dies, nil, nil, starts, nil}, "down"},
		"a start of a running one":      {true, []any{starts}, "up"},
		"unwell":                        {true, []any{unwell}, "down"},
		"unwell does not rise":          {true, []any{unwell, nil, nil, nil}, "down"},
		"well again":                    {true, []any{unwell, nil, nil, well, nil}, "up"},
		"told to end, and did not":      {true, []any{Event{Action: "kill", Signal: "15"}, nil, nil}, "up"},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(0, 0)
			j := judgement{Up: test.up, EverUp: test.up}
			for _, o := range test.seen {
				now = now.Add(time.Second)
				before := j.Up
				switch o := o.(type) {
				case Event:
					j = j.told(o, now)
				case error:
					j = j.probed(o, config, now)
				default:
					j = j.probed(nil, config, now)
				}
				if before != j.Up {
					assert.Equal(t, j.Since, now)
				}
			}
			after := "down"
			if j.Up {
				after = "up"
			}
			assert.Equal(t, after, test.after)
		})
	}
}

// Without the engine's word, up and down follow from the last probes alone.
func TestJudgementFollowsTheLastProbes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		config := compose.Probe{Fall: rapid.IntRange(1, 5).Draw(t, "fall"), Rise: rapid.IntRange(1, 5).Draw(t, "rise")}
		j := judgement{Up: rapid.Bool().Draw(t, "up")}
		good, bad := 0, 0
		for _, ok := range rapid.SliceOfN(rapid.Bool(), 0, 40).Draw(t, "probes") {
			before := j.Up
			if ok {
				good, bad = good+1, 0
				j = j.probed(nil, config, time.Time{})
			} else {
				good, bad = 0, bad+1
				j = j.probed(errSick, config, time.Time{})
			}
			switch {
			case before && !j.Up:
				assert.Equal(t, bad, config.Fall)
			case !before && j.Up:
				assert.Equal(t, good, config.Rise)
			case j.Up:
				assert.Assert(t, bad < config.Fall)
			default:
				assert.Assert(t, good < config.Rise)
			}
		}
	})
}

func TestSeenFollowsTheContainer(t *testing.T) {
	now := time.Unix(0, 0)
	up := judgement{Up: true, EverUp: true}
	for name, test := range map[string]struct {
		replica plan.Replica
		there   bool
		up      bool
		reason  string
	}{
		"running":   {plan.Replica{State: plan.Running}, true, true, ""},
		"unhealthy": {plan.Replica{State: plan.Running, Health: plan.Unhealthy}, true, false, "its health check in the engine fails"},
		"exited":    {plan.Replica{State: plan.Exited, ExitCode: 3}, true, false, "exited (3)"},
		"paused":    {plan.Replica{State: plan.Paused}, true, false, "paused"},
		"gone":      {plan.Replica{}, false, false, "there is no such container"},
	} {
		t.Run(name, func(t *testing.T) {
			j := up.seen(test.replica, test.there, now)
			assert.Equal(t, j.Up, test.up)
			assert.Equal(t, j.Reason, test.reason)
		})
	}
	j := up.seen(plan.Replica{State: plan.Exited}, true, now).seen(plan.Replica{State: plan.Running}, true, now)
	assert.Assert(t, !j.Up && !j.Stopped && !j.EverUp, "one that runs again has to rise")
}

// However many replicas there are, only a few are asked at the same moment, and all of them in time.
func TestProberIsBounded(t *testing.T) {
	inside, most := make(chan struct{}, 200), make(chan int, 2000)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		inside <- struct{}{}
		most <- len(inside)
		time.Sleep(time.Millisecond) // the work of the replica
		<-inside
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := newProber(func(plan.Ref) string { return "127.0.0.1" }, func() {})
	config := compose.Probe{
		Port: portOf(server.Listener.Addr()), Path: "/", Interval: time.Minute, StartInterval: 10 * time.Millisecond,
		Timeout: 10 * time.Second, Rise: 2, Fall: 1,
	}
	for _, ref := range refs("web", 100) {
		p.ensure(ctx, ref, config, judgement{})
	}
	for _, ref := range refs("web", 100) {
		eventually(t, ref.String()+" rises", func() bool { j, _, _ := p.look(ref); return j.Up })
	}
	highest := 0
	for len(most) > 0 {
		highest = max(highest, <-most)
	}
	assert.Assert(t, highest <= atOnce, "%d at the same moment", highest)
}

// Those of a sidecar that was started again are spread over a whole interval.
func TestFirstProbesAreSpread(t *testing.T) {
	p := newProber(nil, nil)
	known := &watch{probe: compose.Probe{Interval: time.Hour}, judgement: judgement{EverUp: true}}
	pauses := map[time.Duration]bool{}
	for range 100 {
		pauses[p.firstPause(known).Truncate(time.Minute)] = true
	}
	assert.Assert(t, len(pauses) > 20, "%d minutes of the hour are used", len(pauses))
	assert.Equal(t, p.firstPause(&watch{probe: compose.Probe{Interval: time.Hour}}), time.Duration(0), "a new one is asked at once")
	assert.Assert(t, p.pause(&watch{probe: compose.Probe{Interval: time.Hour, StartInterval: time.Second}}) < 2*time.Second)
	assert.Assert(t, p.pause(known) > 50*time.Minute)
}
