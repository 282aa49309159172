package lb

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func next(ref plan.Ref) plan.Ref {
	ref.Generation++
	return ref
}

// ward is a house whose web is replaced when it is sick for a moment, and published.
func ward(t *testing.T, replicas int, change ...func(*Policy)) (*house, *Balancer) {
	t.Helper()
	h := newHouse(t, replicas)
	h.stop()
	p := Policy{Service: "web", Heal: 100 * time.Millisecond, Order: compose.StartFirst, Within: 2 * time.Second}
	for _, c := range change {
		c(&p)
	}
	h.policies = []Policy{p}
	for _, ref := range refs("web", replicas) {
		h.listenAs(next(ref))
	}
	h.run()
	b, _ := h.balancer()
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", replicas)...)))
	assert.NilError(t, b.Release())
	return h, b
}

// patient is a policy whose clones are awaited for longer than a test takes, on a busy machine too.
func patient(p *Policy) { p.Within = time.Minute }

func (h *house) heals() []Heal {
	h.sidecar.mu.Lock()
	defer h.sidecar.mu.Unlock()
	return append([]Heal(nil), h.sidecar.record.Heals...)
}

func (h *house) healed(outcome string) func() bool {
	return func() bool {
		heals := h.heals()
		return len(heals) > 0 && heals[len(heals)-1].Outcome == outcome
	}
}

func TestASickReplicaIsReplaced(t *testing.T) {
	h, _ := ward(t, 2)
	all := refs("web", 2)
	h.backends[all[1]].set(500)
	eventually(t, "it is replaced", h.healed(HealReplaced))
	assert.Equal(t, h.engine.names("web"), "shop-web-1 web.1@1 running, shop-web-2 web.2@2 running")
	assert.Assert(t, h.serves(all[0], next(all[1])))
	assert.DeepEqual(t, h.engine.did(), []string{
		"clone web.2@2", "start web.2@2", "await web.2@2", "stop web.2@1", "remove web.2@1", "rename web.2@2",
	})
	heal := h.heals()[0]
	assert.Equal(t, heal.Ref, all[1])
	assert.Equal(t, heal.Attempt, 1)
	assert.Assert(t, strings.HasPrefix(heal.Reason, "GET / answered 500, want 200 to 399 for "), heal.Reason)
	assert.Assert(t, strings.HasPrefix(h.cause(next(all[1])), "autoheal: GET / answered 500"), h.cause(next(all[1])))

	// A plan knows it: the sidecar's record names the clone.
	b, _ := h.balancer()
	published, err := b.Published(t.Context(), plan.Observed{Replicas: []plan.Replica{{Role: compose.RoleSidecar}}})
	assert.NilError(t, err)
	assert.DeepEqual(t, published, []plan.Published{{Service: "web", Digest: h.route().Digest, Backends: []plan.Ref{all[0], next(all[1])}}})
}

func (h *house) cause(ref plan.Ref) string {
	h.engine.mu.Lock()
	defer h.engine.mu.Unlock()
	return h.engine.find(plan.Container{Ref: ref}).Cause
}

func TestStopFirstTheOldOneIsWithdrawnAndStoppedBefore(t *testing.T) {
	h, _ := ward(t, 1, func(p *Policy) { p.Order = compose.StopFirst })
	h.backends[refs("web", 1)[0]].set(500)
	eventually(t, "it is replaced", h.healed(HealReplaced))
	assert.DeepEqual(t, h.engine.did(), []string{
		"clone web.1@2", "stop web.1@1", "start web.1@2", "await web.1@2", "remove web.1@1", "rename web.1@2",
	})
	assert.Assert(t, h.serves(next(refs("web", 1)[0])))
}

// A clone that is no better goes, the old one stays as it is, and the next attempt waits twice as long each time.
func TestACloneThatIsNoBetterGoes(t *testing.T) {
	for _, order := range []string{compose.StartFirst, compose.StopFirst} {
		h, b := ward(t, 2, func(p *Policy) { p.Order, p.Within = order, 100*time.Millisecond })
		all := refs("web", 2)
		h.engine.mu.Lock()
		h.engine.sick = true
		h.engine.mu.Unlock()
		h.backends[all[0]].set(500)
		eventually(t, "it was tried three times", func() bool { return len(h.heals()) == 3 && h.healed(HealFailed)() })
		eventually(t, "nothing is left of the clone", func() bool {
			return h.engine.names("web") == "shop-web-1 web.1@1 running, shop-web-2 web.2@1 running"
		})
		heals := h.heals()
		for i, heal := range heals {
			assert.Equal(t, heal.Attempt, i+1)
			assert.Assert(t, strings.HasPrefix(heal.Detail, "await web.1@2 healthy: still starting"), "%s: %s", order, heal.Detail)
			if i > 0 {
				assert.Assert(t, !heal.Time.Before(heals[i-1].Next), "%s: attempt %d came before %s", order, i, heals[i-1].Next)
				assert.Assert(t, heal.Time.Sub(heals[i-1].Time) >= 100*time.Millisecond<<i)
			}
		}
		status, err := b.Status(t.Context())
		assert.NilError(t, err)
		assert.Equal(t, len(status.Services[0].Backends), 2, "%s: it is published as before", order)
		h.backends[all[0]].set(200)
		eventually(t, "the old one serves again once it is well", func() bool { return h.serves(all...) })
	}
}

func TestAHealingIsGivenUpForAReplicaThatRecovers(t *testing.T) {
	h, _ := ward(t, 2)
	all := refs("web", 2)
	h.backends[next(all[0])].set(500)
	h.backends[all[0]].set(500)
	eventually(t, "the clone is awaited", func() bool { return strings.Contains(strings.Join(h.engine.did(), " "), "await web.1@2") })
	h.backends[all[0]].set(200)
	eventually(t, "it is given up", h.healed(HealRecovered))
	assert.Equal(t, h.engine.names("web"), "shop-web-1 web.1@1 running, shop-web-2 web.2@1 running")
	assert.Assert(t, h.serves(all...))
}

// A command that holds the sidecar waits until a healing under way is undone, and none begins until it is gone.
func TestACommandComesFirst(t *testing.T) {
	h, b := ward(t, 2, patient)
	all := refs("web", 2)
	h.backends[next(all[0])].set(500)
	h.backends[all[0]].set(500)
	eventually(t, "the clone is awaited", func() bool { return strings.Contains(strings.Join(h.engine.did(), " "), "await web.1@2") })
	quiet, err := b.Hold(t.Context(), sidecarRuns)
	assert.NilError(t, err)
	assert.Assert(t, quiet < time.Second)
	assert.Equal(t, h.engine.names("web"), "shop-web-1 web.1@1 running, shop-web-2 web.2@1 running")
	assert.Assert(t, h.healed(HealHeld)())
	did := len(h.engine.did())
	looked := h.backends[all[1]].count()
	eventually(t, "time passes", func() bool { return h.backends[all[1]].count() > looked+20 })
	assert.Equal(t, len(h.engine.did()), did)
	h.backends[next(all[0])].set(200)
	assert.NilError(t, b.Release())
	eventually(t, "it is replaced after the command", h.healed(HealReplaced))
	assert.Equal(t, h.heals()[len(h.heals())-1].Attempt, 1, "what a command stopped was no attempt")
}

// All at once are replaced one after the other.
func TestAllSickAtOnce(t *testing.T) {
	h, _ := ward(t, 3)
	all := refs("web", 3)
	for _, ref := range all {
		h.backends[ref].set(500)
	}
	eventually(t, "all are replaced", func() bool { return h.serves(next(all[0]), next(all[1]), next(all[2])) && len(h.heals()) == 3 })
	eventually(t, "the last has its name", func() bool {
		return h.engine.names("web") == "shop-web-1 web.1@2 running, shop-web-2 web.2@2 running, shop-web-3 web.3@2 running"
	})
	h.engine.mu.Lock()
	defer h.engine.mu.Unlock()
	assert.Equal(t, h.engine.most, 1)
}

// A sidecar that is started again ends what the one before it left, whichever way.
func TestASidecarThatDiesWhileItHeals(t *testing.T) {
	h, _ := ward(t, 2, patient)
	all := refs("web", 2)
	h.backends[next(all[0])].set(500)
	h.backends[all[0]].set(500)
	eventually(t, "the clone is awaited", func() bool { return strings.Contains(strings.Join(h.engine.did(), " "), "await web.1@2") })
	h.stop()
	assert.Equal(t, h.engine.names("web"), "shop-web-1 web.1@1 running, shop-web-1-g2 web.1@2 running, shop-web-2 web.2@1 running")
	h.policies[0].Heal = time.Hour
	h.run()
	eventually(t, "the clone goes", func() bool {
		return h.engine.names("web") == "shop-web-1 web.1@1 running, shop-web-2 web.2@1 running"
	})
	assert.Equal(t, h.heals()[0].Outcome, HealCutOff)

	// One that is served already takes over.
	h.stop()
	h.policies[0].Heal = 100 * time.Millisecond
	h.backends[next(all[0])].set(200)
	h.engine.mu.Lock()
	h.engine.fail = map[string]error{"stop web.1@1": errors.New("the engine hangs")}
	h.engine.mu.Unlock()
	h.run()
	eventually(t, "the clone is served", func() bool { return h.serves(next(all[0]), all[1]) })
	eventually(t, "it could not be ended", h.healed(HealFailed))
	h.engine.mu.Lock()
	h.engine.fail = nil
	h.engine.mu.Unlock()
	eventually(t, "the old one goes", func() bool {
		return h.engine.names("web") == "shop-web-1 web.1@2 running, shop-web-2 web.2@1 running"
	})
	assert.Assert(t, h.serves(next(all[0]), all[1]))
}

// What is not routed is judged by the engine alone, and only what runs is replaced.
func TestAnUnroutedServiceIsHealed(t *testing.T) {
	h := newHouse(t, 0)
	h.stop()
	h.alone = true
	h.policies = []Policy{{Service: "worker", Heal: 100 * time.Millisecond, Order: compose.StartFirst, Within: time.Second}}
	all := refs("worker", 3)
	h.engine.running(all...)
	h.engine.state(all[2], plan.Exited)
	h.run()
	eventually(t, "it listens", func() bool { h.engine.mu.Lock(); defer h.engine.mu.Unlock(); return h.engine.emit != nil })
	h.engine.mu.Lock()
	for i := range h.engine.replicas {
		if r := &h.engine.replicas[i]; r.Ref == all[0] {
			r.Health = plan.Unhealthy
		}
	}
	h.engine.mu.Unlock()
	h.engine.happen(Event{Ref: all[0], Action: "health_status", Health: plan.Unhealthy})
	eventually(t, "it is replaced", h.healed(HealReplaced))
	assert.Equal(t, h.engine.names("worker"), "shop-worker-1 worker.1@2 running, shop-worker-2 worker.2@1 running, shop-worker-3 worker.3@1 exited")
	assert.Assert(t, strings.HasPrefix(h.cause(next(all[0])), "autoheal: its health check in the engine fails for "))
}

// A slot in which a command left two containers is that command's to finish.
func TestARolloutThatWasCutOffIsNotTouched(t *testing.T) {
	h, _ := ward(t, 1)
	ref := refs("web", 1)[0]
	h.engine.running(plan.Ref{Service: "web", Slot: 1, Generation: 3})
	h.backends[ref].set(500)
	eventually(t, "it is withdrawn", func() bool { return h.serves() })
	looked := h.backends[ref].count()
	eventually(t, "time passes", func() bool { return h.backends[ref].count() > looked+20 })
	assert.Equal(t, len(h.engine.did()), 0)
}

func TestStoppedContainersAreRemoved(t *testing.T) {
	h := newHouse(t, 0)
	h.stop()
	h.alone = true
	h.policies = []Policy{{Service: "batch", Destroy: compose.DestroyOnSuccess}, {Service: "any", Destroy: compose.DestroyAlways}}
	batch, any, other := refs("batch", 3), refs("any", 3), refs("other", 1)
	h.engine.running(batch...)
	h.engine.running(any...)
	h.engine.running(other...)
	end := func(ref plan.Ref, state plan.State, code int) {
		h.engine.mu.Lock()
		r := h.engine.find(plan.Container{Ref: ref})
		r.State, r.ExitCode = state, code
		h.engine.mu.Unlock()
	}
	end(batch[0], plan.Exited, 0) // while no sidecar was there
	end(any[0], plan.Exited, 1)
	h.run()
	eventually(t, "what ended before is found", func() bool {
		return h.engine.names("batch") == "shop-batch-2 batch.2@1 running, shop-batch-3 batch.3@1 running" &&
			h.engine.names("any") == "shop-any-2 any.2@1 running, shop-any-3 any.3@1 running"
	})
	b, _ := h.balancer()
	_, err := b.Hold(t.Context(), sidecarRuns)
	assert.NilError(t, err)
	end(batch[1], plan.Exited, 3)
	end(batch[2], plan.Exited, 0)
	end(any[1], plan.Restarting, 1)
	end(any[2], plan.Exited, 1)
	end(other[0], plan.Exited, 0)
	for _, ref := range []plan.Ref{batch[1], batch[2], any[1], any[2], other[0]} {
		h.engine.happen(Event{Ref: ref, Action: "die"})
	}
	assert.Equal(t, len(h.engine.did()), 2, "a command is at work")
	assert.NilError(t, b.Release())
	eventually(t, "what ended meanwhile is found", func() bool { return h.engine.names("any") == "shop-any-2 any.2@1 restarting" })
	eventually(t, "what ended well is gone", func() bool { return h.engine.names("batch") == "shop-batch-2 batch.2@1 exited" })
	assert.Equal(t, h.engine.names("other"), "shop-other-1 other.1@1 exited")
}
