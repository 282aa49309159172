package plan_test

import (
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/plan"
)

func TestOneShotsTakeTheirTimeUnlessTheyAreRouted(t *testing.T) {
	within := func(p plan.Plan) string {
		for _, n := range p.Nodes {
			if await, ok := n.Step.(plan.Await); ok {
				return await.Within.String()
			}
		}
		return "no await"
	}
	once := oneShot(service("once", 1, "v1:aaaa"))
	assert.Equal(t, within(must(t, shop(once), newHost("shop"), plan.Options{Wait: true})), "0s")
	assert.Equal(t, within(must(t, shop(routed(once, 8080)), newHost("shop"), plan.Options{})), "1m0s")
}
