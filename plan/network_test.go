package plan_test

import (
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// inside puts services into the project's network, as the files have it now.
func inside(network types.NetworkConfig, services ...compose.Service) compose.Project {
	network.Name = "shop_default"
	for i := range services {
		services[i].Networks = map[string]types.NetworkConfig{"default": network}
	}
	return shop(services...)
}

func TestANetworkThatDiffersIsMadeAnewUnderItsContainers(t *testing.T) {
	before, internal := types.NetworkConfig{}, types.NetworkConfig{Internal: true}
	web, db := routed(service("web", 2, "v1:aaaa"), 8080), service("db", 1, "v1:aaaa")
	h := running(t, inside(before, db, web))
	want := inside(internal, db, web)
	p := must(t, want, h, plan.Options{})
	golden.Assert(t, p.String(), "network-differs.golden")
	assert.DeepEqual(t, p.Warnings, []string{"network shop_default is made anew: what is in it stops, and starts again with another address"})

	stays := "network shop_default differs from the file and stays as it is: `hyper-lite up` makes it anew"
	p = must(t, want, h, plan.Options{NoRecreate: true})
	assert.Assert(t, p.Empty(), "%s", p)
	assert.DeepEqual(t, p.Warnings, []string{stays})
	prepare, _, err := plan.OneOff(want, h.observe(), want.Services[0], plan.OneOffOptions{Name: "shop-db-run-1", Options: plan.Options{System: system(want)}})
	assert.NilError(t, err)
	assert.DeepEqual(t, prepare.Warnings, []string{stays})

	h.foreign = []plan.Foreign{{Name: "blog", Networks: []string{"shop_default"}}}
	p = must(t, want, h, plan.Options{})
	assert.Assert(t, p.Empty(), "%s", p)
	assert.DeepEqual(t, p.Warnings, []string{"network shop_default differs from the file and stays as it is, since container blog is in it, too"})
	h.foreign = nil

	p = must(t, want, h, plan.Options{Services: []string{"db"}})
	assert.Assert(t, p.Empty(), "%s", p)
	assert.DeepEqual(t, p.Warnings, []string{
		"network shop_default differs from the file and stays as it is, since this is about some services only: `hyper-lite up` makes it anew",
	})

	perform(t, h, must(t, want, h, plan.Options{}))
	assert.Assert(t, must(t, want, h, plan.Options{}).Empty())
}

// A container that is started again, or restarted, waits for the network that is made anew.
func TestWhatStartsWaitsForANetworkThatIsMadeAnew(t *testing.T) {
	db := service("db", 1, "v1:aaaa")
	h := running(t, inside(types.NetworkConfig{}, db))
	h.replicas[0].State = plan.Exited
	p := must(t, inside(types.NetworkConfig{Internal: true}, db), h, plan.Options{})
	recreate, start := number(t, p, "recreate network shop_default"), number(t, p, "start db.1@1")
	assert.DeepEqual(t, start.After, []int{recreate.ID})
}

// Somebody pruned what nobody used, or took a container out: that container would never start again, or is reached by nobody.
func TestAContainerThatIsNotInItsNetworkIsReplaced(t *testing.T) {
	want := shop(service("db", 1, "v1:aaaa"), oneShot(service("migrate", 1, "v1:aaaa")))
	h := running(t, want)
	for i := range h.replicas {
		h.replicas[i].State = plan.Exited
	}
	h.prune()
	golden.Assert(t, must(t, want, h, plan.Options{}).String(), "network-pruned.golden")
	perform(t, h, must(t, want, h, plan.Options{}))
	assert.Assert(t, must(t, want, h, plan.Options{}).Empty())

	h.replicas[len(h.replicas)-1].Networks = nil
	n := number(t, must(t, want, h, plan.Options{}), "create db.1@3")
	assert.Equal(t, n.Why, "it is not in network shop_default")
}
