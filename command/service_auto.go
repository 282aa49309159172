package command

import (
	"cmp"
	"context"
	"errors"
	"time"

	"hyper-lite/compose"
	"hyper-lite/lb"
	"hyper-lite/plan"
)

// autoView is what the sidecar does with the containers of a service by itself.
type autoView struct {
	HealAfter string `json:"healAfter,omitempty"` // a replica that is unhealthy for longer is replaced; absent: never
	Destroy   string `json:"destroy"`             // off, on-success or always
}

// judgedView is what the sidecar holds of a replica.
type judgedView struct {
	Healthy  bool   `json:"healthy"`
	Since    string `json:"since,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Attempts int    `json:"healAttempts,omitempty"` // since the slot was last healthy for long enough
	NextHeal string `json:"nextHeal,omitempty"`     // none before
}

// healView is one replacement of an unhealthy replica.
type healView struct {
	Replica string `json:"replica"`
	Time    string `json:"time"`
	Reason  string `json:"reason"`
	Attempt int    `json:"attempt"`
	Outcome string `json:"outcome"`
	Detail  string `json:"detail,omitempty"`
	Took    string `json:"took,omitempty"`
	Next    string `json:"next,omitempty"` // the earliest next attempt
}

func newAutoView(s compose.Service) *autoView {
	view := &autoView{Destroy: cmp.Or(string(s.Autodestroy), "off")}
	if s.Autoheal > 0 {
		view.HealAfter = s.Autoheal.String()
	}
	return view
}

// remembered is what the sidecar keeps of the replicas. What cannot be read is a warning: the rest is still to be shown.
func (i *invocation) remembered(ctx context.Context, project foundProject, replicas []plan.Replica) (lb.Memory, error) {
	balancer, err := i.balance(ctx, project.Name)
	if err != nil {
		return lb.Memory{}, err
	}
	memory, err := balancer.Remembered(ctx, replicas)
	if unreadable, ok := errors.AsType[*lb.UnreadableError](err); ok {
		i.warn(unreadable.Error())
		return memory, nil
	}
	return memory, err
}

// remember adds what the sidecar keeps.
func (v *serviceView) remember(memory lb.Memory) {
	for _, h := range memory.Heals {
		if h.Ref.Service != v.Name {
			continue
		}
		view := healView{
			Replica: h.Ref.String(), Time: stamp(h.Time), Reason: h.Reason, Attempt: h.Attempt, Outcome: h.Outcome,
			Detail: h.Detail, Next: stamp(h.Next),
		}
		if h.Took > 0 {
			view.Took = h.Took.String()
		}
		v.Heals = append(v.Heals, view)
	}
	for at, c := range v.Containers {
		judged, ok := memory.Replicas[plan.Ref{Service: v.Name, Slot: c.Slot, Generation: c.Generation}]
		if !ok {
			continue
		}
		v.Containers[at].Judged = &judgedView{
			Healthy: judged.Healthy, Since: stamp(judged.Since), Reason: judged.Reason,
			Attempts: judged.Attempts, NextHeal: stamp(judged.Next),
		}
	}
}

// stamp is a moment, or "" where there was none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
