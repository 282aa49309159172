package lb

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func project(services ...compose.Service) compose.Project {
	p := compose.Project{
		Name: "shop", Services: services,
		Networks: map[string]types.NetworkConfig{
			"default": {Name: "shop_default"},
			"back":    {Name: "shop_back", Internal: true},
			"far":     {Name: "far", External: true},
		},
		Settings: compose.Settings{BalancerImage: compose.DefaultBalancerImage},
	}
	return p
}

func routed(name string, networks []string, routes ...compose.Route) compose.Service {
	s := compose.Service{Project: "shop", Name: name, Role: compose.RoleReplica, Networks: map[string]types.NetworkConfig{}}
	s.Body.Networks = map[string]*types.ServiceNetworkConfig{}
	for _, key := range networks {
		s.Body.Networks[key] = nil
	}
	for _, r := range routes {
		r.Service = name
		s.Routes = append(s.Routes, r)
	}
	return s
}

func published(host int) func(*compose.Route) {
	return func(r *compose.Route) { r.Publish = []compose.HostPort{{Port: host}} }
}

func TestSystemOfNothingRouted(t *testing.T) {
	system, err := System(project(routed("db", []string{"default"})), "image", "/var/run/docker.sock")
	assert.NilError(t, err)
	assert.DeepEqual(t, system, plan.System{})
}

func TestSystem(t *testing.T) {
	p := project(
		routed("web", []string{"default"}, httpRoute(published(8080)), httpRoute(func(r *compose.Route) {
			r.Protocol, r.ServicePort, r.Publish = compose.TCP, 9000, []compose.HostPort{{IP: "127.0.0.1", Port: 9000}, {IP: "::1", Port: 9000}}
		})),
		routed("api", []string{"default", "back"}, httpRoute(func(r *compose.Route) { r.PathPrefix, r.ServicePort = "/api", 80 }, published(8080))),
		routed("db", []string{"back"}),
	)
	p.Settings.SidecarMemory, p.Settings.SidecarCPUs = 64<<20, 0.5
	p.Settings.BalancerOptions = []string{"--accessLog=true"}
	system, err := System(p, "hyper-lite-sidecar:0123", "/run/user/1000/docker.sock")
	assert.NilError(t, err)
	text, err := json.MarshalIndent(map[string]any{
		"balancer": show(*system.Balancer), "sidecar": show(*system.Sidecar),
	}, "", "  ")
	assert.NilError(t, err)
	golden.Assert(t, string(text)+"\n", "system.golden")
	assert.Assert(t, system.Balancer.Digest.Hash != "" && system.Balancer.Digest.Hash != system.Sidecar.Digest.Hash)
	again, err := System(p, "hyper-lite-sidecar:0123", "/run/user/1000/docker.sock")
	assert.NilError(t, err)
	assert.DeepEqual(t, again, system)
}

// replay is on where a service has more than one replica: to scale it, or to turn it off, leaves the balancer as it is.
func TestScalingReplacesNoBalancer(t *testing.T) {
	balancer := func(replay bool) string {
		system, err := System(project(routed("web", []string{"default"}, httpRoute(func(r *compose.Route) { r.Replay = replay }))), "image", "/s")
		assert.NilError(t, err)
		return system.Balancer.Digest.Hash
	}
	assert.Equal(t, balancer(false), balancer(true))
}

func show(s compose.Service) map[string]any {
	return map[string]any{
		"role": s.Role, "name": s.Name, "containerName": s.Body.ContainerName, "replicas": s.Replicas,
		"restart": s.Body.Restart, "body": s.Body, "networks": s.Networks, "volumes": s.Volumes,
	}
}

func TestBalancerOfInternalNetworksGetsOneThatLeadsOut(t *testing.T) {
	for name, test := range map[string]struct {
		networks []string
		publish  bool
		own      bool
	}{
		"internal and published":             {[]string{"back"}, true, true},
		"internal and inside only":           {[]string{"back"}, false, false},
		"another one leads out":              {[]string{"back", "default"}, true, false},
		"an external one may not":            {[]string{"far"}, true, true},
		"default where the service has none": {nil, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			route := httpRoute()
			if test.publish {
				published(80)(&route)
			}
			system, err := System(project(routed("web", test.networks, route)), "image", "/var/run/docker.sock")
			assert.NilError(t, err)
			config, has := system.Balancer.Networks[ownNetwork]
			assert.Equal(t, has, test.own)
			if has {
				assert.Equal(t, config.Name, "shop_hyper-lite")
				assert.Assert(t, !config.Internal)
			}
			for key := range system.Balancer.Body.Networks {
				_, known := system.Balancer.Networks[key]
				assert.Assert(t, known, "network %s has no configuration", key)
			}
			_, has = system.Sidecar.Networks[ownNetwork]
			assert.Assert(t, !has, "the sidecar publishes nothing")
		})
	}
}

func TestTheBalancerOfALongNameIsReached(t *testing.T) {
	p := project(routed("web", []string{"default"}, httpRoute(published(8080))))
	p.Name = strings.Repeat("n", 60)
	system, err := System(p, "image", "/var/run/docker.sock")
	assert.NilError(t, err)
	aliases := system.Balancer.Body.Networks["default"].Aliases
	host := aliases[len(aliases)-1]
	assert.Assert(t, len(host) <= 63)
	assert.Equal(t, NewSidecar(SidecarOptions{Project: p.Name}).base, "http://"+host+":7799")
}

// A name that the files give to another service stays that one's alone.
func TestTheBalancerTakesNobodysName(t *testing.T) {
	p := project(routed("web", []string{"default"}, httpRoute(published(80))), routed("api", []string{"default"}, httpRoute(published(81))), routed("web-lb", []string{"default"}))
	system, err := System(p, "image", "/var/run/docker.sock")
	assert.NilError(t, err)
	assert.DeepEqual(t, system.Balancer.Body.Networks["default"].Aliases, []string{"api-lb"})
}

func TestSystemRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*compose.Project)
		want   string
	}{
		"the host's network":   {func(p *compose.Project) { p.Services[0].Body.NetworkMode = "host" }, `service web: the balancer cannot reach a replica with network_mode "host"`},
		"an undefined network": {func(p *compose.Project) { delete(p.Networks, "default") }, "service web: network default is not defined"},
		"the control port":     {func(p *compose.Project) { p.Services[0].Routes[0].ServicePort = 7799 }, "service_port 7799: the balancer keeps this port"},
		"an option of ours":    {func(p *compose.Project) { p.Settings.BalancerOptions = []string{"--Providers.File.watch=true"} }, "hyper-lite sets this itself"},
		"the API moved":        {func(p *compose.Project) { p.Settings.BalancerOptions = []string{"--api.basePath=/x"} }, "hyper-lite sets this itself"},
		"another file":         {func(p *compose.Project) { p.Settings.BalancerOptions = []string{"--configFile=/x"} }, "hyper-lite sets this itself"},
		"no option":            {func(p *compose.Project) { p.Settings.BalancerOptions = []string{"log.level=DEBUG"} }, "want --name=value"},
		"a network of its own name": {func(p *compose.Project) {
			p.Networks[ownNetwork] = types.NetworkConfig{Name: "x", Internal: true}
			p.Services[0].Body.Networks = map[string]*types.ServiceNetworkConfig{ownNetwork: nil}
		}, "network hyper-lite: the balancer needs this name"},
	} {
		t.Run(name, func(t *testing.T) {
			p := project(routed("web", []string{"default"}, httpRoute(published(80))))
			test.change(&p)
			_, err := System(p, "image", "/var/run/docker.sock")
			assert.ErrorContains(t, err, test.want)
		})
	}
}

func TestUserOptionsComeLast(t *testing.T) {
	options, err := staticOptions([]compose.Route{httpRoute()}, []string{"--log.level=DEBUG", "--api.insecure=true"})
	assert.NilError(t, err)
	assert.DeepEqual(t, options[len(options)-2:], []string{"--log.level=DEBUG", "--api.insecure=true"})
	level := slices.IndexFunc(options, func(o string) bool { return strings.HasPrefix(o, "--log.level=") })
	assert.Assert(t, level < len(options)-2, "Traefik takes the last of two")
}

func TestSecretsOfTheProjectAreNotInTheSystem(t *testing.T) {
	p := project(routed("web", []string{"default"}, httpRoute(func(r *compose.Route) {
		r.Protocol, r.Cert = compose.HTTPSTerm, &compose.Certificate{Digest: "abc", Chain: "CHAINTEXT", Key: "KEYTEXT"}
	})))
	system, err := System(p, "image", "/var/run/docker.sock")
	assert.NilError(t, err)
	text, err := json.Marshal(system)
	assert.NilError(t, err)
	assert.Assert(t, !strings.Contains(string(text), "KEYTEXT"))
}

// A sidecar that only looks after containers probes nobody, and so is in no network.
func TestSystemWithoutABalancer(t *testing.T) {
	worker := routed("worker", []string{"default"})
	worker.Autoheal, worker.Rollout = 90*time.Second, compose.Rollout{Order: compose.StopFirst, Drain: 10 * time.Second}
	batch := routed("batch", []string{"back"})
	batch.Autodestroy = compose.DestroyOnSuccess
	system, err := System(project(worker, batch, routed("db", nil)), "image", "/var/run/docker.sock")
	assert.NilError(t, err)
	assert.Assert(t, system.Balancer == nil)
	s := system.Sidecar
	assert.Equal(t, s.Body.NetworkMode, "none")
	assert.Equal(t, len(s.Networks)+len(s.Body.Networks), 0)
	assert.Equal(t, strings.Join(s.Body.Command, " "), `sidecar run --project shop --alone --policies `+
		`[{"service":"batch","destroy":"on-success"},{"service":"worker","heal":90000000000,"order":"stop-first","within":60000000000,"drain":10000000000}]`)
	own, err := DecodePolicies(s.Body.Command[len(s.Body.Command)-1])
	assert.NilError(t, err)
	assert.DeepEqual(t, own, []Policy{
		{Service: "batch", Destroy: compose.DestroyOnSuccess},
		{Service: "worker", Heal: 90 * time.Second, Order: compose.StopFirst, Within: time.Minute, Drain: 10 * time.Second},
	})

	// Beside a balancer it is in the networks of the routed services only.
	system, err = System(project(worker, routed("web", []string{"back"}, httpRoute())), "image", "/var/run/docker.sock")
	assert.NilError(t, err)
	assert.Assert(t, system.Balancer != nil)
	assert.Equal(t, len(system.Sidecar.Networks), 1)
	assert.Assert(t, !slices.Contains(system.Sidecar.Body.Command, "--alone"))

	_, err = DecodePolicies("{")
	assert.ErrorContains(t, err, "read policies")
}
