package lb

import (
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"hyper-lite/plan"
)

const metrics = `# HELP traefik_open_connections How many open connections exist, by entryPoint and protocol
# TYPE traefik_open_connections gauge
traefik_open_connections{entrypoint="control",protocol="TCP"} 1
traefik_open_connections{entrypoint="p80",protocol="TCP"} 3
traefik_open_connections{entrypoint="p443",protocol="TCP"} 1e+01
traefik_config_reloads_total 7
`

func TestCountOpen(t *testing.T) {
	for name, test := range map[string]struct {
		ports entryPoints
		want  int
	}{
		"one":              {entryPoints{"p80": true}, 3},
		"two":              {entryPoints{"p80": true, "p443": true}, 13},
		"never asked":      {entryPoints{"p8080": true}, 0},
		"all but our own ": {nil, 13},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := countOpen(strings.NewReader(metrics), test.ports)
			assert.NilError(t, err)
			assert.Equal(t, got, test.want)
		})
	}
	_, err := countOpen(strings.NewReader("go_goroutines 7\n"), nil)
	assert.ErrorContains(t, err, "do not count connections")
}

func (h *house) drain(b *Balancer, ref plan.Ref, longest time.Duration) (time.Duration, error) {
	start := time.Now()
	err := b.Do(h.t.Context(), plan.Drain{Container: plan.Container{Ref: ref}, For: longest})
	return time.Since(start), err
}

func TestDrain(t *testing.T) {
	h := newHouse(t, 2)
	b, _ := h.balancer()
	assert.NilError(t, b.Do(t.Context(), h.route(refs("web", 1)...)))
	withdrawn := refs("web", 2)[1]

	_, err := h.drain(b, refs("web", 1)[0], time.Minute)
	assert.ErrorContains(t, err, "drain web.1@1: it is still published")

	h.traefik.set(func() { h.traefik.open = metrics })
	took, err := h.drain(b, withdrawn, 300*time.Millisecond)
	assert.NilError(t, err)
	assert.Assert(t, took >= 300*time.Millisecond, "%s: clients are connected", took)

	h.traefik.set(func() { h.traefik.open = "go_goroutines 7\n" })
	took, err = h.drain(b, withdrawn, 300*time.Millisecond)
	assert.NilError(t, err)
	assert.Assert(t, took >= 300*time.Millisecond, "%s: nothing is known", took)

	h.traefik.set(func() {
		h.traefik.open = strings.Replace(metrics, `p80",protocol="TCP"} 3`, `p80",protocol="TCP"} 0`, 1)
	})
	took, err = h.drain(b, withdrawn, time.Minute)
	assert.NilError(t, err)
	assert.Assert(t, took < 30*time.Second, "%s: nobody is connected to its port", took)

	h.traefik.set(func() { h.traefik.open = metrics })
	h.engine.state(withdrawn, plan.Exited)
	took, err = h.drain(b, withdrawn, time.Minute)
	assert.NilError(t, err)
	assert.Assert(t, took < 30*time.Second, "%s: it does not run", took)
}

func TestDrainWithoutABalancer(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	h.traefik.set(func() { h.traefik.open = metrics })
	h.engine.mu.Lock()
	h.engine.replicas[0].State = plan.Exited
	h.engine.mu.Unlock()
	took, err := h.drain(b, refs("web", 1)[0], time.Minute)
	assert.NilError(t, err)
	assert.Assert(t, took < 30*time.Second)
}
