package state

import (
	"os"
	"path/filepath"
	"testing"

	"gotest.tools/v3/assert"
)

func numbers(d Document) []int {
	var all []int
	for _, r := range d.Revisions {
		all = append(all, r.Number)
	}
	return all
}

func TestTheNewestAppliedRevisionIsNotForgottenForFailedOnes(t *testing.T) {
	var d Document
	d.Record(Revision{Outcome: OutcomeApplied}, 3)
	d.Record(Revision{Outcome: OutcomeApplied}, 3)
	for range 4 {
		d.Record(Revision{Outcome: OutcomeFailed}, 3)
	}
	assert.DeepEqual(t, numbers(d), []int{2, 5, 6})
	applied, ok := d.LastApplied()
	assert.Assert(t, ok)
	assert.Equal(t, applied.Number, 2)
	d.Record(Revision{Outcome: OutcomeApplied}, 3)
	assert.DeepEqual(t, numbers(d), []int{5, 6, 7})
	d.Record(Revision{Outcome: OutcomeFailed}, 1)
	assert.DeepEqual(t, numbers(d), []int{7})
	d.Record(Revision{Outcome: OutcomeFailed}, 0)
	assert.Equal(t, len(d.Revisions), 0)
	_, ok = d.LastApplied()
	assert.Assert(t, !ok)
}

func TestTheFirstRevisionsAreStillRead(t *testing.T) {
	dir := t.TempDir()
	store := open(t, dir, "shop")
	assert.NilError(t, os.MkdirAll(filepath.Dir(store.Path()), 0o700))
	assert.NilError(t, os.WriteFile(store.Path(), []byte(`{"version": 1, "lastRevision": 4, "revisions": [
		{"number": 4, "at": "2026-01-02T03:04:05Z", "by": "up", "filesHash": "aa", "summary": "1 created", "outcome": "done", "project": {"name": "shop"}}
	]}`), 0o600))
	document, err := store.Read()
	assert.NilError(t, err)
	r, ok := document.LastApplied()
	assert.Assert(t, ok)
	assert.Equal(t, r.Number, 4)
	assert.Equal(t, r.Command, "up")
	assert.Equal(t, r.By, "")
	assert.Equal(t, r.Summary, "1 created")
	_, ok = document.Revision(3)
	assert.Assert(t, !ok)
}
