package plan_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func TestStopAsksNoBalancerThatServesNothing(t *testing.T) {
	for _, role := range []compose.Role{compose.RoleBalancer, compose.RoleSidecar} {
		want := shop(routed(service("web", 2, "v1:aaaa"), 8080))
		h := running(t, want)
		for i := range h.replicas {
			if h.replicas[i].Role == role {
				h.replicas[i].State = plan.Exited
			}
		}
		p, err := plan.StopAll("shop", &want, h.observe(), plan.LifecycleOptions{System: system(want)})
		assert.NilError(t, err)
		assert.DeepEqual(t, verbs(p, "web"), []string{"stop web.1@1", "stop web.2@1"})
	}
}

func TestRestartTakesDependentsAlongThatAskForIt(t *testing.T) {
	beside := dependsOn(service("beside", 1, "v1:aaaa"), "api", types.ServiceConditionStarted)
	beside.Body.NetworkMode = types.ServicePrefix + "api"
	want := shop(
		service("db", 1, "v1:aaaa"),
		beside,
		restarted(service("api", 1, "v1:aaaa"), "db"),
		restarted(service("web", 1, "v1:aaaa"), "api"),
		dependsOn(service("worker", 1, "v1:aaaa"), "db", types.ServiceConditionStarted))
	h := running(t, want)
	restart := func(opt plan.LifecycleOptions) string {
		opt.Services = []string{"db"}
		p, err := plan.RestartAll("shop", &want, h.observe(), opt)
		assert.NilError(t, err)
		var steps []string
		for _, n := range p.Nodes {
			steps = append(steps, n.Step.Subject())
		}
		return strings.Join(steps, " ")
	}
	assert.Equal(t, restart(plan.LifecycleOptions{}), "db.1@1 api.1@1 beside.1@1 web.1@1",
		"and what uses their namespaces, which are new ones")
	assert.Equal(t, restart(plan.LifecycleOptions{NoDeps: true}), "db.1@1")
}

// Slot after slot, in whatever order the engine lists them.
func TestRestartGoesInTheOrderOfSlots(t *testing.T) {
	want := shop(routed(service("web", 4, "v1:aaaa"), 8080))
	h := running(t, want)
	have := h.observe()
	for range 30 {
		rand.Shuffle(len(have.Replicas), func(i, j int) { have.Replicas[i], have.Replicas[j] = have.Replicas[j], have.Replicas[i] })
		p, err := plan.RestartAll("shop", &want, have, plan.LifecycleOptions{System: system(want)})
		assert.NilError(t, err)
		restarts := slices.DeleteFunc(verbs(p, "web"), func(step string) bool { return !strings.HasPrefix(step, "restart") })
		assert.DeepEqual(t, restarts, []string{"restart web.1@1", "restart web.2@1", "restart web.3@1", "restart web.4@1"})
	}
}

// A start that was cut off after the containers ran is finished by the same command; what is served is left alone.
func TestStartServesWhatRunsAndIsNotServed(t *testing.T) {
	want := shop(routed(service("web", 2, "v1:aaaa"), 8080), service("db", 1, "v1:aaaa"))
	h := running(t, want)
	start := func() plan.Plan {
		p, err := plan.StartAll("shop", &want, h.observe(), plan.LifecycleOptions{System: system(want)})
		assert.NilError(t, err)
		return p
	}
	assert.Assert(t, start().Empty(), start().String())
	for _, served := range [][]plan.Ref{nil, {{Service: "web", Slot: 2, Generation: 1}}} {
		h.published[0].Backends = served
		p := start()
		assert.DeepEqual(t, verbs(p, "web"), []string{"await web.1@1", "await web.2@1", "route web"})
		perform(t, h, p)
		assert.Assert(t, start().Empty(), start().String())
	}
}

// What was not found healthy stays as it is, what was stopped by hand meanwhile is started, and what is gone is gone.
func TestWhatARestartTriedIsNotTriedAgain(t *testing.T) {
	want := shop(routed(service("web", 4, "v1:aaaa"), 8080))
	h := running(t, want)
	was := h.observe()
	ref := func(slot int) plan.Ref { return plan.Ref{Service: "web", Slot: slot, Generation: 1} }
	h.published[0].Backends = []plan.Ref{ref(4)}
	h.byRef(ref(2)).State = plan.Exited
	h.replicas = slices.DeleteFunc(h.replicas, func(r plan.Replica) bool { return r.Ref == ref(1) })
	p, err := plan.Resume("shop", &want, was, h.observe(), []plan.Ref{ref(3)}, plan.LifecycleOptions{System: system(want)})
	assert.NilError(t, err)
	assert.DeepEqual(t, verbs(p, "web"), []string{"start web.2@1", "await web.2@1", "route web"})
	perform(t, h, p)
	assert.DeepEqual(t, h.published[0].Backends, []plan.Ref{ref(2), ref(4)})
}

// One that is not well when all are started is no reason not to be served by the others; nor is it one for services whose
// await was given up because of it.
func TestAStartIsServedByWhatIsWell(t *testing.T) {
	want := shop(routed(service("web", 3, "v1:aaaa"), 8080), routed(service("api", 2, "v1:aaaa"), 9090))
	h := running(t, want)
	for i := range h.published {
		h.published[i].Backends = nil
	}
	ref := func(slot int) plan.Ref { return plan.Ref{Service: "web", Slot: slot, Generation: 1} }
	have := h.observe()
	p, err := plan.Resume("shop", &want, have, have, []plan.Ref{ref(2)}, plan.LifecycleOptions{System: system(want)})
	assert.NilError(t, err)
	perform(t, h, p)
	assert.Equal(t, h.serving("web"), 2)
	assert.Equal(t, h.serving("api"), 2)
	assert.Assert(t, !h.serves(ref(2)))

	p, err = plan.Resume("shop", &want, have, have, nil, plan.LifecycleOptions{System: system(want)}) // it was interrupted
	assert.NilError(t, err)
	assert.Assert(t, p.Empty(), p.String())
}

// After a stop, and after an up that was cut off before anything was published, all is restarted at once, and served.
func TestARestartOfWhatIsNotServedServesIt(t *testing.T) {
	want := shop(wide(routed(service("web", 3, "v1:aaaa"), 8080), 1, time.Second), service("db", 1, "v1:aaaa"))
	h := running(t, want)
	stop, err := plan.StopAll("shop", &want, h.observe(), plan.LifecycleOptions{System: system(want)})
	assert.NilError(t, err)
	perform(t, h, stop)
	for _, unpublished := range []bool{false, true} {
		if unpublished {
			h.published = nil
		}
		p, err := plan.RestartAll("shop", &want, h.observe(), plan.LifecycleOptions{System: system(want)})
		assert.NilError(t, err)
		if !unpublished {
			golden.Assert(t, p.String(), "restart-stopped.golden")
		}
		perform(t, h, p)
		assert.Equal(t, h.serving("web"), 3)
	}
}

// A balancer whose sidecar died serves on: the sidecar is started, and then all goes wave by wave.
func TestARestartBesideADeadSidecarGoesWaveByWave(t *testing.T) {
	want := shop(wide(routed(service("web", 2, "v1:aaaa"), 8080), 1, 0))
	h := running(t, want)
	for i := range h.replicas {
		if h.replicas[i].Role == compose.RoleSidecar {
			h.replicas[i].State = plan.Exited
		}
	}
	p, err := plan.RestartAll("shop", &want, h.observe(), plan.LifecycleOptions{System: system(want)})
	assert.NilError(t, err)
	assert.DeepEqual(t, verbs(p, "balancer"), []string{"start sidecar.1@1"})
	assert.DeepEqual(t, verbs(p, "web"), []string{
		"route web", "drain web.1@1", "restart web.1@1", "await web.1@1", "route web",
		"route web", "drain web.2@1", "restart web.2@1", "await web.2@1", "route web",
	})
	perform(t, h, p)
	assert.Equal(t, h.serving("web"), 2)
}

// verbs are the steps of a group, without what they wait for.
func verbs(p plan.Plan, group string) []string {
	var steps []string
	for _, n := range p.Nodes {
		if n.Group == group {
			steps = append(steps, n.Step.Verb()+" "+n.Step.Subject())
		}
	}
	return steps
}
