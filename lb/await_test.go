package lb

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func (h *house) await(ref plan.Ref, within time.Duration, change ...func(*compose.Probe)) plan.Await {
	return plan.Await{Container: plan.Container{Ref: ref, Name: "shop-web-1"}, Condition: plan.AwaitHealthy, Within: within, Probe: h.probe(change...)}
}

func unhealthy(t *testing.T, err error) *plan.UnhealthyError {
	t.Helper()
	var u *plan.UnhealthyError
	assert.Assert(t, errors.As(err, &u), "%v", err)
	return u
}

func TestAwaitTakesRiseProbes(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	ref := refs("web", 1)[0]
	assert.NilError(t, b.Do(t.Context(), h.await(ref, 5*time.Second, func(p *compose.Probe) { p.Rise = 4 })))
	assert.Assert(t, h.backends[ref].count() >= 4)
	// It was not published by that.
	assert.Assert(t, h.serves())
}

func TestAwaitWithoutAProbeAsksNobody(t *testing.T) {
	b := NewBalancer(nil, "shop")
	assert.NilError(t, b.Do(t.Context(), plan.Await{}))
}

func TestAwaitTellsTheLastFailure(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	ref := refs("web", 1)[0]
	h.backends[ref].set(503)
	step := h.await(ref, 100*time.Millisecond)
	u := unhealthy(t, b.Do(t.Context(), step))
	assert.Equal(t, u.Reason, "GET / answered 503, want 200 to 399")
	assert.DeepEqual(t, u.Container, step.Container)
	assert.Equal(t, u.Condition, plan.AwaitHealthy)
	assert.Assert(t, u.After >= 100*time.Millisecond && u.After < 5*time.Second)

	h.backends[ref].server.Close()
	u = unhealthy(t, b.Do(t.Context(), step))
	assert.Equal(t, u.Reason, fmt.Sprintf("nothing accepts connections on port %d", h.port))
}

// One that ended is not waited for until the end of time.
func TestAwaitOfADeadReplicaEndsEarly(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	ref := refs("web", 1)[0]
	h.backends[ref].set(500)
	eventually(t, "the sidecar follows the engine", func() bool { h.engine.mu.Lock(); defer h.engine.mu.Unlock(); return h.engine.emit != nil })
	h.engine.state(ref, plan.Exited)
	h.engine.mu.Lock()
	h.engine.replicas[len(h.engine.replicas)-1].ExitCode = 3
	h.engine.mu.Unlock()
	h.engine.happen(Event{Action: "die", Ref: ref, ExitCode: 3})
	start := time.Now()
	u := unhealthy(t, b.Do(t.Context(), h.await(ref, time.Minute)))
	assert.Equal(t, u.Reason, "exited (3)")
	assert.Assert(t, time.Since(start) < 30*time.Second)
}

// What the engine told once may be out of date: before a replica is given up, the engine is asked.
func TestAwaitAsksBeforeItGivesUp(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	ref := refs("web", 1)[0]
	eventually(t, "the sidecar follows the engine", func() bool { h.engine.mu.Lock(); defer h.engine.mu.Unlock(); return h.engine.emit != nil })
	h.engine.happen(Event{Action: "pause", Ref: ref}) // and the end of the pause went by unheard
	assert.NilError(t, b.Do(t.Context(), h.await(ref, time.Minute)))
}

// One that the engine starts again at once is waited for.
func TestAwaitOutlastsARestart(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	ref := refs("web", 1)[0]
	h.backends[ref].set(500)
	done := make(chan error, 1)
	go func() { done <- b.Do(t.Context(), h.await(ref, 10*time.Second)) }()
	eventually(t, "it is probed", func() bool { return h.backends[ref].count() > 2 })
	h.engine.happen(Event{Action: "die", Ref: ref, ExitCode: 1})
	h.engine.happen(Event{Action: "start", Ref: ref})
	h.backends[ref].set(200)
	assert.NilError(t, <-done)
}

// What was known of a container that had the same name does not count for its successor.
func TestAwaitBeginsAnew(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	ref := refs("web", 1)[0]
	assert.NilError(t, b.Do(t.Context(), h.await(ref, 5*time.Second)))
	h.backends[ref].set(500)
	unhealthy(t, b.Do(t.Context(), h.await(ref, 50*time.Millisecond)))
}

// A published replica that falls before its service is routed again is not taken to be up by that.
func TestRoutingAgainKeepsWhatIsKnown(t *testing.T) {
	h := newHouse(t, 2)
	b, _ := h.balancer()
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 2)...)))
	h.backends[refs("web", 2)[0]].set(500)
	eventually(t, "it is withdrawn", func() bool { return h.serves(refs("web", 2)[1]) })
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 2)...)))
	assert.Assert(t, h.serves(refs("web", 2)[1]))
}

// Who asked is gone: nobody waits on for it.
func TestAwaitEndsWithTheSession(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	ref := refs("web", 1)[0]
	h.backends[ref].set(500)
	go func() { _ = b.Do(t.Context(), h.await(ref, time.Hour)) }()
	eventually(t, "it is probed", func() bool { return h.backends[ref].count() > 0 })
	h.stop() // which waits for what runs
}
