package engine

import (
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"gotest.tools/v3/assert"

	"github.com/compose-spec/compose-go/v2/types"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func TestReferencesMatchInEverySpelling(t *testing.T) {
	const digest = "sha256:9b7f1e9b8a5b9e8a4d2b0d6c1e5f3a7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6"
	images := []image.Summary{
		{ID: "sha256:1111", RepoTags: []string{"web:latest"}, RepoDigests: []string{"web@" + digest}},
		{ID: "sha256:2222", RepoTags: []string{"registry.example:5000/team/app:v2"}},
		{ID: "sha256:3333", RepoTags: nil},
	}
	wanted := []string{
		"web", "web:latest", defaultRegistry + "/library/web", "web@" + digest, "web:latest@" + digest, "sha256:1111",
		"registry.example:5000/team/app:v2", "registry.example:5000/team/app", "web:v2", "Not A Reference",
	}
	assert.DeepEqual(t, matchImages(wanted, images), map[string]plan.Image{
		"web":                               {ID: "sha256:1111"},
		"web:latest":                        {ID: "sha256:1111"},
		defaultRegistry + "/library/web":    {ID: "sha256:1111"},
		"web@" + digest:                     {ID: "sha256:1111"},
		"web:latest@" + digest:              {ID: "sha256:1111"},
		"sha256:1111":                       {ID: "sha256:1111"},
		"registry.example:5000/team/app:v2": {ID: "sha256:2222"},
	})
}

func TestContainersAreSplitByOurLabel(t *testing.T) {
	service := compose.Service{
		Project: "shop", Name: "web",
		DependsOn: []compose.Dependency{{Service: "db", Condition: "service_healthy", Restart: true}},
		Digest:    compose.Digest{Hash: "v1:abc", Fields: map[string]string{"image": "12345678"}},
		Body: types.ServiceConfig{ContainerSpec: types.ContainerSpec{
			Labels:       types.Labels{"team": "shop", labelProject: "forged"},
			CustomLabels: types.Labels{composeWorkingDir: "/srv/shop", composeFiles: "/srv/shop/a.yaml,/srv/shop/b.yaml"},
		}},
	}
	labels, err := containerLabels(service, plan.Ref{Service: "web", Slot: 2, Generation: 7}, "sha256:1111")
	assert.NilError(t, err)
	labels[labelFiles] = "/run/secrets"
	containers := []container.Summary{
		{
			ID: "b", Names: []string{"/shop-web-2"}, Labels: labels, State: "running", Status: "Up 3 seconds (healthy)", Created: 1700000000,
			Ports: []container.Port{{IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8080, Type: "tcp"}},
			Mounts: []container.MountPoint{
				{Type: mount.TypeVolume, Name: strings.Repeat("0e", 32), Destination: "/data"},
				{Type: mount.TypeVolume, Name: strings.Repeat("1e", 32), Destination: "/run/secrets"}, // what was copied in
				{Type: mount.TypeVolume, Name: "shop_named", Destination: "/named"},
				{Type: mount.TypeBind, Source: "/srv", Destination: "/srv"},
			},
		},
		{ID: "a", Names: []string{"/proxy/alias", "/proxy"}, Labels: map[string]string{composeProject: "blog", composeService: "web", composeOneOff: "False", composeHash: "1"}, State: "paused"},
		{ID: "c", Names: []string{"/shop-web-3" + incomplete}, Labels: labels, State: "created", Status: "Created"},
	}
	e := &Engine{ours: map[string]ownership{}}
	replicas, foreign := e.split("shop", containers)
	assert.Equal(t, len(replicas), 2)
	r := replicas[0]
	assert.Equal(t, r.Ref, plan.Ref{Service: "web", Slot: 2, Generation: 7})
	assert.Equal(t, r.Role, compose.RoleReplica)
	assert.Equal(t, r.Health, plan.Healthy)
	assert.Equal(t, r.Image, "shop-web")
	assert.Equal(t, r.WorkDir, "/srv/shop")
	assert.DeepEqual(t, r.Digest, service.Digest)
	assert.DeepEqual(t, r.DependsOn, []string{"db"})
	assert.DeepEqual(t, r.Files, []string{"/srv/shop/a.yaml", "/srv/shop/b.yaml"})
	assert.DeepEqual(t, r.Ports, []plan.Port{{HostIP: "0.0.0.0", Host: 8080, Container: 80, Protocol: "tcp"}})
	assert.DeepEqual(t, r.Anonymous, []string{"/data"})
	assert.Equal(t, replicas[1].Digest.Hash, "", "an unfinished container has no hash, so that it is replaced")
	assert.DeepEqual(t, foreign, []plan.Foreign{{ID: "a", Name: "proxy", Project: "blog", Service: "web", Running: true}})
	assert.Equal(t, labels["team"], "shop")
	assert.Equal(t, labels[composeDependsOn], "db:service_healthy:true")
}

func TestOnlyReplicasCountForCompose(t *testing.T) {
	for role, want := range map[compose.Role]string{
		"": "False", compose.RoleReplica: "False", compose.RoleBalancer: "True",
		compose.RoleSidecar: "True", compose.RoleJob: "True", compose.RoleRun: "True",
	} {
		labels, err := containerLabels(compose.Service{Role: role}, plan.Ref{}, "")
		assert.NilError(t, err)
		assert.Equal(t, labels[composeOneOff], want, string(role))
	}
}

func TestResourcesAreThoseOfTheProject(t *testing.T) {
	project := compose.Project{
		Name:     "shop",
		Networks: map[string]types.NetworkConfig{"default": {Name: "shop_default"}, "shared": {Name: "shared"}},
		Volumes:  map[string]types.VolumeConfig{"data": {Name: "shop_data"}},
	}
	ours := map[string]string{labelProject: "shop", labelDigest: "0123456789ab"}
	assert.DeepEqual(t, networksOf(project, []network.Summary{
		{Name: "shop_default", ID: "1"},
		{Name: "shop_default", ID: "2", Labels: ours},
		{Name: "shared", ID: "3", Labels: map[string]string{labelProject: "other", labelDigest: "x"}},
		{Name: "shop_left", ID: "4", Labels: ours},
		{Name: "bridge", ID: "5"},
	}), map[string]plan.Network{
		"shop_default": {Name: "shop_default", ID: "2", Ours: true, Digest: "0123456789ab"},
		"shared":       {Name: "shared", ID: "3"},
		"shop_left":    {Name: "shop_left", ID: "4", Ours: true, Digest: "0123456789ab"},
	})
	assert.DeepEqual(t, volumesOf(project, []*volume.Volume{
		{Name: "shop_data", Labels: ours}, {Name: "elsewhere"},
	}), map[string]plan.Volume{"shop_data": {Name: "shop_data", Ours: true, Digest: "0123456789ab"}})
}
