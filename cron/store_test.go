package cron

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/compose"
)

func load(t *testing.T, folder string) (*Files, Loaded) {
	t.Helper()
	files := &Files{Folder: folder}
	loaded, err := files.Load()
	assert.NilError(t, err)
	return files, loaded
}

func history(t *testing.T, folder, job string) []Record {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, historyFile))
	assert.NilError(t, err)
	records, err := History(strings.NewReader(string(text)), job, 1000)
	assert.NilError(t, err)
	return records
}

func skipped(job string, at time.Time, reason string) Record {
	return Fire{Scheduled: at, Trigger: OnSchedule, Attempt: 1}.record("shop", job, Skipped, reason)
}

func TestFilesKeepWhatTheyWereGiven(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "cron")
	files, loaded := load(t, folder)
	assert.DeepEqual(t, loaded, Loaded{Memories: map[string]Memory{}})
	code := 3
	finished := start.Add(time.Minute)
	record := Record{Job: "tidy", Run: "shop-tidy-1", Scheduled: start, Trigger: CatchUp, Started: &start, Finished: &finished, Status: Failed, ExitCode: &code, Reason: "exited 3"}
	memory := Memory{
		Accounted: start, Timing: timing("@daily", compose.Queue, compose.CatchUpNever), Paused: true, Succeeded: 4, Last: &record,
		Open: []Fire{{Scheduled: start, Trigger: OnSchedule, Waiting: true, Attempt: 2, Again: finished}}, Over: []Over{{Run: "a", Good: true}},
	}
	assert.NilError(t, files.Append([]Record{record, skipped("other", start, "why")}))
	assert.NilError(t, files.Save(map[string]Memory{"tidy": memory}))
	_, loaded = load(t, folder)
	assert.DeepEqual(t, loaded, Loaded{Memories: map[string]Memory{"tidy": memory}})
	assert.DeepEqual(t, history(t, folder, "tidy"), []Record{record})
	text, err := os.ReadFile(filepath.Join(folder, historyFile))
	assert.NilError(t, err)
	assert.Equal(t, strings.Split(string(text), "\n")[0], `{"Job":"tidy","Run":"shop-tidy-1","Scheduled":"2026-03-01T12:00:00.5Z","Trigger":"catch-up",`+
		`"Started":"2026-03-01T12:00:00.5Z","Finished":"2026-03-01T12:01:00.5Z","Status":"failed","ExitCode":3,"Reason":"exited 3"}`)
}

func TestALastLineThatIsHalfWrittenGoes(t *testing.T) {
	folder := t.TempDir()
	files, _ := load(t, folder)
	assert.NilError(t, files.Append([]Record{skipped("tidy", start, "first")}))
	file, err := os.OpenFile(filepath.Join(folder, historyFile), os.O_APPEND|os.O_WRONLY, 0)
	assert.NilError(t, err)
	_, err = file.WriteString(`{"Job":"tidy","Run":"sh` + strings.Repeat("o", 100_000))
	assert.NilError(t, err)
	assert.NilError(t, file.Close())
	files, loaded := load(t, folder)
	assert.Equal(t, loaded.Trouble, "")
	assert.NilError(t, files.Append([]Record{skipped("tidy", start.Add(time.Hour), "second")}))
	assert.Equal(t, len(history(t, folder, "tidy")), 2)
}

func TestAHistoryThatIsOnlyAHalfWrittenLineIsEmpty(t *testing.T) {
	folder := t.TempDir()
	assert.NilError(t, os.WriteFile(filepath.Join(folder, historyFile), []byte(`{"Job"`), 0o600))
	_, loaded := load(t, folder)
	assert.Equal(t, loaded.Trouble, "")
	assert.Equal(t, len(history(t, folder, "tidy")), 0)
}

func TestADamagedHistoryIsSetAside(t *testing.T) {
	folder := t.TempDir()
	for n := 1; n <= 2; n++ {
		assert.NilError(t, os.WriteFile(filepath.Join(folder, historyFile), []byte("{}\nnot a record\n{}\n"), 0o600))
		files, loaded := load(t, folder)
		assert.Assert(t, is.Contains(loaded.Trouble, fmt.Sprintf("history.jsonl cannot be read and is now history.jsonl.unreadable-%d: line 2", n)))
		assert.Assert(t, !loaded.Lost)
		assert.NilError(t, files.Append([]Record{skipped("tidy", start, "anew")}))
		assert.Equal(t, len(history(t, folder, "tidy")), 1)
		aside, err := os.ReadFile(filepath.Join(folder, fmt.Sprintf("history.jsonl.unreadable-%d", n)))
		assert.NilError(t, err)
		assert.Assert(t, is.Contains(string(aside), "not a record"))
	}
}

func TestADamagedMemoryIsSetAsideAndSaidUntilThereIsAnother(t *testing.T) {
	for _, text := range []string{"", "{", "null and void", `{"version": 99, "jobs": {}}`} {
		folder := t.TempDir()
		assert.NilError(t, os.WriteFile(filepath.Join(folder, memoryFile), []byte(text), 0o600))
		_, loaded := load(t, folder)
		assert.Assert(t, loaded.Lost && strings.HasPrefix(loaded.Trouble, "jobs.json cannot be read and is now jobs.json.unreadable-1: "), loaded.Trouble)
		files, loaded := load(t, folder) // killed before it remembered anything
		assert.Assert(t, loaded.Lost && loaded.Trouble == "")
		assert.NilError(t, files.Save(map[string]Memory{"tidy": {Accounted: start}}))
		_, loaded = load(t, folder)
		assert.Assert(t, !loaded.Lost)
		aside, err := os.ReadFile(filepath.Join(folder, memoryFile+".unreadable-1"))
		assert.NilError(t, err)
		assert.Equal(t, string(aside), text)
	}
}

func TestHistoryIsCut(t *testing.T) {
	folder := t.TempDir()
	files, _ := load(t, folder)
	rule := timing("@daily", compose.Forbid, compose.CatchUpOnce)
	rule.History = 10
	assert.NilError(t, files.Save(map[string]Memory{"tidy": {Timing: rule}, "other": {Timing: rule}}))
	assert.NilError(t, files.Append([]Record{skipped("other", start, "rare")}))
	for n := range 3000 {
		assert.NilError(t, files.Append([]Record{skipped("tidy", start.Add(time.Duration(n)*time.Hour), "often")}))
	}
	info, err := os.Stat(filepath.Join(folder, historyFile))
	assert.NilError(t, err)
	assert.Assert(t, info.Size() < 300<<10, info.Size())
	assert.Equal(t, len(history(t, folder, "other")), 1)
	all := history(t, folder, "tidy")
	assert.Assert(t, all[len(all)-1].Scheduled.Equal(start.Add(2999*time.Hour)))
	assert.Assert(t, len(all) >= 10)
}

func TestTheRunnerLivesOnFiles(t *testing.T) {
	w := newWorld(t)
	w.register("tidy", timing("@every 10s", compose.Forbid, compose.CatchUpOnce))
	folder := t.TempDir()
	runner := func() *Runner {
		r := NewRunner(Options{Project: "shop", Engine: w, Store: &Files{Folder: folder}, Clock: w})
		r.spawn = func(f func()) { f() }
		return r
	}
	w.pass(runner(), seconds(15), 0)
	assert.NilError(t, os.WriteFile(filepath.Join(folder, memoryFile), []byte("{"), 0o600))
	assert.NilError(t, os.WriteFile(filepath.Join(folder, historyFile), []byte("{\n"), 0o600))
	w.pass(runner(), seconds(20), 0)
	var at []string
	for _, r := range history(t, folder, "tidy") {
		at = append(at, r.Scheduled.UTC().Format("15:04:05")+" "+string(r.Status))
	}
	assert.DeepEqual(t, at, []string{"12:00:10 succeeded", "12:00:20 succeeded", "12:00:30 succeeded"})
	for at, began := range w.began {
		assert.Equal(t, began, 1, time.Unix(at, 0))
	}
}
