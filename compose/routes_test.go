package compose

import (
	"fmt"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// routesText writes what is balanced and what the container publishes itself, one line each.
func routesText(s Service) string {
	var lines []string
	for _, r := range s.Routes {
		var at []string
		for _, p := range r.Publish {
			at = append(at, fmt.Sprintf("%s:%d", p.IP, p.Port))
		}
		lines = append(lines, fmt.Sprintf("%s %s -> %d -> %d", r.Protocol, strings.Join(at, ","), r.ServicePort, r.ContainerPort))
	}
	for _, p := range s.Body.Ports {
		lines = append(lines, fmt.Sprintf("own %s:%s:%d/%s", p.HostIP, p.Published, p.Target, p.Protocol))
	}
	return strings.Join(lines, "\n")
}

// What cannot be as asked, and is served all the same, is warned of.
func TestRoutesThatAreLessThanAskedAreWarnedOf(t *testing.T) {
	for file, want := range map[string]string{
		"services: {web: {image: x, protocol: http}, web-lb: {image: x}}":                                                "service web: inside the networks web-lb does not lead",
		"services: {web: {image: x, protocol: http}, b: {image: x, container_name: web-lb}}":                             "service web: inside",
		"services: {web: {image: x, protocol: http}, b: {image: x, networks: {default: {aliases: [web-lb]}}}}":           "service web: inside",
		"services: {web: {image: x}, web-lb: {image: x}}":                                                                "",
		"x-hyper-lite: {revisions: 0}\nservices: {web: {image: x, deploy: {update_config: {failure_action: rollback}}}}": "service web: failure_action rollback does what pause does",
		"x-hyper-lite: {revisions: 0}\nservices: {web: {image: x}}":                                                      "",
	} {
		_, warnings, err := Load(t.Context(), LoadOptions{WorkDir: write(t, one(file))})
		assert.NilError(t, err)
		if want == "" {
			assert.Equal(t, len(warnings), 0, "%s: %v", file, warnings)
			continue
		}
		assert.Equal(t, len(warnings), 1, file)
		assert.Assert(t, strings.HasPrefix(warnings[0], want), warnings[0])
	}
}

// The rule is DESIGN.md, "Ports of a route".
func TestPortsOfARoute(t *testing.T) {
	cases := map[string]struct{ keys, want string }{
		"http by default":                  {`protocol: http`, "http :80 -> 80 -> 80"},
		"https by default":                 {`protocol: https`, "https :443 -> 443 -> 443"},
		"tcp":                              {`{protocol: tcp, service_port: 6379}`, "tcp :6379 -> 6379 -> 6379"},
		"container_port":                   {`{protocol: http, container_port: 8080}`, "http :80 -> 80 -> 8080"},
		"both":                             {`{protocol: http, service_port: 81, container_port: 8080}`, "http :81 -> 81 -> 8080"},
		"one published port":               {`{protocol: http, ports: ["8080:80"]}`, "http :8080 -> 8080 -> 80"},
		"one published port, tcp":          {`{protocol: tcp, ports: ["7000:6379"]}`, "tcp :7000 -> 7000 -> 6379"},
		"one published port, service_port": {`{protocol: http, service_port: 90, ports: ["8080:80"]}`, "http :8080 -> 90 -> 80"},
		"the port of container_port":       {`{protocol: http, container_port: 80, ports: ["8080:80", "9000:9000"]}`, "http :8080 -> 8080 -> 80\ntcp :9000 -> 9000 -> 9000"},
		"an address":                       {`{protocol: http, ports: ["127.0.0.1:8080:80"]}`, "http 127.0.0.1:8080 -> 8080 -> 80"},
		"two addresses of one port":        {`{protocol: http, container_port: 80, ports: ["127.0.0.1:8080:80", "10.0.0.1:8080:80"]}`, "http 127.0.0.1:8080,10.0.0.1:8080 -> 8080 -> 80"},
		"no such entry":                    {`{protocol: http, container_port: 81, ports: ["8080:80"]}`, "http :80 -> 80 -> 81\ntcp :8080 -> 8080 -> 80"},
		"an open host port stays":          {`{protocol: http, ports: ["80"]}`, "http :80 -> 80 -> 80\nown ::80/tcp"},
		"a range stays":                    {`{replicas: 3, ports: ["8000-8010:80"]}`, "own :8000-8010:80/tcp"},
		"one replica keeps its ports":      {`ports: ["8080:80"]`, "own :8080:80/tcp"},
		"several replicas":                 {`{replicas: 3, ports: ["8080:80", "9000:90"]}`, "tcp :8080 -> 8080 -> 80\ntcp :9000 -> 9000 -> 90"},
		"start-first":                      {`{ports: ["8080:80"], deploy: {update_config: {order: start-first}}}`, "tcp :8080 -> 8080 -> 80"},
		"stop-first":                       {`{ports: ["8080:80"], deploy: {update_config: {order: stop-first}}}`, "own :8080:80/tcp"},
		"stop-first, other ports":          {`{protocol: http, container_port: 80, ports: ["8080:80", "9000:90"], deploy: {update_config: {order: stop-first}}}`, "http :8080 -> 8080 -> 80\nown :9000:90/tcp"},
		"app_protocol":                     {`{replicas: 2, ports: [{target: 80, published: 8080, app_protocol: http}]}`, "http :8080 -> 8080 -> 80"},
		"udp of one replica":               {`ports: ["53:53/udp"]`, "own :53:53/udp"},
		"udp beside http":                  {`{protocol: http, ports: ["8080:80", "53:53/udp"]}`, "http :8080 -> 8080 -> 80\nown :53:53/udp"},
		"open udp of several":              {`{replicas: 2, ports: ["53/udp"]}`, "own ::53/udp"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			keys := c.keys
			if !strings.HasPrefix(keys, "{") {
				keys = "{" + keys + "}"
			}
			p := mustLoad(t, one("x-keys: &keys "+keys+"\nservices: {web: {<<: *keys, image: x}}"), LoadOptions{})
			web := service(t, p, "web")
			assert.Equal(t, routesText(web), c.want)
			assert.Equal(t, web.Probe != nil, len(web.Routes) > 0)
		})
	}
}

func TestServicesShareAPort(t *testing.T) {
	cases := map[string]struct {
		a, b string
		ok   bool
	}{
		"hosts":                  {"protocol: http, hosts: a.x", "protocol: http, hosts: b.x", true},
		"one host and the rest":  {"protocol: http, hosts: a.x", "protocol: http", true},
		"prefixes":               {"protocol: http, path_prefix: /a", "protocol: http, path_prefix: /b", true},
		"prefix and the rest":    {"protocol: http, path_prefix: /a", "protocol: http", true},
		"a host in common":       {"protocol: http, hosts: [a.x, c.x]", "protocol: http, hosts: [c.x]", false},
		"one host in two cases":  {"protocol: http, hosts: A.x", "protocol: http, hosts: a.x", false},
		"every path":             {"protocol: http, path_prefix: /", "protocol: http", false},
		"nothing":                {"protocol: http", "protocol: http", false},
		"https by name":          {"protocol: https, hosts: a.x", "protocol: https, hosts: b.x", true},
		"http and https":         {"protocol: http, service_port: 443", "protocol: https", false},
		"tcp":                    {"protocol: tcp, service_port: 1", "protocol: tcp, service_port: 1", false},
		"two ports":              {"protocol: tcp, service_port: 1", "protocol: tcp, service_port: 2", true},
		"host port of a service": {"protocol: http", "ports: ['80:1']", false},
		"udp beside tcp":         {"protocol: http", "ports: ['80:1/udp']", true},
		"two addresses":          {"ports: ['127.0.0.1:80:1']", "ports: ['127.0.0.2:80:1']", true},
		"an address and all":     {"ports: ['127.0.0.1:80:1']", "ports: ['80:1']", false},
		"nobody":                 {"ports: ['80:1'], scale: 0", "ports: ['80:1']", true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := write(t, one("services: {a: {image: x, "+c.a+"}, b: {image: x, "+c.b+"}}"))
			_, _, err := Load(t.Context(), LoadOptions{WorkDir: dir})
			assert.Equal(t, err == nil, c.ok, "%v", err)
		})
	}
}

func TestDefaultOrder(t *testing.T) {
	cases := []struct {
		facts OrderFacts
		want  string
	}{
		{OrderFacts{Replicas: 1}, "start-first: nothing is in the way"},
		{OrderFacts{Replicas: 3, Routed: true}, "start-first: routed"},
		{OrderFacts{Replicas: 1, Routed: true}, "start-first: routed"},
		{OrderFacts{Replicas: 1, Routed: true, Volume: true}, "stop-first: a single replica writes to a named volume"},
		{OrderFacts{Replicas: 1, Volume: true}, "stop-first: a single replica writes to a named volume"},
		{OrderFacts{Replicas: 2, Volume: true}, "start-first: nothing is in the way"},
		{OrderFacts{Replicas: 2, Volume: true, Routed: true}, "start-first: routed"},
		{OrderFacts{Replicas: 1, Folder: true}, "stop-first: a single replica writes to a folder of the host"},
		{OrderFacts{Replicas: 1, Folder: true, Routed: true}, "stop-first: a single replica writes to a folder of the host"},
		{OrderFacts{Replicas: 1, Folder: true, Routed: true, Web: true}, "start-first: routed"},
		{OrderFacts{Replicas: 2, Folder: true}, "start-first: nothing is in the way"},
		{OrderFacts{Replicas: 1, HostPort: true}, "stop-first: publishes a host port"},
		{OrderFacts{Replicas: 1, HostPort: true, Routed: true}, "stop-first: publishes a host port"},
		{OrderFacts{Replicas: 1, Address: true, Routed: true}, "stop-first: has a fixed address"},
		{OrderFacts{Replicas: 2, Range: true}, "stop-first: publishes all of a range of host ports"},
		{OrderFacts{Replicas: 1, Shared: true}, "stop-first: a single replica is in a network that is not its own"},
		{OrderFacts{Replicas: 2, Shared: true}, "start-first: nothing is in the way"},
		{OrderFacts{Order: StopFirst, Replicas: 3, Routed: true}, "stop-first: deploy.update_config.order"},
		{OrderFacts{Order: StartFirst, Replicas: 1, Volume: true}, "start-first: deploy.update_config.order"},
	}
	for _, c := range cases {
		order, why := DefaultOrder(c.facts)
		assert.Equal(t, order+": "+why, c.want, "%+v", c.facts)
	}
}

func TestRollout(t *testing.T) {
	p := mustLoad(t, one(`services:
  plain: {image: x}
  said:
    image: x
    drain: 1m
    deploy: {update_config: {parallelism: 0, delay: 3s, monitor: 4s, failure_action: rollback, max_failure_ratio: 0.5, order: stop-first}}
  one: {image: x, sequential_deployment: true}
  back: {image: x, deploy: {rollback_config: {parallelism: 3, failure_action: continue}}}
  many: {image: x, replicas: 2, deploy: {update_config: {parallelism: 9, max_failure_ratio: 1}}}
  data: {image: x, volumes: ["data:/d"], protocol: http}
  reader: {image: x, volumes: ["data:/d:ro"]}
  folder: {image: x, volumes: ["./d:/d"]}
  static: {image: x, volumes: ["./d:/d"], protocol: http, service_port: 81}
  broker: {image: x, volumes: ["./d:/d"], protocol: tcp, service_port: 82}
  config: {image: x, volumes: ["./d:/d:ro"]}
  host: {image: x, network_mode: host}
  beside: {image: x, network_mode: "service:plain"}
  full: {image: x, replicas: 2, ports: ["8000-8001:80"]}
  roomy: {image: x, replicas: 2, ports: ["8010-8012:80"]}
volumes: {data: {}}`), LoadOptions{})
	for name, want := range map[string]string{
		"plain":  "{start-first nothing is in the way false 1 0s 0s 10s pause 0}",
		"said":   "{stop-first deploy.update_config.order true 0 3s 4s 1m0s rollback 0.5}",
		"one":    "{start-first nothing is in the way false 1 0s 0s 10s pause 0}",
		"back":   "{start-first nothing is in the way false 1 0s 0s 10s pause 0}",
		"many":   "{start-first nothing is in the way false 9 0s 0s 10s pause 1}",
		"data":   "{stop-first a single replica writes to a named volume false 1 0s 0s 10s pause 0}",
		"reader": "{start-first nothing is in the way false 1 0s 0s 10s pause 0}",
		"folder": "{stop-first a single replica writes to a folder of the host false 1 0s 0s 10s pause 0}",
		"static": "{start-first routed false 1 0s 0s 10s pause 0}",
		"broker": "{stop-first a single replica writes to a folder of the host false 1 0s 0s 10s pause 0}",
		"config": "{start-first nothing is in the way false 1 0s 0s 10s pause 0}",
		"host":   "{stop-first a single replica is in a network that is not its own false 1 0s 0s 10s pause 0}",
		"beside": "{stop-first a single replica is in a network that is not its own false 1 0s 0s 10s pause 0}",
		"full":   "{stop-first publishes all of a range of host ports false 1 0s 0s 10s pause 0}",
		"roomy":  "{start-first nothing is in the way false 1 0s 0s 10s pause 0}",
	} {
		assert.Equal(t, fmt.Sprint(service(t, p, name).Rollout), want, name)
	}
	assert.Equal(t, fmt.Sprint(service(t, p, "back").Rollback), "{start-first nothing is in the way false 3 0s 0s 10s continue 0}")
}

// A GET can only be asked again of another replica, and only where the balancer sees requests.
func TestReplay(t *testing.T) {
	cases := map[string]struct {
		keys string
		want bool
	}{
		"one replica":             {"protocol: http", false},
		"several":                 {"protocol: http, replicas: 2", true},
		"several, said":           {"protocol: http, replicas: 2, replay: false", false},
		"one, said":               {"protocol: http, replay: true", true},
		"interpolated":            {"protocol: http, replicas: 2, replay: '${REPLAY:-no}'", false},
		"tcp":                     {"protocol: tcp, service_port: 90, replicas: 2", false},
		"a published http port":   {"replicas: 2, ports: [{target: 80, published: 8080, app_protocol: http}]", true},
		"a published port of any": {"replicas: 2, ports: ['8080:80']", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := mustLoad(t, one("services: {web: {image: x, "+c.keys+"}}"), LoadOptions{})
			assert.Equal(t, service(t, p, "web").Routes[0].Replay, c.want)
		})
	}
}
