package engine

import (
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"gotest.tools/v3/assert"
)

// A place is one however it is written: the engine lists it without the slash at its end.
func TestAnonymousVolumesAreTakenOverByPlace(t *testing.T) {
	anonymous := map[string]string{"/data": "abc"}
	asBind := &container.HostConfig{Binds: []string{"/srv:/data/"}}
	asMount := &container.HostConfig{Mounts: []mount.Mount{{Type: mount.TypeBind, Source: "/srv", Target: "/data/"}}}
	asTmpfs := &container.HostConfig{Tmpfs: map[string]string{"/data/": ""}}
	declared := map[string]struct{}{"/data/": {}}
	for _, host := range []*container.HostConfig{asBind, asMount, asTmpfs} {
		made := draft{specification: specification{host: *host}}
		adopt(&made, anonymous, declared)
		assert.Equal(t, len(made.adopted), 0, "%+v", host)
	}

	made := draft{}
	adopt(&made, anonymous, declared)
	assert.DeepEqual(t, made.host.Mounts, []mount.Mount{{Type: mount.TypeVolume, Source: "abc", Target: "/data"}})
	assert.DeepEqual(t, made.adopted, []string{"/data"})

	made = draft{specification: specification{host: container.HostConfig{Mounts: []mount.Mount{{Type: mount.TypeVolume, Target: "/data/"}}}}}
	adopt(&made, anonymous, declared)
	assert.DeepEqual(t, made.host.Mounts, []mount.Mount{{Type: mount.TypeVolume, Source: "abc", Target: "/data/"}})
	assert.DeepEqual(t, made.adopted, []string{"/data"})

	old := container.InspectResponse{
		ContainerJSONBase: &container.ContainerJSONBase{HostConfig: &container.HostConfig{
			Binds:  []string{"shop_cache:/cache/"},
			Mounts: append(made.host.Mounts, mount.Mount{Type: mount.TypeVolume, Source: "shop_named", Target: "/named/"}),
		}},
		Config: &container.Config{Labels: map[string]string{labelAdopted: "/data"}},
		Mounts: []container.MountPoint{
			{Type: mount.TypeVolume, Name: "shop_cache", Destination: "/cache"},
			{Type: mount.TypeVolume, Name: "abc", Destination: "/data"},
			{Type: mount.TypeVolume, Name: "shop_named", Destination: "/named"},
		},
	}
	assert.DeepEqual(t, anonymousVolumes(old), anonymous)
}
