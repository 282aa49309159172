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

// Who depends on a job depends on what that one depends on, since nobody makes a run of it for another one.
func TestJobsThatDependOnJobs(t *testing.T) {
	p, warnings, err := Load(t.Context(), LoadOptions{WorkDir: write(t, map[string]string{"compose.yaml": `
services:
  db: {image: x}
  cache: {image: x}
  last: {image: x, cron: "@daily", depends_on: {middle: {condition: service_completed_successfully}, cache: {condition: service_healthy}}}
  middle: {image: x, cron: "@daily", depends_on: [first, cache]}
  first: {image: x, cron: "@daily", depends_on: {db: {condition: service_healthy}}}
jobs:
  spec: {image: x, triggers: {manual: true}, depends_on: [other]}
  other: {image: x, triggers: {manual: true}, depends_on: [last, db]}
`})})
	assert.NilError(t, err)
	needs := func(name string) (all []string) {
		for _, d := range job(t, p, name).DependsOn {
			all = append(all, d.Service+" "+d.Condition)
		}
		return all
	}
	assert.DeepEqual(t, needs("last"), []string{"cache service_healthy", "db service_healthy"})
	assert.DeepEqual(t, needs("middle"), []string{"cache service_started", "db service_healthy"})
	assert.DeepEqual(t, needs("spec"), []string{"cache service_healthy", "db service_started"})
	assert.DeepEqual(t, warnings, []string{
		"job last depends on job middle: it waits for what that one depends on, and for no run of it",
		"job middle depends on job first: it waits for what that one depends on, and for no run of it",
		"job other depends on job last: it waits for what that one depends on, and for no run of it",
		"job spec depends on job other: it waits for what that one depends on, and for no run of it",
	})
}

func TestAJobIsNotRestarted(t *testing.T) {
	_, warnings, err := Load(t.Context(), LoadOptions{WorkDir: write(t, one(`services: {tidy: {image: x, cron: "@daily", restart: "on-failure:3"}}`))})
	assert.NilError(t, err)
	assert.DeepEqual(t, warnings, []string{"job tidy: restart: on-failure:3 has no effect on its runs: retries says how often one that failed is repeated"})
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
      keep: {successful: 0, failed: 1}
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
	assert.Assert(t, short.Manual && short.Keep == Keep{3, 3} && short.History == 100 && short.Notify == nil)
	assert.Equal(t, short.DependsOn[0].Service, "db")

	long := job(t, p, "long")
	assert.DeepEqual(t, long.Schedules, []Schedule{
		{"@hourly", "Asia/Tokyo", "replace", "skip"}, {"0 3 * * *", "Europe/Berlin", "replace", "skip"},
	})
	assert.Assert(t, !long.Manual)
	assert.DeepEqual(t, []any{long.Timeout, long.StartDeadline, long.Retries, long.Keep.Successful, long.Keep.Failed, long.History},
		[]any{time.Hour, 30 * time.Second, 2, 0, 1, 10})

	spec := job(t, p, "spec")
	assert.DeepEqual(t, spec.Schedules, []Schedule{{"@daily", "UTC", "forbid", "one"}, {"@weekly", "Europe/Paris", "queue", "skip"}})
	assert.Equal(t, *spec.Body.Environment["FROM"], "file")
	assert.Equal(t, spec.Retries, 4)
	assert.Equal(t, job(t, p, "rude").Schedules[0].Concurrency, "allow")
	assert.Equal(t, len(job(t, p, "hand").Schedules), 0)
}

func TestKeepAndNotify(t *testing.T) {
	p := mustLoad(t, one(`
services:
  both: {image: x, cron: {schedule: "@daily", keep: "${N:-5}", notify: "https://example.com/hook?a=b"}}
  some: {image: x, cron: {schedule: "@daily", keep: {failed: 9}, mail: all, notify: notify-send 'it is' over}}
  list: {image: x, cron: {schedule: "@daily", notify: [sh, -c, cat]}}
  long: {image: x, cron: {schedule: "@daily", mail: on-success, notify: {policy: on-success, webhook: "http://x"}}}
jobs:
  spec: {image: x, triggers: {manual: true}, keep: 0, notify: {policy: all, command: [a]}}
`), LoadOptions{})
	assert.DeepEqual(t, job(t, p, "both").Keep, Keep{5, 5})
	assert.DeepEqual(t, job(t, p, "both").Notify, &Notify{Policy: OnFailure, Webhook: "https://example.com/hook?a=b"})
	assert.DeepEqual(t, job(t, p, "some").Keep, Keep{3, 9})
	assert.DeepEqual(t, job(t, p, "some").Notify, &Notify{Policy: OnEnd, Command: []string{"notify-send", "it is", "over"}})
	assert.DeepEqual(t, job(t, p, "list").Notify, &Notify{Policy: OnFailure, Command: []string{"sh", "-c", "cat"}})
	assert.DeepEqual(t, job(t, p, "long").Notify, &Notify{Policy: OnSuccess, Webhook: "http://x"})
	assert.DeepEqual(t, job(t, p, "spec").Keep, Keep{})
	assert.DeepEqual(t, job(t, p, "spec").Notify, &Notify{Policy: OnEnd, Command: []string{"a"}})
}

func TestTimingNeedsNoNewContainer(t *testing.T) {
	digest := func(cron string) string {
		return job(t, mustLoad(t, one("services: {a: {image: x, cron: "+cron+"}}"), LoadOptions{}), "a").Digest.Hash
	}
	assert.Equal(t, digest(`"@daily"`), digest(`{schedule: "@hourly", keep: 1, retries: 3}`))
}

func TestAJobThatNothingStartsIsWarnedOf(t *testing.T) {
	_, warnings, err := Load(t.Context(), LoadOptions{WorkDir: write(t, one("jobs: {idle: {image: x, triggers: {manual: false}}}"))})
	assert.NilError(t, err)
	assert.DeepEqual(t, warnings, []string{"the job idle has no schedule and may not be run by hand: it never runs"})
}
