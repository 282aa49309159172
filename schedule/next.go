package schedule

import "time"

// Next is the first instant after another at which the schedule is due, in the schedule's zone. ok is false where
// there is none any more: expressions end with the year 2099.
func (s Schedule) Next(after time.Time) (next time.Time, ok bool) {
	if s.every > 0 {
		return s.nextBeat(after), true
	}
	if s.due == nil {
		return time.Time{}, false
	}
	for wall := wallOf(after.In(s.location)); ; {
		if wall, ok = s.nextWall(wall); !ok {
			return time.Time{}, false
		}
		// a wall time that is shown again has been due already, and one that is jumped over falls together with others
		if next = instantOf(wall, s.location); next.After(after) {
			return next, true
		}
	}
}

// Matches says whether the schedule is due at exactly that instant.
func (s Schedule) Matches(at time.Time) bool {
	next, ok := s.Next(at.Add(-time.Nanosecond))
	return ok && next.Equal(at)
}

func (s Schedule) nextBeat(after time.Time) time.Time {
	every := int64(s.every / time.Second)
	beats := after.Unix() / every
	if after.Unix()%every < 0 {
		beats-- // before 1970
	}
	return time.Unix((beats+1)*every, 0).In(s.location)
}

// nextWall is the next wall time that the fields name. Wall times are written in UTC, where no clock jumps: the
// library's own way with jumps skips a time that is jumped over, and fires twice at one that is shown twice.
func (s Schedule) nextWall(after time.Time) (time.Time, bool) {
	for {
		due := *s.due // a copy, since Next writes to it
		next := due.Next(after)
		if next.IsZero() || s.weekdays == nil || s.weekdays[next.Weekday()] {
			return next, !next.IsZero()
		}
		year, month, day := next.Date()
		after = time.Date(year, month, day, 23, 59, 59, 0, time.UTC)
	}
}

// wallOf is what a clock shows, as if it stood in UTC.
func wallOf(t time.Time) time.Time {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	return time.Date(year, month, day, hour, minute, second, t.Nanosecond(), time.UTC)
}

// instantOf is the first instant at which clocks in a zone show a wall time, or, where they jump over it, the
// instant of the jump.
func instantOf(wall time.Time, location *time.Location) time.Time {
	year, month, day := wall.Date()
	hour, minute, second := wall.Clock()
	t := time.Date(year, month, day, hour, minute, second, wall.Nanosecond(), location)
	begin, end := t.ZoneBounds()
	switch shown := wallOf(t); {
	case shown.After(wall): // of the two readings of a jumped time, the one after the jump
		return begin
	case shown.Before(wall):
		return end
	}
	if begin.IsZero() {
		return t
	}
	_, offset := t.Zone()
	_, before := begin.Add(-time.Second).Zone()
	if earlier := t.Add(time.Duration(offset-before) * time.Second); earlier.Before(begin) && before > offset {
		return earlier // shown twice: this is the first time
	}
	return t
}
