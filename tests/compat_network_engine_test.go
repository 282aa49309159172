//go:build engine

package tests

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/go-connections/nat"
	"gotest.tools/v3/assert"
)

// network is all that the engine says of a network, by its name in the file.
func (p *project) network(key string) network.Inspect {
	p.t.Helper()
	found, err := docker.NetworkInspect(p.t.Context(), p.name+"_"+key, network.InspectOptions{})
	assert.NilError(p.t, err)
	return found
}

func TestCompatNetworksAreMadeAsTheFileSays(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, `
x-shell: &shell
  image: redis:7
  entrypoint: [sleep, infinity]
  init: true
  stop_grace_period: 0s
services:
  web:
    <<: *shell
    networks:
      fixed:
        priority: 100
        aliases: [storefront, shop.example.test]
        ipv4_address: ${SUBNET}.77
        ipv6_address: "${SUBNET6}::77"
        mac_address: "02:42:ac:11:77:77"
      front: {aliases: [storefront]}
    links: ["db:database", db]
    extra_hosts: ["legacy.test:192.0.2.7", "six.test=2001:db8::7"]
    expose: ["9000", "9100-9101/udp"]
  db:
    <<: *shell
    scale: 2
    networks: [front]
  other:
    <<: *shell
    mac_address: "02:42:ac:11:66:66"
    networks: [front]
    dns: [192.0.2.53, 192.0.2.54]
    dns_search: [example.test]
    dns_opt: ["ndots:3"]
  asking: {<<: *shell, networks: [fixed], dns_opt: ["timeout:1", "attempts:1"]}
networks:
  fixed:
    driver: bridge
    internal: true
    attachable: true
    enable_ipv6: true
    labels: {kind: fixed}
    driver_opts: {com.docker.network.driver.mtu: 1400}
    ipam:
      driver: default
      config:
      - {subnet: "${SUBNET}.0/24", ip_range: "${SUBNET}.128/25", gateway: "${SUBNET}.3", aux_addresses: {printer: "${SUBNET}.129"}}
      - {subnet: "${SUBNET6}::/64"}
  front: {}
  unused: {}
`)
	ipv6 := fmt.Sprintf("fd00:7:%x", p.port)
	p.env = append(p.env, "SUBNET="+subnet(p.port), "SUBNET6="+ipv6)
	p.must("up", "-d")

	made := p.network("fixed")
	assert.Assert(t, made.Internal && made.Attachable && made.EnableIPv6)
	assert.Equal(t, made.Driver, "bridge")
	assert.Equal(t, made.Labels["kind"], "fixed")
	assert.Equal(t, made.Options["com.docker.network.driver.mtu"], "1400")
	assert.Equal(t, made.IPAM.Config[0].Gateway, subnet(p.port)+".3")
	assert.Equal(t, made.IPAM.Config[0].IPRange, subnet(p.port)+".128/25")
	assert.DeepEqual(t, made.IPAM.Config[0].AuxAddress, map[string]string{"printer": subnet(p.port) + ".129"})
	_, err := docker.NetworkInspect(t.Context(), p.name+"_unused", network.InspectOptions{})
	assert.Assert(t, err != nil, "nobody uses it: nobody made it")

	web := p.inspect("web-1")
	at := web.NetworkSettings.Networks[p.name+"_fixed"]
	assert.Equal(t, string(web.HostConfig.NetworkMode), p.name+"_fixed", "the one of the highest priority is the first")
	assert.Equal(t, at.IPAddress, subnet(p.port)+".77")
	assert.Equal(t, at.GlobalIPv6Address, ipv6+"::77")
	assert.Equal(t, at.MacAddress, "02:42:ac:11:77:77")
	for _, alias := range []string{"web", "storefront", "shop.example.test"} {
		assert.Assert(t, contains(at.Aliases, alias), "%s is none of %v", alias, at.Aliases)
	}
	assert.Equal(t, p.inspect("other-1").NetworkSettings.Networks[p.name+"_front"].MacAddress, "02:42:ac:11:66:66")
	asking := p.inspect("asking-1").NetworkSettings.Networks[p.name+"_fixed"].IPAddress
	var last int
	_, err = fmt.Sscanf(strings.TrimPrefix(asking, subnet(p.port)+"."), "%d", &last)
	assert.NilError(t, err)
	assert.Assert(t, last >= 128 && last != 129, "%s is not of the range, or is the printer's", asking)
	for _, port := range []nat.Port{"9000/tcp", "9100/udp", "9101/udp"} {
		_, exposed := web.Config.ExposedPorts[port]
		assert.Assert(t, exposed, port)
	}

	assert.Equal(t, p.shell("web-1", "cat $(dirname $(grep -l 02:42:ac:11:77:77 /sys/class/net/*/address))/mtu"), "1400")
	says(t, p.shell("other-1", "cat /etc/resolv.conf"), "search example.test", "ndots:3")
	assert.DeepEqual(t, p.inspect("other-1").HostConfig.DNS, []string{"192.0.2.53", "192.0.2.54"})
	says(t, p.shell("web-1", "cat /etc/hosts"), "192.0.2.7\tlegacy.test", "2001:db8::7\tsix.test")
	for _, alias := range []string{"storefront", "shop.example.test", "web"} {
		assert.Equal(t, p.shell("asking-1", "getent ahostsv4 "+alias+" | head -1 | cut -d' ' -f1"), subnet(p.port)+".77", alias)
	}
	both := map[string]bool{}
	for _, name := range []string{"db-1", "db-2"} {
		both[p.inspect(name).NetworkSettings.Networks[p.name+"_front"].IPAddress] = true
	}
	for _, link := range []string{"database", "db"} { // links lead to every replica
		found := map[string]bool{}
		for _, address := range strings.Fields(p.shell("web-1", "getent ahostsv4 "+link+" | cut -d' ' -f1")) {
			found[address] = true
		}
		assert.DeepEqual(t, found, both)
	}
	assert.Equal(t, p.shell("asking-1", "getent hosts database || echo nobody"), "nobody", "a link is the linking container's own")
	says(t, p.must("up", "-d").out, "nothing to change")
}

func TestCompatNamespacesAreSharedAndFollowTheirOwner(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, `
x-shell: &shell
  image: redis:7
  entrypoint: [sh, -c, "cd /proc/self/ns; readlink net pid ipc; exec sleep infinity"]
  init: true
  stop_grace_period: 0s
services:
  owner: {<<: *shell, ipc: shareable, environment: {V: "${V:-1}"}, volumes: ["/shared", "named:/named"]}
  net: {<<: *shell, network_mode: "service:owner"}
  all: {<<: *shell, network_mode: "service:owner", ipc: "service:owner", pid: "service:owner"}
  from: {<<: *shell, volumes_from: ["owner:ro"]}
  foreign: {<<: *shell, network_mode: "container:${GUEST}", pid: "container:${GUEST}", volumes_from: ["container:${GUEST}"]}
  none: {<<: *shell, network_mode: none}
  host: {<<: *shell, network_mode: host, pid: host, ipc: host, uts: host, cgroup: host, userns_mode: host}
  private: {<<: *shell, ipc: private, cgroup: private}
  bridge: {<<: *shell, network_mode: bridge}
volumes: {named: {}}
`)
	guest := p.name + "-guest"
	p.env = append(p.env, "GUEST="+guest)
	foreign(t, guest, &container.Config{
		Image: "redis:7", Entrypoint: []string{"sleep", "infinity"}, Volumes: map[string]struct{}{"/of-the-guest": {}},
	}, nil)
	p.must("up", "-d")
	starts := map[string]int{"owner-1": 1, "net-1": 1, "all-1": 1}
	lives := func(name, kind string) (in string) { // as it said when it began: an exec may not reach what was just restarted
		t.Helper()
		eventually(t, 30*time.Second, func() error {
			said := strings.Fields(logOf(t, p.id(name)))
			for _, word := range said {
				if strings.HasPrefix(word, kind) {
					in = word
				}
			}
			if len(said) < 3*starts[name] {
				return fmt.Errorf("%s said %q", name, said)
			}
			return nil
		})
		return in
	}
	shared := func() {
		t.Helper()
		for _, kind := range []string{"net", "ipc", "pid"} {
			assert.Equal(t, lives("all-1", kind), lives("owner-1", kind), kind)
		}
		assert.Equal(t, lives("net-1", "net"), lives("owner-1", "net"))
		assert.Assert(t, lives("net-1", "pid") != lives("owner-1", "pid"))
	}
	shared()
	assert.Equal(t, p.shell("none-1", "ls /sys/class/net"), "lo")
	host := p.inspect("host-1").HostConfig
	for _, mode := range []string{
		string(host.NetworkMode), string(host.PidMode), string(host.IpcMode),
		string(host.UTSMode), string(host.CgroupnsMode), string(host.UsernsMode),
	} {
		assert.Equal(t, mode, "host")
	}
	info, err := docker.Info(t.Context())
	assert.NilError(t, err)
	assert.Equal(t, p.shell("host-1", "cat /proc/sys/kernel/hostname"), info.Name)
	assert.Equal(t, p.inspect("private-1").HostConfig.IpcMode, container.IpcMode("private"))
	assert.Equal(t, p.inspect("private-1").HostConfig.CgroupnsMode, container.CgroupnsMode("private"))
	assert.DeepEqual(t, p.joins("bridge-1"), []string{"bridge"})
	assert.Equal(t, p.shell("foreign-1", "test -d /of-the-guest && hostname"), func() string {
		found, err := docker.ContainerInspect(t.Context(), guest)
		assert.NilError(t, err)
		return found.ID[:12]
	}())

	p.shell("owner-1", "echo anonymous >/shared/file; echo named >/named/file")
	assert.Equal(t, p.shell("from-1", "cat /shared/file /named/file; touch /shared/x 2>/dev/null || echo read-only"), "anonymous\nnamed\nread-only")

	// What is bound to a container goes with it.
	before := p.idsOf("net", "all", "from", "none", "foreign")
	p.at("V=2", func() { p.must("up", "-d") })
	shared()
	assert.Equal(t, p.shell("from-1", "cat /shared/file /named/file"), "anonymous\nnamed")
	after := p.idsOf("net", "all", "from", "none", "foreign")
	for service, goes := range map[string]bool{"net": true, "all": true, "from": true, "none": false, "foreign": false} {
		name := "/" + p.name + "-" + service + "-1"
		assert.Equal(t, before[name] != after[name], goes, service)
	}
	p.at("V=2", func() { p.must("restart", "owner") })
	starts = map[string]int{"owner-1": 2, "net-1": 2, "all-1": 2}
	shared()

	// So it is where somebody else took the owner away, or only stopped it.
	assert.NilError(t, docker.ContainerKill(t.Context(), p.id("owner-1"), "KILL"))
	p.at("V=2", func() { p.must("up", "-d") })
	starts = map[string]int{"owner-1": 3, "net-1": 3, "all-1": 3}
	shared()
	assert.NilError(t, docker.ContainerRemove(t.Context(), p.id("owner-1"), container.RemoveOptions{Force: true}))
	before = p.idsOf("net", "all", "from", "none", "foreign")
	p.at("V=2", func() { p.must("up", "-d") })
	starts = map[string]int{"owner-1": 1, "net-1": 1, "all-1": 1}
	shared()
	after = p.idsOf("net", "all", "from", "none", "foreign")
	for service, goes := range map[string]bool{"net": true, "all": true, "from": true, "none": false, "foreign": false} {
		name := "/" + p.name + "-" + service + "-1"
		assert.Equal(t, before[name] != after[name], goes, service)
	}
	p.at("V=2", func() { says(t, p.must("up", "-d").out, "nothing to change") })
}

func TestCompatPortsArePublishedInEveryForm(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  short:
    image: hyper-lite-demo
    ports: ["127.0.0.1:${PORT}:80", "443", "${UDP}:7000/udp"]
  long:
    image: hyper-lite-demo
    ports:
    - {name: web, target: 80, published: "${LONG}", host_ip: 127.0.0.2, protocol: tcp, mode: host, app_protocol: http}
    - {target: 443, published: "${FIRST}-${LAST}", host_ip: 127.0.0.3}
    - {target: 7000, mode: host}
  ranged:
    image: hyper-lite-demo
    environment: {TCP_ADDRESS: ":81"}
    ports: ["127.0.0.4:${FIRST}-${SECOND}:80-81"]
`)
	udp, long := p.newPort("UDP"), p.newPort("LONG")
	first := 0
	for first == 0 { // two in a row
		if n := freePort(t); n%2 == 0 && n < 29990 {
			first = n
		}
	}
	p.env = append(p.env, fmt.Sprintf("FIRST=%d", first), fmt.Sprintf("SECOND=%d", first+1), fmt.Sprintf("LAST=%d", first+9))
	p.must("up", "-d")
	bound := func(name string, port nat.Port) nat.PortBinding {
		t.Helper()
		bindings := p.inspect(name).NetworkSettings.Ports[port]
		assert.Assert(t, len(bindings) > 0, "%s of %s is not published", port, name)
		return bindings[0]
	}
	is := func(name string, port nat.Port, ip string, number int) {
		t.Helper()
		assert.Equal(t, bound(name, port), nat.PortBinding{HostIP: ip, HostPort: fmt.Sprint(number)})
	}
	is("short-1", "80/tcp", "127.0.0.1", p.port)
	is("short-1", "7000/udp", "0.0.0.0", udp)
	assert.Assert(t, bound("short-1", "443/tcp").HostPort != "0", "the engine chose one")
	is("long-1", "80/tcp", "127.0.0.2", long)
	assert.Assert(t, bound("long-1", "7000/tcp").HostPort != "0")
	chosen := bound("long-1", "443/tcp")
	var number int
	_, err := fmt.Sscan(chosen.HostPort, &number)
	assert.NilError(t, err)
	assert.Assert(t, chosen.HostIP == "127.0.0.3" && number >= first && number <= first+9, "%v is not of the range", chosen)
	is("ranged-1", "80/tcp", "127.0.0.4", first)
	is("ranged-1", "81/tcp", "127.0.0.4", first+1)
	for _, address := range []string{
		fmt.Sprintf("127.0.0.1:%d", p.port), fmt.Sprintf("127.0.0.2:%d", long), fmt.Sprintf("127.0.0.4:%d", first),
	} {
		eventually(t, 30*time.Second, func() error {
			code, body, err := get(fresh, "http://"+address+"/healthz")
			if err == nil && code != http.StatusOK {
				err = fmt.Errorf("%d: %s", code, body)
			}
			return err
		})
	}
	says(t, p.must("plan").out, "nothing to change")
}

// What this engine has no word for is refused with the API that has it, before anything is made.
func TestCompatWhatANetworkCannotBeIsToldBeforeAnythingIsMade(t *testing.T) {
	t.Parallel()
	const file = `
services:
  first: {image: hyper-lite-demo}
  web:
    image: hyper-lite-demo
    depends_on: [first]
    networks:
      one: {priority: 9, gw_priority: 5}
      two: {interface_name: eth7, mac_address: "02:42:ac:11:00:03"}
networks: {one: {}, two: {}}
`
	p := newProject(t, strings.Replace(file, "depends_on", "network_mode: host\n    depends_on", 1))
	says(t, p.exits(1, "up", "-d").err, "services.web.network_mode", "cannot stand beside networks")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	p.write("compose.yaml", file)
	if knows("1.49") {
		p.must("up", "-d")
		assert.Equal(t, p.inspect("web-1").NetworkSettings.Networks[p.name+"_two"].MacAddress, "02:42:ac:11:00:03")
		return
	}
	says(t, p.exits(1, "up", "-d").err, "gw_priority needs an engine with API 1.48", "interface_name needs an engine with API 1.49")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
}

// knows says whether the engine speaks a version of its API.
func knows(version string) bool {
	return versions.GreaterThanOrEqualTo(docker.ClientVersion(), version)
}

// external_links lead to containers that somebody else made, in the networks that both are in.
func TestCompatExternalLinksLeadToContainersOfOthers(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, `
x-shell: &shell
  image: redis:7
  entrypoint: [sleep, infinity]
  init: true
  stop_grace_period: 0s
  networks: [shared]
services:
  web: {<<: *shell, external_links: ["${GUEST}:friend", "${GUEST}"]}
  other: {<<: *shell}
networks: {shared: {external: true, name: "${SHARED}"}}
`)
	guest, shared := p.name+"-guest", p.name+"-shared"
	p.env = append(p.env, "GUEST="+guest, "SHARED="+shared)
	made, err := docker.NetworkCreate(t.Context(), shared, network.CreateOptions{})
	assert.NilError(t, err)
	t.Cleanup(func() { p.ok(docker.NetworkRemove(context.Background(), made.ID)) })
	foreign(t, guest, &container.Config{}, &container.HostConfig{NetworkMode: container.NetworkMode(shared)})
	t.Cleanup(p.remove)
	p.must("up", "-d")
	is, err := docker.ContainerInspect(t.Context(), guest)
	assert.NilError(t, err)
	for _, name := range []string{"friend", guest} {
		assert.Equal(t, p.shell("web-1", "getent ahostsv4 "+name+" | head -1 | cut -d' ' -f1"), is.NetworkSettings.Networks[shared].IPAddress, name)
	}
	assert.Equal(t, p.shell("other-1", "getent hosts friend || echo nobody"), "nobody", "a link is the linking container's own")
	says(t, p.must("up", "-d").out, "nothing to change")
}
