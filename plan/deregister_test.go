package plan

import (
	"testing"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"hyper-lite/compose"
)

func TestDeregister(t *testing.T) {
	of := func(service string, role compose.Role, name string, state State) Replica {
		return Replica{Ref: Ref{Service: service, Slot: 1, Generation: 1}, Role: role, Name: name, ID: name, State: state}
	}
	both := of("jobs-01234567", compose.RoleJob, "shop-hyper-lite-jobs-01234567", Created)
	both.Image, both.ImageID = "app", "sha256:app"
	both.Jobs = jobsLabel(map[string]Registered{
		"tidy":  {Digest: compose.Digest{Hash: "v1:aaaa"}, Generation: 3, Job: "{}"},
		"other": {Digest: compose.Digest{Hash: "v1:bbbb"}, Generation: 2, Job: `{"manual":true}`},
	})
	have := Observed{Replicas: []Replica{
		both, of("tidy", compose.RoleRun, "shop-tidy-17", Running), of("tidy", compose.RoleRun, "shop-tidy-16", Exited),
		of("web", compose.RoleReplica, "shop-web-1", Running),
	}}
	p, err := Deregister("shop", have, []string{"tidy"})
	assert.NilError(t, err)
	golden.Assert(t, p.String(), "jobs-deregister.golden")
	assert.DeepEqual(t, p.Warnings, []string{"shop-tidy-17 goes on to its end: job tidy was taken away"})
	step := p.Nodes[0].Step.(Register)
	assert.Equal(t, len(step.Jobs), 1)
	assert.Equal(t, step.Jobs[0].From.ID, both.ID)
	left, err := Replica{Role: compose.RoleJob, Jobs: step.Label}.Registers()
	assert.NilError(t, err)
	assert.DeepEqual(t, left, map[string]Registered{"other": {Digest: compose.Digest{Hash: "v1:bbbb"}, Generation: 2, Job: `{"manual":true}`}})

	p, err = Deregister("shop", have, []string{"tidy", "other"})
	assert.NilError(t, err)
	golden.Assert(t, p.String(), "jobs-deregister-all.golden")
	p, err = Deregister("shop", have, []string{"web"})
	assert.NilError(t, err)
	assert.Assert(t, p.Empty())
}

// What was registered otherwise, or by a label that cannot be read, registers nothing and goes.
func TestAnUnknownRegistrationGoes(t *testing.T) {
	old := Replica{Ref: Ref{Service: "tidy", Slot: 1, Generation: 1}, Role: compose.RoleJob, Name: "shop-tidy-job", ID: "old", State: Created}
	broken := Replica{Ref: Ref{Service: "jobs-01234567", Slot: 1, Generation: 1}, Role: compose.RoleJob, Name: "shop-hyper-lite-jobs-01234567", ID: "broken", State: Created, Jobs: "?"}
	p, err := Make(compose.Project{Name: "shop"}, Observed{Replicas: []Replica{old, broken}}, Options{})
	assert.NilError(t, err)
	golden.Assert(t, p.String(), "jobs-unknown.golden")
	down := Down("shop", Observed{Replicas: []Replica{old, broken}}, DownOptions{})
	assert.Equal(t, len(down.Nodes), 2)
}
