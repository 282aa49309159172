package plan_test

import (
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// oneOff is a service as `run` makes a container of it.
func oneOff(s compose.Service) compose.Service {
	s.Role, s.Routes, s.Probe = compose.RoleRun, nil, nil
	return s
}

func TestAOneOffWaitsForWhatItsServiceWaitsFor(t *testing.T) {
	want := shop(
		routed(service("db", 1, "v1:aaaa"), 8080),
		service("other", 1, "v1:aaaa"),
		dependsOn(service("web", 2, "v1:aaaa"), "db", types.ServiceConditionHealthy))
	web, _ := want.Service("web")
	web.Body.PostStart = []types.ServiceHook{{Command: []string{"x"}}}
	h := newHost("shop")
	h.wanted = map[string]compose.Service{}
	options := plan.OneOffOptions{Options: plan.Options{System: system(want)}, Name: "shop-web-run-1", AutoRemove: true}
	prepare, begin, err := plan.OneOff(want, h.observe(), oneOff(web), options)
	assert.NilError(t, err)
	assert.Equal(t, prepare.String(), `plan for shop: 11 steps
networks
        #1  network shop_default    create  not found
volumes
        #2  volume shop_hyper-lite  create  not found
balancer
  [1,2] #3  sidecar.1@1             create  shop-hyper-lite-sidecar: not found
    [3] #4  sidecar.1@1             start
  [1,2] #5  balancer.1@1            create  shop-hyper-lite-balancer: not found
  [4,5] #6  balancer.1@1            start
db
    [1] #7  db.1@1                  create  shop-db-1: not found
    [7] #8  db.1@1                  start
  [6,8] #9  db.1@1                  await   healthy within 1m
   [9] #10  db                      route   publish db.1@1
web
   [9] #11  web.1@1                 create  shop-web-run-1: run
`)
	assert.DeepEqual(t, verbs(begin, "web"), []string{"start web.1@1", "hook web.1@1"})

	options.NoDeps = true
	prepare, _, err = plan.OneOff(want, h.observe(), oneOff(web), options)
	assert.NilError(t, err)
	assert.DeepEqual(t, verbs(prepare, "web"), []string{"create web.1@1"})
	assert.Equal(t, len(verbs(prepare, "db")), 0)

	_, _, err = plan.OneOff(want, plan.Observed{Replicas: []plan.Replica{{
		Name: "shop-web-1", Role: compose.RoleReplica, State: plan.Running, Ports: []plan.Port{{HostIP: "0.0.0.0", Host: 9000, Container: 80, Protocol: "tcp"}},
	}}}, publishing(oneOff(web), 9000), options)
	assert.ErrorContains(t, err, "port 9000/tcp is taken by container shop-web-1")

	h.replicas = append(h.replicas, plan.Replica{
		Ref: plan.Ref{Service: "web", Slot: 1, Generation: 1}, Role: compose.RoleRun, OneOff: true, ID: "x", Name: "shop-web-run-1", State: plan.Exited,
	})
	_, _, err = plan.OneOff(want, h.observe(), oneOff(web), options)
	assert.ErrorContains(t, err, "container name shop-web-run-1 is taken by service web of this project")
}

func TestWhatIsNotNamedIsReplacedOnlyWhereThatIsAskedFor(t *testing.T) {
	want := shop(service("db", 1, "v1:aaaa"), dependsOn(service("web", 1, "v1:aaaa"), "db", types.ServiceConditionStarted))
	h := running(t, want)
	replaced := func(opt plan.Options) (all []string) {
		opt.Services = []string{"web"}
		p, err := plan.Make(want, h.observe(), opt)
		assert.NilError(t, err)
		for _, n := range p.Nodes {
			if c, ok := n.Step.(plan.Create); ok {
				all = append(all, c.Ref.Service+": "+n.Why)
			}
		}
		return all
	}
	assert.DeepEqual(t, replaced(plan.Options{ForceRecreate: true}), []string{"web: --force-recreate"})
	assert.DeepEqual(t, replaced(plan.Options{RecreateDeps: true}), []string{"db: --always-recreate-deps"})
	assert.Equal(t, len(replaced(plan.Options{})), 0)
}

func TestSignalsReachTheirContainersOnly(t *testing.T) {
	want := shop(service("db", 1, "v1:aaaa"), service("web", 2, "v1:aaaa"))
	h := running(t, want)
	h.replicas = append(h.replicas,
		plan.Replica{Ref: plan.Ref{Service: "web", Slot: 1, Generation: 1}, Role: compose.RoleRun, OneOff: true, ID: "r", Name: "run", State: plan.Running},
		plan.Replica{Ref: plan.Ref{Service: "gone", Slot: 1, Generation: 1}, Role: compose.RoleReplica, ID: "o", Name: "gone", State: plan.Running})
	all := func(p plan.Plan) int { return len(p.Nodes) }
	have := h.observe()
	assert.Equal(t, all(plan.KillAll("shop", &want, have, plan.SignalOptions{})), 4) // the one-off too
	assert.Equal(t, all(plan.KillAll("shop", &want, have, plan.SignalOptions{Orphans: true})), 5)
	assert.Equal(t, all(plan.KillAll("shop", nil, have, plan.SignalOptions{})), 5)
	assert.Equal(t, all(plan.PauseAll("shop", &want, have, plan.SignalOptions{Services: []string{"web"}})), 2)
	assert.Equal(t, all(plan.UnpauseAll("shop", &want, have, plan.SignalOptions{})), 0)
	p, err := plan.RemoveAll("shop", &want, have, plan.SignalOptions{})
	assert.NilError(t, err)
	assert.Assert(t, p.Empty())
	p, err = plan.RemoveAll("shop", &want, have, plan.SignalOptions{Stop: true})
	assert.NilError(t, err)
	for _, n := range p.Nodes {
		assert.NilError(t, h.do(n.Step))
	}
	assert.Equal(t, len(h.replicas), 2) // the one-off and the orphan
}

func TestStartAwaitsWhereItIsAsked(t *testing.T) {
	want := shop(service("db", 1, "v1:aaaa"), service("web", 2, "v1:aaaa"))
	h := running(t, want)
	for at := range h.replicas[:2] {
		h.replicas[at].State = plan.Exited
	}
	p, err := plan.StartAll("shop", &want, h.observe(), plan.LifecycleOptions{Wait: true, Within: time.Second})
	assert.NilError(t, err)
	assert.DeepEqual(t, verbs(p, "db"), []string{"start db.1@1", "await db.1@1"})
	assert.DeepEqual(t, verbs(p, "web"), []string{"start web.1@1", "await web.1@1"}) // web.2 runs
	assert.Equal(t, p.Nodes[len(p.Nodes)-1].Step.(plan.Await).Within, time.Second)
	p, err = plan.StartAll("shop", nil, h.observe(), plan.LifecycleOptions{Wait: true})
	assert.NilError(t, err)
	assert.DeepEqual(t, verbs(p, "db"), []string{"start db.1@1", "await db.1@1"})
}
