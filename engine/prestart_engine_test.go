//go:build engine

package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// hook is a pre_start hook of a service: the test program with other arguments.
func (s scene) hook(c plan.Container, of compose.Service, index int, command ...string) plan.RunHook {
	own := of
	own.Role, own.Digest = compose.RoleHook, compose.Digest{}
	own.Body = types.ServiceConfig{Name: of.Name, ContainerSpec: of.Body.ContainerSpec}
	own.Body.Volumes, own.Body.Command = nil, command
	return plan.RunHook{Container: c, Phase: plan.PreStart, Service: own, Index: index}
}

func TestPreStartHooksSeeTheVolumesOfTheirContainer(t *testing.T) {
	s := stage(t)
	s.makeNetwork("default")
	web := s.service("web", func(w *compose.Service) {
		s.on(w, "default")
		w.Volumes = map[string]types.VolumeConfig{"shared": {Name: s.project + "_shared"}}
		w.Body.Volumes = []types.ServiceVolumeConfig{
			{Type: types.VolumeTypeVolume, Source: "shared", Target: "/shared"},
			{Type: types.VolumeTypeVolume, Target: "/anonymous"},
			{Type: types.VolumeTypeBind, Source: t.TempDir(), Target: "/bound"},
		}
		w.Configs = map[string]types.ConfigObjConfig{"greeting": {Content: "hello"}}
		w.Body.Configs = []types.ServiceConfigObjConfig{{Source: "greeting", Target: "/shared/deep/greeting"}}
	})
	s.do(plan.CreateVolume{Project: s.project, Key: "shared", Name: s.project + "_shared", Config: types.VolumeConfig{Name: s.project + "_shared"}})
	c := s.container("web", 1)
	s.do(s.create(web, 1))
	for i, file := range []string{"/shared/a", "/anonymous/b", "/data/c", "/bound/d"} { // the image declares /data
		hook := s.hook(c, web, i+1, "write", file, "by the hook")
		s.do(hook, hook) // it can be repeated
	}
	s.do(s.hook(c, web, 5, "show", "/shared/deep/greeting"))
	s.do(plan.Start{Container: c}, plan.Await{Container: c, Condition: plan.AwaitRunning, Within: 20 * time.Second})
	said := s.output(c, "show", "/shared/a", "/anonymous/b", "/data/c", "/bound/d")
	assert.Equal(t, strings.Count(said, "by the hook"), 4, said)
	assert.Equal(t, len(s.observe().Replicas), 1, "the hooks' containers are gone")
}

func TestAPreStartHookThatFailsSaysWhyAndLeavesNothing(t *testing.T) {
	s := stage(t)
	web := s.service("web", nil)
	c := s.container("web", 1)
	s.do(s.create(web, 1))
	err := s.Do(t.Context(), s.hook(c, web, 2, "exit", "7", "no", "database"))
	failed, ok := errors.AsType[*plan.HookError](err)
	assert.Assert(t, ok, "%v", err)
	assert.Equal(t, failed.Code, 7)
	assert.DeepEqual(t, failed.Output, []string{"no", "database"})
	assert.ErrorContains(t, err, "pre_start hook 2 (exit 7 no database) exited 7:\nno\ndatabase")

	missing := s.hook(c, web, 1)
	missing.Service.Body.Entrypoint = types.ShellCommand{"/nosuch"}
	assert.ErrorContains(t, s.Do(t.Context(), missing), "/nosuch")

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	assert.ErrorIs(t, s.Do(ctx, s.hook(c, web, 1, "run")), context.DeadlineExceeded)
	assert.Equal(t, len(s.observe().Replicas), 1, "%v", s.observe().Replicas)
	assert.Equal(t, s.look(c).State.Status, container.StateCreated)
}

func TestAHookThatWasLeftIsOneOfNoReplica(t *testing.T) {
	s := stage(t)
	web := s.service("web", nil)
	c := s.container("web", 1)
	s.do(s.create(web, 1))
	hook := s.hook(c, web, 1, "run")
	_, err := s.make(t.Context(), plan.Create{Container: c, Service: hook.Service}, s.drafted(hook), hookName(hook))
	assert.NilError(t, err)
	left := s.observe().Replicas
	assert.Equal(t, len(left), 2)
	for _, r := range left {
		assert.Equal(t, r.OneOff, r.Role == compose.RoleHook, r.Name)
	}
	s.do(s.hook(c, web, 1, "exit", "0")) // it takes the place of what was left
	assert.Equal(t, len(s.observe().Replicas), 1)
}

func (s scene) drafted(hook plan.RunHook) draft {
	s.Helper()
	made, err := s.draft(s.Context(), plan.Create{Container: hook.Container, Service: hook.Service})
	assert.NilError(s, err)
	return made
}

func TestAPostStartHookThatFailsStopsItsContainer(t *testing.T) {
	s := stage(t)
	c := s.up(s.service("web", nil))
	hook := plan.RunHook{Container: c, Phase: plan.PostStart, Index: 1, Hook: types.ServiceHook{
		Command: append(types.ShellCommand{"/program", "exit", "3"}, strings.Fields(strings.Repeat("because ", 20))...),
	}}
	err := s.Do(t.Context(), hook)
	assert.ErrorContains(t, err, "post_start hook 1 (/program exit 3 because because because because because beca...) exited 3:\n")
	assert.Assert(t, !s.look(c).State.Running)

	for code, verdict := range map[string]string{"0": "", "9": "exited (9)"} {
		short := s.service("short"+code, func(w *compose.Service) { w.Body.Command = types.ShellCommand{"exit", code, "no luck"} })
		early := hook
		early.Container = s.container(short.Name, 1)
		s.do(s.create(short, 1), plan.Start{Container: early.Container})
		_, err := s.Wait(t.Context(), early.Name)
		assert.NilError(t, err)
		err = s.Do(t.Context(), early)
		if verdict == "" {
			assert.NilError(t, err)
			continue
		}
		unhealthy, ok := errors.AsType[*plan.UnhealthyError](err)
		assert.Assert(t, ok && unhealthy.Reason == verdict, "%v", err)
		assert.DeepEqual(t, unhealthy.LastLog, []string{"no luck"})
	}

	goodbye := plan.RunHook{Container: c, Phase: plan.PreStop, Index: 1, Hook: types.ServiceHook{Command: types.ShellCommand{"/program", "exit", "3"}}}
	s.do(goodbye) // what has ended needs none
	s.do(plan.Start{Container: c}, plan.Await{Container: c, Condition: plan.AwaitRunning, Within: 20 * time.Second})
	assert.ErrorContains(t, s.Do(t.Context(), goodbye), "pre_stop hook 1 (/program exit 3) exited 3")
	assert.Assert(t, s.look(c).State.Running)
}
