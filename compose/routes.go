package compose

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// fixed says that an entry of ports takes one known port of the host.
func fixed(p types.ServicePortConfig) bool { return hostPort(p) > 0 }

func hostPort(p types.ServicePortConfig) int {
	n, err := strconv.Atoi(p.Published)
	if err != nil || n < 1 {
		return 0
	}
	return n
}

// ranged is how many host ports a range has, 0 where it is none.
func ranged(p types.ServicePortConfig) int {
	from, to, ok := strings.Cut(p.Published, "-")
	first, err := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	if !ok || err != nil || err2 != nil {
		return 0
	}
	return last - first + 1
}

func isTCP(p types.ServicePortConfig) bool { return p.Protocol == "" || p.Protocol == "tcp" }

// routes reads how a service is balanced, and returns what of its ports the containers keep
// (DESIGN.md, "Ports of a route").
func (r *reading) routes(replicas int) (routes []Route, kept []types.ServicePortConfig) {
	protocol, _ := asString(r.keys["protocol"])
	if protocol == "" {
		for _, key := range []string{"service_port", "container_port", "algorithm", "session_affinity", "ssl_cert", "hosts", "path_prefix", "replay"} {
			if r.keys[key] != nil {
				r.report(key, "needs a protocol: nothing of this service is routed by it", "add protocol: http, https, tcp or httpsTerm")
			}
		}
	}
	kept = r.body.Ports
	if protocol != "" {
		var main Route
		main, kept = r.mainRoute(Protocol(protocol), replicas)
		routes = append(routes, main)
	}
	order := fileOrder(r.body)
	if replicas > 1 || order == StartFirst || protocol != "" && order != StopFirst {
		var more []Route
		more, kept = r.portRoutes(kept, replicas)
		routes = append(routes, more...)
	}
	if replicas > 1 {
		r.refuseFixedUDP(kept)
		r.refuseShortRanges(kept, replicas)
	}
	if len(routes) > 0 && r.body.NetworkMode != "" {
		r.reportAt([]string{"network_mode"}, "a routed service needs a network of the project, which network_mode "+r.body.NetworkMode+" does not give",
			"take network_mode out, or protocol and the published ports")
	}
	return routes, kept
}

// mainRoute is the route of `protocol`, and the ports that it does not take over.
func (r *reading) mainRoute(protocol Protocol, replicas int) (Route, []types.ServicePortConfig) {
	route := Route{Service: r.name, Protocol: protocol, Algorithm: RoundRobin}
	route.ServicePort, _ = asInt(r.keys["service_port"])
	route.ContainerPort, _ = asInt(r.keys["container_port"])
	published := slices.DeleteFunc(slices.Clone(r.body.Ports), func(p types.ServicePortConfig) bool { return !fixed(p) || !isTCP(p) })
	mine := func(p types.ServicePortConfig) bool {
		return fixed(p) && isTCP(p) && int(p.Target) == route.ContainerPort
	}
	if route.ContainerPort == 0 && len(published) == 1 {
		route.ContainerPort = int(published[0].Target)
	}
	var kept []types.ServicePortConfig
	for _, p := range r.body.Ports {
		if !mine(p) {
			kept = append(kept, p)
			continue
		}
		route.Publish = append(route.Publish, HostPort{IP: p.HostIP, Port: hostPort(p)})
		if route.ServicePort == 0 {
			route.ServicePort = hostPort(p)
		}
	}
	if route.ServicePort == 0 {
		route.ServicePort = map[Protocol]int{HTTP: 80, HTTPS: 443, HTTPSTerm: 443}[protocol]
	}
	if route.ServicePort == 0 {
		r.report("protocol", "tcp needs a service_port: where the balancer listens", "add service_port")
	}
	if route.ContainerPort == 0 {
		route.ContainerPort = route.ServicePort
	}
	if len(route.Publish) == 0 {
		route.Publish = []HostPort{{Port: route.ServicePort}}
	}
	r.manners(&route, replicas)
	return route, kept
}

// manners reads how the balancer chooses and what it listens for, and refuses what Traefik cannot do.
func (r *reading) manners(route *Route, replicas int) {
	plain := route.Protocol == TCP || route.Protocol == HTTPS
	const reason = "Traefik's TCP side has round robin only"
	if a, ok := asString(r.keys["algorithm"]); ok && a != "" {
		route.Algorithm = Algorithm(a)
		if plain && route.Algorithm != RoundRobin {
			r.report("algorithm", fmt.Sprintf("%s is not possible with protocol %s: %s", a, route.Protocol, reason), "use roundrobin, or protocol http or httpsTerm")
		}
	}
	route.Affinity, _ = asBool(r.keys["session_affinity"])
	if route.Affinity && plain {
		r.report("session_affinity", fmt.Sprintf("is not possible with protocol %s: %s, without memory of clients", route.Protocol, reason), "use protocol http or httpsTerm")
	}
	if route.Affinity && route.Algorithm == Source {
		r.report("session_affinity", "is not possible with algorithm source, which already keeps a client address on its replica", "keep one of them")
	}
	route.Hosts, _ = asStrings(r.keys["hosts"])
	for i, h := range route.Hosts {
		route.Hosts[i] = strings.ToLower(h) // names do not tell cases apart
	}
	prefix, _ := asString(r.keys["path_prefix"])
	route.PathPrefix = strings.TrimRight(prefix, "/") // it covers whole segments; of / nothing is left: every path
	route.Replay = !plain && replicas > 1
	if replay, said := asBool(r.keys["replay"]); said {
		route.Replay = replay
		if replay && plain {
			r.report("replay", fmt.Sprintf("is not possible with protocol %s: the balancer sees no requests", route.Protocol), "use protocol http or httpsTerm")
		}
	}
	if len(route.Hosts) > 0 && route.Protocol == TCP {
		r.report("hosts", "is not possible with protocol tcp: a plain connection names no host", "use https for TLS that passes through")
	}
	if route.PathPrefix != "" && plain {
		r.report("path_prefix", fmt.Sprintf("is not possible with protocol %s: the balancer sees no path", route.Protocol), "use protocol http or httpsTerm")
	}
	switch {
	case route.Protocol == HTTPSTerm && r.keys["ssl_cert"] == nil:
		r.report("protocol", "httpsTerm needs ssl_cert: TLS ends at the balancer", "add ssl_cert, or use https to pass TLS through")
	case route.Protocol == HTTPSTerm:
		route.Cert = r.certificate()
	case r.keys["ssl_cert"] != nil:
		r.report("ssl_cert", fmt.Sprintf("has no use with protocol %s: the balancer ends no TLS", route.Protocol), "use protocol httpsTerm")
	}
}

// portRoutes moves published tcp ports to the balancer.
func (r *reading) portRoutes(ports []types.ServicePortConfig, replicas int) (routes []Route, kept []types.ServicePortConfig) {
	for _, p := range ports {
		if !fixed(p) || !isTCP(p) {
			kept = append(kept, p)
			continue
		}
		here := HostPort{IP: p.HostIP, Port: hostPort(p)}
		same := slices.IndexFunc(routes, func(o Route) bool {
			return o.ServicePort == here.Port && o.ContainerPort == int(p.Target)
		})
		if same >= 0 {
			routes[same].Publish = append(routes[same].Publish, here)
			continue
		}
		protocol := TCP
		if p.AppProtocol == string(HTTP) || p.AppProtocol == string(HTTPS) {
			protocol = Protocol(p.AppProtocol)
		}
		routes = append(routes, Route{
			Service: r.name, Protocol: protocol, Algorithm: RoundRobin,
			ServicePort: here.Port, ContainerPort: int(p.Target), Publish: []HostPort{here}, Replay: protocol == HTTP && replicas > 1,
		})
	}
	return routes, kept
}

func (r *reading) refuseFixedUDP(ports []types.ServicePortConfig) {
	for i, p := range ports {
		if fixed(p) && !isTCP(p) {
			r.reportPort(i, p, fmt.Sprintf("%s/%s cannot be published by more than one replica: they cannot hold one port, and the balancer does tcp only",
				p.Published, p.Protocol), "use one replica, or leave the host port out")
		}
	}
}

// refuseShortRanges refuses a range of host ports that has fewer than one for each replica.
func (r *reading) refuseShortRanges(ports []types.ServicePortConfig, replicas int) {
	for i, p := range ports {
		if n := ranged(p); n > 0 && n < replicas {
			r.reportPort(i, p, fmt.Sprintf("%s are %d host ports, and the service has %d replicas: each takes one of its own", p.Published, n, replicas),
				"widen the range, or leave the host port out")
		}
	}
}

// listener is one claim to a port, for conflicts between services.
type listener struct {
	service string
	route   *Route // nil: the container itself
	at      HostPort
	proto   string
}

// conflicts finds services that cannot listen side by side.
func (c *conversion) conflicts(services []Service) {
	var routes []*Route
	var claims []listener
	for i := range services {
		s := &services[i]
		for j := range s.Routes {
			route := &s.Routes[j]
			routes = append(routes, route)
			for _, at := range route.Publish {
				claims = append(claims, listener{s.Name, route, at, "tcp"})
			}
		}
		for _, p := range s.Body.Ports {
			if fixed(p) && s.Replicas > 0 {
				claims = append(claims, listener{s.Name, nil, HostPort{p.HostIP, hostPort(p)}, p.Protocol})
			}
		}
	}
	named := map[string]string{}
	for _, s := range services {
		name := s.Body.ContainerName
		if other, taken := named[name]; taken {
			c.report([]string{"services", s.Name, "container_name"}, "is also the name of "+other+"'s container: "+name, "give them different ones")
		} else if name != "" {
			named[name] = s.Name
		}
	}
	for i, b := range routes {
		if b.ServicePort == ControlPort {
			c.report([]string{"services", b.Service, extension, "service_port"}, fmt.Sprintf("%d is kept by the balancer for itself", ControlPort), "use another port")
		}
		for _, a := range routes[:i] {
			if why := clash(*a, *b); why != "" {
				c.report([]string{"services", b.Service, extension, "service_port"},
					fmt.Sprintf("%d is also the service_port of %s: %s", b.ServicePort, a.Service, why), "use another port, or tell them apart by hosts or path_prefix")
			}
		}
	}
	for i, b := range claims {
		for _, a := range claims[:i] {
			shared := a.route != nil && b.route != nil && a.route.ServicePort == b.route.ServicePort
			if !shared && a.proto == b.proto && a.at.Port == b.at.Port && SameAddress(a.at.IP, b.at.IP) {
				c.report([]string{"services", b.service, "ports"},
					fmt.Sprintf("the host port %d/%s is also published by %s", b.at.Port, b.proto, a.service), "use another port")
			}
		}
	}
}

// unnamed warns of services without a balanced name.
func (c *conversion) unnamed(p Project) {
	for _, s := range p.Services {
		if len(s.Routes) > 0 && p.BalancedName(s.Name) == "" {
			c.l.warn(fmt.Sprintf("service %s: inside the networks %s does not lead to the balancer, since the files give that name to another one", s.Name, BalancedName(s.Name)))
		}
	}
}

// clash says why two routes cannot share a service port; "" if they can.
func clash(a, b Route) string {
	if a.ServicePort != b.ServicePort {
		return ""
	}
	tls := func(p Protocol) bool { return p == HTTPS || p == HTTPSTerm }
	if a.Protocol != b.Protocol && !(tls(a.Protocol) && tls(b.Protocol)) {
		return fmt.Sprintf("%s and %s do not share a port", a.Protocol, b.Protocol)
	}
	if a.Protocol == TCP {
		return "plain tcp cannot be told apart"
	}
	hosts := len(a.Hosts) == 0 && len(b.Hosts) == 0
	for _, h := range a.Hosts {
		hosts = hosts || slices.Contains(b.Hosts, h)
	}
	if a.Protocol != b.Protocol { // one passes TLS through: only the host name tells them apart
		if len(a.Hosts) == 0 || len(b.Hosts) == 0 || hosts {
			return "only different hosts tell https and httpsTerm apart"
		}
		return ""
	}
	if hosts && a.PathPrefix == b.PathPrefix {
		return "neither hosts nor path_prefix tells them apart"
	}
	return ""
}
