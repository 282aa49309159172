package lb

import (
	"fmt"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"hyper-lite/plan"
)

// A replica is replaced once it was sick for as long as the limit without a break, and not while the pause after an
// attempt lasts.
func TestCare(t *testing.T) {
	p := Policy{Heal: time.Minute, Within: 3 * time.Minute}
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	well, ill := health{running: true}, health{running: true, sick: true, reason: "answers 500"}
	young := ill
	young.young = true
	type look struct {
		after time.Duration // since the look before
		h     health
		due   bool
	}
	for name, looks := range map[string][]look{
		"sick for long enough":             {{0, ill, false}, {59 * time.Second, ill, false}, {time.Second, ill, true}},
		"well for a moment":                {{0, ill, false}, {59 * time.Second, well, false}, {time.Second, ill, false}, {time.Minute, ill, true}},
		"stopped meanwhile":                {{0, ill, false}, {30 * time.Second, health{}, false}, {time.Minute, ill, false}, {time.Minute, ill, true}},
		"one that starts has longer":       {{0, young, false}, {2 * time.Minute, young, false}, {time.Minute, young, true}},
		"well":                             {{0, well, false}, {time.Hour, well, false}},
		"the clock steps back and forward": {{0, ill, false}, {-time.Hour, ill, false}, {time.Hour + time.Minute, ill, true}},
	} {
		c, now := care{}, begin
		for i, l := range looks {
			now = now.Add(l.after)
			c = c.looked(l.h, p.Heal, now)
			assert.Equal(t, c.due(l.h, p, now), l.due, "%s: look %d", name, i)
		}
	}

	c := care{}.tried(plan.Ref{Service: "web"}, 2, begin.Add(4*time.Minute)).looked(ill, p.Heal, begin)
	assert.Assert(t, !c.due(ill, p, begin.Add(4*time.Minute-1)))
	assert.Assert(t, c.due(ill, p, begin.Add(4*time.Minute)))
	c = c.looked(well, p.Heal, begin.Add(time.Hour)).looked(well, p.Heal, begin.Add(time.Hour+59*time.Second))
	assert.Equal(t, c.Attempt, 2, "not well for long enough")
	c = c.looked(well, p.Heal, begin.Add(time.Hour+time.Minute))
	assert.Equal(t, c.Attempt, 0)
	assert.Assert(t, c.Next.IsZero())
}

func TestPausesDouble(t *testing.T) {
	for _, want := range []struct {
		limit   time.Duration
		attempt int
		pause   time.Duration
	}{
		{time.Minute, 1, 2 * time.Minute},
		{time.Minute, 2, 4 * time.Minute},
		{time.Minute, 3, 8 * time.Minute},
		{time.Minute, 4, 10 * time.Minute},
		{time.Minute, 1000, 10 * time.Minute},
		{time.Second, 3, 8 * time.Second},
		{time.Hour, 1, time.Hour},
	} {
		assert.Equal(t, pause(want.limit, want.attempt), want.pause, "%v", want)
	}
}

// Of each service the last ten are remembered, each once.
func TestHealsAreBounded(t *testing.T) {
	var heals []Heal
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range 25 {
		for _, service := range []string{"web", "api"} {
			h := Heal{Ref: plan.Ref{Service: service, Slot: 1, Generation: i}, Time: at.Add(time.Duration(i) * time.Minute), Outcome: HealUnderWay}
			heals = noted(heals, h)
			h.Outcome = HealReplaced
			heals = noted(heals, h)
		}
	}
	count := map[string]int{}
	for _, h := range heals {
		count[h.Ref.Service]++
		assert.Equal(t, h.Outcome, HealReplaced)
		assert.Assert(t, h.Ref.Generation >= 15, fmt.Sprint(h))
	}
	assert.DeepEqual(t, count, map[string]int{"web": keptHeals, "api": keptHeals})
}
