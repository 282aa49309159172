package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// prepared gives a service a pre_start hook that runs once, and one for each replica, on these images.
func prepared(s compose.Service, once, each string) compose.Service {
	hook := func(image string, perReplica bool) compose.Hook {
		of := compose.Service{Project: s.Project, Name: s.Name, Role: compose.RoleHook, Replicas: 1, Networks: s.Networks}
		of.Body.Image = image
		return compose.Hook{Service: of, PerReplica: perReplica}
	}
	s.PreStart = []compose.Hook{hook(once, false), hook(each, true)}
	return s
}

func TestHooksRunBeforeANewReplicaStarts(t *testing.T) {
	web := func(n int, hash string) compose.Service {
		return prepared(routed(service("web", n, hash), 8080), "app", "tool")
	}
	check := func(h *host, want compose.Project, opt plan.Options, file string) {
		t.Helper()
		p := must(t, want, h, opt)
		golden.Assert(t, p.String(), file+".golden")
		perform(t, h, p)
	}
	h := newHost("shop")
	check(h, shop(web(2, "v1:aaaa")), plan.Options{}, "pre-start-first-up")
	check(h, shop(web(3, "v1:aaaa")), plan.Options{NoRecreate: true}, "pre-start-scale-up")
	check(h, shop(web(3, "v1:bbbb")), plan.Options{}, "pre-start-changed")
	check(h, shop(stopFirst(web(1, "v1:cccc"))), plan.Options{}, "pre-start-stop-first")

	// The file changed and only more replicas were asked for: what prepares them is new, too.
	check(h, shop(web(2, "v1:dddd")), plan.Options{NoRecreate: true}, "pre-start-scale-up-changed")

	for i := range h.replicas {
		if h.replicas[i].Service == "web" {
			h.replicas[i].State = plan.Exited
		}
	}
	assert.DeepEqual(t, verbs(must(t, shop(web(2, "v1:dddd")), h, plan.Options{NoRecreate: true}), "web"),
		[]string{"start web.1@3", "await web.1@3", "start web.2@1", "await web.2@1"})
}

func TestWhatOnlyAHookNeedsIsMadeFirst(t *testing.T) {
	web := prepared(service("web", 1, "v1:aaaa"), "app", "absent")
	web.PreStart[1].Service.Networks = map[string]types.NetworkConfig{"side": {Name: "shop_side"}}
	p := must(t, shop(web), newHost("shop"), plan.Options{})
	golden.Assert(t, p.String(), "pre-start-needs.golden")
	pull, ok := p.Nodes[0].Step.(plan.Pull)
	assert.Assert(t, ok)
	assert.DeepEqual(t, pull.Services, []string{"web"})

	pulls, err := plan.PullAll(shop(web), newHost("shop").observe(), plan.ImageOptions{})
	assert.NilError(t, err)
	assert.Equal(t, len(pulls.Nodes), 2, pulls.String())

	builder := service("tools", 1, "v1:aaaa")
	builder.Body.Image, builder.Body.Build = "absent", &types.BuildConfig{}
	for _, n := range must(t, shop(builder, web), newHost("shop"), plan.Options{}).Nodes {
		_, pulled := n.Step.(plan.Pull)
		assert.Assert(t, !pulled, "what is built is not pulled")
	}
}

func TestHooksOfAnInterruptedStartRunAgain(t *testing.T) {
	want := shop(prepared(service("web", 2, "v1:aaaa"), "app", "app"))
	h := newHost("shop")
	perform(t, h, must(t, want, h, plan.Options{NoStart: true}))
	h.replicas = append(h.replicas, plan.Replica{
		Ref: plan.Ref{Service: "web", Slot: 1, Generation: 1}, Role: compose.RoleHook, OneOff: true, ID: "left", Name: "left", State: plan.Running,
	})
	golden.Assert(t, must(t, want, h, plan.Options{}).String(), "pre-start-interrupted.golden")
	p, err := plan.StartAll("shop", &want, h.observe(), plan.LifecycleOptions{})
	assert.NilError(t, err)
	golden.Assert(t, p.String(), "pre-start-start.golden")
	down := plan.Down("shop", h.observe(), plan.DownOptions{Want: &want})
	for _, n := range down.Nodes {
		if s, ok := n.Step.(plan.Remove); ok && s.ID == "left" {
			return
		}
	}
	t.Fatalf("what a hook left stays:\n%s", down)
}

// The hooks of a job's run are the sidecar's, though the files have the job no more: no command ends what it waits for.
func TestHooksOfALiveRunAreLeftAlone(t *testing.T) {
	of := func(name string, role compose.Role, state plan.State, fire string) plan.Replica {
		return plan.Replica{
			Ref: plan.Ref{Service: "old", Slot: 1, Generation: 1}, Role: role, OneOff: true, ID: name, Name: name, State: state, Fire: fire,
		}
	}
	want := shop(routed(service("web", 1, "v1:aaaa"), 8080))
	h := running(t, want)
	h.replicas = append(h.replicas,
		of("shop-old-10", compose.RoleRun, plan.Created, "10"), of("shop-old-10.pre_start-1", compose.RoleHook, plan.Running, ""),
		of("shop-old-20", compose.RoleRun, plan.Exited, "20"), of("shop-old-20-notify", compose.RoleHook, plan.Running, ""),
		of("shop-old-25-notify", compose.RoleHook, plan.Running, ""), of("shop-old-20.pre_start-1", compose.RoleHook, plan.Exited, ""), of("shop-old-30.pre_start-1", compose.RoleHook, plan.Running, ""),
	)
	removed := func() (names []string) {
		for _, n := range must(t, want, h, plan.Options{}).Nodes {
			if s, ok := n.Step.(plan.Remove); ok {
				names = append(names, s.Name)
			}
		}
		slices.Sort(names)
		return names
	}
	assert.DeepEqual(t, removed(), []string{"shop-old-20.pre_start-1", "shop-old-30.pre_start-1"})
	for i := range h.replicas {
		if h.replicas[i].Role == compose.RoleSidecar {
			h.replicas[i].State = plan.Exited // nobody waits for them
		}
	}
	assert.DeepEqual(t, removed(), []string{
		"shop-old-10.pre_start-1", "shop-old-20-notify", "shop-old-20.pre_start-1", "shop-old-25-notify", "shop-old-30.pre_start-1",
	})
}

// Whatever stops a replica runs its pre_stop hooks before, withdrawn and drained; whatever starts it runs post_start.
func TestHooksOnEveryWay(t *testing.T) {
	web := hooked(routed(service("web", 2, "v1:aaaa"), 8080))
	want := shop(web)
	opt := plan.LifecycleOptions{System: system(want)}
	check := func(p plan.Plan, err error, file string) {
		t.Helper()
		assert.NilError(t, err)
		golden.Assert(t, p.String(), file+".golden")
	}
	h := running(t, want)
	p, err := plan.RestartAll("shop", &want, h.observe(), opt)
	check(p, err, "hooks-restart")
	check(plan.Down("shop", h.observe(), plan.DownOptions{Want: &want}), nil, "hooks-down")
	check(plan.Down("shop", h.observe(), plan.DownOptions{Want: &want, Services: []string{"web"}}), nil, "hooks-down-service")
	check(must(t, shop(hooked(routed(service("web", 1, "v1:aaaa"), 8080))), h, plan.Options{}), nil, "hooks-scale-down")
	p, err = plan.StopAll("shop", &want, h.observe(), opt)
	check(p, err, "hooks-stop")
	perform(t, h, p)
	p, err = plan.StartAll("shop", &want, h.observe(), opt)
	check(p, err, "hooks-start")
	check(must(t, want, h, plan.Options{}), nil, "hooks-up-again")
}

func TestRollingRestart(t *testing.T) {
	db := hooked(wide(service("db", 3, "v1:aaaa"), 2, 5*time.Second))
	want := shop(db, wide(routed(service("web", 2, "v1:aaaa"), 8080), 1, time.Second))
	h := running(t, want)
	p, err := plan.RestartAll("shop", &want, h.observe(), plan.LifecycleOptions{Rolling: true, System: system(want)})
	assert.NilError(t, err)
	golden.Assert(t, p.String(), "restart-rolling.golden")
	assert.Equal(t, len(p.Warnings), 0, "%v", p.Warnings)
	perform(t, h, p)

	p, err = plan.RestartAll("shop", nil, h.observe(), plan.LifecycleOptions{Services: []string{"db"}, Rolling: true})
	assert.NilError(t, err)
	golden.Assert(t, p.String(), "restart-rolling-without-files.golden")
}

func TestARestartThatLeavesNobodyToServeIsWarnedOf(t *testing.T) {
	for _, c := range []struct {
		web  compose.Service
		want []string
	}{
		{routed(service("web", 2, "v1:aaaa"), 8080), nil},
		{routed(service("web", 1, "v1:aaaa"), 8080), []string{
			"nothing serves web while its only replica restarts in place: `hyper-lite service redeploy web` replaces it as its rollout says (start-first)",
		}},
		{wide(routed(service("web", 2, "v1:aaaa"), 8080), 0, 0), []string{
			"nothing serves web while its replicas restart all at once in place: `hyper-lite service redeploy web` replaces them as its rollout says (start-first)",
		}},
	} {
		want := shop(c.web)
		p, err := plan.RestartAll("shop", &want, running(t, want).observe(), plan.LifecycleOptions{System: system(want)})
		assert.NilError(t, err)
		assert.DeepEqual(t, p.Warnings, c.want)
	}
}
