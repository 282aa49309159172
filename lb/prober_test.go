package lb

import (
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
)

func TestAnotherProbeIsUsedAtOnce(t *testing.T) {
	h := newHouse(t, 1)
	b, _ := h.balancer()
	ref := refs("web", 1)[0]
	step := h.route(ref)
	step.Probe = h.probe(func(p *compose.Probe) { p.Interval = time.Hour })
	assert.NilError(t, b.Do(t.Context(), step))
	h.backends[ref].set(500)
	step.Probe = h.probe(func(p *compose.Probe) { p.Path = "/healthz" })
	assert.NilError(t, b.Do(t.Context(), step))
	eventually(t, "it is withdrawn", func() bool { return h.serves() })
}
