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
	days := dayWords(parts)
	said := timeWords(parts[minute], parts[hour]) + days
	if days == "" && clockTimes(parts[minute], parts[hour]) != nil {
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
	if times := clockTimes(minutes, hours); times != nil {
		return "at " + join(times)
	}
	said := ""
	switch read, _ := fields[minute].read(minutes); {
	case minutes == "*":
		said = "every minute"
	case minutes == "0" && hours == "*":
		return "every hour"
	case minutes == "0":
		if read, ok := fields[hour].read(hours); ok && read.open {
			return fmt.Sprintf("every %d hours", read.step)
		}
		return "every hour" + hourWords(hours, "0")
	case single(minutes) && read.open:
		said = fmt.Sprintf("every %d minutes", read.step)
	case single(minutes) && read.step > 1:
		said = fmt.Sprintf("every %d minutes from minute %d to %d", read.step, read.from, read.to)
	default:
		said = "at minute " + listWords(fields[minute], minutes, "minute") + " of every hour"
	}
	return said + hourWords(hours, minutes)
}

// hourWords bounds what happens within hours.
func hourWords(hours, minutes string) string {
	if hours == "*" {
		return ""
	}
	read, _ := fields[hour].read(hours)
	if single(hours) && read.step == 1 {
		last := 59
		if minutes == "0" {
			last = 0
		}
		return fmt.Sprintf(" from %02d:00 to %02d:%02d", read.from, read.to, last)
	}
	if single(hours) && read.open {
		return fmt.Sprintf(" of every %s hour", ordinal(read.step))
	}
	return " in hour " + listWords(fields[hour], hours, "hour")
}

// clockTimes are the times of day where they are few and plain, nil otherwise.
func clockTimes(minutes, hours string) []string {
	at, ok := values(minutes, fields[minute])
	if !ok {
		return nil
	}
	in, ok := values(hours, fields[hour])
	if !ok || len(at)*len(in) > 6 {
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

// values are those of a list of single values.
func values(text string, f field) ([]int, bool) {
	var all []int
	for one := range strings.SplitSeq(text, ",") {
		n, ok := f.value(one)
		if !ok {
			return nil, false
		}
		all = append(all, n)
	}
	return all, true
}

func dayWords(parts []string) string {
	day, weekday := parts[dayOfMonth], parts[dayOfWeek]
	months := ""
	if parts[month] != "*" {
		months = " in " + listWords(fields[month], parts[month], "month")
	}
	onDay := "on " + listWords(fields[dayOfMonth], day, "day")
	if !strings.HasPrefix(day, "*") {
		onDay = "on day " + listWords(fields[dayOfMonth], day, "day")
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

// listWords are the entries of a field; noun is what one of its values is.
func listWords(f field, text, noun string) string {
	var said []string
	for one := range strings.SplitSeq(text, ",") {
		read, _ := f.read(one)
		switch {
		case read.open && read.step == 1:
			said = append(said, "any")
		case read.open:
			said = append(said, "every "+ordinal(read.step)+" "+noun)
		case read.from == read.to:
			said = append(said, f.word(read.from))
		case read.step == 1:
			said = append(said, f.word(read.from)+" to "+f.word(read.to))
		default:
			said = append(said, "every "+ordinal(read.step)+" from "+f.word(read.from)+" to "+f.word(read.to))
		}
	}
	return join(said)
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
