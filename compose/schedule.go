package compose

import (
	"hyper-lite/schedule"
)

// wrongCron says what is wrong with an expression; "" is nothing.
func wrongCron(text string) string {
	if _, err := schedule.Parse(text, ""); err != nil {
		return err.Error()
	}
	return ""
}

func validCron(text string) bool { return wrongCron(text) == "" }

func validTimezone(name string) bool {
	_, err := schedule.Zone(name)
	return name != "" && err == nil
}

const needTimezone = "an IANA time zone such as Europe/Berlin"

// triggersOf checks the schedules of an entry of `jobs:` in a file.
func (s *shape) triggersOf(path []string, job map[string]any) {
	entries, _ := asMap(job["triggers"])["schedule"].([]any)
	for i, entry := range entries {
		at := func(below ...string) []string {
			return append(append(append([]string{}, path...), "triggers", "schedule", itoa(i)), below...)
		}
		cron, place := entry, at()
		if m := asMap(entry); m != nil {
			cron, place = m["cron"], at("cron")
			if zone, ok := asString(m["timezone"]); ok && !s.pending(zone) && !validTimezone(zone) {
				s.report(at("timezone"), false, "must be "+needTimezone, "")
			}
		}
		if text, ok := asString(cron); ok && !s.pending(text) && !validCron(text) {
			s.report(place, false, wrongCron(text), "")
		}
	}
}
