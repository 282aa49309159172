package state

import (
	"encoding/json"
	"slices"
	"time"
)

// Revision is one run that changed the host: what it asked for, what came of it, and how to get there again.
type Revision struct {
	Number    int       `json:"number"`            // from 1
	At        time.Time `json:"at"`                // when it ended, UTC
	By        string    `json:"by,omitempty"`      // the person: name@host
	Command   string    `json:"command,omitempty"` // as typed, without the program's own flags: "up -d web"
	FilesHash string    `json:"filesHash,omitempty"`
	// Changed is what is not as it was in the applied revision before, by service and job: "image", "environment.V", "added",
	// "scale 3->5".
	Changed map[string][]string `json:"changed,omitempty"`
	Summary string              `json:"summary,omitempty"` // "2 created, 1 removed"
	Outcome Outcome             `json:"outcome"`
	Error   string              `json:"error,omitempty"` // one line, where it was not applied

	Applied  map[string]Applied `json:"applied,omitempty"` // by service
	Jobs     map[string]Applied `json:"jobs,omitempty"`    // by name; they have no replicas
	Disabled []string           `json:"disabled,omitempty"`
	Files    []string           `json:"files,omitempty"`
	Project  json.RawMessage    `json:"project,omitempty"` // without the contents of secrets; environment values are in it
}

// Applied is one service of a revision.
type Applied struct {
	Hash     string            `json:"hash"`
	Fields   map[string]string `json:"fields,omitempty"`
	Replicas int               `json:"replicas"`
	ImageID  string            `json:"imageID,omitempty"` // of its containers; "" where there was none
}

// Outcome is how a run ended.
type Outcome string

const (
	OutcomeApplied    Outcome = "applied"
	OutcomeFailed     Outcome = "failed"
	OutcomeRolledBack Outcome = "rolled back"
	OutcomePaused     Outcome = "paused"
)

// modernize reads what the first programs wrote: they recorded applied runs only, as done, and the verb in the
// person's place.
func (r *Revision) modernize() {
	if r.Outcome == "done" {
		r.Outcome, r.Command, r.By = OutcomeApplied, r.By, ""
	}
}

// Record appends a revision with the next number, forgets all but the newest `keep` ones, and returns the number.
// keep 0 keeps none. The newest applied one is never forgotten for newer ones that were not applied: it is what
// there is to go back to.
func (d *Document) Record(r Revision, keep int) int {
	d.LastRevision++
	r.Number = d.LastRevision
	r.At = r.At.UTC()
	d.Revisions = append(d.Revisions, r)
	extra := len(d.Revisions) - max(keep, 0)
	if extra <= 0 {
		return r.Number
	}
	kept := slices.Clone(d.Revisions[extra:])
	if applied, ok := d.LastApplied(); ok && len(kept) > 0 && applied.Number < kept[0].Number {
		kept[0] = applied
	}
	d.Revisions = kept
	return r.Number
}

// LastApplied is the newest revision that was applied.
func (d Document) LastApplied() (Revision, bool) {
	for _, r := range slices.Backward(d.Revisions) {
		if r.Outcome == OutcomeApplied {
			return r, true
		}
	}
	return Revision{}, false
}

// Revision returns the revision of that number.
func (d Document) Revision(number int) (Revision, bool) {
	i := slices.IndexFunc(d.Revisions, func(r Revision) bool { return r.Number == number })
	if i < 0 {
		return Revision{}, false
	}
	return d.Revisions[i], true
}
