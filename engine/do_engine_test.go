//go:build engine

package engine

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func TestAContainersLife(t *testing.T) {
	s := stage(t)
	s.makeNetwork("default")
	web := s.service("web", func(w *compose.Service) { s.on(w, "default") })
	c := s.container("web", 1)
	create := s.create(web, 1)
	create.Name += "-g1"
	draft := c
	draft.Name += "-g1"
	second := 1 * time.Second
	steps := []plan.Step{
		create,
		plan.Start{Container: draft},
		plan.Await{Container: draft, Condition: plan.AwaitRunning, Within: 20 * time.Second},
		plan.Rename{Container: draft, To: c.Name},
		plan.Restart{Container: c, Timeout: &second},
		plan.Stop{Container: c, Timeout: &second},
		plan.Remove{Container: c, Volumes: true},
		plan.RemoveNetwork{Name: s.project + "_default"},
	}
	for _, step := range steps[:3] {
		s.do(step, step) // every step is safe to repeat
	}
	observed := s.observe()
	assert.Equal(t, len(observed.Replicas), 1)
	r := observed.Replicas[0]
	assert.Equal(t, r.Ref, c.Ref)
	assert.Equal(t, r.Role, compose.RoleReplica)
	assert.Equal(t, r.State, plan.Running)
	assert.DeepEqual(t, r.Digest, web.Digest)
	assert.DeepEqual(t, r.Networks, []string{s.project + "_default"})
	assert.Equal(t, r.Image, testImage)
	for _, step := range steps[3:] {
		s.do(step, step)
	}
	observed = s.observe()
	assert.Equal(t, len(observed.Replicas), 0)
	assert.Equal(t, len(observed.Networks), 0)
}

func TestNetworksOfAContainer(t *testing.T) {
	s := stage(t)
	s.makeNetwork("front")
	s.makeNetwork("back")
	web := s.service("web", func(w *compose.Service) {
		s.on(w, "front", "back")
		w.Body.Networks["back"] = &types.ServiceNetworkConfig{Aliases: []string{"database"}, Priority: 10}
		w.Body.Links = []string{"web:friend"}
	})
	c := s.up(web)
	found := s.look(c)
	assert.Equal(t, string(found.HostConfig.NetworkMode), s.project+"_back")
	for _, name := range []string{"front", "back"} {
		aliases := found.NetworkSettings.Networks[s.project+"_"+name].Aliases
		assert.Check(t, is.Contains(aliases, "web"))
		assert.Check(t, is.Contains(aliases, c.Ref.Alias(s.project)))
	}
	assert.Check(t, is.Contains(found.NetworkSettings.Networks[s.project+"_back"].Aliases, "database"))
	assert.Equal(t, s.output(c, "resolve", "friend"), "1")
	assert.Equal(t, found.Name, "/"+c.Name)
}

func TestATakenNameIsAConflict(t *testing.T) {
	s := stage(t)
	c := s.container("web", 1)
	foreign, err := s.client.ContainerCreate(t.Context(), &container.Config{Image: testImage}, nil, nil, nil, c.Name)
	assert.NilError(t, err)
	t.Cleanup(func() {
		assert.Check(t, s.client.ContainerRemove(context.Background(), foreign.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}))
	})
	for _, secret := range []bool{false, true} { // made by one call, and by several
		web := s.service("web", func(w *compose.Service) {
			if secret {
				withSecret(w, "token", "t0k3n", types.ServiceSecretConfig{})
			}
		})
		err = s.Do(t.Context(), s.create(web, 1))
		var conflict *plan.ConflictError
		assert.Assert(t, errors.As(err, &conflict), "%v", err)
		assert.Check(t, is.Contains(conflict.What, c.Name))
		assert.Check(t, is.Contains(conflict.Holder, foreign.ID[:12]))
	}
	for _, step := range []plan.Step{
		plan.Stop{Container: c}, plan.Remove{Container: c}, plan.Rename{Container: c, To: c.Name + "x"}, plan.Start{Container: c},
	} {
		assert.Check(t, is.ErrorIs(s.Do(t.Context(), step), errNotOurs), step.Verb())
	}
	assert.Equal(t, len(s.observe().Replicas), 0)
}

func TestATakenPortIsAConflict(t *testing.T) {
	s := stage(t)
	published := func(w *compose.Service) {
		s.on(w, "default")
		w.Body.Ports = []types.ServicePortConfig{{Target: 80, Protocol: "tcp"}}
	}
	s.makeNetwork("default")
	first := s.up(s.service("first", published))
	var port string
	for _, r := range s.observe().Replicas {
		for _, p := range r.Ports {
			port = itoa(p.Host)
		}
	}
	second := s.service("second", func(w *compose.Service) {
		published(w)
		w.Body.Ports[0].Published = port
	})
	c := s.container("second", 1)
	s.do(s.create(second, 1))
	err := s.Do(t.Context(), plan.Start{Container: c})
	var conflict *plan.ConflictError
	assert.Assert(t, errors.As(err, &conflict), "%v", err)
	assert.Equal(t, conflict.What, "port "+port+"/tcp")
	assert.Check(t, strings.Contains(conflict.Holder, first.Name), conflict.Holder)
	s.do(plan.Stop{Container: first}, plan.Start{Container: c})
}

func TestVolumesStayAndAreOurs(t *testing.T) {
	s := stage(t)
	config := types.VolumeConfig{Name: s.project + "_data"}
	create := plan.CreateVolume{Project: s.project, Key: "data", Config: config, Name: config.Name, Digest: plan.VolumeDigest(config)}
	s.do(create, create)
	assert.DeepEqual(t, s.observe().Volumes, map[string]plan.Volume{
		config.Name: {Name: config.Name, Ours: true, Digest: create.Digest},
	})
	other := create
	other.Digest = "v1:000000000000"
	assert.ErrorContains(t, s.Do(t.Context(), other), "another configuration")
	remove := plan.RemoveVolume{Name: config.Name}
	s.do(remove, remove)
}

func TestAnonymousVolumesAreTakenOver(t *testing.T) {
	s := stage(t)
	web := s.service("web", func(w *compose.Service) {
		w.Body.Volumes = []types.ServiceVolumeConfig{{Type: "volume", Target: "/own"}}
	})
	c := s.up(web)
	s.output(c, "write", "/data/image", "of the image")
	s.output(c, "write", "/own/file", "of the file")
	previous := s.look(c).ID
	for generation := 2; generation <= 3; generation++ { // what was taken over is taken over again
		next := plan.Container{Ref: plan.Ref{Service: "web", Slot: 1, Generation: generation}, Name: c.Name + "-g" + itoa(generation)}
		s.do(
			plan.Create{Container: next, Service: web, Previous: previous},
			plan.Stop{Container: c},
			plan.Remove{Container: c, Volumes: true},
			plan.Start{Container: next},
			plan.Await{Container: next, Condition: plan.AwaitRunning, Within: 20 * time.Second},
		)
		assert.Check(t, is.Contains(s.output(next, "show", "/data/image", "/own/file"), "of the image"))
		c, previous = next, s.look(next).ID
	}
	taken := map[string]bool{}
	for _, m := range s.look(c).Mounts {
		taken[m.Name] = true
	}
	assert.Equal(t, len(taken), 2)
	s.do(plan.Stop{Container: c}, plan.Remove{Container: c, Volumes: true})
	for name := range volumeNames(s) {
		assert.Check(t, !taken[name], "an anonymous volume outlived its last container")
	}
}

// A container that runs is not removed under whoever started it: the host is to be looked at again.
func TestWhatRunsIsNotRemoved(t *testing.T) {
	s := stage(t)
	c := s.up(s.service("web", nil))
	runs, ok := errors.AsType[*plan.RunsError](s.Do(t.Context(), plan.Remove{Container: c}))
	assert.Assert(t, ok)
	assert.DeepEqual(t, runs.Container, c)
	assert.Assert(t, s.look(c).State.Running)
	s.do(plan.Stop{Container: c}, plan.Remove{Container: c, Volumes: true})
}

func TestBalancerStepsAreRefused(t *testing.T) {
	s := stage(t)
	assert.ErrorContains(t, s.Do(t.Context(), plan.Route{Service: "web"}), "balancer")
	assert.ErrorContains(t, s.Do(t.Context(), plan.Drain{}), "balancer")
}

// A create that was cut off leaves a container under an unfinished name. It is never taken for a whole
// one, and the next create replaces it.
func TestAnUnfinishedCreateIsReplaced(t *testing.T) {
	s := stage(t)
	web := s.service("web", func(w *compose.Service) { withSecret(w, "token", "t0k3n", types.ServiceSecretConfig{}) })
	whole := s.create(web, 1)
	cut := whole
	cut.Name += incomplete
	made, err := s.draft(t.Context(), cut)
	assert.NilError(t, err)
	id, err := s.make(t.Context(), cut, made, cut.Name)
	assert.NilError(t, err)
	observed := s.observe().Replicas
	assert.Equal(t, len(observed), 1)
	assert.Equal(t, observed[0].Digest.Hash, "")
	s.do(whole, whole)
	observed = s.observe().Replicas
	assert.Equal(t, len(observed), 1)
	assert.Equal(t, observed[0].Name, whole.Name)
	assert.Assert(t, observed[0].ID != id)
	content, err := s.ReadFile(t.Context(), whole.Name, "/run/secrets/token")
	assert.NilError(t, err)
	assert.Equal(t, string(content), "t0k3n")
}

func TestAPortOfAnotherProcessIsAConflict(t *testing.T) {
	s := stage(t)
	if !s.endpoint.local() {
		t.Fatalf("the engine %s is not on this machine", s.endpoint)
	}
	holder, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NilError(t, err)
	defer holder.Close()
	_, port, err := net.SplitHostPort(holder.Addr().String())
	assert.NilError(t, err)
	s.makeNetwork("default")
	web := s.service("web", func(w *compose.Service) {
		s.on(w, "default")
		w.Body.Ports = []types.ServicePortConfig{{Target: 80, Published: port, HostIP: "127.0.0.1"}}
	})
	s.do(s.create(web, 1))
	start := plan.Start{Container: s.container("web", 1)}
	var conflict *plan.ConflictError
	err = s.Do(t.Context(), start)
	assert.Assert(t, errors.As(err, &conflict), "%v", err)
	assert.Equal(t, conflict.What, "port "+port+"/tcp")
	assert.Check(t, is.Contains(conflict.Holder, "no container"))
	assert.NilError(t, holder.Close())
	s.do(start)
}

// What fails for another reason is told in the engine's words.
func TestAStartThatFails(t *testing.T) {
	s := stage(t)
	web := s.service("web", func(w *compose.Service) { w.Body.Entrypoint = types.ShellCommand{"/missing"} })
	s.do(s.create(web, 1))
	err := s.Do(t.Context(), plan.Start{Container: s.container("web", 1)})
	assert.ErrorContains(t, err, "start web.1@1: ")
	assert.ErrorContains(t, err, "/missing")
}

func TestAProgramThatIsNotThereIsTold(t *testing.T) {
	s := stage(t)
	c := s.container("job", 1)
	s.do(s.create(s.service("job", func(w *compose.Service) { w.Body.Entrypoint = types.ShellCommand{"/nosuch"} }), 1))
	err := s.Do(t.Context(), plan.Start{Container: c})
	start, ok := errors.AsType[*StartError](err)
	assert.Assert(t, ok, "%v", err)
	assert.Equal(t, start.Hint(), "look at entrypoint and command of job, and at what its volumes cover")
}
