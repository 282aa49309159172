package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"hyper-lite/compose"
	"hyper-lite/cron"
	"hyper-lite/state"
)

// cronRecord is what a project's state remembers of jobs.
type cronRecord struct {
	Jobs map[string]madeJob `json:"jobs,omitempty"` // made by `cron create`, by name
	Runs []cron.Record      `json:"runs,omitempty"` // begun by hand from here, oldest first
}

// madeJob is a job that stands in no file.
type madeJob struct {
	At      time.Time       `json:"at"`
	By      string          `json:"by"`
	Service json.RawMessage `json:"service"` // as it would stand under services, its variables filled in
	Volumes []string        `json:"volumes,omitempty"`
}

const cronRecordName = "cron"

func cronRecordOf(document state.Document) (cronRecord, error) {
	var r cronRecord
	if err := document.Recall(cronRecordName, &r); err != nil {
		return cronRecord{}, fmt.Errorf("read what is remembered of jobs: %w", err)
	}
	return r, nil
}

func readCronRecord(project compose.Project) (cronRecord, error) {
	store, err := state.Open(project.Dir, project.Name)
	if err != nil {
		return cronRecord{}, err
	}
	document, err := store.Read()
	if err != nil {
		return cronRecord{}, err
	}
	return cronRecordOf(document)
}

func changeCronRecord(project compose.Project, change func(*cronRecord) error) error {
	store, err := state.Open(project.Dir, project.Name)
	if err != nil {
		return err
	}
	return store.Update(func(d *state.Document) error {
		r, err := cronRecordOf(*d)
		if err != nil {
			return err
		}
		if err := change(&r); err != nil {
			return err
		}
		return d.Remember(cronRecordName, r)
	})
}

// noteRun remembers a run that was begun by hand, or how it ended. A state that cannot be written is warned of: the
// run has begun, and its container tells the rest.
func (i *invocation) noteRun(project compose.Project, most int, record cron.Record) {
	err := changeCronRecord(project, func(r *cronRecord) error {
		at := slices.IndexFunc(r.Runs, func(known cron.Record) bool { return known.Run == record.Run })
		if at >= 0 {
			r.Runs[at] = record
			return nil
		}
		r.Runs = append(r.Runs, record)
		count := 0
		for at, known := range slices.Backward(r.Runs) {
			if known.Job != record.Job {
				continue
			}
			if count++; count > most {
				r.Runs = slices.Delete(r.Runs, at, at+1)
			}
		}
		return nil
	})
	if unwritable, ok := errors.AsType[*state.UnwritableError](err); ok {
		err = unwritable
	}
	if err != nil {
		i.warn(fmt.Sprintf("the run is not remembered: %v", err))
	}
}
