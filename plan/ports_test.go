package plan_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
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

// Two addresses of the host have each a port of a number.
func TestAPortOfAnotherAddressIsInNobodysWay(t *testing.T) {
	on := func(name string, addresses ...string) compose.Service {
		s := publishing(service(name, 1, "v1:aaaa"), 8080)
		s.Body.Ports = nil
		for _, address := range addresses {
			s.Body.Ports = append(s.Body.Ports, types.ServicePortConfig{Target: 80, Published: "8080", HostIP: address, Protocol: "tcp"})
		}
		return s
	}
	want := shop(on("api", "127.0.0.1", "127.0.0.2"), on("web", "127.0.0.3"))
	h := running(t, shop(service("api", 1, "v1:aaaa"), service("web", 1, "v1:aaaa")))
	for i, r := range h.replicas {
		s, _ := want.Service(r.Service)
		for _, p := range s.Body.Ports {
			h.replicas[i].Ports = append(h.replicas[i].Ports, plan.Port{HostIP: p.HostIP, Host: 8080, Container: 80, Protocol: "tcp"})
		}
	}
	assert.Equal(t, must(t, want, h, plan.Options{}).String(), "plan for shop: nothing to change\n")
	stop := number(t, must(t, shop(on("api", "127.0.0.4"), on("web", "127.0.0.1")), h, plan.Options{ForceRecreate: true}), "stop api.1@1")
	assert.Equal(t, stop.Why, "host port 8080/tcp moves to web")

	foreign := newHost("shop")
	foreign.foreign = []plan.Foreign{{Name: "other", Running: true, Ports: []plan.Port{{HostIP: "127.0.0.1", Host: 8080, Protocol: "tcp"}}}}
	_, err := plan.Make(want, foreign.observe(), plan.Options{})
	assert.ErrorContains(t, err, "container other")
}

// Who wants a port that another project has is the service of the files, whoever publishes it.
func TestAConflictNamesTheServiceThatWantsThePort(t *testing.T) {
	for _, want := range []compose.Project{
		shop(routed(service("web", 1, "v1:aaaa"), 8080), routed(service("api", 1, "v1:aaaa"), 9090)),
		shop(publishing(service("web", 1, "v1:aaaa"), 8080)),
	} {
		h := newHost("shop")
		h.foreign = []plan.Foreign{{Name: "other", Running: true, Ports: []plan.Port{{Host: 8080, Protocol: "tcp"}}}}
		opt := plan.Options{System: system(want)}
		if b := opt.System.Balancer; b != nil {
			b.Body.Ports = []types.ServicePortConfig{{Target: 8080, Published: "8080", Protocol: "tcp"}}
		}
		_, err := plan.Make(want, h.observe(), opt)
		conflict, ok := errors.AsType[*plan.ConflictError](err)
		assert.Assert(t, ok, "%v", err)
		assert.Equal(t, conflict.Hint, "stop it, or give service web another port")
	}
}
