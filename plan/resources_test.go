package plan_test

import (
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"

	"hyper-lite/plan"
)

// The digest is a contract: what a network was made from must be told the same by every later program of its version.
func TestResourceDigests(t *testing.T) {
	network := types.NetworkConfig{Name: "shop_default", Driver: "bridge", Internal: true, Labels: types.Labels{"kind": "private"}}
	assert.Equal(t, plan.NetworkDigest(network), "v1:c00e5df8c1ca")
	same := network
	same.Name = "other"
	assert.Assert(t, !plan.ResourceDiffers(plan.NetworkDigest(network), plan.NetworkDigest(same)))
	same.Internal = false
	assert.Assert(t, plan.ResourceDiffers(plan.NetworkDigest(network), plan.NetworkDigest(same)))
	assert.Equal(t, plan.VolumeDigest(types.VolumeConfig{Driver: "local"}), "v1:22bb60c4a968")

	assert.Assert(t, !plan.ResourceDiffers("v2:aaaa", "v1:bbbb"))
	assert.Assert(t, !plan.ResourceDiffers("", "v1:bbbb"))
}
