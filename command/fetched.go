package command

import (
	"fmt"
	"maps"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
	"hyper-lite/state"
)

// fetchedRecord is when images were last fetched, by reference: what the state remembers of those whose pull_policy goes by
// age, since not every engine tells it.
type fetchedRecord map[string]time.Time

const fetchedRecordName = "fetched"

func fetchedRecordOf(document state.Document) (fetchedRecord, error) {
	r := fetchedRecord{}
	if err := document.Recall(fetchedRecordName, &r); err != nil {
		return nil, fmt.Errorf("read when images were fetched: %w", err)
	}
	return r, nil
}

// refreshed are the images of a project whose pull_policy goes by age, and after how long each is fetched again: where
// services differ, after the shortest span.
func refreshed(project compose.Project) map[string]time.Duration {
	spans := map[string]time.Duration{}
	for _, s := range project.WithHooks() {
		after, ok := s.RefreshAfter()
		if !ok {
			continue
		}
		if span, known := spans[s.Body.Image]; !known || after < span {
			spans[s.Body.Image] = after
		}
	}
	return spans
}

// aged says of which images it is time that they are fetched again, and why.
func (i *invocation) aged(project compose.Project, now time.Time) (map[string]string, error) {
	spans := refreshed(project)
	if len(spans) == 0 {
		return nil, nil
	}
	document, err := place{Project: project}.read()
	if err != nil {
		return nil, err
	}
	fetched, err := fetchedRecordOf(document)
	if err != nil {
		return nil, err
	}
	aged := map[string]string{}
	for image, after := range spans {
		at, known := fetched[image]
		age := now.Sub(at)
		switch {
		case !known:
			aged[image] = "pull policy by age: it was not fetched from here yet"
		case age >= after || age < 0: // a clock that was set back tells nothing
			aged[image] = fmt.Sprintf("pull policy by age: fetched %s ago", age.Round(time.Second))
		}
	}
	return aged, nil
}

// noteFetched remembers that an image was fetched just now.
func (i *invocation) noteFetched(step plan.Step) {
	if pull, ok := step.(plan.Pull); ok {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.fetched == nil {
			i.fetched = fetchedRecord{}
		}
		i.fetched[pull.Image] = time.Now().UTC().Truncate(time.Second)
	}
}

// rememberFetched records what this invocation fetched since the last time, as far as anybody asks how old it is.
func (i *invocation) rememberFetched(project compose.Project) error {
	spans := refreshed(project)
	unasked := func(image string, _ time.Time) bool { _, asked := spans[image]; return !asked }
	i.mu.Lock()
	fetched := i.fetched
	i.fetched = nil
	i.mu.Unlock()
	maps.DeleteFunc(fetched, unasked)
	if len(fetched) == 0 {
		return nil
	}
	store, err := state.Open(project.Dir, project.Name)
	if err != nil {
		return err
	}
	return store.Update(func(d *state.Document) error {
		record, err := fetchedRecordOf(*d)
		if err != nil {
			return err
		}
		maps.DeleteFunc(record, unasked)
		maps.Copy(record, fetched)
		return d.Remember(fetchedRecordName, record)
	})
}
