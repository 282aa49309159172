package plan_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// service is a service of project shop as Load would make it.
func service(name string, replicas int, hash string) compose.Service {
	s := compose.Service{
		Project: "shop", Name: name, Role: compose.RoleReplica, Replicas: replicas,
		Digest:   compose.Digest{Hash: hash, Fields: map[string]string{"environment.V": hash}},
		Rollout:  compose.Rollout{Order: compose.StartFirst, Why: "nothing is in the way", Parallelism: 1, Drain: 10 * time.Second},
		Networks: map[string]types.NetworkConfig{"default": {Name: "shop_default"}},
	}
	s.Body.Name = name
	s.Body.Image = "app"
	return s
}

// routed puts a service behind the balancer.
func routed(s compose.Service, port int) compose.Service {
	s.Routes = []compose.Route{{
		Service: s.Name, Protocol: compose.HTTP, ServicePort: port, ContainerPort: 80,
		Publish: []compose.HostPort{{Port: port}}, Algorithm: compose.RoundRobin,
	}}
	s.Rollout.Why = "routed"
	s.Probe = &compose.Probe{Port: 80, Interval: 5 * time.Second, Timeout: 2 * time.Second, Fall: 3, Rise: 2}
	return s
}

// publishing makes the containers of a service publish a host port themselves.
func publishing(s compose.Service, port int) compose.Service {
	s.Body.Ports = []types.ServicePortConfig{{Target: 80, Published: strconv.Itoa(port), Protocol: "tcp"}}
	return s
}

// withAnonymousVolume gives each container of a service a volume of its own.
func withAnonymousVolume(s compose.Service) compose.Service {
	return mounting(s, types.ServiceVolumeConfig{Type: types.VolumeTypeVolume, Target: "/data"})
}

func mounting(s compose.Service, v types.ServiceVolumeConfig) compose.Service {
	s.Body.Volumes = []types.ServiceVolumeConfig{v}
	return s
}

// withPorts counts the ports among what needs a new container, as Load does.
func withPorts(s compose.Service) compose.Service {
	s.Digest.Fields["ports"] = s.Body.Ports[0].Published
	return s
}

// system is the balancer and the sidecar that the project needs: none where nothing is routed.
func system(p compose.Project) plan.System {
	if !p.Watched() {
		return plan.System{}
	}
	volume := map[string]types.VolumeConfig{"hyper-lite": {Name: "shop_hyper-lite"}}
	where := "" // the networks, where they are others than the default alone
	make := func(name string, role compose.Role, image, hash string) *compose.Service {
		s := service(name, 1, hash)
		s.Role, s.Volumes = role, volume
		s.Body.Image, s.Body.ContainerName = image, "shop-hyper-lite-"+name
		if len(p.Services) > 0 {
			s.Networks = map[string]types.NetworkConfig{}
			for _, other := range p.Services { // the balancer is where those are that it serves
				maps.Copy(s.Networks, other.Networks)
			}
			where = strings.TrimSuffix(strings.Join(slices.Sorted(maps.Keys(s.Networks)), " "), "default")
		}
		return &s
	}
	watched := ""
	for _, s := range p.Services {
		watched += fmt.Sprint(s.Name, s.Watched(), s.Autoheal, s.Autodestroy)
	}
	sidecar := make("sidecar", compose.RoleSidecar, "sidecar", "v1:cccc")
	if watches(p) {
		sidecar.Digest = compose.Digest{Hash: "v1:dddd" + watched, Fields: map[string]string{"command": watched}}
	}
	sidecar.Digest.Hash += where
	if len(p.Routes()) == 0 {
		return plan.System{Sidecar: sidecar}
	}
	ports := ""
	balancer := make("balancer", compose.RoleBalancer, "traefik", "")
	for _, r := range p.Routes() {
		*balancer = publishing(*balancer, r.ServicePort)
		ports += strconv.Itoa(r.ServicePort) + ","
	}
	balancer.Body.Ports = nil
	for _, r := range p.Routes() {
		balancer.Body.Ports = append(balancer.Body.Ports, types.ServicePortConfig{
			Target: uint32(r.ServicePort), Published: strconv.Itoa(r.ServicePort), Protocol: "tcp",
		})
	}
	balancer.Digest = compose.Digest{Hash: "v1:" + ports + where, Fields: map[string]string{"ports": ports}}
	return plan.System{Balancer: balancer, Sidecar: sidecar}
}

// watches says that the sidecar has more to do than the balancer needs.
func watches(p compose.Project) bool {
	return slices.ContainsFunc(p.Services, func(s compose.Service) bool {
		s.Routes = nil
		return s.Watched()
	})
}
