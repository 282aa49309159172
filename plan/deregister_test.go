package plan

import (
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
)

func TestDeregister(t *testing.T) {
	of := func(service string, role compose.Role, name string, state State) Replica {
		return Replica{Ref: Ref{Service: service, Slot: 1, Generation: 1}, Role: role, Name: name, ID: name, State: state}
	}
	have := Observed{Replicas: []Replica{
		of("tidy", compose.RoleJob, "shop-tidy-job", Created), of("tidy", compose.RoleRun, "shop-tidy-17", Running),
		of("tidy", compose.RoleRun, "shop-tidy-16", Exited), of("other", compose.RoleJob, "shop-other-job", Created),
		of("web", compose.RoleReplica, "shop-web-1", Running),
	}}
	p := Deregister("shop", have, []string{"tidy"})
	assert.Equal(t, p.String(), "plan for shop: 1 step\ntidy\n  #1  tidy.1@1  remove  the job was taken away\n")
	assert.DeepEqual(t, p.Warnings, []string{"shop-tidy-17 goes on to its end: job tidy was taken away"})
	assert.Assert(t, Deregister("shop", have, nil).Empty())
}
