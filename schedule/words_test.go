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
		"3-59/15 * * * *":             "every 15 minutes from minute 3 to 48",
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
		"*/1 * * * *":                 "every minute",
		"0 */1 * * *":                 "every hour",
		"*/45 * * * *":                "at minute 0 and 45 of every hour",
		"*/25 9-17 * * *":             "at minute 0, 25 and 50 of every hour from 09:00 to 17:59",
		"*/7 3 * * *":                 "at minute 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every hour from 03:00 to 03:59",
		"*/15 3 * * *":                "every 15 minutes from 03:00 to 03:59",
		"0 */5 * * *":                 "every day at 00:00, 05:00, 10:00, 15:00 and 20:00",
		"0 9-17/2 * * *":              "every day at 09:00, 11:00, 13:00, 15:00 and 17:00",
		"0 1-23/2 * * *":              "every 2 hours from 01:00 to 23:00",
		"0 1/2 * * *":                 "every 2 hours from 01:00 to 23:00",
		"0 0-20/3 * * *":              "every 3 hours from 00:00 to 18:00",
		"0 0-3,8-12 * * *":            "at minute 0 of hour 0 to 3 and 8 to 12",
		"15,45 */6 * * *":             "at minute 15 and 45 of every 6th hour",
		"15,45 */5 * * *":             "at minute 15 and 45 of hour 0, 5, 10, 15 and 20",
		"10-20/5 3 * * *":             "every day at 03:10, 03:15 and 03:20",
		"*/20 9-17/2 * * *":           "every 20 minutes in hour 9, 11, 13, 15 and 17",
		"0 0 * * 1/2":                 "at 00:00 on Monday, Wednesday, Friday and Sunday",
		"0 0 * * fri-sun":             "at 00:00 on Friday to Sunday",
		"5/15 * * * *":                "every 15 minutes from minute 5 to 50",
		"0 0 * * 0-7":                 "every day at 00:00",
		"0 0 * * 1-0":                 "every day at 00:00",
		"0 0 */2 * 0-6":               "at 00:00 on every 2nd day of the month",
		"0 0 13 2 0-6":                "at 00:00 in February",
		"0 0 13 2 *,1":                "at 00:00 on day 13 in February",
		"0 0 1-28/2 * *":              "at 00:00 on every 2nd from 1 to 27 of the month",
		"0 0 * */3 *":                 "at 00:00 in January, April, July and October",
		"0 0 1-7 * */7":               "at 00:00 on day 1 to 7 of the month, if it is Sunday",
		"0 0 1-10/3 * *":              "at 00:00 on day 1, 4, 7 and 10 of the month",
		"0 0 */10 * *":                "at 00:00 on day 1, 11, 21 and 31 of the month",
		"0 0 1 1 * 2026-2030/2":       "at 00:00 on day 1 in January in 2026, 2028 and 2030",
		"@midnight":                   "every day at 00:00",
		"@annually":                   "at 00:00 on day 1 in January",
		"0,10,20,30,40,50,55 3 * * *": "at minute 0, 10, 20, 30, 40, 50 and 55 of every hour from 03:00 to 03:59",
	} {
		s, err := Parse(text, "")
		assert.NilError(t, err, text)
		assert.Check(t, s.Words() == want, "%s: %s", text, s.Words())
	}
}
