package compose

import (
	"cmp"
	"maps"

	"github.com/compose-spec/compose-go/v2/types"
)

// refer takes into a service what its container names at the top level.
func (r *reading) refer(s *Service) {
	for key := range s.Body.Networks {
		s.Networks[key] = r.typed.Networks[key]
	}
	for _, v := range s.Body.Volumes {
		if v.Type == types.VolumeTypeVolume && v.Source != "" {
			s.Volumes[v.Source] = r.typed.Volumes[v.Source]
		}
	}
	for _, f := range s.Body.Configs {
		s.Configs[f.Source] = r.typed.Configs[f.Source]
	}
	for _, f := range s.Body.Secrets {
		s.Secrets[f.Source] = r.typed.Secrets[f.Source]
	}
}

// hook is a pre_start hook of a service. What it does not say itself it has from the service already: Compose's loader
// sees to that, but for the volumes, which are those of the very container that it runs before. Nobody looks for the
// service there: it has none of its names.
func (r *reading) hook(of Service, hook types.PreStartHook) Hook {
	s := Service{
		Project: of.Project, Name: of.Name, Role: RoleHook, Replicas: 1,
		Body:     types.ServiceConfig{Name: of.Name, ContainerSpec: hook.ContainerSpec},
		Networks: map[string]types.NetworkConfig{}, Volumes: map[string]types.VolumeConfig{},
		Configs: map[string]types.ConfigObjConfig{}, Secrets: map[string]types.SecretConfig{},
	}
	s.Body.Image = cmp.Or(hook.Image, of.Body.Image)
	s.Body.CustomLabels = of.Body.CustomLabels
	s.Body.Networks = maps.Clone(hook.Networks)
	if hook.NetworkMode != "" { // it stands in place of the service's networks
		s.Body.Networks = r.own(hook.ContainerSpec).Networks
	}
	for key, wanted := range s.Body.Networks {
		if wanted != nil {
			plain := *wanted
			plain.Aliases = nil
			s.Body.Networks[key] = &plain
		}
	}
	r.refer(&s)
	return Hook{Service: s, PerReplica: hook.PerReplica}
}
