//go:build engine

package tests

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/cron"
	"hyper-lite/plan"
)

// runs is what the engine has of a job's runs, by instant.
func (p *project) runs(job string) []container.Summary {
	p.t.Helper()
	runs := slices.DeleteFunc(p.containers(job), func(c container.Summary) bool { return c.Labels["hyper-lite.fire"] == "" })
	slices.SortStableFunc(runs, func(a, b container.Summary) int {
		return strings.Compare(a.Labels["hyper-lite.fire"], b.Labels["hyper-lite.fire"])
	})
	return runs
}

// jobHistory is a job's records, in the order in which they are told.
func (p *project) jobHistory(job string) []cron.Record {
	p.t.Helper()
	var records []cron.Record
	for line := range strings.Lines(p.must("cron", "history", job, "--format", "json").out) {
		var r cron.Record
		assert.NilError(p.t, json.Unmarshal([]byte(line), &r), line)
		records = append(records, r)
	}
	return records
}

// over waits for n records of a job that are not of runs which still run, and returns all there are.
func (p *project) over(job string, n int, within time.Duration) []cron.Record {
	p.t.Helper()
	var records []cron.Record
	eventually(p.t, within, func() error {
		records = p.jobHistory(job)
		over := slices.DeleteFunc(slices.Clone(records), func(r cron.Record) bool { return r.Status == cron.Running })
		if len(over) < n {
			return fmt.Errorf("%d records of %s are over, %d are wanted", len(over), job, n)
		}
		return nil
	})
	return records
}

// everyInstant fails unless there is exactly one record for each instant from the first record's to the last's, in order.
func everyInstant(t testing.TB, records []cron.Record, every time.Duration) {
	t.Helper()
	for i, r := range records {
		want := records[0].Scheduled.Add(time.Duration(i) * every)
		if !r.Scheduled.Equal(want) {
			t.Fatalf("record %d is of %s, not of %s: %+v", i, r.Scheduled, want, records[max(0, i-2):min(len(records), i+3)])
		}
		if r.Status != cron.Running && r.Status != cron.Succeeded && r.Reason == "" {
			t.Fatalf("no reason: %+v", r)
		}
	}
}

func statuses(records []cron.Record) map[cron.Status]int {
	count := map[cron.Status]int{}
	for _, r := range records {
		count[r.Status]++
	}
	return count
}

// registrations are the containers that register the project's jobs.
func (p *project) registrations() []container.Summary {
	p.t.Helper()
	return slices.DeleteFunc(p.containers(""), func(c container.Summary) bool { return c.Labels["hyper-lite.role"] != "job" })
}

// registered is what the engine has of a job: how it is registered, and the container that does it, which never ran.
func (p *project) registered(job string) plan.RegisteredJob {
	p.t.Helper()
	var replicas []plan.Replica
	for _, c := range p.registrations() {
		assert.Equal(p.t, c.State, container.StateCreated)
		replicas = append(replicas, plan.Replica{
			Role: compose.RoleJob, ID: c.ID, Name: c.Names[0], State: plan.Created, ImageID: c.ImageID,
			Jobs: c.Labels["hyper-lite.jobs"], CreatedAt: time.Unix(c.Created, 0),
		})
	}
	found, ok := plan.RegisteredJobs(replicas)[job]
	assert.Assert(p.t, ok, "job %s is not registered by %v", job, replicas)
	return found
}
