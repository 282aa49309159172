package plan_test

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/plan"
)

func TestAliasIsShortEnoughForEveryResolver(t *testing.T) {
	assert.Equal(t, plan.Ref{Service: "web", Slot: 1, Generation: 4}.Alias("shop"), "shop-web-1-g4")

	longest := strings.Repeat("p", 63-len("-web-1-g4"))
	assert.Equal(t, plan.Ref{Service: "web", Slot: 1, Generation: 4}.Alias(longest), longest+"-web-1-g4")

	project, seen := longest+"p", map[string]bool{}
	for slot := range 12 {
		alias := plan.Ref{Service: "web", Slot: slot, Generation: 4}.Alias(project)
		assert.Equal(t, len(alias), 63, alias)
		assert.Assert(t, strings.HasPrefix(alias, "ppp"), alias)
		seen[alias] = true
	}
	assert.Equal(t, len(seen), 12, "each container has its own")
}
