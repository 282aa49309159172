package plan_test

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/plan"
)

// What differs goes first, then the highest numbers; free numbers are filled from below.
func TestSlots(t *testing.T) {
	const old, new = "v1:aaaa", "v1:bbbb"
	for _, c := range []struct {
		name string
		have map[int]string // by slot: the hash of its container
		want int
		left []int
	}{
		{"none yet", nil, 2, []int{1, 2}},
		{"as many as wanted", map[int]string{1: new, 2: new}, 2, []int{1, 2}},
		{"the highest goes", map[int]string{1: new, 2: new, 3: new}, 2, []int{1, 2}},
		{"what differs goes first", map[int]string{1: old, 2: new, 3: new}, 2, []int{2, 3}},
		{"what differs goes first, the highest of it before", map[int]string{1: old, 2: old, 3: new}, 2, []int{1, 3}},
		{"all differ", map[int]string{1: old, 2: old, 3: old}, 1, []int{1}},
		{"a gap is no reason to replace one", map[int]string{2: new, 3: new}, 2, []int{2, 3}},
		{"a gap is filled first", map[int]string{2: new, 4: new}, 4, []int{1, 2, 3, 4}},
		{"what is ill goes before what is well", map[int]string{1: new + " ill", 2: new, 3: new}, 2, []int{2, 3}},
		{"what is ill stays rather than what differs", map[int]string{1: old, 2: new + " ill", 3: new}, 2, []int{2, 3}},
		{"what is dead differs", map[int]string{1: new + " dead", 2: new + " ill"}, 1, []int{2}},
		{"none is wanted", map[int]string{1: new, 5: old}, 0, []int{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := service("web", c.want, new)
			var have plan.Observed
			for number, is := range c.have {
				hash, how, _ := strings.Cut(is, " ")
				one := service("web", 1, hash)
				r := plan.Replica{
					Ref: plan.Ref{Service: "web", Slot: number, Generation: 1}, Role: one.Role, Digest: one.Digest, State: plan.Running,
					Networks: []string{"shop_default"},
				}
				switch how {
				case "ill":
					r.Health = plan.Unhealthy
				case "dead":
					r.State = plan.Dead
				}
				have.Replicas = append(have.Replicas, r)
			}
			assert.DeepEqual(t, plan.Slots(shop(s), s, have, plan.Options{}), c.left)
		})
	}
}
