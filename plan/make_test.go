package plan_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// shop is the project of these tests.
func shop(services ...compose.Service) compose.Project {
	return compose.Project{Name: "shop", Services: services}
}

// running is a host on which a project was brought up already.
func running(t *testing.T, want compose.Project) *host {
	t.Helper()
	h := newHost("shop")
	perform(t, h, must(t, want, h, plan.Options{}))
	return h
}

func must(t *testing.T, want compose.Project, h *host, opt plan.Options) plan.Plan {
	t.Helper()
	h.wanted = map[string]compose.Service{}
	for _, s := range want.Services {
		h.wanted[s.Name] = s
	}
	opt.System = system(want)
	p, err := plan.Make(want, h.observe(), opt)
	assert.NilError(t, err)
	return p
}

func perform(t *testing.T, h *host, p plan.Plan) {
	t.Helper()
	for _, n := range p.Nodes {
		assert.NilError(t, h.do(n.Step), "#%d", n.ID)
	}
}

func dependsOn(s compose.Service, on, condition string) compose.Service {
	s.DependsOn = append(s.DependsOn, compose.Dependency{Service: on, Condition: condition, Required: true})
	return s
}

// Every case tells what there is, what is wanted, and what is then done and why: the plan's text.
func TestMake(t *testing.T) {
	web := func(n int, hash string) compose.Service { return routed(service("web", n, hash), 8080) }
	cases := []struct {
		name string
		have func(*testing.T) *host
		want compose.Project
		opt  plan.Options
	}{
		{
			name: "first-up", want: shop(web(3, "v1:aaaa")),
			have: func(*testing.T) *host { return newHost("shop") },
		},
		{
			name: "nothing-to-change", want: shop(web(3, "v1:aaaa")),
			have: func(t *testing.T) *host { return running(t, shop(web(3, "v1:aaaa"))) },
		},
		{
			name: "start-first", want: shop(web(2, "v1:bbbb")),
			have: func(t *testing.T) *host { return running(t, shop(web(2, "v1:aaaa"))) },
		},
		{
			name: "stop-first", want: shop(stopFirst(web(2, "v1:bbbb"))),
			have: func(t *testing.T) *host { return running(t, shop(web(2, "v1:aaaa"))) },
		},
		{
			name: "stop-first-of-an-anonymous-volume", want: shop(withAnonymousVolume(web(2, "v1:bbbb"))),
			have: func(t *testing.T) *host { return running(t, shop(withAnonymousVolume(web(2, "v1:aaaa")))) },
		},
		{
			name: "start-first-of-a-new-anonymous-volume", want: shop(withAnonymousVolume(service("db", 1, "v1:bbbb"))),
			have: func(t *testing.T) *host { return running(t, shop(withAnonymousVolume(service("db", 1, "v1:aaaa")))) },
			opt:  plan.Options{RenewAnonVolumes: true},
		},
		{
			name: "start-first-of-a-folder-over-an-anonymous-volume",
			want: shop(mounting(service("db", 1, "v1:bbbb"), types.ServiceVolumeConfig{Type: types.VolumeTypeBind, Source: "/srv", Target: "/data/"})),
			have: func(t *testing.T) *host { return running(t, shop(withAnonymousVolume(service("db", 1, "v1:aaaa")))) },
		},
		{
			name: "start-first-is-asked-for", want: shop(asked(withAnonymousVolume(service("db", 1, "v1:bbbb")))),
			have: func(t *testing.T) *host { return running(t, shop(withAnonymousVolume(service("db", 1, "v1:aaaa")))) },
		},
		{
			name: "parallelism-and-delay", want: shop(wide(web(3, "v1:bbbb"), 2, 5*time.Second)),
			have: func(t *testing.T) *host { return running(t, shop(web(3, "v1:aaaa"))) },
		},
		{
			name: "scale-up", want: shop(web(4, "v1:aaaa")),
			have: func(t *testing.T) *host { return running(t, shop(web(2, "v1:aaaa"))) },
		},
		{
			name: "scale-up-monitored", want: shop(monitored(web(4, "v1:aaaa"))),
			have: func(t *testing.T) *host { return running(t, shop(monitored(web(2, "v1:aaaa")))) },
		},
		{
			name: "scale-up-changed", want: shop(monitored(web(4, "v1:bbbb"))),
			have: func(t *testing.T) *host { return running(t, shop(monitored(web(2, "v1:aaaa")))) },
		},
		{
			name: "scale-up-changed-unrouted", want: shop(monitored(service("worker", 2, "v1:bbbb"))),
			have: func(t *testing.T) *host { return running(t, shop(monitored(service("worker", 1, "v1:aaaa")))) },
		},
		{
			name: "scale-up-changed-unserved", want: shop(monitored(web(2, "v1:bbbb"))),
			have: func(t *testing.T) *host {
				h := running(t, shop(monitored(web(1, "v1:aaaa"))))
				h.published = nil
				return h
			},
		},
		{
			name: "first-up-monitored", want: shop(monitored(web(1, "v1:aaaa"))),
			have: func(*testing.T) *host { return newHost("shop") },
		},
		{
			name: "scale-down", want: shop(web(1, "v1:aaaa")),
			have: func(t *testing.T) *host { return running(t, shop(web(3, "v1:aaaa"))) },
		},
		{
			name: "scale-down-removes-what-differs", want: shop(web(2, "v1:bbbb")),
			have: func(t *testing.T) *host {
				h := running(t, shop(web(3, "v1:aaaa")))
				for i := range h.replicas {
					if r := &h.replicas[i]; r.Service == "web" && r.Slot > 1 {
						r.Digest = service("web", 3, "v1:bbbb").Digest
					}
				}
				return h
			},
		},
		{
			name: "three-tiers",
			want: shop(
				service("db", 1, "v1:aaaa"),
				oneShot(dependsOn(service("migrate", 1, "v1:aaaa"), "db", types.ServiceConditionHealthy)),
				dependsOn(web(2, "v1:aaaa"), "migrate", types.ServiceConditionCompletedSuccessfully),
				dependsOn(service("worker", 1, "v1:aaaa"), "db", types.ServiceConditionStarted)),
			have: func(*testing.T) *host { return newHost("shop") },
		},
		{
			name: "dependency-is-optional",
			want: shop(service("db", 1, "v1:aaaa"), optional(service("web", 1, "v1:aaaa"), "db")),
			have: func(*testing.T) *host { return newHost("shop") },
		},
		{
			name: "restart-after-dependency",
			want: shop(service("db", 1, "v1:bbbb"), restarted(service("web", 1, "v1:aaaa"), "db")),
			have: func(t *testing.T) *host {
				return running(t, shop(service("db", 1, "v1:aaaa"), service("web", 1, "v1:aaaa")))
			},
		},
		{
			name: "exited", want: shop(service("web", 1, "v1:aaaa")),
			have: func(t *testing.T) *host {
				h := running(t, shop(service("web", 1, "v1:aaaa")))
				h.replicas[0].State, h.replicas[0].ExitCode = plan.Exited, 137
				return h
			},
		},
		{
			name: "image-moved", want: shop(service("web", 1, "v1:aaaa")),
			have: func(t *testing.T) *host {
				h := running(t, shop(service("web", 1, "v1:aaaa")))
				h.images["app"] = plan.Image{ID: "sha256:newer"}
				return h
			},
		},
		{
			name: "image-missing", want: shop(image(service("web", 1, "v1:aaaa"), "shop:2")),
			have: func(*testing.T) *host { return newHost("shop") },
		},
		{
			name: "port-moves-to-the-balancer", want: shop(web(3, "v1:bbbb")),
			have: func(t *testing.T) *host { return running(t, shop(publishing(service("web", 1, "v1:aaaa"), 8080))) },
		},
		{
			name: "balancer-exited", want: shop(web(2, "v1:aaaa")),
			have: func(t *testing.T) *host {
				h := running(t, shop(web(2, "v1:aaaa")))
				for i := range h.replicas {
					if h.replicas[i].Role == compose.RoleBalancer {
						h.replicas[i].State, h.replicas[i].ExitCode = plan.Exited, 137
					}
				}
				return h
			},
		},
		{
			name: "scale-moves-only-ports", opt: plan.Options{NoRecreate: true, MovePorts: true},
			want: shop(stopFirst(withPorts(publishing(service("web", 1, "v1:bbbb"), 8080))), service("app", 1, "v1:bbbb")),
			have: func(t *testing.T) *host {
				return running(t, shop(web(2, "v1:aaaa"), service("app", 1, "v1:aaaa")))
			},
		},
		{
			name: "port-moves-to-a-container", want: shop(stopFirst(publishing(service("web", 1, "v1:aaaa"), 8080))),
			have: func(t *testing.T) *host { return running(t, shop(web(3, "v1:bbbb"))) },
		},
		{
			name: "orphans-stay", want: shop(service("web", 1, "v1:aaaa")),
			have: func(t *testing.T) *host {
				return running(t, shop(service("old", 2, "v1:aaaa"), service("web", 1, "v1:aaaa")))
			},
		},
		{
			name: "orphans-go", want: shop(web(1, "v1:aaaa")), opt: plan.Options{RemoveOrphans: true},
			have: func(t *testing.T) *host {
				return running(t, shop(routed(service("old", 1, "v1:aaaa"), 8081), web(1, "v1:aaaa")))
			},
		},
		{
			name: "force-recreate", want: shop(service("web", 1, "v1:aaaa")), opt: plan.Options{ForceRecreate: true},
			have: func(t *testing.T) *host { return running(t, shop(service("web", 1, "v1:aaaa"))) },
		},
		{
			name: "wait", want: shop(service("web", 1, "v1:aaaa"), oneShot(service("once", 1, "v1:aaaa"))),
			opt:  plan.Options{Wait: true, Within: 30 * time.Second},
			have: func(*testing.T) *host { return newHost("shop") },
		},
		{
			name: "wait-for-a-dependency",
			want: shop(service("db", 1, "v1:aaaa"), dependsOn(service("web", 1, "v1:aaaa"), "db", types.ServiceConditionHealthy)),
			opt:  plan.Options{Wait: true},
			have: func(*testing.T) *host { return newHost("shop") },
		},
		{
			name: "one-shot-is-done", want: shop(oneShot(service("once", 1, "v1:aaaa"))),
			have: func(t *testing.T) *host { return running(t, shop(oneShot(service("once", 1, "v1:aaaa")))) },
		},
		{
			name: "hooks", want: shop(hooked(web(1, "v1:bbbb"))),
			have: func(t *testing.T) *host { return running(t, shop(web(1, "v1:aaaa"))) },
		},
		{
			name: "only-one-service", want: shop(service("db", 1, "v1:aaaa"), service("web", 1, "v1:aaaa")),
			opt:  plan.Options{Services: []string{"web"}},
			have: func(*testing.T) *host { return newHost("shop") },
		},
		{
			name: "sidecar-image-imported-again", want: shop(web(1, "v1:aaaa")),
			have: func(t *testing.T) *host {
				h := running(t, shop(web(1, "v1:aaaa")))
				h.images["sidecar"] = plan.Image{ID: "sha256:of-another-import"}
				return h
			},
		},
		{
			name: "newer-hyper-lite", want: shop(web(1, "v1:aaaa")),
			have: func(t *testing.T) *host {
				h := running(t, shop(web(1, "v1:aaaa")))
				for i := range h.replicas {
					if r := &h.replicas[i]; r.Role == compose.RoleSidecar {
						r.Image, r.ImageID, r.Digest = "sidecar:older", "sha256:older", compose.Digest{Hash: "v1:older"}
					}
				}
				return h
			},
		},
		{
			name: "a-failed-update-is-taken-back", want: shop(web(1, "v1:aaaa")),
			have: func(t *testing.T) *host {
				h := running(t, shop(web(1, "v1:aaaa")))
				p := must(t, shop(web(1, "v1:bbbb")), h, plan.Options{})
				for _, n := range p.Nodes[:2] { // created and started, and never found healthy
					assert.NilError(t, h.do(n.Step))
				}
				return h
			},
		},
		{
			name: "no-start",
			want: shop(service("db", 1, "v1:aaaa"), dependsOn(web(1, "v1:aaaa"), "db", types.ServiceConditionHealthy)),
			opt:  plan.Options{NoStart: true},
			have: func(*testing.T) *host { return newHost("shop") },
		},
		{
			name: "no-start-of-what-is-stopped", opt: plan.Options{NoStart: true},
			want: shop(service("db", 1, "v1:aaaa"), dependsOn(service("web", 1, "v1:aaaa"), "db", types.ServiceConditionHealthy)),
			have: func(t *testing.T) *host {
				h := running(t, shop(service("db", 1, "v1:aaaa"), service("web", 1, "v1:aaaa")))
				for i := range h.replicas {
					h.replicas[i].State = plan.Exited
				}
				return h
			},
		},
		{
			name: "orphan-has-the-name", want: shop(named(service("next", 1, "v1:aaaa"), "the-web")),
			opt: plan.Options{RemoveOrphans: true},
			have: func(t *testing.T) *host {
				return running(t, shop(named(service("old", 1, "v1:aaaa"), "the-web")))
			},
		},
		{
			name: "orphan-has-the-port", want: shop(publishing(service("next", 1, "v1:aaaa"), 8080)),
			opt: plan.Options{RemoveOrphans: true},
			have: func(t *testing.T) *host {
				return running(t, shop(publishing(service("old", 1, "v1:aaaa"), 8080)))
			},
		},
		{
			name: "sidecar-without-a-balancer", want: shop(healed(service("worker", 2, "v1:aaaa"))),
			have: func(*testing.T) *host { return newHost("shop") },
		},
		{
			name: "sidecar-stays-without-a-balancer", want: shop(healed(service("web", 1, "v1:aaaa"))),
			have: func(t *testing.T) *host { return running(t, shop(web(1, "v1:aaaa"))) },
		},
		{
			name: "sidecar-has-nothing-to-do", want: shop(service("worker", 1, "v1:aaaa")),
			have: func(t *testing.T) *host { return running(t, shop(healed(service("worker", 1, "v1:aaaa")))) },
		},
		{
			name: "sidecar-is-not-concerned", want: shop(healed(service("worker", 1, "v1:aaaa")), service("db", 1, "v1:aaaa")),
			opt:  plan.Options{Services: []string{"db"}},
			have: func(*testing.T) *host { return newHost("shop") },
		},
		{
			name: "network-is-foreign", want: shop(service("web", 1, "v1:aaaa")),
			have: func(*testing.T) *host {
				h := newHost("shop")
				h.networks["shop_default"] = plan.Network{Name: "shop_default"}
				return h
			},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := must(t, c.want, c.have(t), c.opt)
			text := p.String()
			for _, w := range p.Warnings {
				text += "warning: " + w + "\n"
			}
			golden.Assert(t, text, c.name+".golden")
		})
	}
}

func healed(s compose.Service) compose.Service {
	s.Autoheal = time.Minute
	return s
}

func stopFirst(s compose.Service) compose.Service {
	s.Rollout.Order = compose.StopFirst
	return s
}

func wide(s compose.Service, parallelism int, delay time.Duration) compose.Service {
	s.Rollout.Parallelism, s.Rollout.Delay = parallelism, delay
	return s
}

func monitored(s compose.Service) compose.Service {
	s.Rollout.Monitor = 5 * time.Second
	return s
}

func oneShot(s compose.Service) compose.Service {
	s.OneShot = true
	return s
}

func asked(s compose.Service) compose.Service {
	s.Rollout.Asked, s.Rollout.Why = true, "deploy.update_config.order"
	return s
}

func optional(s compose.Service, on string) compose.Service {
	s.DependsOn = []compose.Dependency{{Service: on, Condition: types.ServiceConditionHealthy}}
	return s
}

func restarted(s compose.Service, after string) compose.Service {
	s.DependsOn = []compose.Dependency{{Service: after, Condition: types.ServiceConditionStarted, Required: true, Restart: true}}
	return s
}

func named(s compose.Service, name string) compose.Service {
	s.Body.ContainerName = name
	return s
}

func image(s compose.Service, image string) compose.Service {
	s.Body.Image = image
	return s
}

func hooked(s compose.Service) compose.Service {
	s.Body.PostStart = []types.ServiceHook{{Command: []string{"warm-up"}}}
	s.Body.PreStop = []types.ServiceHook{{Command: []string{"say-goodbye"}}}
	return s
}

func TestConflicts(t *testing.T) {
	h := newHost("shop")
	h.foreign = []plan.Foreign{
		{Name: "blog-proxy", Project: "blog", Running: true, Ports: []plan.Port{{HostIP: "0.0.0.0", Host: 8080, Container: 80, Protocol: "tcp"}}},
		{Name: "shop-web-2"},
	}
	want := shop(routed(service("web", 2, "v1:aaaa"), 8080))
	_, err := plan.Make(want, h.observe(), plan.Options{System: system(want)})
	assert.Error(t, err, "container name shop-web-2 is taken by a container that is not ours\n"+
		"port 8080/tcp is taken by container blog-proxy of project blog")

	h.foreign[0].Running = false
	h.foreign = h.foreign[:1]
	_, err = plan.Make(want, h.observe(), plan.Options{System: system(want)})
	assert.NilError(t, err, "a port that nobody holds is free")
}

func TestWhatAnotherServiceHolds(t *testing.T) {
	old := publishing(named(service("old", 1, "v1:aaaa"), "the-web"), 8080)
	next := publishing(named(service("next", 1, "v1:aaaa"), "the-web"), 8080)
	h := running(t, shop(old))
	_, err := plan.Make(shop(next), h.observe(), plan.Options{})
	assert.Error(t, err, "container name the-web is taken by service old of this project\n"+
		"port 8080/tcp is taken by service old of this project")
	conflict, ok := errors.AsType[*plan.ConflictError](err)
	assert.Assert(t, ok)
	assert.Equal(t, conflict.Hint, "the files do not have service old any more: --remove-orphans removes it")

	_, err = plan.Make(shop(old, next), h.observe(), plan.Options{Services: []string{"next"}})
	conflict, ok = errors.AsType[*plan.ConflictError](err)
	assert.Assert(t, ok, "%v", err)
	assert.Equal(t, conflict.Hint, "`hyper-lite down old` first")
}

func TestAPortOfAnotherAddressIsNoConflict(t *testing.T) {
	h := newHost("shop")
	h.foreign = []plan.Foreign{
		{Name: "blog", Running: true, Ports: []plan.Port{{HostIP: "127.0.0.2", Host: 8080, Protocol: "tcp"}}},
	}
	web := publishing(service("web", 1, "v1:aaaa"), 8080)
	web.Body.Ports[0].HostIP = "127.0.0.1"
	_, err := plan.Make(shop(web), h.observe(), plan.Options{})
	assert.NilError(t, err)
	web.Body.Ports[0].HostIP = ""
	_, err = plan.Make(shop(web), h.observe(), plan.Options{})
	assert.ErrorContains(t, err, "port 8080/tcp is taken by container blog")
}

func TestWhatIsMissing(t *testing.T) {
	h := newHost("shop")
	web := service("web", 1, "v1:aaaa")
	web.Networks = map[string]types.NetworkConfig{"public": {Name: "public", External: true}}
	_, err := plan.Make(shop(web), h.observe(), plan.Options{})
	assert.Error(t, err, "external network public does not exist")

	web = image(service("web", 1, "v1:aaaa"), "absent")
	web.Body.PullPolicy = types.PullPolicyNever
	_, err = plan.Make(shop(web), h.observe(), plan.Options{})
	assert.Error(t, err, "image absent of service web does not exist")

	_, err = plan.Make(shop(web), h.observe(), plan.Options{Services: []string{"wbe"}})
	assert.Error(t, err, "no such service: wbe (the files have web)")
}

func TestDown(t *testing.T) {
	want := shop(
		service("db", 1, "v1:aaaa"),
		dependsOn(routed(service("web", 2, "v1:aaaa"), 8080), "db", types.ServiceConditionStarted))
	h := running(t, want)
	h.volumes["shop_data"] = plan.Volume{Name: "shop_data", Ours: true}
	h.volumes["elsewhere"] = plan.Volume{Name: "elsewhere"}
	golden.Assert(t, plan.Down("shop", h.observe(), plan.DownOptions{Want: &want}).String(), "down.golden")
	golden.Assert(t, plan.Down("shop", h.observe(), plan.DownOptions{Volumes: true}).String(), "down-volumes.golden")
}

func TestDownOfAServiceWithdrawsIt(t *testing.T) {
	want := shop(
		service("db", 1, "v1:aaaa"),
		dependsOn(routed(service("web", 1, "v1:aaaa"), 8080), "db", types.ServiceConditionStarted))
	h := running(t, want)
	p := plan.Down("shop", h.observe(), plan.DownOptions{Want: &want, Services: []string{"web"}})
	golden.Assert(t, p.String(), "down-service.golden")
	perform(t, h, p)
	assert.Equal(t, len(h.published), 0)
}

func TestStartWaitsForConditions(t *testing.T) {
	want := shop(
		service("db", 1, "v1:aaaa"),
		oneShot(dependsOn(service("migrate", 1, "v1:aaaa"), "db", types.ServiceConditionHealthy)),
		dependsOn(service("web", 1, "v1:aaaa"), "migrate", types.ServiceConditionCompletedSuccessfully))
	h := running(t, want)
	stop, err := plan.StopAll("shop", &want, h.observe(), plan.LifecycleOptions{})
	assert.NilError(t, err)
	perform(t, h, stop)
	p, err := plan.StartAll("shop", &want, h.observe(), plan.LifecycleOptions{})
	assert.NilError(t, err)
	golden.Assert(t, p.String(), "start-conditions.golden")
	perform(t, h, p)
}

func TestLifecycle(t *testing.T) {
	want := shop(
		service("db", 1, "v1:aaaa"),
		dependsOn(routed(service("web", 2, "v1:aaaa"), 8080), "db", types.ServiceConditionStarted))
	h := running(t, want)
	p, err := plan.RestartAll("shop", &want, h.observe(), plan.LifecycleOptions{System: system(want)})
	assert.NilError(t, err)
	golden.Assert(t, p.String(), "restart.golden")
	perform(t, h, p)

	p, err = plan.StopAll("shop", &want, h.observe(), plan.LifecycleOptions{System: system(want)})
	assert.NilError(t, err)
	golden.Assert(t, p.String(), "stop.golden")
	perform(t, h, p)

	p, err = plan.StartAll("shop", &want, h.observe(), plan.LifecycleOptions{System: system(want)})
	assert.NilError(t, err)
	golden.Assert(t, p.String(), "start.golden")
	perform(t, h, p)
	assert.Assert(t, must(t, want, h, plan.Options{}).Empty())
}

// Of what is not known whole nothing is made, replaced or registered, whatever is asked: it keeps what it has.
func TestWhatIsNotKnownWholeStaysAsItIs(t *testing.T) {
	jobs := []compose.Job{job("nightly", "@daily", "v1:aaaa"), job("seed", "", "v1:aaaa")}
	want := compose.Project{Name: "shop", Services: []compose.Service{routed(service("web", 2, "v1:aaaa"), 8080), service("db", 1, "v1:aaaa")}, Jobs: jobs}
	h := running(t, want)
	want.Services = slices.Clone(want.Services)
	want.Services[0].Digest, want.Services[0].Body.Image = compose.Digest{}, "other"
	want.Jobs = []compose.Job{jobs[0], jobs[1]}
	want.Jobs[0].Digest = compose.Digest{}
	for _, opt := range []plan.Options{
		{ImagesReady: true},
		{ImagesReady: true, ForceRecreate: true, Services: []string{"web"}},
		{ImagesReady: true, Services: []string{"nightly"}},
		{ImagesReady: true, RecreateDeps: true, Services: []string{"seed"}},
		{ImagesReady: true, RemoveOrphans: true},
	} {
		p := must(t, want, h, opt)
		assert.Assert(t, p.Empty(), "%+v: %s", opt, p)
	}
	stopped := running(t, want)
	assert.Equal(t, len(plan.RegisteredJobs(stopped.observe().Replicas)), 1)
	for _, r := range stopped.observe().Replicas {
		assert.Assert(t, r.Service != "web", "%s", r.Name)
	}
}
