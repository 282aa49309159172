package compose

import (
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // time zones are known in a container that has none
)

const needCron = `a schedule such as "*/5 * * * *" (minute, hour, day, month, weekday), @hourly, @daily, @weekly, @monthly, @yearly or @every 30s`

var cronMacros = []string{"@hourly", "@daily", "@weekly", "@monthly", "@yearly"}

var cronRanges = []struct {
	least, most int
	names       []string // of the values from 0 or 1 on
}{
	{0, 59, nil},
	{0, 23, nil},
	{1, 31, nil},
	{1, 12, []string{"", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// validCron says whether a text is a schedule: five fields, a name with @, or "@every" and a duration.
func validCron(s string) bool {
	if every, ok := strings.CutPrefix(s, "@every "); ok {
		d, err := time.ParseDuration(strings.TrimSpace(every))
		return err == nil && d >= time.Second
	}
	if strings.HasPrefix(s, "@") {
		return slices.Contains(cronMacros, s)
	}
	parts := strings.Fields(s)
	if len(parts) != len(cronRanges) {
		return false
	}
	for i, part := range parts {
		for item := range strings.SplitSeq(part, ",") {
			if !validCronItem(item, cronRanges[i].least, cronRanges[i].most, cronRanges[i].names) {
				return false
			}
		}
	}
	return true
}

func validCronItem(item string, least, most int, names []string) bool {
	item, every, stepped := strings.Cut(item, "/")
	if n, err := strconv.Atoi(every); stepped && (err != nil || n < 1 || n > most) {
		return false
	}
	if item == "*" {
		return true
	}
	from, to, ranged := strings.Cut(item, "-")
	first, ok := cronNumber(from, least, most, names)
	if !ok || !ranged {
		return ok
	}
	last, ok := cronNumber(to, least, most, names)
	return ok && first <= last
}

func cronNumber(s string, least, most int, names []string) (int, bool) {
	if i := slices.Index(names, strings.ToLower(s)); i >= 0 && s != "" {
		return i, true
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= least && n <= most && !strings.HasPrefix(s, "+")
}

func validTimezone(s string) bool {
	_, err := time.LoadLocation(s)
	return err == nil && s != "Local"
}
