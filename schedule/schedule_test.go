package schedule

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func mustParse(t testing.TB, text, zone string) Schedule {
	t.Helper()
	s, err := Parse(text, zone)
	assert.NilError(t, err)
	return s
}

// coming are the next instants, as a person in the zone writes them.
func coming(s Schedule, after time.Time, n int) []string {
	var all []string
	for range n {
		next, ok := s.Next(after)
		if !ok {
			return append(all, "never again")
		}
		all = append(all, next.Format("2006-01-02 15:04:05 -07:00"))
		after = next
	}
	return all
}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	assert.NilError(t, err)
	return parsed
}

func TestNext(t *testing.T) {
	for _, c := range []struct {
		name, text, zone, after string
		want                    []string
	}{
		{"strictly later", "0 3 * * *", "", "2026-01-01T03:00:00Z", []string{"2026-01-02 03:00:00 +00:00"}},
		{"within a second", "0 3 * * *", "", "2026-01-01T02:59:59.999Z", []string{"2026-01-01 03:00:00 +00:00"}},
		{"a list and a range", "0,30 9-10 * * mon", "", "2026-01-01T00:00:00Z", []string{
			"2026-01-05 09:00:00 +00:00", "2026-01-05 09:30:00 +00:00", "2026-01-05 10:00:00 +00:00", "2026-01-05 10:30:00 +00:00", "2026-01-12 09:00:00 +00:00",
		}},
		{"leap days", "0 0 29 2 *", "", "2026-01-01T00:00:00Z", []string{"2028-02-29 00:00:00 +00:00", "2032-02-29 00:00:00 +00:00"}},
		{"no leap year in 2100, and no schedule after 2099", "0 0 29 2 *", "", "2095-01-01T00:00:00Z", []string{"2096-02-29 00:00:00 +00:00", "never again"}},
		{"the end of a year", "59 23 31 12 *", "", "2026-12-31T23:59:00Z", []string{"2027-12-31 23:59:00 +00:00"}},
		{"over the end of a year", "*/30 * * * *", "Asia/Kathmandu", "2026-12-31T18:10:00Z", []string{"2027-01-01 00:00:00 +05:45", "2027-01-01 00:30:00 +05:45"}},
		{"31st", "0 0 31 * *", "", "2026-01-31T00:00:00Z", []string{"2026-03-31 00:00:00 +00:00", "2026-05-31 00:00:00 +00:00"}},
		{"a year", "0 0 1 1 * 2030", "", "2026-01-01T00:00:00Z", []string{"2030-01-01 00:00:00 +00:00", "never again"}},
		{"years", "0 0 1 6 * 2028-2032/2", "", "2026-01-01T00:00:00Z", []string{"2028-06-01 00:00:00 +00:00", "2030-06-01 00:00:00 +00:00", "2032-06-01 00:00:00 +00:00", "never again"}},
		{"a week that ends with Sunday", "0 0 * * FRI-SUN", "", "2026-02-01T00:00:00Z", []string{"2026-02-06 00:00:00 +00:00", "2026-02-07 00:00:00 +00:00", "2026-02-08 00:00:00 +00:00", "2026-02-13 00:00:00 +00:00"}},
		{"either day field", "0 0 13 * FRI", "", "2026-02-01T00:00:00Z", []string{"2026-02-06 00:00:00 +00:00", "2026-02-13 00:00:00 +00:00", "2026-02-20 00:00:00 +00:00", "2026-02-27 00:00:00 +00:00", "2026-03-06 00:00:00 +00:00"}},
		{"every day, said as a range", "0 0 1-31 * MON", "", "2026-02-02T00:00:00Z", []string{"2026-02-03 00:00:00 +00:00"}},
		{"both day fields", "0 0 */2 * MON", "", "2026-01-01T00:00:00Z", []string{"2026-01-05 00:00:00 +00:00", "2026-01-19 00:00:00 +00:00", "2026-02-09 00:00:00 +00:00"}},
		{"Sunday is 0 and 7", "0 0 * * 7", "", "2026-01-01T00:00:00Z", []string{"2026-01-04 00:00:00 +00:00", "2026-01-11 00:00:00 +00:00"}},
		{"weekly", "@weekly", "", "2026-01-01T00:00:00Z", []string{"2026-01-04 00:00:00 +00:00"}},
		{"monthly", "@monthly", "", "2026-01-01T00:00:00Z", []string{"2026-02-01 00:00:00 +00:00"}},
		{"yearly", "@yearly", "", "2026-01-01T00:00:00Z", []string{"2027-01-01 00:00:00 +00:00"}},
		{"three quarters of an hour off", "0 6 * * *", "Asia/Kathmandu", "2026-01-01T00:15:00Z", []string{"2026-01-02 06:00:00 +05:45"}},
		{"hours of Kathmandu", "@hourly", "Asia/Kathmandu", "2026-01-01T00:00:00Z", []string{"2026-01-01 06:00:00 +05:45", "2026-01-01 07:00:00 +05:45"}},

		{"Berlin: a time in the gap, at the jump", "30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-29 03:00:00 +02:00", "2026-03-30 02:30:00 +02:00"}},
		{"Berlin: times in the gap fall together", "*/15 2 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", []string{"2026-03-29 03:00:00 +02:00", "2026-03-30 02:00:00 +02:00"}},
		{"Berlin: with one that is there", "30 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", []string{"2026-03-29 03:00:00 +02:00", "2026-03-29 03:30:00 +02:00", "2026-03-30 02:30:00 +02:00"}},
		{"Berlin: every hour over the gap", "@hourly", "Europe/Berlin", "2026-03-28T23:30:00Z", []string{"2026-03-29 01:00:00 +01:00", "2026-03-29 03:00:00 +02:00", "2026-03-29 04:00:00 +02:00"}},
		{"Berlin: the last instant before the gap", "59 1 * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", []string{"2026-03-29 01:59:00 +01:00"}},
		{"Berlin: a time in the fold, the first time", "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25 02:30:00 +02:00", "2026-10-26 02:30:00 +01:00"}},
		{"Berlin: asked within the fold", "30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", []string{"2026-10-26 02:30:00 +01:00"}},
		{"Berlin: every half hour over the fold", "*/30 * * * *", "Europe/Berlin", "2026-10-24T23:59:00Z", []string{"2026-10-25 02:00:00 +02:00", "2026-10-25 02:30:00 +02:00", "2026-10-25 03:00:00 +01:00", "2026-10-25 03:30:00 +01:00"}},
		{"Berlin: the end of the fold", "0 3 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", []string{"2026-10-25 03:00:00 +01:00"}},
		{"UTC has neither", "*/30 1 * * *", "", "2026-10-24T23:59:00Z", []string{"2026-10-25 01:00:00 +00:00", "2026-10-25 01:30:00 +00:00", "2026-10-26 01:00:00 +00:00"}},

		{"New York: the gap", "30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", []string{"2026-03-08 03:00:00 -04:00", "2026-03-09 02:30:00 -04:00"}},
		{"New York: the fold", "30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", []string{"2026-11-01 01:30:00 -04:00", "2026-11-02 01:30:00 -05:00"}},
		{"New York: midnight around the fold", "@daily", "America/New_York", "2026-10-31T12:00:00Z", []string{"2026-11-01 00:00:00 -04:00", "2026-11-02 00:00:00 -05:00"}},

		{"Lord Howe: half an hour is jumped over", "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", []string{"2026-10-04 02:30:00 +11:00", "2026-10-05 02:15:00 +11:00"}},
		{"Lord Howe: half past is there", "30 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", []string{"2026-10-04 02:30:00 +11:00", "2026-10-05 02:30:00 +11:00"}},
		{"Lord Howe: half an hour is shown twice", "45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", []string{"2026-04-05 01:45:00 +11:00", "2026-04-06 01:45:00 +10:30"}},
		{"Lord Howe: what is shown once", "15 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", []string{"2026-04-05 01:15:00 +11:00", "2026-04-06 01:15:00 +10:30"}},

		{"a day that a zone left out", "0 12 30 12 *", "Pacific/Apia", "2011-12-29T00:00:00Z", []string{"2011-12-31 00:00:00 +14:00", "2012-12-30 12:00:00 +14:00"}},
		{"a day without midnight", "@daily", "America/Sao_Paulo", "2018-11-03T12:00:00Z", []string{"2018-11-04 01:00:00 -02:00", "2018-11-05 00:00:00 -02:00"}},

		{"@every has its beats since 1970", "@every 90s", "", "2026-01-01T00:00:01Z", []string{"2026-01-01 00:01:30 +00:00", "2026-01-01 00:03:00 +00:00"}},
		{"@every, on a beat", "@every 2s", "", "2026-01-01T00:00:02Z", []string{"2026-01-01 00:00:04 +00:00"}},
		{"@every, between seconds", "@every 1s", "", "2026-01-01T00:00:02.5Z", []string{"2026-01-01 00:00:03 +00:00"}},
		{"@every 24h is midnight in UTC", "@every 24h", "Europe/Berlin", "2026-01-01T00:00:02Z", []string{"2026-01-02 01:00:00 +01:00"}},
		{"@every through a fold", "@every 30m", "Europe/Berlin", "2026-10-25T00:01:00Z", []string{"2026-10-25 02:30:00 +02:00", "2026-10-25 02:00:00 +01:00", "2026-10-25 02:30:00 +01:00"}},
		{"@every before 1970", "@every 7s", "", "1969-12-31T23:59:58Z", []string{"1970-01-01 00:00:00 +00:00"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := coming(mustParse(t, c.text, c.zone), at(t, c.after), len(c.want))
			assert.DeepEqual(t, got, c.want)
		})
	}
}

func TestTheZeroScheduleIsNeverDue(t *testing.T) {
	_, ok := Schedule{}.Next(at(t, "2026-01-01T00:00:00Z"))
	assert.Assert(t, !ok)
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ text, zone, want string }{
		{"60 * * * *", "", `"60" is no minute; allowed: 0-59, with * / , -`},
		{"* 24 * * *", "", `"24" is no hour; allowed: 0-23, with * / , -`},
		{"* * 0 * *", "", `"0" is no day of month; allowed: 1-31, with * / , -`},
		{"* * * 13 *", "", `"13" is no month; allowed: 1-12 or JAN-DEC, with * / , -`},
		{"* * * * 8", "", `"8" is no day of week; allowed: 0-7 or SUN-SAT, with * / , -`},
		{"* * * * * 1969", "", `"1969" is no year; allowed: 1970-2099, with * / , -`},
		{"5-1 * * * *", "", `"5-1" is no minute: a range runs forwards: write 5-59,0-1`},
		{"* 3,22-0 * * *", "", `"3,22-0" is no hour: a range runs forwards: write 3,22-23,0`},
		{"20,5-2,59-3 * * * *", "", `"20,5-2,59-3" is no minute: a range runs forwards: write 20,5-59,0-2,59,0-3`},
		{"5-2,x * * * *", "", `"5-2,x" is no minute; allowed: 0-59, with * / , -`},
		{"* * * NOV-FEB *", "", `"NOV-FEB" is no month: a range runs forwards: write NOV-DEC,JAN-FEB`},
		{"* * * * fri-mon", "", `"fri-mon" is no day of week: a range runs forwards: write FRI-SAT,SUN-MON`},
		{"* * * * 7-2", "", `"7-2" is no day of week: a range runs forwards: write SUN-TUE`},
		{"*/0 * * * *", "", `"*/0" is no minute; allowed: 0-59, with * / , -`},
		{"1,,2 * * * *", "", `"1,,2" is no minute; allowed: 0-59, with * / , -`},
		{"+1 * * * *", "", `"+1" is no minute; allowed: 0-59, with * / , -`},
		{"-1 * * * *", "", `"-1" is no minute; allowed: 0-59, with * / , -`},
		{"0 0 L * *", "", `"L" is no day of month; allowed: 1-31, with * / , -`},
		{"0 0 15W * *", "", `"15W" is no day of month; allowed: 1-31, with * / , -`},
		{"0 0 ? * *", "", `"?" is no day of month; allowed: 1-31, with * / , -`},
		{"0 0 * * 5#2", "", `"5#2" is no day of week; allowed: 0-7 or SUN-SAT, with * / , -`},
		{"0 0 * * MONDAY", "", `"MONDAY" is no day of week; allowed: 0-7 or SUN-SAT, with * / , -`},
		{"", "", `"" is no schedule; allowed: ` + Allowed},
		{"* * * *", "", `"* * * *" is no schedule; allowed: ` + Allowed},
		{"0 * * * * * 2030", "", `"0 * * * * * 2030" is no schedule; allowed: ` + Allowed},
		{"@reboot", "", `"@reboot" is no schedule; allowed: @hourly, @daily, @weekly, @monthly, @yearly or @every 30s`},
		{"@every", "", `"" is no period of @every; allowed: whole seconds from 1s on, such as 30s or 1h30m`},
		{"@every 1ms", "", `"1ms" is no period of @every; allowed: whole seconds from 1s on, such as 30s or 1h30m`},
		{"@every 1500ms", "", `"1500ms" is no period of @every; allowed: whole seconds from 1s on, such as 30s or 1h30m`},
		{"@every -5s", "", `"-5s" is no period of @every; allowed: whole seconds from 1s on, such as 30s or 1h30m`},
		{"0 0 30 2 *", "", `"0 0 30 2 *" is never due: no day from 1970 to 2099 fits all its fields`},
		{"0 0 31 2,4,6,9,11 *", "", `"0 0 31 2,4,6,9,11 *" is never due: no day from 1970 to 2099 fits all its fields`},
		{"0 0 29 2 * 2027", "", `"0 0 29 2 * 2027" is never due: no day from 1970 to 2099 fits all its fields`},
		{"@daily", "Mars/Base", `"Mars/Base" is no time zone; allowed: names such as UTC and Europe/Berlin (the IANA time zone database)`},
		{"@daily", "Local", `"Local" is no time zone; allowed: names such as UTC and Europe/Berlin (the IANA time zone database)`},
	} {
		_, err := Parse(c.text, c.zone)
		var wrong *Error
		assert.Assert(t, errors.As(err, &wrong), c.text)
		assert.Equal(t, err.Error(), c.want)
	}
	for _, text := range []string{"0 0 30 2 MON", "* * * * *", " 0  3 * * * ", "3/15 * * * *", "0 0 29 2 * 2028", "0 0 31 12 SUN 2099"} {
		_, err := Parse(text, "")
		assert.NilError(t, err, text)
	}
}

// calendar is the values of each field, asked one by one: it knows no arithmetic of days.
type calendar struct {
	values [6]map[int]bool
	either bool // a day that fits one of the day fields is enough
}

func calendarOf(text string) calendar {
	if long, ok := macros[text]; ok {
		text = long
	}
	parts := strings.Fields(text)
	c := calendar{either: !strings.HasPrefix(parts[dayOfMonth], "*") && !strings.HasPrefix(parts[dayOfWeek], "*")}
	for i, part := range parts {
		c.values[i] = map[int]bool{}
		for one := range strings.SplitSeq(part, ",") {
			read, _ := fields[i].read(one)
			for v := read.from; v <= read.to; v += read.step {
				c.values[i][v] = true
			}
		}
	}
	return c
}

// named says whether the fields name a wall time.
func (c calendar) named(wall time.Time) bool {
	if !c.values[minute][wall.Minute()] || !c.values[hour][wall.Hour()] || !c.values[month][int(wall.Month())] || wall.Second() != 0 ||
		c.values[year] != nil && !c.values[year][wall.Year()] {
		return false
	}
	day := c.values[dayOfMonth][wall.Day()]
	weekday := c.values[dayOfWeek][int(wall.Weekday())] || wall.Weekday() == time.Sunday && c.values[dayOfWeek][7]
	return day && weekday || c.either && (day || weekday)
}

// holds checks one answer of Next against the fields: it is later, it is due, and nothing between is.
func holds(t testing.TB, s Schedule, text string, after time.Time) (next time.Time, ok bool) {
	next, ok = s.Next(after)
	if !ok {
		return next, false
	}
	if !next.After(after) || !s.Matches(next) {
		t.Fatalf("%s in %s after %s: %s is not later, or does not match", text, s.location, after, next)
	}
	if s.every > 0 {
		if next.Unix()%int64(s.every/time.Second) != 0 || next.Sub(after) > s.every {
			t.Fatalf("%s after %s: %s is no beat", text, after, next)
		}
		return next, true
	}
	fields := calendarOf(text)
	// a shown time that is shown for the first time, or a jump over a named one
	due := func(instant time.Time) bool {
		wall := wallOf(instant)
		if fields.named(wall) && !shownBefore(instant) {
			return true
		}
		for jumped := wallOf(instant.Add(-time.Second)).Add(time.Second); jumped.Before(wall); jumped = jumped.Add(time.Minute) {
			if fields.named(jumped) {
				return true
			}
		}
		return false
	}
	if !due(next) {
		t.Fatalf("%s in %s after %s: %s is not named", text, s.location, after, next)
	}
	between := after.Truncate(time.Minute).Add(time.Minute).In(s.location)
	for range 26 * 60 {
		if !between.Before(next) {
			break
		}
		if between.After(after) && due(between) {
			t.Fatalf("%s in %s after %s: %s was passed over for %s", text, s.location, after, between, next)
		}
		between = between.Add(time.Minute)
	}
	return next, true
}

// shownBefore says whether clocks have shown this time already, within the last hours.
func shownBefore(instant time.Time) bool {
	for back := time.Minute; back <= 3*time.Hour; back += time.Minute {
		if wallOf(instant.Add(-back)).Equal(wallOf(instant)) {
			return true
		}
	}
	return false
}

var zones = []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "Africa/Casablanca"}

// turns are instants near which clocks jump or are set back, and other edges.
var turns = []string{
	"2026-03-29T00:00:00Z", "2026-10-25T00:00:00Z", "2026-03-08T06:00:00Z", "2026-11-01T05:00:00Z", "2026-04-04T14:00:00Z", "2026-10-03T14:00:00Z",
	"2028-02-28T12:00:00Z", "2026-12-31T12:00:00Z", "2018-11-04T02:00:00Z", "2026-02-15T01:00:00Z", "2099-12-31T00:00:00Z", "1970-01-02T00:00:00Z",
}

func TestNextOverTurnsOfClocks(t *testing.T) {
	for _, zone := range zones {
		for _, text := range []string{"* * * * *", "*/7 * * * *", "30 2 * * *", "*/20 1-3 * * *", "15 2,3 * * sun", "0 0 * * *", "45 1 1,25 * *", "5/10 */2 * * 1-5", "0 3 */3 * */2", "@every 17m"} {
			s := mustParse(t, text, zone)
			for _, turn := range turns {
				after := at(t, turn)
				for range 12 {
					next, ok := holds(t, s, text, after)
					if !ok {
						break
					}
					after = next
				}
			}
		}
	}
}

func FuzzNext(f *testing.F) {
	f.Add("*/5 * * * *", uint8(1), int64(1774742400))
	f.Add("30 2 * * *", uint8(3), int64(1791036000))
	f.Add("0 0 29 2 *", uint8(0), int64(-5))
	f.Add("0 0 */2 * MON 2030-2040/3", uint8(2), int64(1893456000))
	f.Add("1-5,7/9 0 31 jan-dec sun,5-7", uint8(4), int64(4102444799))
	f.Add("@every 90s", uint8(5), int64(1))
	f.Fuzz(func(t *testing.T, text string, zone uint8, unix int64) {
		s, err := Parse(text, zones[int(zone)%len(zones)])
		if err != nil {
			return
		}
		if s.Words() == "" {
			t.Fatalf("%q has no words", text)
		}
		after := time.Unix(unix%(1<<33), 0)
		for range 3 {
			next, ok := holds(t, s, strings.TrimSpace(text), after)
			if !ok {
				return
			}
			after = next
		}
	})
}

// spans are schedules whose ten years are worked out one instant after the other.
var spans = []struct {
	text, zone string
	instants   int
}{
	{"0 3 * * *", "UTC", 3652},
	{"30 2 * * *", "Europe/Berlin", 3652},
	{"30 6 * * mon-fri", "America/New_York", 2608},
	{"0 0 29 2 *", "UTC", 2},
	{"0 */6 * * *", "Australia/Lord_Howe", 4 * 3652},
}

func tenYears(s Schedule) (instants int) {
	t := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for end := t.AddDate(10, 0, 0); ; instants++ {
		next, ok := s.Next(t)
		if !ok || next.After(end) {
			return instants
		}
		t = next
	}
}

func TestTenYears(t *testing.T) {
	for _, c := range spans {
		s := mustParse(t, c.text, c.zone)
		assert.Equal(t, tenYears(s), c.instants, c.text)
		// the work an instant takes does not grow with the distance to it
		worst := testing.AllocsPerRun(3, func() { tenYears(s) })
		assert.Check(t, worst < float64(max(c.instants, 120)), "%s: %v allocations", c.text, worst)
	}
}

// BenchmarkTenYears must stay under 50 ms of processor time an operation.
func BenchmarkTenYears(b *testing.B) {
	for _, c := range spans {
		b.Run(fmt.Sprintf("%s %s", c.text, c.zone), func(b *testing.B) {
			s := mustParse(b, c.text, c.zone)
			b.ReportAllocs()
			before := spent()
			for b.Loop() {
				tenYears(s)
			}
			b.ReportMetric(float64((spent()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}
