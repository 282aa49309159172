package schedule

import (
	"testing"

	"gotest.tools/v3/assert"
)

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"* * * * *":                   "every minute",
		"*/5 * * * *":                 "every 5 minutes",
		"0 * * * *":                   "every hour",
		"@hourly":                     "every hour",
		"@daily":                      "every day at 00:00",
		"@weekly":                     "at 00:00 on Sunday",
		"@monthly":                    "at 00:00 on day 1 of the month",
		"@yearly":                     "at 00:00 on day 1 in January",
		"@every 90s":                  "every 1m30s",
		"@every 24h":                  "every 24h",
		"@every 10s":                  "every 10s",
		"0 3 * * *":                   "every day at 03:00",
		"30 6 * * mon-fri":            "at 06:30 on Monday to Friday",
		"0 8,20 * * *":                "every day at 08:00 and 20:00",
		"15 * * * *":                  "at minute 15 of every hour",
		"3-59/15 * * * *":             "every 15 minutes from minute 3 to 59",
		"0 */6 * * *":                 "every 6 hours",
		"0 9-17 * * 1-5":              "every hour from 09:00 to 17:00 on Monday to Friday",
		"*/15 9-17 * * *":             "every 15 minutes from 09:00 to 17:59",
		"* 3 * * *":                   "every minute from 03:00 to 03:59",
		"*/10 */2 * * *":              "every 10 minutes of every 2nd hour",
		"* 1,3-5 * * *":               "every minute in hour 1 and 3 to 5",
		"0 0 13 * FRI":                "at 00:00 on day 13 of the month and on Friday",
		"0 0 */2 * MON":               "at 00:00 on every 2nd day of the month, if it is Monday",
		"0 0 29 2 *":                  "at 00:00 on day 29 in February",
		"0 12 1,15 JAN-JUN *":         "at 12:00 on day 1 and 15 in January to June",
		"0 0 1 1 * 2030":              "at 00:00 on day 1 in January in 2030",
		"0 0 * * 7":                   "at 00:00 on Sunday",
		"0,10,20,30,40,50,55 3 * * *": "at minute 0, 10, 20, 30, 40, 50 and 55 of every hour from 03:00 to 03:59",
	} {
		s, err := Parse(text, "")
		assert.NilError(t, err, text)
		assert.Check(t, s.Words() == want, "%s: %s", text, s.Words())
	}
}
