package lb

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"text/template"

	"go.yaml.in/yaml/v4"
	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"
	"pgregory.net/rapid"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// refs are slots 1 to n of a service in their first generation.
func refs(service string, n int) []plan.Ref {
	var refs []plan.Ref
	for slot := 1; slot <= n; slot++ {
		refs = append(refs, plan.Ref{Service: service, Slot: slot, Generation: 1})
	}
	return refs
}

func table(services ...Served) Table {
	return Table{Project: "shop", Credential: Credential("secret"), Services: services}
}

func served(name string, replicas int, routes ...compose.Route) Served {
	return Served{Name: name, Routes: routes, Backends: refs(name, replicas)}
}

func httpRoute(change ...func(*compose.Route)) compose.Route {
	r := compose.Route{Protocol: compose.HTTP, ServicePort: 80, ContainerPort: 8080, Algorithm: compose.RoundRobin}
	for _, c := range change {
		c(&r)
	}
	return r
}

func certificate(digest string) *compose.Certificate {
	return &compose.Certificate{Source: "cert.pem", Digest: digest, Chain: "CHAIN", Key: "KEY"}
}

// The whole of a file set is its golden text, so that a review shows what Traefik will be told.
func TestFiles(t *testing.T) {
	protocol := func(p compose.Protocol, port int) func(*compose.Route) {
		return func(r *compose.Route) { r.Protocol, r.ServicePort = p, port }
	}
	hosts := func(names ...string) func(*compose.Route) { return func(r *compose.Route) { r.Hosts = names } }
	path := func(p string) func(*compose.Route) { return func(r *compose.Route) { r.PathPrefix = p } }
	algorithm := func(a compose.Algorithm) func(*compose.Route) {
		return func(r *compose.Route) { r.Algorithm = a }
	}
	affinity := func(r *compose.Route) { r.Affinity = true }
	cert := func(digest string) func(*compose.Route) {
		return func(r *compose.Route) { r.Cert = certificate(digest) }
	}
	at := func(port int) func(*compose.Route) {
		return func(r *compose.Route) { r.Publish = []compose.HostPort{{IP: "127.0.0.1", Port: 7000}, {Port: port}} }
	}
	for name, table := range map[string]Table{
		"empty":             table(),
		"http":              table(served("web", 3, httpRoute())),
		"http-no-backend":   table(served("web", 0, httpRoute())),
		"http-hosts":        table(served("web", 1, httpRoute(hosts("Shop.example.com", "*.shop.example.com", "www.example.com")))),
		"http-path":         table(served("api", 1, httpRoute(path("/api/")))),
		"http-hosts-path":   table(served("api", 1, httpRoute(hosts("a.example.com", "b.example.com", "*.c.example.com"), path("/v1")))),
		"http-leastconn":    table(served("web", 2, httpRoute(algorithm(compose.LeastConn)))),
		"http-source":       table(served("web", 2, httpRoute(algorithm(compose.Source), affinity))),
		"http-replay":       table(served("web", 2, httpRoute(hosts("a.example.com"), path("/v1"), func(r *compose.Route) { r.Replay = true }))),
		"http-affinity":     table(served("web", 2, httpRoute(affinity))),
		"httpsterm":         table(served("web", 2, httpRoute(protocol(compose.HTTPSTerm, 443), cert("0123456789ab"), affinity, at(443)))),
		"httpsterm-at-443":  table(served("web", 1, httpRoute(protocol(compose.HTTPSTerm, 8443), cert("0123456789ab"), at(443)))),
		"httpsterm-at-8443": table(served("web", 1, httpRoute(protocol(compose.HTTPSTerm, 443), cert("0123456789ab"), at(8443)))),
		"https":             table(served("web", 2, httpRoute(protocol(compose.HTTPS, 443)))),
		"https-hosts":       table(served("web", 1, httpRoute(protocol(compose.HTTPS, 443), hosts("a.example.com", "*.example.com")))),
		"tcp":               table(served("db", 2, httpRoute(protocol(compose.TCP, 6379)))),
		"tcp-no-backend":    table(served("db", 0, httpRoute(protocol(compose.TCP, 6379)))),
		"several-routes":    table(served("web", 1, httpRoute(hosts("a.example.com")), httpRoute(hosts("b.example.com")), httpRoute(protocol(compose.TCP, 9000)))),
		"several-services":  table(served("web", 2, httpRoute(path("/"))), served("api", 1, httpRoute(path("/api"))), served("control", 1, httpRoute(protocol(compose.TCP, 1)))),
		"http-and-redirect": table(served("web", 1, httpRoute(), httpRoute(protocol(compose.HTTPSTerm, 443), cert("0123456789ab"), at(443)))),
		"certificates": table(
			served("a", 1, httpRoute(protocol(compose.HTTPSTerm, 443), hosts("a.example.com"), cert("aaaaaaaaaaaa"))),
			served("b", 1, httpRoute(protocol(compose.HTTPSTerm, 443), cert("bbbbbbbbbbbb"))),
			served("c", 1, httpRoute(protocol(compose.HTTPSTerm, 443), hosts("c.example.com"), cert("cccccccccccc"), path("/c")),
				httpRoute(protocol(compose.HTTPSTerm, 8443), hosts("c.example.com"), cert("cccccccccccc")))),
		"template-text": table(served("web", 1, httpRoute(path("/{{env `SECRET`}}")))),
		"quoted-path":   table(served("web", 1, httpRoute(path("/a`) || Host(`evil")))),
	} {
		t.Run(name, func(t *testing.T) {
			files, err := Files(table)
			assert.NilError(t, err)
			golden.Assert(t, listing(files), name+".golden")
		})
	}
}

// listing is a file set as one text.
func listing(files map[string][]byte) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		b.WriteString("# " + name + "\n" + string(files[name]) + "\n")
	}
	return b.String()
}

func TestFilesRefuse(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*compose.Route)
		want   string
	}{
		"leastconn on tcp":       {func(r *compose.Route) { r.Protocol, r.Algorithm = compose.TCP, compose.LeastConn }, "algorithm leastconn: Traefik serves tcp by roundrobin only"},
		"source on https":        {func(r *compose.Route) { r.Protocol, r.Algorithm = compose.HTTPS, compose.Source }, "algorithm source: Traefik serves https by roundrobin only"},
		"affinity on tcp":        {func(r *compose.Route) { r.Protocol, r.Affinity = compose.TCP, true }, "session affinity: Traefik has none for tcp"},
		"hosts on tcp":           {func(r *compose.Route) { r.Protocol, r.Hosts = compose.TCP, []string{"a.example.com"} }, "hosts: tcp shows the balancer no host name"},
		"path on https":          {func(r *compose.Route) { r.Protocol, r.PathPrefix = compose.HTTPS, "/a" }, "path prefix: https shows the balancer no path"},
		"replay on tcp":          {func(r *compose.Route) { r.Protocol, r.Replay = compose.TCP, true }, "replay: tcp shows the balancer no requests"},
		"no certificate":         {func(r *compose.Route) { r.Protocol = compose.HTTPSTerm }, "httpsTerm needs a certificate"},
		"foreign protocol":       {func(r *compose.Route) { r.Protocol = "udp" }, `protocol "udp" is not one of`},
		"foreign algorithm":      {func(r *compose.Route) { r.Algorithm = "fastest" }, `algorithm "fastest" is not one of`},
		"rule inside a host":     {func(r *compose.Route) { r.Hosts = []string{"a`) || Host(`b"} }, "is neither a host name nor"},
		"template inside a host": {func(r *compose.Route) { r.Hosts = []string{"{{env `A`}}"} }, "is neither a host name nor"},
		"wildcard in the middle": {func(r *compose.Route) { r.Hosts = []string{"a.*.example.com"} }, "is neither a host name nor"},
		"wildcard alone":         {func(r *compose.Route) { r.Hosts = []string{"*"} }, "is neither a host name nor"},
		"relative path":          {func(r *compose.Route) { r.PathPrefix = "api" }, "does not start with /"},
		"newline in a path":      {func(r *compose.Route) { r.PathPrefix = "/a\nb" }, "contains a control character"},
		"path of slashes":        {func(r *compose.Route) { r.PathPrefix = "//" }, "is no path"},
		"certificate traversal": {func(r *compose.Route) {
			r.Protocol, r.Cert = compose.HTTPSTerm, &compose.Certificate{Digest: "../../etc/passwd"}
		}, "is not hexadecimal"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Files(table(served("web", 1, httpRoute(test.change))))
			assert.ErrorContains(t, err, test.want)
			assert.ErrorContains(t, err, "route web: port 80: ")
		})
	}
}

func TestFilesDoNotDependOnOrder(t *testing.T) {
	web, api := served("web", 3, httpRoute()), served("api", 2, httpRoute(func(r *compose.Route) { r.PathPrefix = "/api" }))
	want, err := Files(table(web, api))
	assert.NilError(t, err)
	slices.Reverse(web.Backends)
	web.Backends = append(web.Backends, web.Backends[0])
	got, err := Files(table(api, web))
	assert.NilError(t, err)
	assert.Equal(t, listing(got), listing(want))
}

func TestRevisionTellsFileSetsApart(t *testing.T) {
	seen := map[string]string{}
	for name, table := range map[string]Table{
		"one":        table(served("web", 1, httpRoute())),
		"two":        table(served("web", 2, httpRoute())),
		"none":       table(served("web", 0, httpRoute())),
		"password":   {Project: "shop", Credential: Credential("other"), Services: []Served{served("web", 1, httpRoute())}},
		"other name": table(served("api", 1, httpRoute())),
		"empty":      table(),
	} {
		g, err := generate(table)
		assert.NilError(t, err)
		assert.Equal(t, seen[g.revision], "", "%s and %s have one revision", name, seen[g.revision])
		seen[g.revision] = name
	}
}

// What a file says after Traefik's template engine is what was meant, whatever the user wrote.
func TestNoTextIsCode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching("/([a-z`\"'{}$%#:\\\\|()&! \t]|\\{\\{|\\}\\}){0,12}").Draw(t, "path")
		route := httpRoute(func(r *compose.Route) { r.PathPrefix = text })
		want, err := httpRules(compose.Route{Service: "web", PathPrefix: text})
		if err != nil {
			t.Skip("refused")
		}
		files, err := Files(table(served("web", 1, route)))
		assert.NilError(t, err)
		var rendered bytes.Buffer
		assert.NilError(t, template.Must(template.New("").Parse(string(files["service-web.yml"]))).Execute(&rendered, false))
		var read document
		assert.NilError(t, yaml.Unmarshal(rendered.Bytes(), &read))
		assert.Equal(t, read.HTTP.Routers["shop-web-p80"].Rule, want[0].Text)
	})
}

func TestNamesAreUnique(t *testing.T) {
	services := []Served{
		served("web", 1, httpRoute(), httpRoute(), httpRoute(func(r *compose.Route) { r.ServicePort = 2 })),
		served("web-p80", 1, httpRoute(), httpRoute(func(r *compose.Route) { r.ServicePort = 2 })),
		served("web-p80-2", 1, httpRoute()),
		served("web-p80-lb", 1, httpRoute()),
	}
	names := map[string]bool{}
	for _, s := range services {
		doc, err := serviceDocument("shop", s)
		assert.NilError(t, err)
		for name := range doc.HTTP.Routers {
			assert.Assert(t, !names[name], "two routers are called %s", name)
			names[name] = true
		}
	}
	assert.Equal(t, len(names), 13)
}
