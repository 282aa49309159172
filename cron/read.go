package cron

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// The names of what Files keeps in its folder, for who reads them beside it.
const (
	MemoryFile  = memoryFile
	HistoryFile = historyFile
)

// ReadMemories reads what is remembered of every job, and changes nothing.
func ReadMemories(text []byte) (map[string]Memory, error) {
	var document memoryDocument
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("read %s: %w", memoryFile, err)
	}
	if document.Version != version {
		return nil, fmt.Errorf("read %s: it is of version %d, and this program reads version %d", memoryFile, document.Version, version)
	}
	return document.Jobs, nil
}

// Histories reads what became of the fires of every job, by job, in order of their instants. What stands before a line
// that cannot be read is returned beside the error.
func Histories(lines io.Reader) (map[string][]Record, error) {
	type instant struct {
		job string
		at  time.Time
	}
	found := map[instant]int{}
	histories := map[string][]Record{}
	err := eachRecord(lines, func(_ []byte, r Record) {
		key := instant{r.Job, r.Scheduled.UTC()}
		if i, ok := found[key]; ok {
			histories[r.Job][i] = r // recorded again after a crash
			return
		}
		found[key] = len(histories[r.Job])
		histories[r.Job] = append(histories[r.Job], r)
	})
	for _, records := range histories {
		slices.SortStableFunc(records, func(a, b Record) int { return a.Scheduled.Compare(b.Scheduled) })
	}
	if err != nil {
		return histories, fmt.Errorf("read %s: %w", historyFile, err)
	}
	return histories, nil
}

// RecordOf is the record of a run of which no more than its container is known.
func RecordOf(run Run) Record {
	fire := Fire{Scheduled: run.Fire, Trigger: run.Trigger, Attempt: max(1, run.Attempt), Started: run.Started}
	status, reason := Running, ""
	if run.Stage == Ended {
		status, reason = outcome(run, fire, 0)
	}
	record := fire.record("", run.Job, status, reason)
	record.Run = run.Name
	if run.Stage == Ended {
		code := run.ExitCode
		record.ExitCode, record.Finished = &code, timeOrNil(run.Finished)
	}
	return record
}
