package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"hyper-lite/compose"
)

// networks plans the networks that the chosen services and the balancer use.
func (b *builder) networks(chosen []compose.Service) error {
	used := map[string]types.NetworkConfig{}
	for _, s := range b.everyOne(chosen) {
		maps.Copy(used, s.Networks)
	}
	if b.opt.AllResources {
		maps.Copy(used, b.want.Networks)
	}
	for _, key := range slices.Sorted(maps.Keys(used)) {
		if err := b.network(key, used[key]); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) network(key string, config types.NetworkConfig) error {
	is, there := b.have.Networks[config.Name]
	digest := NetworkDigest(config)
	switch {
	case bool(config.External) && !there:
		return &MissingError{What: "external network " + config.Name, Hint: "docker network create " + config.Name}
	case bool(config.External):
	case !there:
		step := CreateNetwork{Key: key, Config: config, Name: config.Name, Digest: digest}
		b.base["network "+config.Name] = []int{b.add("networks", step, "not found")}
	case !is.Ours:
		b.warn("network %s was not made by hyper-lite: it is used as it is, and never removed", config.Name)
	case ResourceDiffers(is.Digest, digest):
		b.differing = append(b.differing, CreateNetwork{Key: key, Config: config, Name: config.Name, Digest: digest})
	}
	return nil
}

// volumes plans the named volumes that the chosen services and the balancer use.
func (b *builder) volumes(chosen []compose.Service) error {
	used := map[string]types.VolumeConfig{}
	for _, s := range b.everyOne(chosen) {
		maps.Copy(used, s.Volumes)
	}
	if b.opt.AllResources {
		maps.Copy(used, b.want.Volumes)
	}
	for _, key := range slices.Sorted(maps.Keys(used)) {
		if err := b.volume(key, used[key]); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) volume(key string, config types.VolumeConfig) error {
	is, there := b.have.Volumes[config.Name]
	digest := VolumeDigest(config)
	switch {
	case bool(config.External) && !there:
		return &MissingError{What: "external volume " + config.Name, Hint: "docker volume create " + config.Name}
	case bool(config.External):
	case !there:
		step := CreateVolume{Key: key, Config: config, Name: config.Name, Digest: digest}
		b.base["volume "+config.Name] = []int{b.add("volumes", step, "not found")}
	case config.Name == SystemVolume(b.want.Name) && is.Ours && !b.hasSystem():
		// what it says was published cannot be looked at, and would be served again unseen
		gone := b.add("volumes", RemoveVolume{Name: config.Name}, "left over: neither balancer nor sidecar is there")
		step := CreateVolume{Key: key, Config: config, Name: config.Name, Digest: digest}
		b.base["volume "+config.Name] = []int{b.add("volumes", step, "", gone)}
	case !is.Ours:
		b.warn("volume %s was not made by hyper-lite: it is used as it is, and never removed", config.Name)
	case ResourceDiffers(is.Digest, digest):
		b.warn("volume %s differs from the file and stays as it is, with its data", config.Name)
	}
	return nil
}

// foundation are the nodes that must be done before a container of s can be made.
func (b *builder) foundation(s compose.Service) []int {
	ids := slices.Clone(b.base["image "+s.Body.Image])
	for _, n := range s.Networks {
		ids = append(ids, b.base["network "+n.Name]...)
	}
	for _, v := range s.Volumes {
		ids = append(ids, b.base["volume "+v.Name]...)
	}
	return ids
}

// everyOne is the chosen services, their hooks, and what they need of the balancer and the sidecar.
func (b *builder) everyOne(chosen []compose.Service) []compose.Service {
	return slices.Concat(chosen, hooksOf(chosen), b.concerned(chosen))
}

func (b *builder) warn(format string, values ...any) {
	b.warnings = append(b.warnings, fmt.Sprintf(format, values...))
}
