package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/compose"
	"hyper-lite/cron"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

func (f *fakeEngine) Lifespan(_ context.Context, name string) (engine.Lifespan, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.replicas {
		if r.ID != name && r.Name != name {
			continue
		}
		life := engine.Lifespan{State: r.State, ExitCode: r.ExitCode}
		if r.State != plan.Created {
			life.Started = r.CreatedAt
		}
		if r.State == plan.Exited {
			life.Finished = r.CreatedAt.Add(time.Second)
		}
		return life, nil
	}
	return engine.Lifespan{}, nil
}

// ran lets a container of the fake engine end.
func (f *fakeEngine) ran(name string, code int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.change(plan.Container{ID: "-", Name: name}, func(r *plan.Replica) { r.State, r.ExitCode = plan.Exited, code })
}

// sidecar gives the fake engine a sidecar with a runner's files, written by the runner's own store.
func (s *shell) sidecar(state plan.State, memories map[string]cron.Memory, records ...cron.Record) {
	s.t.Helper()
	folder := s.t.TempDir()
	store := &cron.Files{Folder: folder}
	_, err := store.Load()
	assert.NilError(s.t, err)
	assert.NilError(s.t, store.Save(memories))
	assert.NilError(s.t, store.Append(records))
	s.engine.files = map[string]string{}
	for _, name := range []string{cron.MemoryFile, cron.HistoryFile} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		assert.NilError(s.t, err)
		s.engine.files["/var/lib/hyper-lite/cron/"+name] = string(text)
	}
	s.engine.replicas = append(s.engine.replicas, plan.Replica{
		Ref: plan.Ref{Service: "sidecar", Slot: 1, Generation: 1}, Role: compose.RoleSidecar, ID: "sidecar", Name: "shop-hyper-lite-sidecar", State: state,
	})
}

var fired = time.Date(2026, 3, 1, 2, 30, 0, 0, time.FixedZone("", 3600))

func fire(n int, status cron.Status, reason string) cron.Record {
	at := fired.AddDate(0, 0, n)
	r := cron.Record{Job: "nightly", Run: fmt.Sprintf("shop-nightly-%d", at.Unix()), Scheduled: at, Trigger: cron.OnSchedule, Status: status, Reason: reason}
	if status != cron.Skipped && status != cron.Missed {
		began, ended, code := at.Add(time.Second), at.Add(time.Minute), 0
		if status == cron.Failed {
			code = 3
		}
		r.Started, r.Finished, r.ExitCode = &began, &ended, &code
	}
	return r
}

// What the sidecar recorded, and what it has begun, is told whether it runs or not, and looking changes nothing.
func TestCronHistoryOfASidecar(t *testing.T) {
	for _, state := range []plan.State{plan.Running, plan.Exited} {
		s := newShell(t, shopJobs)
		began := fired.AddDate(0, 0, 4).Add(time.Second)
		s.sidecar(state, map[string]cron.Memory{"nightly": {
			Timing: compose.Timing{History: 100}, Succeeded: 7, Failed: 2, Paused: true,
			Open: []cron.Fire{{Scheduled: fired.AddDate(0, 0, 4), Trigger: cron.CatchUp, Attempt: 1, Started: began}},
		}},
			fire(0, cron.Succeeded, ""), fire(1, cron.Failed, "exited 3"), fire(2, cron.Skipped, "the job is paused"),
			fire(3, cron.Missed, "nothing was there to start it"), fire(1, cron.Failed, "exited 3, at attempt 2"),
		)
		s.engine.addRun(fire(4, cron.Running, "").Run, cron.CatchUp, plan.Running, began, 0)
		s.engine.files["/var/lib/hyper-lite/cron/history.jsonl"] += `{"Job":"nightly","Run":"half` // just being written
		r := s.run("cron", "history", "nightly", "--format", "{{.Trigger}} {{.Status}} {{.Reason}}")
		assert.Equal(t, r, result{0, "schedule succeeded \nschedule failed exited 3, at attempt 2\nschedule skipped the job is paused\n" +
			"schedule missed nothing was there to start it\ncatch-up running \n", ""})
		var last cron.Record
		lines := strings.Split(strings.TrimSpace(s.run("cron", "history", "nightly", "--format", "json").out), "\n")
		assert.NilError(t, json.Unmarshal([]byte(lines[1]), &last))
		assert.Assert(t, is.Contains(lines[1], `"Scheduled":"2026-03-02T02:30:00+01:00"`))
		assert.Equal(t, *last.ExitCode, 3)
		assert.Assert(t, is.Contains(lines[4], `"Finished":null,"Status":"running","ExitCode":null`))

		count := func(argv ...string) int {
			r := s.run(append([]string{"cron", "history", "nightly", "-q"}, argv...)...)
			assert.Equal(t, r.code, 0, r.err)
			return strings.Count(r.out, "\n")
		}
		assert.Equal(t, count("--tail", "2"), 2)
		assert.Equal(t, count("--tail", "0"), 0)
		assert.Equal(t, count("--since", "2026-03-02T02:30:00+01:00"), 4)
		assert.Equal(t, count("--since", "1h"), 0)
		for _, wrong := range [][]string{{"--tail", "-1"}, {"--since", "soon"}, {"--format", "{{.Nothing}}"}} {
			assert.Equal(t, s.run(append([]string{"cron", "history", "nightly"}, wrong...)...).code, 2)
		}

		assert.Equal(t, s.run("cron", "ls", "--format", "{{.Last}} {{.LastAt}} {{.Succeeded}} {{.Failed}} {{.Paused}}").out,
			"running 2026-03-05T02:30:00+01:00 7 2 true\n  0 0 false\n  0 0 false\n  0 0 false\n")
		var views []jobView
		assert.NilError(t, json.Unmarshal([]byte(s.run("cron", "inspect", "nightly").out), &views))
		assert.Assert(t, views[0].Paused && views[0].Succeeded == 7 && views[0].Last.Status == cron.Running)
		assert.DeepEqual(t, views[0].Running, []string{fmt.Sprintf("shop-nightly-%d", fired.AddDate(0, 0, 4).Unix())})
		assert.Equal(t, len(s.engine.done), 0)
	}
}

// addRun gives the fake engine the container of a run of nightly.
func (f *fakeEngine) addRun(name string, trigger cron.Trigger, state plan.State, began time.Time, code int) {
	at := strings.TrimPrefix(name, "shop-nightly-")
	f.labels[name] = map[string]string{compose.LabelFire: at, compose.LabelTrigger: string(trigger)}
	f.replicas = append(f.replicas, plan.Replica{
		Ref: plan.Ref{Service: "nightly", Slot: 1, Generation: 1}, Role: compose.RoleRun, OneOff: true, ID: name, Name: name, Fire: at,
		State: state, CreatedAt: began, ExitCode: code,
	})
}

// After a stop nothing is about to start, and what has ended is told as it ended.
func TestCronHistoryAfterAStop(t *testing.T) {
	open := func(n, attempt int, started bool) cron.Fire {
		f := cron.Fire{Scheduled: fired.AddDate(0, 0, n), Trigger: cron.OnSchedule, Attempt: attempt}
		if started {
			f.Started = f.Scheduled.Add(time.Second)
		}
		return f
	}
	const gone = "its container was removed before its end was seen"
	const idle = "the sidecar does not run; once it does, missed_fires says what becomes of it"
	for state, want := range map[plan.State][]string{
		plan.Running: {"running ", "running ", "running is about to start", "running is about to start", "running waits for attempt 2"},
		plan.Exited: {
			"failed ended by signal 15 (SIGTERM)", "failed " + gone, "missed " + idle, "missed " + idle,
			"failed attempt 2 is for the sidecar to begin, which does not run",
		},
	} {
		s := newShell(t, shopJobs)
		s.sidecar(state, map[string]cron.Memory{"nightly": {Timing: compose.Timing{History: 100}, Open: []cron.Fire{
			open(0, 1, true), open(1, 1, true), open(2, 1, false), open(3, 1, false), open(4, 2, false),
		}}})
		s.engine.addRun(fire(0, cron.Running, "").Run, cron.OnSchedule, plan.Exited, fired, 143)
		s.engine.addRun(fire(2, cron.Running, "").Run, cron.OnSchedule, plan.Created, fired, 0)
		r := s.run("cron", "history", "nightly", "--format", "{{.Status}} {{.Reason}}")
		assert.Equal(t, r, result{0, strings.Join(want, "\n") + "\n", ""})
		r = s.run("cron", "history", "nightly", "--format", "{{.Scheduled}}", "--tail", "5")
		assert.Equal(t, strings.Count(r.out, "02:30:00 +0100"), 5, r.out)
	}
}

// The last run is told where its record is no longer kept.
func TestCronLsWhereNoRecordIsKept(t *testing.T) {
	s := newShell(t, shopJobs)
	last := fire(0, cron.Failed, "exited 3")
	s.sidecar(plan.Running, map[string]cron.Memory{"nightly": {Failed: 4, Last: &last}}, fire(1, cron.Skipped, "the job is paused"))
	assert.Equal(t, strings.Split(s.run("cron", "ls", "--format", "{{.Last}} {{.LastRun}} {{.Failed}}").out, "\n")[0], "failed "+last.Run+" 4")
}

// Damage is told, and hides nothing that can be read.
func TestCronHistoryThatIsDamaged(t *testing.T) {
	s := newShell(t, shopJobs)
	s.sidecar(plan.Running, nil, fire(0, cron.Succeeded, ""))
	s.engine.files["/var/lib/hyper-lite/cron/history.jsonl"] += "nonsense\n"
	s.engine.files["/var/lib/hyper-lite/cron/jobs.json"] = `{"version": 9}`
	r := s.run("cron", "history", "nightly", "--format", "{{.Status}}")
	assert.Equal(t, r.out, "succeeded\n")
	assert.Assert(t, is.Contains(r.err, "warning: read history.jsonl: line 2"))
	assert.Assert(t, is.Contains(r.err, "it is of version 9"))
}

// A run by hand is in the history where no sidecar is: while it runs, and as it ended.
func TestCronHistoryByHand(t *testing.T) {
	s := newShell(t, shopJobs)
	running := strings.TrimSpace(s.run("cron", "run", "nightly").out)
	lost := strings.TrimSpace(s.run("cron", "run", "nightly").out)
	s.engine.procs.exits = 4
	s.engine.procs.ends = map[string]int{}
	history := func() string {
		r := s.run("cron", "history", "nightly", "--format", "{{.Trigger}} {{.Status}} {{.Reason}}")
		assert.Equal(t, r.code, 0, r.err)
		return r.out
	}
	assert.Equal(t, history(), "manual running \nmanual running \n")
	s.engine.ran(running, 3)
	assert.Equal(t, history(), "manual failed exited 3\nmanual running \n")
	assert.NilError(t, s.engine.Do(t.Context(), plan.Remove{Container: plan.Container{ID: "-", Name: lost}}))
	assert.Equal(t, history(), "manual failed exited 3\nmanual failed its container was removed before its end was seen\n")
	assert.Equal(t, s.run("cron", "ls", "--format", "{{.Last}} {{.Failed}}").out, "failed 2\n 0\n 0\n 0\n")

	// what state forgot, the containers tell
	assert.NilError(t, os.RemoveAll(filepath.Join(s.dir, ".hyper-lite")))
	assert.Equal(t, history(), "manual failed exited 3\n")
}

// Who began a run and ended it knows why, and the sidecar that came later does not.
func TestCronHistoryOfARunThatWasEnded(t *testing.T) {
	s := newShell(t, shopJobs)
	i := &invocation{program: &program{IO: IO{Err: io.Discard}}}
	long, polite, left := fire(0, cron.TimedOut, "took longer than 2s (timeout)"), fire(1, cron.Failed, "hyper-lite got a SIGINT"), fire(2, cron.Running, "")
	for _, r := range []cron.Record{long, polite, left} {
		r.Trigger = cron.Manual
		i.noteRun(compose.Project{Name: "shop", Dir: s.dir}, 20, r)
	}
	s.sidecar(plan.Running, map[string]cron.Memory{"nightly": {Timing: compose.Timing{History: 100}, Succeeded: 1, Failed: 2}},
		fire(0, cron.Failed, "ended by signal 9 (SIGKILL)"), fire(1, cron.Succeeded, ""), fire(2, cron.Failed, "exited 3"),
	)
	r := s.run("cron", "history", "nightly", "--format", "{{.Status}} {{.Reason}}")
	assert.Equal(t, r, result{0, "timeout took longer than 2s (timeout)\nfailed hyper-lite got a SIGINT\nfailed exited 3\n", ""})
	assert.Equal(t, strings.Split(s.run("cron", "ls", "--format", "{{.Succeeded}} {{.Failed}}").out, "\n")[0], "0 3")
}

// A run that ends by itself keeps its own status, though nobody reads its last words any more.
func TestCronHistoryOfARunThatNobodyRead(t *testing.T) {
	s := newShell(t, shopJobs)
	s.engine.procs.breaks = errUnread
	s.engine.procs.ends = map[string]int{}
	code := 0
	s.engine.doing = func(step plan.Step) {
		if made, ok := step.(plan.Create); ok && made.Ref.Service == "nightly" {
			s.engine.procs.ends[made.Name] = code
		}
	}
	assert.Equal(t, s.run("cron", "run", "--wait", "nightly").code, 141)
	code = 3
	assert.Equal(t, s.run("cron", "run", "--wait", "nightly").code, 141)
	r := s.run("cron", "history", "nightly", "--format", "{{.Status}} {{.Reason}}")
	assert.Equal(t, r.out, "succeeded \nfailed exited 3\n", r.err)
}

// A run that its pre_start hooks do not let begin is recorded, and its container goes.
func TestARunByHandThatItsHooksDoNotLetBegin(t *testing.T) {
	s := newShell(t, shop+`  nightly: {image: shop:1, cron: "30 2 * * *", pre_start: [{command: [migrate]}]}
`)
	s.engine.fail["hook nightly.1@1"] = &plan.HookError{Phase: plan.PreStart, Index: 1, Command: []string{"migrate"}, Code: 4, Output: []string{"no", "way"}}
	r := s.run("cron", "run", "nightly")
	assert.Equal(t, r.code, 1, r.err)
	assert.Assert(t, is.Contains(r.err, "pre_start hook 1 (migrate) exited 4"))
	delete(s.engine.fail, "hook nightly.1@1")

	ctx, interrupt := context.WithCancel(t.Context())
	s.engine.doing = func(step plan.Step) {
		if made, ok := step.(plan.Create); ok && made.Ref.Service == "nightly" {
			interrupt()
		}
	}
	r = s.runContext(ctx, "cron", "run", "nightly")
	assert.Equal(t, r.code, 130, r.err)
	assert.Assert(t, is.Contains(r.err, "error: interrupted\n hint: the run did not begin, and its container is taken away"), r.err)
	assert.Assert(t, !strings.Contains(r.err, "what was done stays"), r.err)

	r = s.run("cron", "history", "nightly", "--format", "{{.Trigger}} {{.Status}} {{.Reason}}")
	assert.Equal(t, r.out, "manual failed pre_start hook 1 (migrate) exited 4: no; way\nmanual failed hyper-lite was interrupted before it began\n", r.err)
	assert.Equal(t, s.run("cron", "history", "nightly", "--format", "{{.Started}}").out, "<nil>\n<nil>\n")
	for _, r := range s.engine.replicas {
		assert.Check(t, r.Fire == "", r.Name)
	}
}

// Where no sidecar does it, the next run by hand removes the containers of those before it that are not kept.
func TestRunsByHandAreKeptAsTheJobSays(t *testing.T) {
	s := newShell(t, strings.Replace(shopJobs, "keep: 2", "keep: {successful: 1, failed: 0}", 1))
	var runs []string
	for _, code := range []int{0, 3, 0, 0} {
		name := strings.TrimSpace(s.run("cron", "run", "nightly").out)
		s.engine.ran(name, code)
		runs = append(runs, name)
	}
	there := func() (names []string) {
		for _, r := range s.engine.replicas {
			if r.Fire != "" {
				names = append(names, r.Name)
			}
		}
		return names
	}
	last := strings.TrimSpace(s.run("cron", "run", "nightly").out)
	assert.DeepEqual(t, there(), []string{runs[3], last})
	r := s.run("cron", "history", "nightly", "--format", "{{.Status}} {{.Reason}}")
	assert.Equal(t, r.out, "succeeded \nfailed exited 3\nsucceeded \nsucceeded \nrunning \n")

	s.engine.ran(last, 5)
	s.sidecar(plan.Exited, nil)
	s.run("cron", "run", "nightly")
	assert.Equal(t, len(there()), 3) // the sidecar knows what to do, when it runs again
}

func TestRunsByHandAreBounded(t *testing.T) {
	s := newShell(t, shopJobs)
	i := &invocation{program: &program{IO: IO{Err: io.Discard}}}
	project := compose.Project{Name: "shop", Dir: s.dir}
	for n := range 30 {
		r := fire(n, cron.Succeeded, "")
		i.noteRun(project, 20, r)
		r.Job = "other"
		r.Run += "-other"
		i.noteRun(project, 5, r)
	}
	record, err := readCronRecord(project)
	assert.NilError(t, err)
	assert.Equal(t, len(record.Runs), 25)
	assert.Assert(t, record.Runs[len(record.Runs)-1].Scheduled.Equal(fired.AddDate(0, 0, 29)))
}

func TestCronLogs(t *testing.T) {
	s := newShell(t, shopJobs)
	first := strings.TrimSpace(s.run("cron", "run", "nightly").out)
	second := strings.TrimSpace(s.run("cron", "run", "nightly").out)
	s.engine.logs[first], s.engine.logs[second] = "one\n", "two\n"
	instant := strings.TrimPrefix(first, "shop-nightly-")
	for typed, want := range map[string]string{
		"cron logs nightly":            "two\n",
		"cron logs nightly " + first:   "one\n",
		"cron logs nightly " + instant: "one\n",
		"cron logs -f nightly":         "two\n",
	} {
		assert.Equal(t, s.run(strings.Fields(typed)...), result{0, want, ""}, typed)
	}
	assert.NilError(t, s.engine.Do(t.Context(), plan.Remove{Container: plan.Container{ID: "-", Name: first}}))
	r := s.run("cron", "logs", "nightly", instant)
	assert.Equal(t, r.code, 1)
	assert.Assert(t, is.Contains(r.err, "and its container is gone with its log\n hint: the job's `keep`"), r.err)
	assert.Assert(t, is.Contains(s.run("cron", "logs", "nightly", "77").err, "job nightly has no run 77"))
	assert.Assert(t, is.Contains(s.run("cron", "logs", "restore").err, "no container of a run of job restore is there"))
	assert.Equal(t, s.run("cron", "logs", "web").code, 1)
	assert.Equal(t, s.run("cron", "logs").code, 2)
	assert.Equal(t, s.run("cron", "logs", "nightly", "--tail", "x").code, 2)
}

// The jobs are listed without an engine, too.
func TestCronLsWithoutAnEngine(t *testing.T) {
	s := newShell(t, shopJobs)
	s.openErr = errors.New("no engine")
	r := s.run("cron", "ls", "--format", "{{.Name}}")
	assert.Equal(t, r, result{0, "nightly\npast\nreport\nrestore\n", "warning: what became of the runs is not known: no engine\n"})
}
