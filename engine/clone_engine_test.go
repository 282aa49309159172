//go:build engine

package engine

import (
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func (s scene) clone(of plan.Container, alone bool) plan.Container {
	s.Helper()
	ref := of.Ref
	ref.Generation++
	c := plan.Container{Ref: ref, Name: of.Name + "-g" + itoa(ref.Generation)}
	step := plan.Clone{Container: c, From: of, Cause: "autoheal: it is sick for 1m0s", Alone: alone}
	s.do(step, step) // a repeated one finds its work done
	return c
}

// A clone is its original in everything but its generation, its alias and its cause.
func TestAClone(t *testing.T) {
	s := stage(t)
	s.makeNetwork("default")
	s.makeNetwork("side")
	mode := types.FileMode(0o440)
	web := s.service("web", func(w *compose.Service) {
		s.on(w, "side", "default")
		w.Body.Environment = types.MappingWithEquals{"GREETING": new("hello")}
		w.Body.MemLimit, w.Body.Restart = 64<<20, "on-failure:3"
		w.Body.CapDrop = []string{"NET_RAW"}
		withSecret(w, "token", "t0k3n", types.ServiceSecretConfig{UID: "1000", GID: "1001", Mode: &mode})
		w.Body.Tmpfs = types.StringList{"/tmp/private"}
		withSecret(w, "own", "in a volume", types.ServiceSecretConfig{Target: "/tmp/private/folder/own"})
		w.Digest.Fields = map[string]string{"secrets.token": "0", "secrets.own": "0"}
	})
	old := s.up(web)
	s.output(old, "write", "/data/kept", "anonymous")
	copied := s.clone(old, false)
	s.do(plan.Start{Container: copied})

	was, is := s.look(old), s.look(copied)
	assert.Equal(t, is.Image, was.Image)
	assert.Equal(t, is.Config.Image, was.Config.Image)
	assert.DeepEqual(t, is.Config.Env, was.Config.Env)
	assert.Assert(t, is.Config.Hostname != was.Config.Hostname)
	assert.Equal(t, is.HostConfig.Memory, was.HostConfig.Memory)
	assert.DeepEqual(t, is.HostConfig.RestartPolicy, was.HostConfig.RestartPolicy)
	assert.DeepEqual(t, is.HostConfig.CapDrop, was.HostConfig.CapDrop)
	assert.Equal(t, is.HostConfig.NetworkMode, was.HostConfig.NetworkMode)
	assert.Equal(t, is.Config.Labels[labelCause], "autoheal: it is sick for 1m0s")
	assert.Equal(t, is.Config.Labels[labelHash], was.Config.Labels[labelHash])
	assert.Equal(t, len(is.NetworkSettings.Networks), 2)
	for name, n := range is.NetworkSettings.Networks {
		assert.Assert(t, slices.Contains(n.Aliases, copied.Ref.Alias(s.project)), "%s: %v", name, n.Aliases)
		assert.Assert(t, slices.Contains(n.Aliases, "web"), "%s: %v", name, n.Aliases)
		assert.Assert(t, !slices.Contains(n.Aliases, old.Ref.Alias(s.project)), "%s: %v", name, n.Aliases)
	}
	for _, path := range []string{"/run/secrets/token", "/tmp/private/folder/own"} {
		assert.Equal(t, s.output(copied, "show", path), s.output(old, "show", path))
	}
	assert.Assert(t, strings.Contains(s.output(copied, "show", "/run/secrets/token"), "1000:1001 0440 t0k3n"))
	assert.Assert(t, strings.Contains(s.output(copied, "show", "/data/kept"), "anonymous"), "it has the anonymous volume")

	// The original goes, and takes only what the clone does not have; a clone of a clone has it all too.
	s.do(plan.Stop{Container: old}, plan.Remove{Container: old})
	again := s.clone(copied, true)
	s.do(plan.Stop{Container: copied}, plan.Remove{Container: copied}, plan.Start{Container: again})
	assert.Assert(t, strings.Contains(s.output(again, "show", "/data/kept"), "anonymous"))
	assert.Assert(t, strings.Contains(s.output(again, "show", "/tmp/private/folder/own"), "in a volume"))
	replicas := s.observe().Replicas
	assert.Equal(t, len(replicas), 1)
	assert.Equal(t, replicas[0].Cause, "autoheal: it is sick for 1m0s")
	assert.Equal(t, replicas[0].Generation, old.Ref.Generation+2)
	s.do(plan.Stop{Container: again}, plan.Remove{Container: again, Volumes: true})
	for _, v := range append(was.Mounts, is.Mounts...) {
		if v.Name == "" {
			continue
		}
		_, err := s.client.VolumeInspect(t.Context(), v.Name)
		assert.Assert(t, err != nil, "volume %s at %s is left", v.Name, v.Destination)
	}
}

func TestAFixedAddressGoesToTheClone(t *testing.T) {
	s := stage(t)
	s.makeNetwork("default")
	web := s.service("web", func(w *compose.Service) {
		s.on(w, "default")
		w.Body.MacAddress = "02:42:ac:11:7a:01"
	})
	old := s.up(web)
	copied := s.clone(old, true)
	s.do(plan.Stop{Container: old}, plan.Start{Container: copied})
	assert.Equal(t, s.look(copied).NetworkSettings.Networks[s.project+"_default"].MacAddress, "02:42:ac:11:7a:01")
}

// What was copied into a container of before it was noted is not guessed.
func TestACloneOfAnOlderContainerWithSecretsIsRefused(t *testing.T) {
	s := stage(t)
	web := s.service("web", func(w *compose.Service) { w.Digest.Fields = map[string]string{"secrets.token": "0"} })
	web.Body.Labels = types.Labels{}
	c := s.up(web)
	found := s.look(c)
	delete(found.Config.Labels, labelCopies)
	_, err := s.copiesOf(t.Context(), found)
	assert.ErrorContains(t, err, "--force-recreate")
}
