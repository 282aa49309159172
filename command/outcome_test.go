package command

import (
	"io"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/plan"
)

func TestOnlyDataOfTheUserIsAskedFor(t *testing.T) {
	removal := func(volume string) plan.Plan {
		return plan.Plan{Project: "shop", Nodes: []plan.Node{{ID: 1, Step: plan.RemoveVolume{Name: volume}}}}
	}
	i := &invocation{program: &program{IO: IO{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}}}
	assert.NilError(t, i.confirm(removal(plan.SystemVolume("shop")), false))
	assert.NilError(t, i.confirm(removal("shop_data"), true))
	assert.ErrorContains(t, i.confirm(removal("shop_data"), false), "the data of volume shop_data would be lost")
}
