package plan_test

import (
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// The balancer has an anonymous volume for what it holds back; those of services may hold data.
func TestDownTakesTheVolumesOfTheBalancerAlong(t *testing.T) {
	want := shop(routed(service("web", 1, "v1:aaaa"), 8080))
	h := running(t, want)
	for _, n := range plan.Down("shop", h.observe(), plan.DownOptions{Want: &want}).Nodes {
		if remove, ok := n.Step.(plan.Remove); ok {
			service, _ := want.Service(remove.Ref.Service)
			assert.Equal(t, remove.Volumes, service.Role != compose.RoleReplica, remove.Ref.String())
		}
	}
}
