package plan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"
	"pgregory.net/rapid"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// healing is what the sidecar knows of one sick replica.
func (h *host) healing(s compose.Service, slot int) plan.Healing {
	old := h.slot(s.Name, slot)[0]
	h.find(plan.Container{ID: old.ID}).Health = plan.Unhealthy
	old.Health = plan.Unhealthy
	return plan.Healing{
		Old: old, Cause: "autoheal: it is sick for 1m0s", Order: s.Rollout.Order, Within: time.Minute, Served: h.served(s),
	}
}

// slot is what there is of one, the newest first.
func (h *host) slot(service string, number int) []plan.Replica {
	var there []plan.Replica
	for _, r := range h.replicas {
		if r.Service == service && r.Slot == number && r.Role == compose.RoleReplica {
			there = append(there, r)
		}
	}
	slices.SortFunc(there, func(a, b plan.Replica) int { return b.Generation - a.Generation })
	return there
}

func (h *host) served(s compose.Service) plan.Served {
	for _, p := range h.published {
		if p.Service == s.Name {
			return plan.Served{Drain: s.Rollout.Drain, Route: &plan.Route{
				Service: s.Name, Routes: s.Routes, Probe: s.Probe, Backends: p.Backends, Digest: p.Digest,
			}}
		}
	}
	return plan.Served{}
}

func (h *host) mend(s compose.Service) plan.Plan {
	return plan.Mend("shop", h.observe().Replicas, map[string]plan.Served{s.Name: h.served(s)})
}

func TestHeal(t *testing.T) {
	web := routed(service("web", 2, "v1:aaaa"), 8080)
	for name, s := range map[string]compose.Service{
		"heal-start-first":         web,
		"heal-stop-first":          stopFirst(web),
		"heal-unrouted":            healed(service("worker", 2, "v1:aaaa")),
		"heal-stop-first-unrouted": stopFirst(healed(service("db", 2, "v1:aaaa"))),
		"heal-anonymous-volume":    withAnonymousVolume(web),
	} {
		t.Run(name, func(t *testing.T) {
			h := running(t, shop(s))
			p := plan.Heal("shop", h.observe().Replicas, h.healing(s, 2))
			text := p.String()
			cut := *h
			for k, n := range p.Nodes { // what is left when it is cut off before each step
				left := cut.mend(s)
				text += "cut off before #" + string(rune('1'+k)) + ", mended by " + strings.TrimPrefix(left.String(), "plan for shop: ")
				assert.NilError(t, cut.do(n.Step))
			}
			golden.Assert(t, text, name+".golden")
		})
	}
}

// However far a healing came, and in whatever order it may go on, the slot has one container in the end, under its plain
// name, served if it was, as wanted; and none that serves is stopped.
func TestAHealingThatIsCutOffIsMended(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := service("web", rapid.IntRange(1, 3).Draw(t, "replicas"), "v1:aaaa")
		s.Rollout.Order = rapid.SampledFrom([]string{compose.StartFirst, compose.StopFirst}).Draw(t, "order")
		if rapid.Bool().Draw(t, "routed") {
			s = routed(s, 8080)
		}
		s.Autoheal = time.Minute
		want := shop(s)
		h := newHost("shop")
		walk(t, h, mustMake(t, want, h), all, always)
		for range rapid.IntRange(1, 3).Draw(t, "healings") {
			slot := rapid.IntRange(1, s.Replicas).Draw(t, "slot")
			p := plan.Heal("shop", h.observe().Replicas, h.healing(s, slot))
			walk(t, h, p, rapid.IntRange(0, len(p.Nodes)).Draw(t, "steps"), always)
			if there := h.slot(s.Name, slot); rapid.Bool().Draw(t, "the clone dies") && there[0].Cause != "" && len(there) > 1 {
				r := h.find(plan.Container{ID: there[0].ID})
				if r.State == plan.Running {
					r.State, r.ExitCode, r.Health = plan.Exited, 1, plan.NoHealth
				}
			}
			if rapid.Bool().Draw(t, "by the next up") {
				walk(t, h, mustMake(t, want, h), all, always)
			} else {
				h.judges = true
				again := h.mend(s)
				walk(t, h, again, rapid.IntRange(0, len(again.Nodes)).Draw(t, "steps of the mending"), always)
				walk(t, h, h.mend(s), all, always)
				h.judges = false
			}
			if left := h.mend(s); !left.Empty() {
				t.Fatalf("not mended:\n%s", left)
			}
			for number := 1; number <= s.Replicas; number++ {
				there := h.slot(s.Name, number)
				if len(there) != 1 || there[0].State != plan.Running && there[0].Cause == "" || there[0].Name != "shop-web-"+string(rune('0'+number)) {
					t.Fatalf("slot %d: %v", number, there)
				}
				if routed := h.serves(there[0].Ref); routed != (len(s.Routes) > 0) {
					t.Fatalf("slot %d: served %v", number, routed)
				}
			}
			for _, p := range h.published {
				if len(p.Backends) != s.Replicas {
					t.Fatalf("served by %v", p.Backends)
				}
			}
		}
	})
}

// A clone that is well does not take the place of an original that is well again.
func TestAnOriginalThatRecoveredStays(t *testing.T) {
	s := healed(service("worker", 1, "v1:aaaa"))
	h := running(t, shop(s))
	p := plan.Heal("shop", h.observe().Replicas, h.healing(s, 1))
	perform(t, h, plan.Plan{Nodes: p.Nodes[:3]})
	h.find(plan.Container{ID: h.slot("worker", 1)[1].ID}).Health = plan.Healthy
	perform(t, h, h.mend(s))
	there := h.slot("worker", 1)
	assert.Equal(t, len(there), 1)
	assert.Equal(t, there[0].Cause, "")
}

// What a command left, what was set aside and what is no replica is none of the sidecar's business.
func TestMendLeavesOthersAlone(t *testing.T) {
	ref := func(generation int) plan.Ref { return plan.Ref{Service: "web", Slot: 1, Generation: generation} }
	clone := plan.Replica{Ref: ref(1), Role: compose.RoleReplica, ID: "1", Name: "shop-web-1", State: plan.Running, Cause: "autoheal"}
	clone.Digest.Hash = "v1:aaaa"
	rolled := clone
	rolled.Ref, rolled.ID, rolled.Name, rolled.Cause = ref(2), "2", "shop-web-1-g2", ""
	failed := rolled
	failed.Name, failed.State = "shop-web-1-g2-failed", plan.Exited
	run := rolled
	run.OneOff, run.Cause = true, "autoheal"
	for _, other := range []plan.Replica{rolled, failed, run} {
		p := plan.Mend("shop", []plan.Replica{clone, other}, nil)
		assert.Assert(t, p.Empty(), p.String())
	}
	part := rolled
	part.Name, part.Cause, part.Digest.Hash = "shop-web-1-g2.incomplete", "autoheal", ""
	p := plan.Mend("shop", []plan.Replica{clone, part}, nil)
	assert.Equal(t, len(p.Nodes), 1)
	assert.Equal(t, p.Nodes[0].Step.Verb()+" "+p.Nodes[0].Step.Subject(), "remove web.1@2")
}
