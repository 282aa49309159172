package command

import (
	"context"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

const twoPorts = `name: shop
services:
  api: {image: shop:1, ports: ["9090:80"]}
  web: {image: shop:1, ports: ["8080:80"], depends_on: [db]}
  db: {image: postgres:15}
`

func TestWhatAVerbIsNotAboutKeepsItsScale(t *testing.T) {
	host := newFakeEngine()
	for slot := 1; slot <= 3; slot++ {
		host.replicas = append(host.replicas, plan.Replica{Role: compose.RoleReplica, Ref: plan.Ref{Service: "web", Slot: slot, Generation: 1}})
	}
	load := func(services ...string) compose.Project {
		t.Helper()
		p := &program{
			IO: IO{In: strings.NewReader(twoPorts)}, env: map[string]string{},
			openEngine: func(context.Context, engine.Options) (Engine, error) { return host, nil },
		}
		i := &invocation{program: p, settings: settings{directory: t.TempDir(), files: []string{"-"}}}
		project, err := i.loadScaled(t.Context(), map[string]int{"api": 2}, services, false)
		assert.NilError(t, err)
		return project
	}
	counts := func(p compose.Project) map[string]int {
		all := map[string]int{}
		for _, s := range p.Services {
			all[s.Name] = s.Replicas
		}
		return all
	}
	kept := load("api")
	assert.DeepEqual(t, counts(kept), map[string]int{"api": 2, "web": 3, "db": 1})
	web, _ := kept.Service("web")
	assert.Equal(t, len(web.Routes), 1, "the balancer keeps its port")
	assert.DeepEqual(t, counts(load("web")), map[string]int{"api": 2, "web": 1, "db": 1})
	assert.DeepEqual(t, counts(load()), map[string]int{"api": 2, "web": 1, "db": 1})
}
