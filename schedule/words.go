package schedule

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Words is the schedule in plain English, without its zone: "every day at 03:00", "every 15 minutes, Monday to Friday".
func (s Schedule) Words() string {
	if s.every > 0 {
		return "every " + short(s.every)
	}
	text := strings.TrimSpace(s.text)
	if long, ok := macros[text]; ok {
		text = long
	}
	parts := strings.Fields(text)
	if check(parts) != nil {
		return "never"
	}
	for i, part := range parts {
		if part == "*/1" {
			parts[i] = "*"
		}
	}
	days := dayWords(parts)
	said := timeWords(parts[minute], parts[hour]) + days
	if days == "" && strings.HasPrefix(said, "at ") && clockTimes(parts[minute], parts[hour]) != nil {
		said = "every day " + said
	}
	if len(parts) > year && parts[year] != "*" {
		said += " in " + listWords(fields[year], parts[year], "year")
	}
	return said
}

// short is a duration without its zeros: "1h", "1m30s".
func short(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

func timeWords(minutes, hours string) string {
	at, _ := fields[minute].read(minutes)
	in, _ := fields[hour].read(hours)
	beats := single(minutes) && at.open && 60%at.step == 0
	switch times := clockTimes(minutes, hours); {
	case minutes == "0" && single(hours) && in.open && in.step == 1:
		return "every hour"
	case minutes == "0" && single(hours) && in.open && 24%in.step == 0:
		return fmt.Sprintf("every %d hours", in.step)
	case times != nil && !beats:
		return "at " + join(times)
	case minutes == "0" && single(hours) && in.step == 1:
		return fmt.Sprintf("every hour from %02d:00 to %02d:00", in.from, in.to)
	case minutes == "0" && single(hours):
		return fmt.Sprintf("every %d hours from %02d:00 to %02d:00", in.step, in.from, in.last())
	case beats && at.step == 1:
		return "every minute" + hourWords(hours, in, " in hour ")
	case beats:
		return fmt.Sprintf("every %d minutes", at.step) + hourWords(hours, in, " in hour ")
	case single(minutes) && !at.open && at.step > 1:
		return fmt.Sprintf("every %d minutes from minute %d to %d", at.step, at.from, at.last()) + hourWords(hours, in, " in hour ")
	}
	said := "at minute " + listWords(fields[minute], minutes, "minute")
	if hours == "*" || single(hours) && in.step == 1 {
		said += " of every hour"
	}
	return said + hourWords(hours, in, " of hour ")
}

// hourWords bounds what happens within hours.
func hourWords(hours string, in item, within string) string {
	switch {
	case hours == "*":
		return ""
	case single(hours) && in.step == 1:
		return fmt.Sprintf(" from %02d:00 to %02d:59", in.from, in.to)
	case single(hours) && in.open && 24%in.step == 0:
		return fmt.Sprintf(" of every %s hour", ordinal(in.step))
	}
	return within + listWords(fields[hour], hours, "hour")
}

// clockTimes are the times of day where they are few and plain, nil otherwise.
func clockTimes(minutes, hours string) []string {
	at, in := values(minutes, fields[minute]), values(hours, fields[hour])
	if len(at)*len(in) > 6 {
		return nil
	}
	var times []string
	for _, h := range in {
		for _, m := range at {
			times = append(times, fmt.Sprintf("%02d:%02d", h, m))
		}
	}
	slices.Sort(times)
	return slices.Compact(times)
}

// values are all those that a field names, in order.
func values(text string, f field) []int {
	var all []int
	for one := range strings.SplitSeq(text, ",") {
		read, _ := f.read(one)
		for v := read.from; v <= read.to; v += read.step {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// last is the last value of an entry.
func (i item) last() int { return i.to - (i.to-i.from)%i.step }

func dayWords(parts []string) string {
	day, weekday := parts[dayOfMonth], parts[dayOfWeek]
	if week := fields[dayOfWeek]; len(week.words(values(weekday, week))) == 7 { // as 0-7 and MON-SUN
		if !strings.HasPrefix(weekday, "*") && !strings.HasPrefix(day, "*") { // either is enough
			day = "*"
		}
		weekday = "*"
	}
	months := ""
	if parts[month] != "*" {
		months = " in " + listWords(fields[month], parts[month], "month")
	}
	onDay := "on day " + listWords(fields[dayOfMonth], day, "day")
	if strings.HasPrefix(onDay, "on day every") {
		onDay = "on " + listWords(fields[dayOfMonth], day, "day")
	}
	if months == "" {
		onDay += " of the month"
	}
	weekdays := listWords(fields[dayOfWeek], weekday, "day of the week")
	switch {
	case day == "*" && weekday == "*":
		return months
	case weekday == "*":
		return " " + onDay + months
	case day == "*":
		return " on " + weekdays + months
	case strings.HasPrefix(day, "*") || strings.HasPrefix(weekday, "*"):
		return " " + onDay + months + ", if it is " + weekdays
	}
	return " " + onDay + " and on " + weekdays + months
}

// listWords are the entries of a field; noun is what one of its values is. Steps are told by the values that they come to,
// but where these are many.
func listWords(f field, text, noun string) string {
	var said []string
	for one := range strings.SplitSeq(text, ",") {
		read, _ := f.read(one)
		switch {
		case read.open && read.step == 1:
			said = append(said, "any")
		case read.from == read.to:
			said = append(said, f.word(read.from))
		case read.step == 1:
			said = append(said, f.word(read.from)+" to "+f.word(read.to))
		case len(values(text, f)) <= 12:
			return join(f.words(values(text, f)))
		case read.open:
			said = append(said, "every "+ordinal(read.step)+" "+noun)
		default:
			said = append(said, "every "+ordinal(read.step)+" from "+f.word(read.from)+" to "+f.word(read.last()))
		}
	}
	return join(said)
}

func (f field) words(values []int) []string {
	var said []string
	for _, v := range values {
		if word := f.word(v); !slices.Contains(said, word) { // 0 and 7 are one day of the week
			said = append(said, word)
		}
	}
	return said
}

func (f field) word(value int) string {
	switch f.name {
	case fields[month].name:
		return time.Month(value).String()
	case fields[dayOfWeek].name:
		return time.Weekday(value % 7).String()
	}
	return fmt.Sprint(value)
}

func single(text string) bool { return !strings.Contains(text, ",") }

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprintf("%d%s", n, suffix)
}

func join(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
