// Package schedule says when a job is due: which instant comes next, and how that reads in words. It is pure: time
// is input, and nothing here reads a clock, starts or remembers anything.
package schedule

import (
	"strings"
	"time"
	_ "time/tzdata" // time zones are known in a container that has none

	"github.com/hashicorp/cronexpr"
)

// Schedule is a cron expression in a time zone. The zero value is never due.
//
// Five fields: minute, hour, day of month, month, day of week; or six, the last being the year (Hyper Cron). As with
// vixie cron, a day must fit both day fields where one of them begins with `*`, and either of them where both are
// restricted: "0 0 13 * FRI" is every 13th and every Friday, "0 0 */2 * MON" the Mondays on odd days.
//
// The fields speak of wall clock time. A time that the clocks jump over is due at the first instant after the jump; a
// time that they show twice is due the first time only. So "*/5 * * * *" pauses while an hour is shown again: a
// steady beat is what UTC, the default zone, and @every are for.
//
// "@every D" is due whenever the whole seconds since 1970-01-01T00:00:00Z are a multiple of D: no restart shifts it.
type Schedule struct {
	text     string
	location *time.Location
	every    time.Duration
	due      *cronexpr.Expression
	weekdays map[time.Weekday]bool // those that a day must fit beside; nil: any
}

// macros are names for expressions.
var macros = map[string]string{
	"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *",
	"@midnight": "0 0 * * *", "@annually": "0 0 1 1 *", // vixie cron's other words for two of them
}

// Parse reads an expression that is meant in a time zone, "" being UTC. The error is an *Error: it says what is
// wrong with which part, and what is allowed there.
func Parse(text, zone string) (Schedule, error) {
	location, err := Zone(zone)
	if err != nil {
		return Schedule{}, err
	}
	s := Schedule{text: text, location: location}
	text = strings.TrimSpace(text)
	if every, ok := strings.CutPrefix(text, "@every"); ok {
		s.every, err = period(strings.TrimSpace(every))
		return s, err
	}
	if long, ok := macros[text]; ok {
		text = long
	}
	if strings.HasPrefix(text, "@") {
		return Schedule{}, &Error{Part: "schedule", Value: text, Allowed: "@hourly, @daily, @weekly, @monthly, @yearly or @every 30s"}
	}
	parts := strings.Fields(text)
	if err := check(parts); err != nil {
		return Schedule{}, err
	}
	if open(parts[dayOfMonth]) || open(parts[dayOfWeek]) {
		s.weekdays = weekdaysOf(parts[dayOfWeek])
		parts[dayOfWeek] = "*"
	}
	if s.due, err = cronexpr.Parse(plain(parts)); err != nil {
		return Schedule{}, &Error{Part: "schedule", Value: text, Allowed: Allowed, Err: err}
	}
	if _, ok := s.Next(time.Unix(0, 0).UTC().Add(-24 * time.Hour)); !ok {
		return Schedule{}, &Error{Part: "schedule", Value: text, Never: true}
	}
	return s, nil
}

// Zone is the time zone of that name, "" being UTC.
func Zone(name string) (*time.Location, error) {
	location, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, &Error{Part: "time zone", Value: name, Allowed: "names such as UTC and Europe/Berlin (the IANA time zone database)"}
	}
	return location, nil
}

// Every is the period of an @every, 0 of other schedules.
func (s Schedule) Every() time.Duration { return s.every }

// open says whether a day field leaves the day to the other one: the library takes only `*` for such a field, vixie
// cron all that begin with one.
func open(field string) bool { return strings.HasPrefix(field, "*") }

// weekdaysOf are the days that a field names, nil where it names any.
func weekdaysOf(part string) map[time.Weekday]bool {
	if part == "*" {
		return nil
	}
	days := map[time.Weekday]bool{}
	for text := range strings.SplitSeq(part, ",") {
		read, _ := fields[dayOfWeek].read(text)
		for v := read.from; v <= read.to; v += read.step {
			days[time.Weekday(v%7)] = true
		}
	}
	return days
}

// period reads the D of "@every D".
func period(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d%time.Second != 0 {
		return 0, &Error{Part: "period of @every", Value: text, Allowed: "whole seconds from 1s on, such as 30s or 1h30m"}
	}
	return d, nil
}
