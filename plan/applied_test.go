package plan_test

import (
	"encoding/json"
	"maps"
	"testing"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// revision4 is what a revision remembers of services that were applied.
func revision4(services ...compose.Service) *plan.Applied {
	applied := plan.Applied{Number: 4, Services: map[string]plan.AppliedService{}}
	for _, s := range services {
		applied.Services[s.Name] = plan.AppliedService{Digest: s.Digest, Replicas: s.Replicas, ImageID: "sha256:" + s.Body.Image}
	}
	return &applied
}

// field gives a service one more field of its specification.
func field(s compose.Service, name, digest string) compose.Service {
	s.Digest.Fields = maps.Clone(s.Digest.Fields)
	s.Digest.Fields[name] = digest
	return s
}

func TestDrift(t *testing.T) {
	db, was := service("db", 1, "v1:dddd"), service("web", 3, "v1:aaaa")
	once := service("once", 1, "v1:aaaa")
	once.OneShot = true
	for _, c := range []struct {
		name string
		want compose.Project
		have func(t *testing.T) *host
		opt  plan.Options
	}{
		{
			name: "drift-none", want: shop(db, was), opt: plan.Options{Applied: revision4(db, was)},
			have: func(t *testing.T) *host { return running(t, shop(db, was)) },
		},
		{
			name: "drift-of-files", want: shop(db, field(service("web", 5, "v1:bbbb"), "image", "b"), service("cache", 1, "v1:cccc")),
			opt:  plan.Options{Applied: revision4(db, was, service("gone", 1, "v1:aaaa"))},
			have: func(t *testing.T) *host { return running(t, shop(db, was)) },
		},
		{
			name: "drift-of-the-host", want: shop(db, was), opt: plan.Options{Applied: revision4(db, was)},
			have: func(t *testing.T) *host {
				h := running(t, shop(db, service("web", 2, "v1:bbbb"), service("stray", 2, "v1:aaaa")))
				h.byRef(plan.Ref{Service: "db", Slot: 1, Generation: 1}).State = plan.Exited
				h.byRef(plan.Ref{Service: "db", Slot: 1, Generation: 1}).ExitCode = 137
				return h
			},
		},
		{
			name: "drift-of-both", want: shop(service("web", 1, "v1:cccc")), opt: plan.Options{Applied: revision4(was)},
			have: func(t *testing.T) *host { return running(t, shop(service("web", 1, "v1:bbbb"))) },
		},
		{
			name: "drift-of-an-image", want: shop(was), opt: plan.Options{Applied: revision4(was)},
			have: func(t *testing.T) *host {
				h := running(t, shop(was))
				h.images["app"] = plan.Image{ID: "sha256:newer"}
				h.byRef(plan.Ref{Service: "web", Slot: 2, Generation: 1}).ImageID = "sha256:older"
				return h
			},
		},
		{
			name: "drift-without-a-step", want: compose.Project{Name: "shop", Services: []compose.Service{db}, Disabled: []string{"web"}},
			opt:  plan.Options{Applied: revision4(db, was)},
			have: func(t *testing.T) *host { return running(t, shop(db, was)) },
		},
		{
			name: "drift-of-the-chosen", want: shop(service("db", 1, "v1:eeee"), service("web", 1, "v1:aaaa")),
			opt:  plan.Options{Applied: revision4(db, was), Services: []string{"db"}},
			have: func(t *testing.T) *host { return running(t, shop(db, was)) },
		},
		{
			name: "drift-of-a-one-shot", want: shop(once), opt: plan.Options{Applied: revision4(once)},
			have: func(t *testing.T) *host {
				h := running(t, shop(once))
				h.replicas[0].State = plan.Exited
				return h
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			golden.Assert(t, must(t, c.want, c.have(t), c.opt).String(), c.name+".golden")
		})
	}
}

func TestDriftIsInThePlansJSON(t *testing.T) {
	was := service("web", 3, "v1:aaaa")
	p := must(t, shop(service("web", 1, "v1:aaaa")), running(t, shop(was)), plan.Options{Applied: revision4(was)})
	text, err := json.Marshal(p)
	assert.NilError(t, err)
	var read struct{ Drift *plan.Drift }
	assert.NilError(t, json.Unmarshal(text, &read))
	assert.DeepEqual(t, read.Drift, &plan.Drift{Revision: 4, Services: []plan.ServiceDrift{{Service: "web", Files: []string{"scale 3->1"}}}})
}
