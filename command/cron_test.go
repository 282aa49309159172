package command

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

const shopJobs = shop + `  nightly:
    image: shop:1
    command: [backup, --all]
    cron: {schedule: "30 2 * * *", timezone: Europe/Berlin, timeout: 5m, keep: 2}
    depends_on: [db]
jobs:
  report: {image: report:1, triggers: {schedule: ["0 6 * * mon-fri", "@every 90m"]}}
  restore: {image: shop:1, triggers: {manual: true}}
  past: {image: shop:1, triggers: {schedule: ["0 0 1 1 * 2020"]}}
`

func TestCronLs(t *testing.T) {
	s := newShell(t, shopJobs)
	assert.Equal(t, s.run("cron", "ls", "-q").out, "nightly\npast\nreport\nrestore\n")
	assert.Equal(t, s.run("cron", "ls", "--format", "{{.Name}}|{{.Schedule}}|{{.Words}}|{{.Timezone}}|{{.Manual}}").out, ""+
		"nightly|30 2 * * *|every day at 02:30|Europe/Berlin|true\n"+
		"past|0 0 1 1 * 2020|at 00:00 on day 1 in January in 2020|UTC|true\n"+
		"report|0 6 * * mon-fri; @every 90m|at 06:00 on Monday to Friday; every 1h30m|UTC|true\n"+
		"restore||by hand||true\n")
	table := s.run("cron", "ls")
	assert.Assert(t, is.Contains(table.out, "IN WORDS"))
	assert.Assert(t, is.Contains(table.out, "never"))
	for line := range strings.Lines(s.run("cron", "ls", "--format", "json").out) {
		var row struct{ Name, Next string }
		assert.NilError(t, json.Unmarshal([]byte(line), &row))
		next, err := time.Parse(time.RFC3339, row.Next)
		if row.Name == "nightly" || row.Name == "report" {
			assert.NilError(t, err)
			assert.Assert(t, next.After(time.Now()) && next.Before(time.Now().Add(26*time.Hour)), row.Next)
		} else {
			assert.Equal(t, row.Next, "")
		}
	}
	assert.DeepEqual(t, s.engine.calls, []string{"list", "list", "list"}) // one each, but for -q
}

// A job that is named is meant, though its profile is not on, as with `run`.
func TestCronVerbsSwitchProfilesOn(t *testing.T) {
	s := newShell(t, shopJobs+`  rare: {image: shop:1, profiles: [rare], triggers: {schedule: [{cron: "@daily", timezone: Europe/Berlin}, "@hourly", {cron: "@weekly", timezone: Europe/Berlin}]}}
`)
	assert.Assert(t, !strings.Contains(s.run("cron", "ls", "-q").out, "rare"))
	for _, argv := range [][]string{{"next", "rare"}, {"inspect", "rare"}, {"history", "rare"}, {"run", "rare"}, {"logs", "rare"}} {
		r := s.run(append([]string{"cron"}, argv...)...)
		assert.Equal(t, r.code, 0, "%v: %s", argv, r.err)
	}
	assert.Assert(t, is.Contains(s.run("cron", "pause", "rare").err, "no sidecar of project shop runs"))
	assert.Equal(t, s.run("--profile", "rare", "cron", "ls", "--format", "{{.Name}} {{.Timezone}}").out,
		"nightly Europe/Berlin\npast UTC\nrare Europe/Berlin; UTC; Europe/Berlin\nreport UTC\nrestore \n")
	assert.Assert(t, is.Contains(s.run("cron", "run", "rar").err, "no such job: rar"))
}

func TestCronNext(t *testing.T) {
	s := newShell(t, shopJobs)
	assert.Equal(t, s.run("cron", "next", "nightly", "-n", "3", "--after", "2026-03-28T12:00:00Z").out, ""+
		"AT                               TIMEZONE\n"+
		"Sun 2026-03-29 03:00:00 +02:00   Europe/Berlin\n"+
		"Mon 2026-03-30 02:30:00 +02:00   Europe/Berlin\n"+
		"Tue 2026-03-31 02:30:00 +02:00   Europe/Berlin\n")
	assert.Equal(t, s.run("cron", "next", "nightly", "-n", "2", "--after", "2026-10-24T12:00:00Z", "--format", "json").out, ""+
		`{"Job":"nightly","At":"2026-10-25T02:30:00+02:00","Timezone":"Europe/Berlin"}`+"\n"+
		`{"Job":"nightly","At":"2026-10-26T02:30:00+01:00","Timezone":"Europe/Berlin"}`+"\n")
	assert.Equal(t, s.run("cron", "next", "report", "-n", "3", "--after", "2026-01-05T04:00:00Z", "--format", "{{.At}}").out,
		"2026-01-05T04:30:00Z\n2026-01-05T06:00:00Z\n2026-01-05T07:30:00Z\n")
	assert.Equal(t, strings.Count(s.run("cron", "next", "nightly").out, "\n"), 11)
	r := s.run("cron", "next", "restore", "--format", "{{.At}}")
	assert.Equal(t, r, result{0, "", "warning: the job restore has no schedule: it runs by hand only\n"})
}

func TestCronOfWhatIsNoJob(t *testing.T) {
	s := newShell(t, shopJobs)
	for typed, want := range map[string]result{
		"cron next nightyl":                  {1, "", "error: no such job: nightyl\n hint: did you mean `nightly`?\n"},
		"cron next web":                      {1, "", "error: no such job: web\n hint: web is a service; a job has `cron:`, or stands under `jobs:`\n"},
		"cron next":                          {2, "", "error: cron next needs one job\n hint: as in `hyper-lite cron next nightly`\n"},
		"cron next -n 0 nightly":             {2, "", "error: --number: 0 is not allowed\n hint: it is from 1 to 10000\n"},
		"cron next --after tomorrow nightly": {2, "", "error: --after: \"tomorrow\" is no time\n hint: write it as in 2026-10-24T12:00:00Z or 2026-10-24T12:00:00+02:00\n"},
		"cron inspect":                       {2, "", "error: cron inspect needs a job\n hint: as in `hyper-lite cron inspect nightly`\n"},
	} {
		assert.Equal(t, s.run(strings.Fields(typed)...), want, typed)
	}
}

func TestCronInspect(t *testing.T) {
	s := newShell(t, shopJobs)
	var views []map[string]any
	assert.NilError(t, json.Unmarshal([]byte(s.run("cron", "inspect", "nightly", "restore").out), &views))
	nightly := views[0]
	assert.DeepEqual(t, nightly["schedules"], []any{map[string]any{
		"cron": "30 2 * * *", "words": "every day at 02:30", "timezone": "Europe/Berlin", "concurrency": "forbid", "missedFires": "one",
	}})
	assert.DeepEqual(t, nightly["keep"], map[string]any{"successful": 2.0, "failed": 2.0})
	assert.DeepEqual(t, nightly["command"], []any{"backup", "--all"})
	assert.Equal(t, nightly["timeout"], "5m0s")
	assert.Assert(t, nightly["next"] != nil && views[1]["next"] == nil)
}

func TestCronRun(t *testing.T) {
	s := newShell(t, shopJobs+"  never: {image: shop:1, triggers: {schedule: [\"@daily\"], manual: false}}\n")
	r := s.run("cron", "run", "nightly", "-e", "DRY=1", "--", "backup", "-v")
	assert.Equal(t, r.code, 0, r.err)
	name := strings.TrimSpace(r.out)
	assert.Assert(t, is.Regexp(`^shop-nightly-[0-9]{10}$`, name))
	var made []string
	for _, c := range s.engine.replicas {
		made = append(made, c.Service+" "+string(c.Role)+" "+string(c.State))
	}
	assert.DeepEqual(t, made, []string{"db replica running", "nightly run running"}) // and nothing of web
	again := s.run("cron", "run", "nightly")
	assert.Assert(t, again.code == 0 && strings.TrimSpace(again.out) != name, again.err)

	for typed, want := range map[string]string{
		"cron run never": "error: job never is not to be run by hand: its triggers say manual: false\n",
		"cron run web":   "error: no such job: web\n hint: web is a service; a job has `cron:`, or stands under `jobs:`\n",
	} {
		assert.Equal(t, s.run(strings.Fields(typed)...), result{1, "", want}, typed)
	}
	before := len(s.engine.replicas)
	planned := s.run("--dry-run", "cron", "run", "restore")
	assert.Assert(t, is.Contains(planned.out, "create  shop-restore-"), planned.out)
	assert.Equal(t, len(s.engine.replicas), before)
}

func TestCompletionOfJobs(t *testing.T) {
	s := newShell(t, shopJobs)
	var out lockedBuffer
	p := &program{IO: IO{In: strings.NewReader(""), Out: &out, Err: &out}, env: s.env}
	assert.Equal(t, p.run(t.Context(), []string{completionVerb, "--project-directory", s.dir, "cron", "next", ""}), 0)
	assert.Equal(t, out.String(), "nightly\npast\nreport\nrestore\n")
}
