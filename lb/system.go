package lb

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// The sidecar's container, as System makes it and as the commands find their way into it.
const (
	// Executable is where the sidecar's image has this binary.
	Executable = "/hyper-lite"
	// SidecarFolder is where the sidecar mounts the volume: at the balancer's Folder its image has a file.
	SidecarFolder = "/var/lib/hyper-lite"
	// JobsFolder is where it mounts the volume in which it remembers what jobs did: a volume of its own, since the
	// other one is begun anew where nothing is left of balancer and sidecar.
	JobsFolder = SidecarFolder + "/cron"
	// Socket is where the sidecar answers inside its container.
	Socket = "/run/hyper-lite.sock"
	// EngineSocket is where the sidecar finds the engine inside its container.
	EngineSocket = "/var/run/docker.sock"

	controlPort       = compose.ControlPort
	controlEntryPoint = "control"
	ownNetwork        = "hyper-lite" // the file's key; see systemNetworks
	ownVolume         = "hyper-lite"
	jobsVolume        = "hyper-lite-jobs"
	defaultNetwork    = "default"
)

// BalancerName is the name of the project's balancer container.
func BalancerName(project string) string { return project + "-hyper-lite-balancer" }

// balancerHost is the name by which the sidecar reaches the balancer.
func balancerHost(project string) string { return plan.HostName(BalancerName(project)) }

// SidecarName is the name of the project's sidecar container.
func SidecarName(project string) string { return project + "-hyper-lite-sidecar" }

// VolumeName is the engine's name of the volume that the balancer and the sidecar share.
func VolumeName(project string) string { return project + "_hyper-lite" }

// System is what a project needs besides its own services: a balancer and a sidecar where anything is routed, a sidecar
// alone where that only has jobs to fire, and replicas to replace or to remove, and neither elsewhere. The image is the sidecar's, socket the engine's socket on the engine's host.
// Networks and Volumes of both services hold all that must exist before they are created.
func System(project compose.Project, image, socket string) (plan.System, error) {
	if !project.Watched() {
		return plan.System{}, nil
	}
	attached, err := routedNetworks(project)
	if err != nil {
		return plan.System{}, err
	}
	var system plan.System
	if system.Sidecar, err = digested(sidecarService(project, attached, image, socket)); err != nil {
		return plan.System{}, err
	}
	if len(project.Routes()) > 0 {
		if system.Balancer, err = digested(balancerService(project, attached)); err != nil {
			return plan.System{}, err
		}
	}
	return system, nil
}

func digested(s compose.Service, err error) (*compose.Service, error) {
	if err != nil {
		return nil, err
	}
	if s.Digest, err = compose.DigestOf(s); err != nil {
		return nil, fmt.Errorf("digest %s: %w", s.Name, err)
	}
	return &s, nil
}

// attachment is what the balancer and the sidecar are connected to.
type attachment struct {
	configs map[string]types.NetworkConfig // by the file's key
	aliases map[string][]string            // by the file's key: the balanced names in it
}

// routedNetworks are the networks of every routed service, each with the balanced names of its services.
func routedNetworks(project compose.Project) (attachment, error) {
	a := attachment{configs: map[string]types.NetworkConfig{}, aliases: map[string][]string{}}
	for _, s := range project.Services {
		if len(s.Routes) == 0 {
			continue
		}
		if mode := s.Body.NetworkMode; mode != "" {
			return attachment{}, fmt.Errorf("service %s: the balancer cannot reach a replica with network_mode %q; give it networks instead", s.Name, mode)
		}
		keys := slices.Sorted(maps.Keys(s.Body.Networks))
		if len(keys) == 0 {
			keys = []string{defaultNetwork}
		}
		for _, key := range keys {
			config, ok := s.Networks[key]
			if !ok {
				config, ok = project.Networks[key]
			}
			if !ok {
				return attachment{}, fmt.Errorf("service %s: network %s is not defined", s.Name, key)
			}
			a.configs[key] = config
			if name := project.BalancedName(s.Name); name != "" {
				a.aliases[key] = append(a.aliases[key], name)
			}
		}
	}
	for key := range a.aliases {
		slices.Sort(a.aliases[key])
	}
	return a, nil
}

// service makes the part of a service that both share.
func (a attachment) service(project compose.Project, role compose.Role, name, container string, aliased bool) compose.Service {
	networks := map[string]*types.ServiceNetworkConfig{}
	for key := range a.configs {
		networks[key] = nil
		if aliased {
			networks[key] = &types.ServiceNetworkConfig{Aliases: a.aliases[key]}
		}
	}
	volume := types.VolumeConfig{Name: VolumeName(project.Name)}
	return compose.Service{
		Project: project.Name, Name: name, Role: role, Replicas: 1,
		Rollout: compose.Rollout{Order: compose.StopFirst, Why: "there is one of it", Parallelism: 1, OnFailure: "pause"},
		Body: types.ServiceConfig{
			Name: name, ContainerName: container, Restart: types.RestartPolicyUnlessStopped,
			ContainerSpec: types.ContainerSpec{
				Networks:    networks,
				SecurityOpt: []string{"no-new-privileges:true"},
			},
		},
		Networks: maps.Clone(a.configs),
		Volumes:  map[string]types.VolumeConfig{ownVolume: volume},
	}
}

// outside says whether some network certainly leads out of the engine: Docker publishes no port of a container
// that has only internal networks. Of an external network nothing is known.
func (a attachment) outside() bool {
	for _, config := range a.configs {
		if !config.Internal && !bool(config.External) {
			return true
		}
	}
	return false
}

func balancerService(project compose.Project, a attachment) (compose.Service, error) {
	routes := project.Routes()
	command, err := staticOptions(routes, project.Settings.BalancerOptions)
	if err != nil {
		return compose.Service{}, err
	}
	s := a.service(project, compose.RoleBalancer, "balancer", BalancerName(project.Name), true)
	if host := balancerHost(project.Name); host != BalancerName(project.Name) {
		for _, network := range s.Body.Networks {
			network.Aliases = slices.Concat(network.Aliases, []string{host})
		}
	}
	s.Body.Image = project.Settings.BalancerImage
	if s.Body.Image == "" {
		s.Body.Image = compose.DefaultBalancerImage
	}
	s.Body.Command = command
	grace := types.Duration(shutdownGrace + 5*time.Second)
	s.Body.StopGracePeriod = &grace
	// To the engine every signal is a user's wish to end the container, and SIGHUP, which only makes Traefik read
	// its files, would be the last it ever starts it again after. It is not where the stop signal is known to be
	// another one, and not at the engine's own start where the policy is always.
	s.Body.StopSignal = "SIGTERM"
	s.Body.Restart = types.RestartPolicyAlways
	s.Body.Volumes = []types.ServiceVolumeConfig{{
		Type: types.VolumeTypeVolume, Source: ownVolume, Target: Folder, ReadOnly: true,
	}}
	if slices.ContainsFunc(routes, func(r compose.Route) bool { return r.Protocol == compose.HTTP || r.Protocol == compose.HTTPSTerm }) {
		// For replay long answers are held back in files there. An image made from scratch has no such folder. A service that
		// has none now may be scaled up later, for which the balancer must not be made anew.
		s.Body.Volumes = append(s.Body.Volumes, types.ServiceVolumeConfig{Type: types.VolumeTypeVolume, Target: "/tmp"})
	}
	s.Body.Ports = publishedPorts(routes)
	if len(s.Body.Ports) > 0 && !a.outside() {
		// A network of the balancer's own, which no service joins: the ports work, and what the file calls
		// internal stays so.
		if _, taken := a.configs[ownNetwork]; taken {
			return compose.Service{}, fmt.Errorf("network %s: the balancer needs this name for a network of its own, since all networks of the routed services are internal; rename it", ownNetwork)
		}
		s.Networks[ownNetwork] = types.NetworkConfig{Name: project.Name + "_" + ownNetwork}
		s.Body.Networks[ownNetwork] = nil
	}
	return s, nil
}

func publishedPorts(routes []compose.Route) []types.ServicePortConfig {
	var ports []types.ServicePortConfig
	for _, r := range routes {
		for _, p := range r.Publish {
			ports = append(ports, types.ServicePortConfig{
				Mode: "ingress", HostIP: p.IP, Target: uint32(r.ServicePort), Published: fmt.Sprint(p.Port), Protocol: "tcp",
			})
		}
	}
	slices.SortFunc(ports, func(a, b types.ServicePortConfig) int {
		if a.Target != b.Target {
			return int(a.Target) - int(b.Target)
		}
		return strings.Compare(a.Published+" "+a.HostIP, b.Published+" "+b.HostIP)
	})
	return slices.CompactFunc(ports, func(a, b types.ServicePortConfig) bool {
		return a.Target == b.Target && a.Published == b.Published && a.HostIP == b.HostIP
	})
}

// sidecarService has the engine's socket, and so the engine's powers: it gets no others. Its own root is
// read-only; it writes to the volume, and to /run for its socket. Its networks are those of the routed services, whose
// replicas it probes.
func sidecarService(project compose.Project, a attachment, image, socket string) (compose.Service, error) {
	s := a.service(project, compose.RoleSidecar, "sidecar", SidecarName(project.Name), false)
	s.Body.Image = image
	s.Body.PullPolicy = types.PullPolicyNever
	s.Body.Command = types.ShellCommand{"sidecar", "run", "--project", project.Name}
	if len(a.configs) == 0 { // it probes nobody
		s.Body.Command = append(s.Body.Command, "--alone")
	}
	if len(project.Jobs) > 0 {
		s.Body.Command = append(s.Body.Command, "--jobs")
	}
	joinWebhooks(&s, project)
	if own := policies(project); len(own) > 0 {
		text, err := encodePolicies(own)
		if err != nil {
			return s, fmt.Errorf("encode policies: %w", err)
		}
		s.Body.Command = append(s.Body.Command, "--policies", text)
	}
	s.Body.ReadOnly = true
	s.Body.Tmpfs = types.StringList{"/run"}
	s.Body.CapDrop = []string{"ALL"}
	s.Body.CapAdd = []string{"DAC_OVERRIDE"}                         // the socket may belong to another user
	s.Body.SecurityOpt = append(s.Body.SecurityOpt, "label=disable") // SELinux refuses the socket otherwise
	s.Body.MemLimit = types.UnitBytes(project.Settings.SidecarMemory)
	s.Body.CPUS = float32(project.Settings.SidecarCPUs)
	s.Body.Volumes = []types.ServiceVolumeConfig{
		{Type: types.VolumeTypeVolume, Source: ownVolume, Target: SidecarFolder},
		{Type: types.VolumeTypeBind, Source: socket, Target: EngineSocket, Bind: &types.ServiceVolumeBind{}},
	}
	if len(project.Jobs) > 0 {
		s.Volumes[jobsVolume] = types.VolumeConfig{Name: plan.JobsVolume(project.Name)}
		s.Body.Volumes = append(s.Body.Volumes, types.ServiceVolumeConfig{Type: types.VolumeTypeVolume, Source: jobsVolume, Target: JobsFolder})
	}
	return s, nil
}

// joinWebhooks puts the sidecar in the networks of the jobs whose ends it tells a webhook of, so that it finds what they
// find. One that is in no network needs none, or the engine's own.
func joinWebhooks(s *compose.Service, project compose.Project) {
	tells := false
	for _, j := range project.Jobs {
		if j.Notify == nil || j.Notify.Webhook == "" {
			continue
		}
		tells = true
		for key := range j.Body.Networks {
			if config, ok := j.Networks[key]; ok {
				s.Networks[key], s.Body.Networks[key] = config, nil
			}
		}
	}
	switch {
	case len(s.Body.Networks) > 0:
	case tells:
		s.Body.NetworkMode = "bridge"
	default:
		s.Body.NetworkMode = "none"
	}
}
