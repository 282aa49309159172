//go:build engine

package tests

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/pkg/stdcopy"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/cron"
)

// starts follows how often each run of a project is started, by name, until the test ends.
func (p *project) starts() func() map[string]int {
	var mu sync.Mutex
	count := map[string]int{}
	messages, failed := p.docker.Events(p.t.Context(), events.ListOptions{Filters: filters.NewArgs(
		filters.Arg("type", "container"), filters.Arg("event", "start"),
		filters.Arg("label", "hyper-lite.project="+p.name), filters.Arg("label", "hyper-lite.role=run"),
	)})
	go func() {
		for {
			select {
			case m := <-messages:
				mu.Lock()
				count[m.Actor.Attributes["name"]]++
				mu.Unlock()
			case <-failed:
				return
			}
		}
	}()
	return func() map[string]int {
		mu.Lock()
		defer mu.Unlock()
		copied := map[string]int{}
		for name, n := range count {
			copied[name] = n
		}
		return copied
	}
}

// startedOnce fails unless what ran was started exactly once, and what did not was not.
func startedOnce(t testing.TB, p *project, job string, records []cron.Record, starts map[string]int) {
	t.Helper()
	for _, r := range records {
		want := 0
		if r.Started != nil {
			want = 1
		}
		if r.Status != cron.Running && starts[r.Run] != want {
			t.Errorf("%s was started %d times: %+v", r.Run, starts[r.Run], r)
		}
	}
	for name, n := range starts {
		if n != 1 && strings.HasPrefix(name, p.name+"-"+job+"-") {
			t.Errorf("%s was started %d times", name, n)
		}
	}
}

// A job of every second or two has as many records as instants, in order, and each instant's run is started once.
func TestJobsFire(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  second: {image: hyper-lite-demo, command: [exit, "0"], cron: {schedule: "@every 1s", history: 1000, concurrency: allow}}
  two: {image: hyper-lite-demo, command: [exit, "0"], cron: {schedule: "@every 2s", history: 1000, keep: {successful: 1, failed: 1}}}
`)
	starts := p.starts()
	p.must("up", "-d")
	p.registered("second")
	records := p.over("second", 45, 90*time.Second)
	everyInstant(t, records, time.Second)
	startedOnce(t, p, "second", records, starts())
	records = p.jobHistory("two")
	everyInstant(t, records, 2*time.Second)
	startedOnce(t, p, "two", records, starts())
	eventually(t, 20*time.Second, func() error {
		if n := len(p.runs("two")); n > 3 { // the one that runs, the one that ended well, one that is about to go
			return fmt.Errorf("%d runs are kept", n)
		}
		return nil
	})
}

// The sidecar is killed ten times while it fires: no instant fires twice, and every one has its record.
func TestTheSidecarIsKilledWhileJobsFire(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  second: {image: hyper-lite-demo, command: [wait, 300ms], cron: {schedule: "@every 1s", history: 1000, concurrency: allow, keep: {successful: 1000, failed: 1000}}}
  two: {image: hyper-lite-demo, command: [exit, "0"], cron: {schedule: "@every 2s", history: 1000}}
`)
	starts := p.starts()
	p.must("up", "-d")
	p.over("second", 3, 30*time.Second)
	sidecar := p.name + "-hyper-lite-sidecar"
	for range 10 {
		pause := time.Duration(500+rand.IntN(4000)) * time.Millisecond
		until := time.Now().Add(pause)
		eventually(t, 2*pause, func() error {
			if time.Now().Before(until) {
				return fmt.Errorf("not yet")
			}
			return nil
		})
		// The engine takes a kill for a user's wish; dying by itself is what it answers with a restart.
		assert.NilError(t, p.docker.ContainerKill(t.Context(), sidecar, "KILL"))
		assert.NilError(t, p.docker.ContainerStart(t.Context(), sidecar, container.StartOptions{}))
	}
	n := len(p.jobHistory("second"))
	records := p.over("second", n+5, time.Minute)
	everyInstant(t, records, time.Second)
	startedOnce(t, p, "second", records, starts())
	records = p.jobHistory("two")
	everyInstant(t, records, 2*time.Second)
	startedOnce(t, p, "two", records, starts())
	t.Logf("%d instants: %v", len(records), statuses(records))
}

// A project that is brought to another version at the second of a fire: every instant has one run, of one version, and the
// versions do not alternate.
func TestUpAtTheSecondOfAFire(t *testing.T) {
	t.Parallel()
	file := func(version int) string {
		return fmt.Sprintf(`
services:
  other: {image: hyper-lite-demo, environment: {V: "%d"}}
  two: {image: hyper-lite-demo, command: [exit, "0"], environment: {V: "%d"}, cron: {schedule: "@every 2s", history: 1000, keep: {successful: 1000, failed: 10}}}
`, version, version)
	}
	p := newProject(t, file(1))
	starts := p.starts()
	p.must("up", "-d")
	p.over("two", 1, 30*time.Second)
	for version := 2; version <= 4; version++ {
		p.write("compose.yaml", file(version))
		eventually(t, 5*time.Second, func() error { // the plan is worked out by the time the instant comes
			if at := time.Now().UnixMilli() % 2000; at < 1600 || at > 1700 {
				return fmt.Errorf("%d ms", at)
			}
			return nil
		})
		p.must("up", "-d")
		p.over("two", len(p.jobHistory("two"))+2, 30*time.Second)
	}
	records := p.jobHistory("two")
	everyInstant(t, records, 2*time.Second)
	startedOnce(t, p, "two", records, starts())
	last, seen := "1", map[string]bool{}
	for _, c := range p.runs("two") {
		info, err := p.docker.ContainerInspect(t.Context(), c.ID)
		assert.NilError(t, err)
		i := slices.IndexFunc(info.Config.Env, func(e string) bool { return strings.HasPrefix(e, "V=") })
		version := strings.TrimPrefix(info.Config.Env[i], "V=")
		assert.Assert(t, version >= last, "a run of version %s came after one of %s", version, last)
		last, seen[version] = version, true
	}
	assert.Equal(t, len(seen), 4)

	// The timing alone changes: nothing fires anew, and what was remembered stays.
	before := p.jobHistory("two")
	p.write("compose.yaml", strings.Replace(file(4), "@every 2s", "@yearly", 1))
	p.must("up", "-d")
	after := p.jobHistory("two")
	assert.Assert(t, len(after) >= len(before))
	n := len(p.over("two", len(after), 10*time.Second))
	meanwhile(t, 3*time.Second, func() error {
		if now := len(p.jobHistory("two")); now != n {
			return fmt.Errorf("%d records, then %d", n, now)
		}
		return nil
	})
}

// How runs end is in their records: exit code, signal, out of memory, timeout, what it depends on.
func TestHowRunsEnd(t *testing.T) {
	t.Parallel()
	needs(t, "postgres:15") // it has a shell
	p := newProject(t, `
services:
  db: {image: hyper-lite-demo}
  never: {image: hyper-lite-demo, command: [wait, 600s], healthcheck: {test: [CMD, /demo, exit, "1"], interval: 1s}}
  code: {image: hyper-lite-demo, command: [exit, "7"], depends_on: [db], cron: {schedule: "@every 5s"}}
  slow: {image: hyper-lite-demo, command: [wait, 600s], stop_grace_period: 1s, cron: {schedule: "@every 5s", timeout: 2s}}
  greedy:
    image: postgres:15
    entrypoint: [sh, -c, "x=aaaaaaaaaaaaaaaa; while :; do x=$$x$$x; done"]
    mem_limit: 16m
    memswap_limit: 16m
    volumes: [{type: tmpfs, target: /var/lib/postgresql/data}]
    cron: {schedule: "@every 5s"}
  absent: {image: hyper-lite-demo, entrypoint: [/not-there], cron: {schedule: "@every 5s"}}
  gated:
    image: hyper-lite-demo
    command: [exit, "0"]
    depends_on: {never: {condition: service_healthy}}
    cron: {schedule: "@every 3s", start_deadline: 2s}
`)
	p.must("up", "-d", "db", "code", "slow", "greedy", "absent")
	p.must("up", "-d", "--no-deps", "gated")
	first := func(job string) (record cron.Record) {
		eventually(t, 40*time.Second, func() error {
			records := p.jobHistory(job)
			if len(records) == 0 || records[0].Status == cron.Running {
				return fmt.Errorf("the first run of %s is not over: %+v", job, records)
			}
			record = records[0]
			return nil
		})
		return record
	}

	r := first("code")
	assert.Equal(t, r.Status, cron.Failed)
	assert.Equal(t, *r.ExitCode, 7)
	assert.Equal(t, r.Reason, "exited 7")
	assert.Assert(t, !r.Started.Before(r.Scheduled) && !r.Finished.Before(*r.Started))

	r = first("slow")
	assert.Equal(t, r.Status, cron.TimedOut)
	assert.Assert(t, is.Contains(r.Reason, "timeout"))
	took := r.Finished.Sub(*r.Started)
	assert.Assert(t, took >= 2*time.Second && took < 15*time.Second, took)

	r = first("greedy")
	assert.Equal(t, r.Status, cron.Failed)
	assert.Equal(t, r.Reason, "out of memory")
	assert.Equal(t, *r.ExitCode, 137)

	r = first("absent")
	assert.Equal(t, r.Status, cron.Failed)
	assert.Assert(t, is.Contains(r.Reason, "not-there"))

	r = first("gated")
	assert.Assert(t, r.Status == cron.Failed || r.Status == cron.Skipped, r.Status)
	assert.Assert(t, is.Contains(r.Reason, "never"))
}

// What becomes of a fire while the run before is live.
func TestConcurrencyOfJobs(t *testing.T) {
	t.Parallel()
	job := func(name string) string {
		return fmt.Sprintf("  %s: {image: hyper-lite-demo, command: [wait, 5s], stop_grace_period: 1s, cron: {schedule: \"@every 2s\", concurrency: %s, keep: {successful: 100, failed: 100}}}\n", name, name)
	}
	p := newProject(t, "services:\n"+job("forbid")+job("queue")+job("allow")+job("replace"))
	p.must("up", "-d")
	for _, name := range []string{"forbid", "queue", "allow", "replace"} {
		everyInstant(t, p.over(name, 5, time.Minute), 2*time.Second)
	}
	most := func(job string) int { // how many of its runs were live at once
		most := 0
		records := p.jobHistory(job)
		for _, r := range records {
			live := 0
			for _, other := range records {
				if r.Started != nil && other.Started != nil && !other.Started.After(*r.Started) && (other.Finished == nil || other.Finished.After(*r.Started)) {
					live++
				}
			}
			most = max(most, live)
		}
		return most
	}
	reasons := func(job string) string {
		var all []string
		for _, r := range p.jobHistory(job) {
			all = append(all, r.Reason)
		}
		return strings.Join(all, "\n")
	}
	assert.Equal(t, most("forbid"), 1)
	assert.Assert(t, is.Contains(reasons("forbid"), "concurrency: forbid"))
	assert.Equal(t, most("queue"), 1)
	assert.Assert(t, is.Contains(reasons("queue"), "concurrency: queue"))
	assert.Assert(t, most("allow") >= 2)
	assert.Equal(t, statuses(p.jobHistory("allow"))[cron.Skipped], 0)
	assert.Equal(t, most("replace"), 1)
	assert.Assert(t, is.Contains(reasons("replace"), "replaced by the run of"))
}

// A job that the files no longer have leaves its run alone; down ends it.
func TestARemovedJobLeavesItsRun(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  long: {image: hyper-lite-demo, command: [wait, 600s], stop_grace_period: 1s, cron: "@every 2s"}
  other: {image: hyper-lite-demo, cron: "@yearly"}
`)
	p.must("up", "-d")
	eventually(t, 30*time.Second, func() error {
		if len(p.running("long")) != 1 {
			return fmt.Errorf("it does not run")
		}
		return nil
	})
	p.write("compose.yaml", "services:\n  other: {image: hyper-lite-demo, cron: \"@yearly\"}\n")
	told := p.must("up", "-d")
	assert.Assert(t, is.Contains(told.err+told.out, "goes on to its end: the files have no job long any more"))
	assert.Equal(t, len(p.running("long")), 1)
	assert.Equal(t, len(p.containers("long")), 1) // the run, and no registration
	p.must("down")
	assert.Equal(t, len(p.leftovers()), 0, p.leftovers())
}

// corrupt puts what is no JSON in the place of a file of a container.
func (p *project) corrupt(in, name string) {
	p.t.Helper()
	p.put(in, name, "no JSON at all {")
}

// logOf is what a container has said.
func (p *project) logOf(name string) string {
	p.t.Helper()
	stream, err := p.docker.ContainerLogs(p.t.Context(), name, container.LogsOptions{ShowStdout: true, ShowStderr: true})
	assert.NilError(p.t, err)
	defer stream.Close()
	var out strings.Builder
	_, err = stdcopy.StdCopy(&out, &out, stream)
	assert.NilError(p.t, err)
	return out.String()
}

// What cannot be read of the past is set aside, and jobs fire on.
func TestACorruptHistoryStopsNoJob(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  two: {image: hyper-lite-demo, command: [exit, "0"], cron: "@every 2s"}
`)
	p.must("up", "-d")
	p.over("two", 1, 30*time.Second)
	sidecar := p.name + "-hyper-lite-sidecar"
	assert.NilError(t, p.docker.ContainerStop(t.Context(), sidecar, container.StopOptions{}))
	for _, name := range []string{"jobs.json", "history.jsonl"} {
		p.corrupt("hyper-lite-sidecar", "/var/lib/hyper-lite/cron/"+name)
	}
	assert.NilError(t, p.docker.ContainerStart(t.Context(), sidecar, container.StartOptions{}))
	records := p.over("two", 2, 30*time.Second)
	assert.Equal(t, records[len(records)-1].Job, "two")
	log := p.logOf(sidecar)
	assert.Assert(t, is.Contains(log, "set aside"))
	assert.Assert(t, is.Contains(log, "jobs.json"))
}

// Whoever is to be told of an end is told of it, with the end of the log: a command in a container like the run's own, and a
// webhook in the networks of the job.
func TestEndsAreTold(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  hook: {image: hyper-lite-demo, hostname: hook, ports: ["${PORT}:80"]}
  posted:
    image: hyper-lite-demo
    command: [exit, "3"]
    cron: {schedule: "@every 4s", notify: {policy: all, webhook: "http://hook/health/fail"}}
  sealed: # with a certificate of nobody's
    image: hyper-lite-demo
    command: [exit, "0"]
    cron: {schedule: "@every 4s", notify: {policy: all, webhook: "https://hook/password"}}
  sour:
    image: hyper-lite-demo
    command: [exit, "0"]
    cron: {schedule: "@every 4s", notify: {policy: on-success, command: [/demo, exit, "9"]}}
`)
	p.must("up", "-d")
	eventually(t, time.Minute, func() error {
		code, _, err := get(fresh, p.url("/healthz"))
		if err != nil || code != http.StatusServiceUnavailable {
			return fmt.Errorf("the webhook was not posted to: %d, %v", code, err)
		}
		log := p.logOf(p.name + "-hyper-lite-sidecar")
		if !strings.Contains(log, "-notify exited 9") {
			return fmt.Errorf("the command has not been run:\n%s", log)
		}
		if !strings.Contains(log, "nobody was told of the end of a run") || !strings.Contains(log, "only public certificate authorities are trusted") {
			return fmt.Errorf("it is not told that nobody was:\n%s", log)
		}
		assert.Assert(t, !strings.Contains(log, "password"), log)
		return nil
	})
	assert.Equal(t, p.over("posted", 1, 20*time.Second)[0].Reason, "exited 3")
}
