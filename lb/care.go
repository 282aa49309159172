package lb

import (
	"time"

	"hyper-lite/plan"
)

// care is what the sidecar keeps of a replica that it replaces when it stays unhealthy. It is a value: each look makes
// the next.
type care struct {
	Ref     plan.Ref  `json:"ref"`
	Sick    time.Time `json:"sick,omitzero"` // since when it is unhealthy; zero: it is not
	Well    time.Time `json:"well,omitzero"` // since when it is healthy; zero: it is not
	Reason  string    `json:"reason,omitempty"`
	Attempt int       `json:"attempt,omitempty"` // replacements of its slot since that was last well for long enough
	Next    time.Time `json:"next,omitzero"`     // none before
}

// health is how a replica is at one moment.
type health struct {
	running bool // one that does not run is the restart policy's affair
	sick    bool
	young   bool // it has not been healthy since it was started
	reason  string
}

// looked is the care after a look at the replica. One that has been well for as long as the limit starts anew with its
// attempts.
func (c care) looked(h health, limit time.Duration, now time.Time) care {
	switch {
	case !h.running:
		c.Sick, c.Well, c.Reason = time.Time{}, time.Time{}, ""
		return c
	case h.sick:
		c.Well, c.Reason = time.Time{}, h.reason
		if c.Sick.IsZero() {
			c.Sick = now
		}
		return c
	}
	c.Sick, c.Reason = time.Time{}, ""
	if c.Well.IsZero() {
		c.Well = now
	}
	if now.Sub(c.Well) >= limit {
		c.Attempt, c.Next = 0, time.Time{}
	}
	return c
}

// due says whether the replica has been sick for long enough, and the pause after the last attempt is over. One that
// was only just started has as long as a new one to become healthy.
func (c care) due(h health, p Policy, now time.Time) bool {
	limit := p.Heal
	if h.young {
		limit = max(limit, p.Within)
	}
	return h.running && h.sick && !c.Sick.IsZero() && now.Sub(c.Sick) >= limit && !now.Before(c.Next)
}

// longestPause is between two attempts, where the limit itself is not longer.
const longestPause = 10 * time.Minute

// pause is how long after an attempt the next one may be made: twice the limit, then four times, and so on.
func pause(limit time.Duration, attempt int) time.Duration {
	most := max(limit, longestPause)
	for range attempt {
		if limit *= 2; limit >= most {
			return most
		}
	}
	return limit
}

// tried is the care of whoever is in the slot after an attempt.
func (c care) tried(ref plan.Ref, attempt int, next time.Time) care {
	c.Ref, c.Attempt, c.Next = ref, attempt, next
	return c
}

// Heal is one replacement of a replica by the sidecar.
type Heal struct {
	Ref     plan.Ref      `json:"ref"` // of the replica that was sick
	Time    time.Time     `json:"time"`
	Reason  string        `json:"reason"`
	Attempt int           `json:"attempt"`
	Outcome string        `json:"outcome"` // one of the outcomes
	Detail  string        `json:"detail,omitempty"`
	Took    time.Duration `json:"took,omitempty"`
	Next    time.Time     `json:"next,omitzero"` // the earliest next attempt
}

// How a replacement ended.
const (
	HealUnderWay  = "under way"
	HealReplaced  = "replaced"
	HealRecovered = "given up: the replica recovered"
	HealHeld      = "given up: a command began to change the project"
	HealFailed    = "failed"
	HealCutOff    = "cut off: the sidecar ended"
)

// keptHeals is how many replacements of a service are remembered.
const keptHeals = 10

// noted adds a replacement to those that are remembered, or replaces the one that it is about.
func noted(heals []Heal, h Heal) []Heal {
	kept := 1
	var all []Heal
	for i := len(heals) - 1; i >= 0; i-- {
		old := heals[i]
		if old.Ref == h.Ref && old.Time.Equal(h.Time) {
			continue
		}
		if old.Ref.Service == h.Ref.Service {
			if kept++; kept > keptHeals {
				continue
			}
		}
		all = append([]Heal{old}, all...)
	}
	return append(all, h)
}
