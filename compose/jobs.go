package compose

import (
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// cronJob reads a service that `cron` makes a job.
func (r *reading) cronJob() Job {
	for _, key := range slices.Concat([]string{"replicas", "protocol", "autoheal", "autodestroy"}, routeKeys) {
		if r.keys[key] != nil {
			r.report(key, "has no meaning beside cron: the service is a job, which runs and ends", "take one of them out")
		}
	}
	if len(r.body.Ports) > 0 {
		r.reportAt([]string{"ports"}, "cannot be published by a job", "take ports or cron out")
	}
	if r.body.Scale != nil {
		r.reportAt([]string{"scale"}, "has no meaning beside cron: the service is a job, which runs and ends", "take one of them out")
	}
	if d := r.body.Deploy; d != nil && d.Replicas != nil {
		r.reportAt([]string{"deploy", "replicas"}, "has no meaning beside cron: the service is a job, which runs and ends", "take one of them out")
	}
	cron := r.keys["cron"]
	keys := asMap(cron)
	if keys == nil {
		keys = map[string]any{"schedule": cron}
	}
	j := r.job(keys, "cron")
	if manual, ok := asBool(keys["manual"]); ok {
		j.Manual = manual
	}
	base := scheduleOf(keys, Schedule{Timezone: "UTC", Concurrency: Forbid, MissedFires: CatchUpOnce})
	entries, listed := keys["schedule"].([]any)
	if !listed && keys["schedule"] != nil {
		entries = []any{keys["schedule"]}
	}
	for i, e := range entries {
		one := base
		if text, ok := asString(e); ok {
			one.Cron = text
		}
		if one = scheduleOf(asMap(e), one); one.Cron == "" {
			at := []string{extension, "cron", "schedule"}
			if listed {
				at = append(at, itoa(i))
			}
			r.reportAt(at, "needs cron", "it says when the job runs")
		}
		j.Schedules = append(j.Schedules, one)
	}
	if len(j.Schedules) == 0 && !j.Manual {
		r.report("cron", "the job has no schedule and may not be run by hand: it would never run", "add schedule")
	}
	return j
}

var routeKeys = []string{
	"service_port", "container_port", "algorithm", "session_affinity", "ssl_cert", "hosts", "path_prefix", "replay",
	"health-check", "drain", "sequential_deployment",
}

// scheduleOf overlays the timing keys of a mapping.
func scheduleOf(keys map[string]any, s Schedule) Schedule {
	for key, to := range map[string]*string{"cron": &s.Cron, "timezone": &s.Timezone, "concurrency": &s.Concurrency, "missed_fires": &s.MissedFires} {
		if text, ok := asString(keys[key]); ok && text != "" {
			*to = text
		}
	}
	return s
}

// declaredJob reads an entry of `jobs:` (Compose spec, "jobs").
func (c *conversion) declaredJob(name string, spec types.JobConfig) Job {
	body := c.filledIn("jobs", jobBody(name, spec))
	if c.unread[name] { // what is printed of it is without its files, too
		spec.ContainerSpec = body.ContainerSpec
		c.typed.Jobs[name] = spec
	}
	r := c.reading("jobs", name, body)
	if len(body.Ports) > 0 {
		r.reportAt([]string{"ports"}, "cannot be published by a job", "take ports out")
	}
	j := r.job(r.keys)
	if spec.Triggers == nil {
		return j
	}
	if spec.Triggers.Manual != nil {
		j.Manual = *spec.Triggers.Manual
	}
	if !j.Manual && len(spec.Triggers.Schedule) == 0 {
		c.l.warn("the job " + name + " has no schedule and may not be run by hand: it never runs")
	}
	concurrency, _ := asString(r.keys["concurrency"])
	for i, s := range spec.Triggers.Schedule {
		at := []string{"triggers", "schedule", itoa(i)}
		one := Schedule{Cron: s.Cron, Timezone: or(s.Timezone, "UTC"), Concurrency: or(concurrency, or(s.Concurrency, Forbid)), MissedFires: or(s.MissedFires, CatchUpOnce)}
		if !validCron(one.Cron) {
			r.reportAt(at, wrongCron(one.Cron), "")
		}
		if !validTimezone(one.Timezone) {
			r.reportAt(append(at, "timezone"), "must be "+needTimezone, "")
		}
		j.Schedules = append(j.Schedules, one)
	}
	return j
}

// jobBody is a job's container as a service's.
func jobBody(name string, spec types.JobConfig) types.ServiceConfig {
	return types.ServiceConfig{
		Name: name, Profiles: spec.Profiles, ContainerSpec: spec.ContainerSpec,
		WorkloadSpec: spec.WorkloadSpec, Extensions: spec.Extensions,
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// job is what both kinds of job have in common. at is where its keys stand.
func (r *reading) job(keys map[string]any, at ...string) Job {
	if r.body.Restart == types.RestartPolicyAlways || r.body.Restart == types.RestartPolicyUnlessStopped {
		r.reportAt([]string{"restart"}, "a run would never end with restart: "+r.body.Restart, "use retries for runs that fail")
	}
	if strings.HasPrefix(r.body.Restart, types.RestartPolicyOnFailure) {
		r.l.warn("job " + r.name + ": restart: " + r.body.Restart + " has no effect on its runs: retries says how often one that failed is repeated")
	}
	j := Job{Service: r.template(RoleJob), Timing: DefaultTiming()}
	j.OneShot = true
	j.Timeout, _ = asDuration(keys["timeout"])
	j.StartDeadline, _ = asDuration(keys["start_deadline"])
	set := func(keys map[string]any, key string, to *int) {
		if n, ok := asInt(keys[key]); ok {
			*to = n
		}
	}
	set(keys, "retries", &j.Retries)
	set(keys, "history", &j.History)
	set(keys, "keep", &j.Keep.Successful)
	set(keys, "keep", &j.Keep.Failed)
	set(asMap(keys["keep"]), "successful", &j.Keep.Successful)
	set(asMap(keys["keep"]), "failed", &j.Keep.Failed)
	j.Notify = r.notify(keys, append([]string{extension}, at...))
	return j
}
