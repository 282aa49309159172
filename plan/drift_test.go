package plan_test

import (
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// sharing is a service in the network namespace of db, as the loader makes it of `network_mode: service:db`.
func sharing() compose.Project {
	net := service("net", 1, "v1:aaaa")
	net.Body.NetworkMode, net.Networks = "service:db", nil
	net.DependsOn = []compose.Dependency{{Service: "db", Condition: types.ServiceConditionStarted, Required: true, Restart: true}}
	return shop(service("db", 1, "v1:aaaa"), net)
}

// What is bound to a container by its ID is of no use once that is gone, whoever took it away and however long ago.
func TestWhoSharesWithAContainerThatIsGoneIsMadeAnew(t *testing.T) {
	h := running(t, sharing())
	var db string
	for _, r := range h.replicas {
		if r.Service == "db" {
			db = r.ID
		}
	}
	for i, r := range h.replicas {
		if r.Service == "net" {
			h.replicas[i].Shares = []string{db}
		}
	}
	assert.Equal(t, must(t, sharing(), h, plan.Options{}).String(), "plan for shop: nothing to change\n")
	for i, r := range h.replicas {
		if r.Service == "net" {
			h.replicas[i].Shares = []string{"of a container that was removed"}
		}
	}
	n := number(t, must(t, sharing(), h, plan.Options{}), "create net.1@2")
	assert.Equal(t, n.Why, "the container is gone whose namespace or volumes it shares")
}

func TestWhoSharesANamespaceIsRestartedWithItsOwner(t *testing.T) {
	h := running(t, sharing())
	for i, r := range h.replicas {
		if r.Service == "db" {
			h.replicas[i].State, h.replicas[i].ExitCode = plan.Exited, 137
			h.replicas[slices.IndexFunc(h.replicas, func(r plan.Replica) bool { return r.Service == "net" })].Shares = []string{r.ID}
		}
	}
	p := must(t, sharing(), h, plan.Options{})
	start, restart := number(t, p, "start db.1@1"), number(t, p, "restart net.1@1")
	assert.DeepEqual(t, restart.After, []int{start.ID})
	assert.Equal(t, len(p.Nodes), 2, "%s", p)
}
