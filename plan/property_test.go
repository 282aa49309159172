package plan_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"pgregory.net/rapid"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// anyProject draws a project of up to three services that depend on earlier ones.
func anyProject(t *rapid.T, label string) compose.Project {
	p := compose.Project{Name: "shop"}
	networks := map[string]types.NetworkConfig{}
	for _, key := range []string{"back", "default"} {
		network := types.NetworkConfig{Name: "shop_" + key}
		if rapid.Bool().Draw(t, label+" network "+key+" has a label") {
			network.Labels = types.Labels{"kind": "other"}
		}
		networks[key] = network
	}
	for i := range rapid.IntRange(1, 3).Draw(t, label+" services") {
		name := string(rune('a' + i))
		draw := func(what string) string { return fmt.Sprintf("%s %s %s", label, name, what) }
		s := service(name, rapid.IntRange(0, 4).Draw(t, draw("replicas")), rapid.SampledFrom([]string{"v1:aaaa", "v1:bbbb"}).Draw(t, draw("hash")))
		s.Rollout.Order = rapid.SampledFrom([]string{compose.StartFirst, compose.StopFirst}).Draw(t, draw("order"))
		s.Rollout.Parallelism = rapid.IntRange(0, 3).Draw(t, draw("parallelism"))
		if rapid.Bool().Draw(t, draw("anonymous volume")) {
			s = withAnonymousVolume(s)
			s.Rollout.Asked = rapid.Bool().Draw(t, draw("order asked for"))
		}
		if rapid.Bool().Draw(t, draw("routed")) {
			s = routed(s, 8000+i)
		} else if rapid.Bool().Draw(t, draw("one-shot")) {
			s.OneShot = true
		}
		if rapid.Bool().Draw(t, draw("healed")) {
			s.Autoheal = time.Minute
		}
		s.Autodestroy = rapid.SampledFrom([]compose.Autodestroy{compose.DestroyNever, compose.DestroyAlways}).Draw(t, draw("destroyed"))
		if rapid.Bool().Draw(t, draw("hooks")) {
			s = prepared(hooked(s), "app", "tool")
		}
		if i > 0 && rapid.Bool().Draw(t, draw("depends")) {
			d := p.Services[rapid.IntRange(0, i-1).Draw(t, draw("on"))]
			condition := types.ServiceConditionStarted
			if d.OneShot {
				condition = types.ServiceConditionCompletedSuccessfully
			} else if rapid.Bool().Draw(t, draw("healthy")) {
				condition = types.ServiceConditionHealthy
			}
			s.DependsOn = []compose.Dependency{{Service: d.Name, Condition: condition, Required: true}}
		}
		s.Networks = networksFrom(networks, rapid.SampledFrom([]string{"default", "back", "default back"}).Draw(t, draw("networks")))
		s.Digest.Hash += " " + strings.Join(slices.Sorted(maps.Keys(s.Networks)), " ")
		p.Services = append(p.Services, s)
	}
	for i := range rapid.IntRange(0, 2).Draw(t, label+" jobs") {
		name := string(rune('x' + i))
		draw := func(what string) string { return fmt.Sprintf("%s %s %s", label, name, what) }
		j := compose.Job{Service: service(name, 1, rapid.SampledFrom([]string{"v1:aaaa", "v1:bbbb"}).Draw(t, draw("hash")))}
		j.Body.Image = rapid.SampledFrom([]string{"app", "tool"}).Draw(t, draw("image"))
		j.Digest.Hash += j.Body.Image
		j.Networks = networksFrom(networks, "default")
		j.Timing.Manual = true
		if cron := rapid.SampledFrom([]string{"", "@daily", "@hourly"}).Draw(t, draw("schedule")); cron != "" {
			j.Schedules = []compose.Schedule{{Cron: cron, Timezone: "UTC"}}
		}
		p.Jobs = append(p.Jobs, j)
	}
	return p
}

// networksFrom picks some of the project's networks.
func networksFrom(all map[string]types.NetworkConfig, keys string) map[string]types.NetworkConfig {
	picked := map[string]types.NetworkConfig{}
	for _, key := range strings.Fields(keys) {
		picked[key] = all[key]
	}
	return picked
}

// walk performs a plan on the host in any order that the plan allows, at most `most` steps of it, and calls
// check after every one.
func walk(t *rapid.T, h *host, p plan.Plan, most int, check func(plan.Node)) {
	t.Helper()
	done := map[int]bool{}
	for range min(most, len(p.Nodes)) {
		var ready []int
		for _, n := range p.Nodes {
			free := !done[n.ID]
			for _, id := range append(append([]int(nil), n.After...), n.Settled...) {
				free = free && done[id]
			}
			if free {
				ready = append(ready, n.ID)
			}
		}
		n := p.Nodes[rapid.SampledFrom(ready).Draw(t, "next")-1]
		if err := h.do(n.Step); err != nil {
			t.Fatalf("#%d: %v\n%s", n.ID, err, p)
		}
		done[n.ID] = true
		check(n)
	}
}

func mustMake(t *rapid.T, want compose.Project, h *host) plan.Plan {
	t.Helper()
	h.wanted = map[string]compose.Service{}
	for _, s := range want.Services {
		h.wanted[s.Name] = s
	}
	h.jobs = map[string]bool{}
	for _, j := range want.Jobs {
		h.jobs[j.Name] = true
	}
	p, err := plan.Make(want, h.observe(), plan.Options{System: system(want), RemoveOrphans: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range p.Nodes {
		if n.ID != i+1 {
			t.Fatalf("node %d has ID %d", i+1, n.ID)
		}
		for _, id := range append(append([]int(nil), n.After...), n.Settled...) {
			if id >= n.ID || id < 1 {
				t.Fatalf("#%d waits for #%d\n%s", n.ID, id, p)
			}
		}
	}
	return p
}

func always(plan.Node) {}

const all = 1 << 20

// disturb does to a host what crashes, users and other programs do.
func disturb(t *rapid.T, h *host) {
	h.jobs = nil // whoever removes containers by hand promised nothing
	for i := range h.replicas {
		r := &h.replicas[i]
		switch rapid.SampledFrom([]string{"nothing", "nothing", "nothing", "exits", "pauses"}).Draw(t, "trouble of "+r.Name) {
		case "exits":
			r.State, r.ExitCode = plan.Exited, 1
		case "pauses":
			if r.State == plan.Running {
				r.State = plan.Paused
			}
		}
	}
	if len(h.replicas) > 0 && rapid.Bool().Draw(t, "one is disconnected") {
		h.replicas[rapid.IntRange(0, len(h.replicas)-1).Draw(t, "which")].Networks = nil
	}
	if rapid.Bool().Draw(t, "networks are pruned") {
		h.prune()
	}
	if len(h.replicas) > 0 && rapid.Bool().Draw(t, "one is removed") {
		victim := h.replicas[rapid.IntRange(0, len(h.replicas)-1).Draw(t, "victim")]
		h.find(plan.Container{ID: victim.ID}).State = plan.Exited
		if err := h.remove(plan.Container{ID: victim.ID}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReplanAfterApplyIsEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHost("shop")
		for _, label := range []string{"first", "second", "third"} {
			want := anyProject(t, label)
			walk(t, h, mustMake(t, want, h), all, always)
			if again := mustMake(t, want, h); !again.Empty() {
				t.Fatalf("not empty after apply:\n%s", again)
			}
			disturb(t, h)
		}
	})
}

func TestStoppedAnywhereTheNextRunEndsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := anyProject(t, "before"), anyProject(t, "after")
		through, broken := newHost("shop"), newHost("shop")
		walk(t, through, mustMake(t, before, through), all, always)
		walk(t, through, mustMake(t, after, through), all, always)

		walk(t, broken, mustMake(t, before, broken), all, always)
		for range rapid.IntRange(1, 3).Draw(t, "crashes") {
			p := mustMake(t, after, broken)
			walk(t, broken, p, rapid.IntRange(0, len(p.Nodes)).Draw(t, "steps before the crash"), always)
		}
		walk(t, broken, mustMake(t, after, broken), all, always)
		if through.picture() != broken.picture() {
			t.Fatalf("through:\n%s\n\nbroken:\n%s", through.picture(), broken.picture())
		}
	})
}

func TestStartFirstNeverLosesCapacityNorSurgesFurther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "replicas")
		parallelism := rapid.IntRange(1, 8).Draw(t, "parallelism")
		make := func(hash string) compose.Project {
			s := routed(service("web", n, hash), 8080)
			s.Rollout.Order, s.Rollout.Parallelism = compose.StartFirst, parallelism
			return compose.Project{Name: "shop", Services: []compose.Service{s}}
		}
		h := newHost("shop")
		walk(t, h, mustMake(t, make("v1:aaaa"), h), all, always)
		walk(t, h, mustMake(t, make("v1:bbbb"), h), all, func(step plan.Node) {
			serving, containers := 0, 0
			for _, r := range h.replicas {
				if r.Role != compose.RoleReplica {
					continue
				}
				containers++
				if r.State == plan.Running && h.serves(r.Ref) {
					serving++
				}
			}
			if serving < n {
				t.Fatalf("after #%d only %d of %d serve", step.ID, serving, n)
			}
			if containers > n+parallelism {
				t.Fatalf("after #%d there are %d containers for %d replicas, parallelism %d", step.ID, containers, n, parallelism)
			}
		})
	})
}

func TestStopFirstWithdrawsNoMoreThanAWave(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "replicas")
		parallelism := rapid.IntRange(1, 8).Draw(t, "parallelism")
		make := func(hash string) compose.Project {
			s := routed(service("web", n, hash), 8080)
			s.Rollout.Order, s.Rollout.Parallelism = compose.StopFirst, parallelism
			return compose.Project{Name: "shop", Services: []compose.Service{s}}
		}
		h := newHost("shop")
		walk(t, h, mustMake(t, make("v1:aaaa"), h), all, always)
		walk(t, h, mustMake(t, make("v1:bbbb"), h), all, func(step plan.Node) {
			serving, working := 0, 0
			for _, r := range h.replicas {
				if r.Role != compose.RoleReplica || r.State != plan.Running {
					continue
				}
				working++
				if h.serves(r.Ref) {
					serving++
				}
			}
			if serving < n-min(n, parallelism) {
				t.Fatalf("after #%d only %d of %d serve, parallelism %d", step.ID, serving, n, parallelism)
			}
			if working > n {
				t.Fatalf("after #%d %d replicas run, %d are wanted", step.ID, working, n)
			}
		})
	})
}

// Without a balancer, too, no more than a wave is away at once, and what is new counts once it was awaited: however
// often the run is killed.
func TestWithoutABalancerNoMoreThanAWaveIsAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "replicas")
		parallelism := rapid.IntRange(1, 6).Draw(t, "parallelism")
		order := rapid.SampledFrom([]string{compose.StartFirst, compose.StopFirst}).Draw(t, "order")
		make := func(hash string) compose.Project {
			s := service("web", n, hash)
			s.Rollout.Order, s.Rollout.Parallelism = order, parallelism
			return compose.Project{Name: "shop", Services: []compose.Service{s}}
		}
		least := n
		if order == compose.StopFirst {
			least = n - min(n, parallelism)
		}
		h := newHost("shop")
		walk(t, h, mustMake(t, make("v1:aaaa"), h), all, always)
		clear(h.unsettled)
		runs := rapid.IntRange(1, 3).Draw(t, "runs")
		for run := 1; run <= runs; run++ {
			p := mustMake(t, make("v1:bbbb"), h)
			steps := all
			if run < runs {
				steps = rapid.IntRange(0, len(p.Nodes)).Draw(t, "steps before the kill")
			}
			walk(t, h, p, steps, func(step plan.Node) {
				if settled := h.settled("web"); settled < least {
					t.Fatalf("run %d: after #%d only %d of %d are as they should be:\n%s", run, step.ID, settled, n, p)
				}
			})
		}
	})
}

// Wherever a restart ends before time, what was served before is served again, and nothing is sent to what was not awaited.
func TestARestartThatIsCutOffGivesBackWhatItWithdrew(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		web := routed(service("web", rapid.IntRange(1, 5).Draw(t, "replicas"), "v1:aaaa"), 8080)
		web.Rollout.Parallelism = rapid.IntRange(0, 3).Draw(t, "parallelism")
		want := compose.Project{Name: "shop", Services: []compose.Service{web, service("db", 2, "v1:aaaa")}}
		h := newHost("shop")
		walk(t, h, mustMake(t, want, h), all, always)
		opt := plan.LifecycleOptions{System: system(want), Rolling: rapid.Bool().Draw(t, "rolling")}
		was := h.observe()
		p, err := plan.RestartAll("shop", &want, was, opt)
		if err != nil {
			t.Fatal(err)
		}
		walk(t, h, p, rapid.IntRange(0, len(p.Nodes)).Draw(t, "steps before the end"), always)
		back, err := plan.Resume("shop", &want, was, h.observe(), nil, opt)
		if err != nil {
			t.Fatal(err)
		}
		walk(t, h, back, all, always)
		if now := h.observe(); !slices.Equal(now.Published[0].Backends, was.Published[0].Backends) {
			t.Fatalf("served were %v, are %v:\n%s", was.Published[0].Backends, now.Published[0].Backends, back)
		}
		if again := mustMake(t, want, h); !again.Empty() {
			t.Fatalf("an up has something left to do:\n%s", again)
		}
	})
}

func TestDownLeavesNothingBut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHost("shop")
		h.foreign = []plan.Foreign{{Name: "blog-web-1", Project: "blog", Running: true}}
		want := anyProject(t, "project")
		p := mustMake(t, want, h)
		walk(t, h, p, rapid.IntRange(0, len(p.Nodes)).Draw(t, "steps before the crash"), always)
		disturb(t, h)
		h.jobs = nil
		down := plan.Down("shop", h.observe(), plan.DownOptions{Want: &want, RemoveOrphans: true})
		walk(t, h, down, all, always)
		if len(h.replicas)+len(h.networks)+len(h.volumes) > 0 {
			t.Fatalf("left behind:\n%s\nafter\n%s", h.picture(), down)
		}
	})
}

// Where some jobs are named, these are registered as the files have them, and all others stay what they are.
func TestNamedJobsLeaveTheOthersAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHost("shop")
		walk(t, h, mustMake(t, anyProject(t, "before"), h), all, always)
		after := anyProject(t, "after")
		var named []string
		for _, j := range after.Jobs {
			if rapid.Bool().Draw(t, "named "+j.Name) {
				named = append(named, j.Name)
			}
		}
		if len(named) == 0 {
			return
		}
		mustMake(t, after, h) // the host learns what is wanted
		was := h.registered()
		for name := range was {
			h.jobs[name] = true
		}
		for range rapid.IntRange(1, 2).Draw(t, "crashes") {
			p := mustMakeOf(t, after, h, named)
			walk(t, h, p, rapid.IntRange(0, len(p.Nodes)).Draw(t, "steps before the crash"), always)
		}
		walk(t, h, mustMakeOf(t, after, h, named), all, always)
		if again := mustMakeOf(t, after, h, named); !again.Empty() {
			t.Fatalf("not empty after apply:\n%s", again)
		}
		is := h.registered()
		for name, job := range was {
			if !slices.Contains(named, name) && (is[name].Digest.Hash != job.Digest.Hash || is[name].Job != job.Job || !is[name].Since.Equal(job.Since)) {
				t.Fatalf("%s was %+v, is %+v", name, job, is[name])
			}
		}
		for _, name := range named {
			j, _ := after.Job(name)
			if is[name].Digest.Hash != j.Digest.Hash {
				t.Fatalf("%s is %+v", name, is[name])
			}
		}
	})
}

func mustMakeOf(t *rapid.T, want compose.Project, h *host, services []string) plan.Plan {
	t.Helper()
	p, err := plan.Make(want, h.observe(), plan.Options{System: system(want), Services: services})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSameInputSameText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHost("shop")
		before, after := anyProject(t, "before"), anyProject(t, "after")
		walk(t, h, mustMake(t, before, h), all, always)
		if first, second := mustMake(t, after, h).String(), mustMake(t, after, h).String(); first != second {
			t.Fatalf("%s\n\n%s", first, second)
		}
	})
}
