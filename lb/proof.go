package lb

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// control is Traefik's API as the sidecar sees it.
type control struct {
	base     string // "http://shop-hyper-lite-balancer:7799"
	password string
	client   *http.Client
}

// newControl keeps no connection from one look to the next: where two looks meet, one may be left that carried no
// request yet, and for such a one Traefik waits until its grace is over when it is stopped.
func newControl(base, password string) control {
	return control{base: base, password: password, client: &http.Client{
		Timeout: 3 * time.Second, Transport: &http.Transport{DialContext: redial, DisableKeepAlives: true},
	}}
}

// redial opens a connection, and begins anew where that takes long, at first very soon, for as long as a look
// lasts. The engine does not know the name of a balancer that does not run yet, and asks the host's name server,
// which may take seconds; meanwhile the balancer may have been started.
func redial(ctx context.Context, network, address string) (net.Conn, error) {
	for limit := 100 * time.Millisecond; ; limit += 50 * time.Millisecond {
		conn, err := (&net.Dialer{Timeout: limit}).DialContext(ctx, network, address)
		var slow net.Error
		if err == nil || limit >= 500*time.Millisecond || ctx.Err() != nil || !errors.As(err, &slow) || !slow.Timeout() {
			return conn, err
		}
	}
}

// live is what Traefik says that it serves (GET /api/rawdata), as far as the proof needs it.
type live struct {
	Routers     map[string]liveRouter  `json:"routers"`
	Middlewares map[string]liveObject  `json:"middlewares"`
	Services    map[string]liveService `json:"services"`
	TCPRouters  map[string]liveRouter  `json:"tcpRouters"`
	TCPServices map[string]liveService `json:"tcpServices"`
}

type (
	liveObject struct {
		Status string   `json:"status"`
		Error  []string `json:"error"`
	}
	liveRouter struct {
		liveObject
		Rule    string `json:"rule"`
		Service string `json:"service"`
	}
	liveService struct {
		liveObject
		LoadBalancer struct {
			Servers []struct {
				URL     string `json:"url"`
				Address string `json:"address"`
			} `json:"servers"`
		} `json:"loadBalancer"`
		ServerStatus map[string]string `json:"serverStatus"`
	}
)

// look asks Traefik what it serves.
func (c control) look(ctx context.Context) (live, error) {
	body, err := c.get(ctx, "/api/rawdata")
	if err != nil {
		return live{}, err
	}
	defer body.Close()
	var l live
	if err := json.NewDecoder(io.LimitReader(body, 32<<20)).Decode(&l); err != nil {
		return live{}, fmt.Errorf("decode what the balancer serves: %w", err)
	}
	return l, nil
}

// answers says whether Traefik runs at all, whatever it has loaded.
func (c control) answers(ctx context.Context) bool {
	body, err := c.get(ctx, "/ping")
	if err != nil {
		return false
	}
	return body.Close() == nil
}

// openConnections counts the connections that clients hold open to some of Traefik's ports.
func (c control) openConnections(ctx context.Context, ports entryPoints) (int, error) {
	body, err := c.get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	defer body.Close()
	return countOpen(io.LimitReader(body, 32<<20), ports)
}

// countOpen reads Prometheus' text format, one line a port and protocol:
//
//	traefik_open_connections{entrypoint="p80",protocol="TCP"} 3
//
// A port that never had a connection has no line. Where no port has one nothing is known, which is an error:
// the connection that asks is one itself.
func countOpen(text io.Reader, ports entryPoints) (int, error) {
	total, seen := 0, false
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), "traefik_open_connections{")
		if !ok {
			continue
		}
		labels, value, ok := strings.Cut(rest, "} ")
		if !ok {
			continue
		}
		count, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			return 0, fmt.Errorf("read the balancer's metrics: %w", err)
		}
		seen = true
		if ports.contains(label(labels, "entrypoint")) {
			total += int(count)
		}
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("read the balancer's metrics: %w", err)
	}
	if !seen {
		return 0, fmt.Errorf("the balancer's metrics do not count connections")
	}
	return total, nil
}

func label(labels, name string) string {
	for _, pair := range strings.Split(labels, ",") {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}

func (c control) get(ctx context.Context, path string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, err
	}
	request.SetBasicAuth(controlUser, c.password)
	response, err := c.client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close() // only the status counts
		return nil, fmt.Errorf("the balancer answers %d on %s", response.StatusCode, path)
	}
	return response.Body, nil
}

// differences are what Traefik serves otherwise than wanted, one sentence each; none: what is wanted is live.
// The revision alone says that Traefik took over exactly this file set, and so that what is in no file any more
// is gone; the rest says that it could also make of it what was meant.
func differences(want generated, have live) []string {
	var diffs []string
	if _, ok := have.Middlewares[want.revision+"@file"]; !ok {
		diffs = append(diffs, "the balancer has not taken over "+want.revision)
	}
	routers, services := want.wanted(false)
	diffs = append(diffs, routerDifferences(routers, have.Routers)...)
	diffs = append(diffs, serviceDifferences(services, have.Services, false)...)
	routers, services = want.wanted(true)
	diffs = append(diffs, routerDifferences(routers, have.TCPRouters)...)
	return append(diffs, serviceDifferences(services, have.TCPServices, true)...)
}

// only is the part that says whether one service is live: its own file, and the revision of them all.
func (g generated) only(service string) generated {
	if service != "" {
		g.docs = map[string]document{fileName(service): g.docs[fileName(service)]}
	}
	return g
}

// wanted are the rules of all routers and the servers of all services, of HTTP or of TCP.
func (g generated) wanted(tcp bool) (routers map[string]string, services map[string][]string) {
	routers, services = map[string]string{}, map[string][]string{}
	for _, doc := range g.docs {
		if tcp && doc.TCP != nil {
			for name, r := range doc.TCP.Routers {
				routers[name] = r.Rule
			}
			for name, s := range doc.TCP.Services {
				services[name] = []string{}
				for _, server := range s.LoadBalancer.Servers {
					services[name] = append(services[name], server.Address)
				}
			}
		}
		if !tcp && doc.HTTP != nil {
			for name, r := range doc.HTTP.Routers {
				if !strings.HasSuffix(r.Service, "@internal") {
					routers[name] = r.Rule
				}
			}
			for name, s := range doc.HTTP.Services {
				services[name] = []string{}
				for _, server := range s.LoadBalancer.Servers {
					services[name] = append(services[name], server.URL)
				}
			}
		}
	}
	return routers, services
}

func routerDifferences(want map[string]string, have map[string]liveRouter) []string {
	var diffs []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		r, ok := have[name+"@file"]
		switch {
		case !ok:
			diffs = append(diffs, "router "+name+" is missing")
		case r.Status == "disabled":
			diffs = append(diffs, "router "+name+": "+strings.Join(r.Error, "; "))
		case r.Rule != want[name]:
			diffs = append(diffs, "router "+name+" still has the rule "+r.Rule)
		}
	}
	return diffs
}

// serviceDifferences compares the servers that were loaded and, where Traefik shows it, those that its
// balancer was built of: the latter is what requests go to.
func serviceDifferences(want map[string][]string, have map[string]liveService, tcp bool) []string {
	var diffs []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		s, ok := have[name+"@file"]
		if !ok {
			diffs = append(diffs, "service "+name+" is missing")
			continue
		}
		if s.Status == "disabled" {
			diffs = append(diffs, "service "+name+": "+strings.Join(s.Error, "; "))
			continue
		}
		loaded := []string{}
		for _, server := range s.LoadBalancer.Servers {
			if tcp {
				loaded = append(loaded, server.Address)
			} else {
				loaded = append(loaded, server.URL)
			}
		}
		if !sameSet(loaded, want[name]) || (len(s.ServerStatus) > 0 && !sameSet(slices.Collect(maps.Keys(s.ServerStatus)), want[name])) {
			diffs = append(diffs, fmt.Sprintf("service %s is served by %v, not by %v", name, sorted(loaded), sorted(want[name])))
		}
	}
	return diffs
}

func sameSet(a, b []string) bool { return slices.Equal(sorted(a), sorted(b)) }

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }
