package plan_test

import (
	"slices"
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// number is the one node that does this.
func number(t *testing.T, p plan.Plan, step string) plan.Node {
	t.Helper()
	for _, n := range p.Nodes {
		if n.Step.Verb()+" "+n.Step.Subject() == step {
			return n
		}
	}
	t.Fatalf("no step %q in\n%s", step, p)
	return plan.Node{}
}

func TestAPortThatTheBalancerGivesUpIsWaitedFor(t *testing.T) {
	h := running(t, shop(routed(service("web", 1, "v1:aaaa"), 8080)))
	for i := range h.replicas {
		if h.replicas[i].Role == compose.RoleBalancer {
			h.replicas[i].Ports = []plan.Port{{Host: 8080, Container: 8080, Protocol: "tcp"}}
		}
	}
	p := must(t, shop(publishing(service("api", 1, "v1:aaaa"), 8080)), h, plan.Options{})
	gone, start := number(t, p, "remove balancer.1@1"), number(t, p, "start api.1@1")
	assert.Assert(t, slices.Contains(start.After, gone.ID), "%s", p)
}

func TestAServiceThatIsCalledBalancerHandsItsPortOver(t *testing.T) {
	h := running(t, shop(publishing(service("balancer", 1, "v1:aaaa"), 8080)))
	for i := range h.replicas {
		h.replicas[i].Ports = []plan.Port{{Host: 8080, Container: 80, Protocol: "tcp"}}
	}
	p := must(t, shop(routed(service("balancer", 3, "v1:bbbb"), 8080)), h, plan.Options{})
	stop := number(t, p, "stop balancer.1@1")
	assert.Equal(t, stop.Why, "host port 8080/tcp moves to balancer")
	assert.Assert(t, slices.Contains(number(t, p, "start balancer.1@1").After, stop.ID), "%s", p)
}
