package cron

import (
	"slices"
	"time"

	"hyper-lite/compose"
	"hyper-lite/schedule"
)

// instant is a time at which a job is due, and the first of its schedules that says so.
type instant struct {
	at time.Time
	by compose.Schedule
}

// instantsWithin are the last instants after one time and up to another, at most `most` of them, in order. first is
// the first instant of all where some were left out, and zero otherwise. The work is bounded, however long the span.
func instantsWithin(written []compose.Schedule, schedules []schedule.Schedule, after, until time.Time, most int) (last []instant, first time.Time) {
	for i, s := range schedules {
		found, whole := lastWithin(s, after, until, most)
		if !whole {
			if earliest, ok := s.Next(after); ok && (first.IsZero() || earliest.Before(first)) {
				first = earliest
			}
		}
		for _, at := range found {
			last = append(last, instant{at, written[i]})
		}
	}
	slices.SortStableFunc(last, func(a, b instant) int { return a.at.Compare(b.at) })
	last = slices.CompactFunc(last, func(a, b instant) bool { return a.at.Equal(b.at) })
	if n := len(last) - most; n > 0 {
		if first.IsZero() || last[0].at.Before(first) {
			first = last[0].at
		}
		last = last[n:]
	}
	return last, first
}

// lastWithin looks back over longer and longer spans until it has found enough; whole says that nothing was left out.
func lastWithin(s schedule.Schedule, after, until time.Time, most int) (found []time.Time, whole bool) {
	for span := time.Hour; ; span *= 24 {
		from := until.Add(-span)
		if span > 1000*24*time.Hour || from.Before(after) {
			from = after
		}
		found = found[:0]
		for at, ok := s.Next(from); ok && !at.After(until); at, ok = s.Next(at) {
			found = append(found, at)
		}
		whole = from.Equal(after)
		if n := len(found) - most; n > 0 {
			return found[n:], false
		}
		if whole || len(found) == most {
			return found, whole
		}
	}
}
