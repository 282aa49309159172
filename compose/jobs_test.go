package compose

import (
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func job(t *testing.T, p Project, name string) Job {
	t.Helper()
	for _, j := range p.Jobs {
		if j.Name == name {
			return j
		}
	}
	t.Fatalf("no job %s", name)
	return Job{}
}

func TestJobs(t *testing.T) {
	p := mustLoad(t, map[string]string{"job.env": "FROM=file", "compose.yaml": `
services:
  db: {image: x}
  short: {image: x, cron: "*/5 * * * mon-fri", depends_on: [db]}
  long:
    image: x
    cron:
      schedule: ["@hourly", {cron: "0 3 * * *", timezone: Europe/Berlin}]
      concurrency: replace
      missed_fires: skip
      timezone: Asia/Tokyo
      timeout: 1h
      start_deadline: 30
      retries: ${R:-2}
      keep_succeeded: 0
      keep_failed: 1
      history: 10
      manual: false
jobs:
  spec:
    image: x
    env_file: job.env
    depends_on: [db]
    triggers: {schedule: ["@daily", {cron: "@weekly", concurrency: queue, missed_fires: skip, timezone: Europe/Paris}]}
    retries: 4
  hand: {image: x, triggers: {manual: true}}
  rude: {image: x, triggers: {schedule: ["@daily"], manual: false}, x-hyper-lite: {concurrency: allow}}
  off: {image: x, triggers: {manual: true}, profiles: [debug]}
`}, LoadOptions{})
	var services, jobs []string
	for _, s := range p.Services {
		services = append(services, s.Name)
	}
	for _, j := range p.Jobs {
		jobs = append(jobs, j.Name)
		assert.Equal(t, j.Role, RoleJob)
		assert.Assert(t, j.Digest.Hash != "")
	}
	assert.DeepEqual(t, services, []string{"db"})
	assert.DeepEqual(t, jobs, []string{"hand", "long", "rude", "short", "spec"})
	assert.DeepEqual(t, p.Disabled, []string{"off"})

	short := job(t, p, "short")
	assert.DeepEqual(t, short.Schedules, []Schedule{{"*/5 * * * mon-fri", "UTC", "forbid", "one"}})
	assert.Assert(t, short.Manual && short.KeepSucceeded == 3 && short.KeepFailed == 3 && short.History == 100)
	assert.Equal(t, short.DependsOn[0].Service, "db")

	long := job(t, p, "long")
	assert.DeepEqual(t, long.Schedules, []Schedule{
		{"@hourly", "Asia/Tokyo", "replace", "skip"}, {"0 3 * * *", "Europe/Berlin", "replace", "skip"},
	})
	assert.Assert(t, !long.Manual)
	assert.DeepEqual(t, []any{long.Timeout, long.StartDeadline, long.Retries, long.KeepSucceeded, long.KeepFailed, long.History},
		[]any{time.Hour, 30 * time.Second, 2, 0, 1, 10})

	spec := job(t, p, "spec")
	assert.DeepEqual(t, spec.Schedules, []Schedule{{"@daily", "UTC", "forbid", "one"}, {"@weekly", "Europe/Paris", "queue", "skip"}})
	assert.Equal(t, *spec.Body.Environment["FROM"], "file")
	assert.Equal(t, spec.Retries, 4)
	assert.Equal(t, job(t, p, "rude").Schedules[0].Concurrency, "allow")
	assert.Equal(t, len(job(t, p, "hand").Schedules), 0)
}

func TestValidCron(t *testing.T) {
	for text, want := range map[string]bool{
		"* * * * *": true, "*/5 0-6,22 1 jan-mar MON": true, "0 0 31 12 7": true, "1-9/2 * * * *": true,
		"@hourly": true, "@every 90s": true, "@every 1ms": false, "@reboot": false, "": false, "* * * *": false, "* * * * * *": false,
		"60 * * * *": false, "* 24 * * *": false, "* * 0 * *": false, "* * * 13 *": false, "* * * * 8": false, "5-1 * * * *": false,
		"*/0 * * * *": false, "a * * * *": false, "1,,2 * * * *": false, "-1 * * * *": false, "+1 * * * *": false,
	} {
		assert.Equal(t, validCron(text), want, text)
	}
}
