package plan_test

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"

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
