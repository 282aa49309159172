package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"gotest.tools/v3/assert"

	"github.com/compose-spec/compose-go/v2/types"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// What was registered is read again, whatever its size: job by job, and as a whole.
func TestTemplatesComeBack(t *testing.T) {
	texts := map[string][]byte{"large": []byte(`"` + strings.Repeat("x", large) + `"`), "..": []byte(`{}`)}
	for i := range 1000 {
		texts[fmt.Sprintf("job%d", i)] = fmt.Appendf(nil, `{"config":{"Hostname":"%d"}}`, i)
	}
	files, err := partsOf(texts)
	assert.NilError(t, err)
	assert.Equal(t, len(files), parts+1)
	archive, err := copyIn{folder: "/", private: templates, files: files}.archive()
	assert.NilError(t, err)
	all, err := templatesIn(archive)
	assert.NilError(t, err)
	assert.Equal(t, len(all), len(texts))
	for job, text := range texts {
		assert.Equal(t, string(all[job]), string(text), job)
	}
}

// A draft that was kept makes the same container, but for what is another container's in its networks.
func TestATemplateIsItsDraft(t *testing.T) {
	made := draft{specification: specification{
		config: container.Config{Image: "app", Cmd: []string{}, Env: []string{"A=1"}, Labels: map[string]string{"a": "b"}},
		host:   container.HostConfig{Mounts: []mount.Mount{{Type: mount.TypeVolume, Source: "data", Target: "/data"}}, LogConfig: container.LogConfig{Type: "local"}},
		networks: []attachment{
			{"one", &network.EndpointSettings{Aliases: []string{"own"}, IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: "10.0.0.9"}}},
		},
	}}
	made.later = []attachment{{"two", &network.EndpointSettings{}}}
	made.copies = []copyIn{{folder: "/", files: []file{{what: "secret a", target: "/run/secrets/a", content: []byte{0, 255}, uid: 1, gid: 2, mode: 0o400}}}}
	text, err := json.Marshal(templateOf(made))
	assert.NilError(t, err)
	var kept template
	assert.NilError(t, json.Unmarshal(text, &kept))
	again := kept.draft()
	assert.DeepEqual(t, again.config, made.config)
	assert.DeepEqual(t, again.host, made.host)
	assert.Equal(t, len(again.networks), 2)
	assert.Equal(t, len(again.networks[0].endpoint.Aliases), 0)
	assert.Equal(t, again.networks[0].endpoint.IPAMConfig.IPv4Address, "10.0.0.9")
	f, was := again.copies[0].files[0], made.copies[0].files[0]
	assert.Assert(t, f.uid == was.uid && f.gid == was.gid && f.mode == was.mode && f.target == was.target && bytes.Equal(f.content, was.content))
}

// A hook has what the container has that it runs before only once that is there; what it has of its own stays its own.
func TestTheTemplateOfAHookHasItsOwnMounts(t *testing.T) {
	e := having(t, `{"Id":"sha256:app","Config":{"Volumes":{"/declared":{}}}}`)
	var job draft
	job.config.Image = "app"
	job.host.Binds = []string{"/srv:/bound"}
	for _, at := range []string{"/data", "/cache", "/named", "/plain"} {
		job.host.Mounts = append(job.host.Mounts, mount.Mount{Type: mount.TypeVolume, Target: at})
	}
	hook := compose.Service{Project: "shop", Name: "nightly", Role: compose.RoleHook}
	hook.Body.Image = "app"
	hook.Volumes = map[string]types.VolumeConfig{"named": {Name: "shop_named"}}
	hook.Body.Volumes = []types.ServiceVolumeConfig{
		{Type: types.VolumeTypeVolume, Target: "/data"},
		{Type: types.VolumeTypeVolume, Target: "/cache", Volume: &types.ServiceVolumeVolume{}},
		{Type: types.VolumeTypeVolume, Source: "named", Target: "/named"},
		{Type: types.VolumeTypeVolume, Target: "/declared"},
	}
	made, err := e.templateBefore(t.Context(), job, plan.Ref{Service: "nightly", Slot: 1, Generation: 1}, hook)
	assert.NilError(t, err)
	var own []string
	for _, m := range made.Host.Mounts {
		own = append(own, m.Target)
	}
	assert.DeepEqual(t, own, []string{"/data", "/cache", "/named", "/declared"})
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	b := bounded{most: 3}
	_, err := b.Write([]byte("abc"))
	assert.NilError(t, err)
	_, err = b.Write([]byte("d"))
	assert.Assert(t, errors.Is(err, ErrTooLarge))
}
