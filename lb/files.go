package lb

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v4"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// Where things lie in the volume, and where the balancer mounts it.
const (
	Folder  = "/hyper-lite"
	dynamic = "dynamic"
	certs   = "certs"
)

const (
	controlFile  = "control.yml"
	revisionFile = "revision.yml"
)

// Files are the files of Traefik's dynamic directory, by name: one a service, one for Traefik's API, and one
// whose only content is a middleware named after a hash over all the others. When Traefik's API shows that
// name, Traefik has read exactly this set. Equal tables make equal bytes. No text of the user's reaches a
// file as anything but a value: Traefik reads its files as Go templates, so `{{` is written in a way that a
// template prints as itself.
func Files(table Table) (map[string][]byte, error) {
	g, err := generate(table)
	return g.files, err
}

// generated is a file set with what it was made from, which the proof compares with what Traefik shows.
type generated struct {
	files    map[string][]byte
	docs     map[string]document // without the revision's
	revision string
}

func generate(table Table) (generated, error) {
	docs, err := documents(table)
	if err != nil {
		return generated{}, err
	}
	g := generated{files: make(map[string][]byte, len(docs)+1), docs: docs}
	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(docs)) {
		text, err := encode(docs[name])
		if err != nil {
			return generated{}, fmt.Errorf("encode %s: %w", name, err)
		}
		g.files[name] = text
		fmt.Fprintf(hash, "%s %d\n", name, len(text))
		hash.Write(text)
	}
	g.revision = revisionName(table.Project, hex.EncodeToString(hash.Sum(nil)[:8]))
	marker := document{HTTP: &httpSection{Middlewares: map[string]middleware{
		g.revision: {Headers: &headers{Custom: map[string]string{"X-Hyper-Lite-Revision": g.revision}}},
	}}}
	if g.files[revisionFile], err = encode(marker); err != nil {
		return generated{}, fmt.Errorf("encode %s: %w", revisionFile, err)
	}
	return g, nil
}

func revisionName(project, hash string) string { return project + "-revision-" + hash }

// documents is Files before encoding and without the revision.
func documents(table Table) (map[string]document, error) {
	table = table.sorted()
	docs := map[string]document{controlFile: controlDocument(table)}
	for _, s := range table.Services {
		doc, err := serviceDocument(table.Project, s)
		if err != nil {
			return nil, fmt.Errorf("route %s: %w", s.Name, err)
		}
		docs[fileName(s.Name)] = doc
	}
	return docs, nil
}

// fileName cannot be that of another file of ours, whatever the service is called.
func fileName(service string) string { return "service-" + service + ".yml" }

// serviceDocument is one service's file.
func serviceDocument(project string, s Served) (document, error) {
	var doc document
	for i, r := range s.Routes {
		r.Service = s.Name
		name, first := routeName(project, s, i)
		var err error
		switch r.Protocol {
		case compose.HTTP, compose.HTTPSTerm:
			err = doc.addHTTP(project, name, r, first, s.Backends)
		case compose.HTTPS, compose.TCP:
			err = doc.addTCP(project, name, r, first, s.Backends)
		default:
			err = fmt.Errorf("protocol %q is not one of http, https, tcp, httpsTerm", r.Protocol)
		}
		if err != nil {
			return document{}, fmt.Errorf("port %d: %w", r.ServicePort, err)
		}
	}
	return doc, nil
}

// routeName is unique in a project: a name ends in the port, and in a number where a service has several
// routes on one port. The first of them is the one that the internal name leads to.
func routeName(project string, s Served, index int) (name string, first bool) {
	port := s.Routes[index].ServicePort
	name = fmt.Sprintf("%s-%s-p%d", project, s.Name, port)
	earlier := 0
	for _, r := range s.Routes[:index] {
		if r.ServicePort == port {
			earlier++
		}
	}
	if earlier > 0 {
		name = fmt.Sprintf("%s-%d", name, earlier+1)
	}
	return name, earlier == 0
}

// entryPoint names the listener of a port in Traefik's static options.
func entryPoint(port int) string { return fmt.Sprintf("p%d", port) }

func (d *document) addHTTP(project, name string, r compose.Route, first bool, backends []plan.Ref) error {
	rules, err := httpRules(r)
	if err != nil {
		return err
	}
	balancer, err := httpBalancer(project, name, r, backends)
	if err != nil {
		return err
	}
	if d.HTTP == nil {
		d.HTTP = &httpSection{
			Routers: map[string]router{}, Services: map[string]httpService{},
			Middlewares: map[string]middleware{}, ServersTransports: map[string]httpTransport{},
		}
	}
	chain := []string{name + "-retry"}
	d.HTTP.Middlewares[name+"-retry"] = middleware{Retry: &retry{Attempts: retryAttempts, InitialInterval: retryInterval}}
	var tls *routerTLS
	if r.Protocol == compose.HTTPSTerm {
		tls = &routerTLS{}
		if onlyTLS(r) {
			chain = append([]string{name + "-hsts"}, chain...)
			d.HTTP.Middlewares[name+"-hsts"] = middleware{Headers: &headers{STSSeconds: hstsSeconds}}
		}
		if err := d.addCertificate(r); err != nil {
			return err
		}
	}
	for _, rule := range rules {
		if rule.Suffix == internalSuffix && !first {
			continue
		}
		way := router{
			EntryPoints: []string{entryPoint(r.ServicePort)}, Rule: rule.Text, Priority: rule.Priority,
			Middlewares: chain, Service: name, TLS: tls,
		}
		d.HTTP.Routers[name+rule.Suffix] = way
		if r.Replay {
			replayed := rule.replayed()
			way.Rule, way.Priority = replayed.Text, replayed.Priority
			way.Middlewares = append([]string{name + "-replay"}, chain...)
			d.HTTP.Routers[name+replayed.Suffix] = way
			d.HTTP.Middlewares[name+"-replay"] = middleware{Buffering: replaying}
		}
	}
	d.HTTP.Services[name] = httpService{LoadBalancer: balancer}
	d.HTTP.ServersTransports[name] = httpTransport{ForwardingTimeouts: timeouts{DialTimeout: dialTimeout}}
	return nil
}

// onlyTLS says that browsers may be told (HSTS) to ask this route's host by TLS alone. That binds the host name on
// every port of it (RFC 6797, 8.3): plain http on port 80 becomes https on port 443, and on any other port https on
// that same port. So only the service that serves https where the world expects it may say so; said by one on port
// 8443 it would take the plain services of the same host from every browser, for half a year.
func onlyTLS(r compose.Route) bool {
	return slices.ContainsFunc(r.Publish, func(at compose.HostPort) bool { return at.Port == httpsPort })
}

func httpBalancer(project, name string, r compose.Route, backends []plan.Ref) (httpServers, error) {
	b := httpServers{Servers: []httpServer{}, ServersTransport: name}
	switch r.Algorithm {
	case compose.RoundRobin, "":
		b.Strategy = "wrr"
	case compose.LeastConn:
		b.Strategy = "p2c"
	case compose.Source:
		b.Strategy = "hrw"
	default:
		return httpServers{}, fmt.Errorf("algorithm %q is not one of roundrobin, leastconn, source", r.Algorithm)
	}
	// hrw keeps a client's address at one server by itself, and Traefik gives it no cookie.
	if r.Affinity && r.Algorithm != compose.Source {
		b.Sticky = &sticky{Cookie: cookie{Name: name, HTTPOnly: true, SameSite: "lax", Secure: r.Protocol == compose.HTTPSTerm}}
	}
	for _, ref := range backends {
		b.Servers = append(b.Servers, httpServer{URL: fmt.Sprintf("http://%s:%d", ref.Alias(project), r.ContainerPort)})
	}
	return b, nil
}

func (d *document) addTCP(project, name string, r compose.Route, first bool, backends []plan.Ref) error {
	if r.Algorithm != compose.RoundRobin && r.Algorithm != "" {
		return fmt.Errorf("algorithm %s: Traefik serves %s by roundrobin only", r.Algorithm, r.Protocol)
	}
	if r.Affinity {
		return fmt.Errorf("session affinity: Traefik has none for %s", r.Protocol)
	}
	if r.Replay {
		return fmt.Errorf("replay: %s shows the balancer no requests", r.Protocol)
	}
	if r.PathPrefix != "" {
		return fmt.Errorf("path prefix: %s shows the balancer no path", r.Protocol)
	}
	if r.Protocol == compose.TCP && len(r.Hosts) > 0 {
		return fmt.Errorf("hosts: %s shows the balancer no host name", r.Protocol)
	}
	rules, err := tlsRules(r)
	if err != nil {
		return err
	}
	if d.TCP == nil {
		d.TCP = &tcpSection{
			Routers: map[string]router{}, Services: map[string]tcpService{}, ServersTransports: map[string]tcpTransport{},
		}
	}
	var tls *routerTLS
	if r.Protocol == compose.HTTPS {
		tls = &routerTLS{Passthrough: true}
	}
	for _, rule := range rules {
		if rule.Suffix == internalSuffix && !first {
			continue
		}
		d.TCP.Routers[name+rule.Suffix] = router{
			EntryPoints: []string{entryPoint(r.ServicePort)}, Rule: rule.Text, Priority: rule.Priority, Service: name, TLS: tls,
		}
	}
	servers := tcpServers{Servers: []tcpServer{}, ServersTransport: name}
	for _, ref := range backends {
		servers.Servers = append(servers.Servers, tcpServer{Address: fmt.Sprintf("%s:%d", ref.Alias(project), r.ContainerPort)})
	}
	d.TCP.Services[name] = tcpService{LoadBalancer: servers}
	d.TCP.ServersTransports[name] = tcpTransport{DialTimeout: dialTimeout, TerminationDelay: terminationDelay}
	return nil
}

// encode writes a document so that Traefik's template engine prints exactly its YAML.
func encode(doc document) ([]byte, error) {
	text, err := yaml.Marshal(doc)
	if err != nil {
		return nil, err
	}
	return bytes.ReplaceAll(text, []byte("{{"), []byte("{{`{{`}}")), nil
}
