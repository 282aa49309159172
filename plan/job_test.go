package plan_test

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
	"gotest.tools/v3/golden"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// job is a job of project shop as Load would make it.
func job(name, cron, hash string) compose.Job {
	j := compose.Job{Service: service(name, 1, hash)}
	j.Manual = true
	if cron != "" {
		j.Schedules = []compose.Schedule{{Cron: cron, Timezone: "UTC", Concurrency: compose.Forbid, MissedFires: compose.CatchUpOnce}}
	}
	return j
}

func (h *host) settle(t *testing.T, want compose.Project, opt plan.Options) plan.Plan {
	t.Helper()
	opt.System = system(want)
	p, err := plan.Make(want, h.observe(), opt)
	assert.NilError(t, err)
	for _, n := range p.Nodes {
		assert.NilError(t, h.do(n.Step), p)
	}
	return p
}

// A job is registered by a container that never starts; the new one is there before the old one goes; and the sidecar
// is there where any job has a schedule.
func TestJobsAreRegistered(t *testing.T) {
	h := newHost("shop")
	db := service("db", 1, "v1:aaaa")
	nightly := job("nightly", "@daily", "v1:aaaa")
	nightly.DependsOn = []compose.Dependency{{Service: "db", Condition: types.ServiceConditionHealthy, Required: true}}
	nightly.Body.Restart = types.RestartPolicyAlways
	want := compose.Project{Name: "shop", Services: []compose.Service{db}, Jobs: []compose.Job{nightly, job("seed", "", "v1:aaaa")}}
	first := h.settle(t, want, plan.Options{})
	golden.Assert(t, first.String(), "jobs-new.golden")
	assert.Assert(t, h.settle(t, want, plan.Options{}).Empty())
	registering := plan.Register{}
	for _, n := range first.Nodes {
		if s, ok := n.Step.(plan.Register); ok {
			registering = s
		}
	}
	assert.Equal(t, registering.Jobs[0].Job, "nightly")
	assert.Equal(t, registering.Jobs[0].Service.Body.Restart, "", "the engine would start its runs at its own start")

	want.Jobs[0] = job("nightly", "@daily", "v1:bbbb")
	golden.Assert(t, h.settle(t, want, plan.Options{}).String(), "jobs-changed.golden")
	want.Jobs[0] = job("nightly", "@hourly", "v1:bbbb")
	golden.Assert(t, h.settle(t, want, plan.Options{}).String(), "jobs-timing.golden")

	h.replicas = append(h.replicas, plan.Replica{
		Ref: plan.Ref{Service: "nightly", Slot: 1, Generation: 1}, Role: compose.RoleRun, OneOff: true, ID: "run", Name: "shop-nightly-1700000000",
		State: plan.Running, Fire: "1700000000",
	})
	stop, err := plan.StopAll("shop", &want, h.observe(), plan.LifecycleOptions{System: system(want)})
	assert.NilError(t, err)
	golden.Assert(t, stop.String(), "jobs-stop.golden")
	down := plan.Down("shop", h.observe(), plan.DownOptions{Want: &compose.Project{Name: "shop", Services: want.Services}})
	golden.Assert(t, down.String(), "jobs-down.golden")

	want.Jobs = want.Jobs[1:]
	removed := h.settle(t, want, plan.Options{})
	golden.Assert(t, removed.String()+strings.Join(removed.Warnings, "\n")+"\n", "jobs-removed.golden")
	assert.Assert(t, h.find(plan.Container{ID: "run"}).State == plan.Running)
}

// Where services are named, a job is registered only where it is one of them, with what it depends on.
func TestNamedJobs(t *testing.T) {
	want := compose.Project{
		Name: "shop", Services: []compose.Service{service("db", 1, "v1:aaaa"), service("web", 1, "v1:aaaa")},
		Jobs: []compose.Job{job("nightly", "@daily", "v1:aaaa"), job("seed", "", "v1:aaaa")},
	}
	want.Jobs[0].DependsOn = []compose.Dependency{{Service: "db", Condition: types.ServiceConditionStarted, Required: true}}
	h := newHost("shop")
	p := h.settle(t, want, plan.Options{Services: []string{"web"}})
	assert.Assert(t, !strings.Contains(p.String(), "nightly") && !strings.Contains(p.String(), "sidecar"), p)
	p = h.settle(t, want, plan.Options{Services: []string{"nightly"}})
	assert.Assert(t, is.Contains(p.String(), "nightly"))
	assert.Assert(t, is.Contains(p.String(), "shop-db-1"))
	assert.Assert(t, is.Contains(p.String(), "sidecar"))
	assert.Assert(t, !strings.Contains(p.String(), "seed"), p)
	p = h.settle(t, want, plan.Options{Services: []string{"seed"}})
	golden.Assert(t, p.String(), "jobs-another.golden")
	assert.Equal(t, len(h.registered()), 2)
	want.Jobs = []compose.Job{job("seed", "@daily", "v1:aaaa")} // that nightly is gone is no business of web's
	assert.Assert(t, h.settle(t, want, plan.Options{Services: []string{"web"}}).Empty())
}

// What only a pre_start hook of a job needs is there before it is registered, and another image of a hook registers it anew.
func TestHooksOfJobsAreRegistered(t *testing.T) {
	nightly := job("nightly", "@daily", "v1:aaaa")
	nightly.Service = prepared(nightly.Service, nightly.Body.Image, "absent")
	nightly.PreStart[1].Service.Networks = map[string]types.NetworkConfig{"side": {Name: "shop_side"}}
	want := compose.Project{Name: "shop", Jobs: []compose.Job{nightly}}
	h := newHost("shop")
	first := h.settle(t, want, plan.Options{})
	golden.Assert(t, first.String(), "jobs-hooks.golden")
	var pulls []plan.Pull
	for _, n := range first.Images().Nodes {
		if pull, ok := n.Step.(plan.Pull); ok {
			pulls = append(pulls, pull)
		}
	}
	assert.DeepEqual(t, pulls, []plan.Pull{{Image: "absent", Services: []string{"nightly"}}})
	h.settle(t, want, plan.Options{}) // with the image known
	assert.Assert(t, h.settle(t, want, plan.Options{}).Empty())
	h.images["absent"] = plan.Image{ID: "sha256:other"}
	assert.Assert(t, is.Contains(h.settle(t, want, plan.Options{}).String(), "what becomes of its runs, changed"))
	assert.Assert(t, h.settle(t, want, plan.Options{}).Empty())
}
