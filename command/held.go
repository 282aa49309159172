package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"hyper-lite/compose"
	"hyper-lite/plan"
	"hyper-lite/state"
)

// held is a project of which we are the only one who changes it.
type held struct {
	store *state.Store
	lock  *state.Lock // nil where there is no folder to lock in
	past  past
}

// lock makes us the only one, and checks that what will be recorded can be. services are what the verb is about; none
// is all.
func (i *invocation) lock(ctx context.Context, project compose.Project, verb string, services []string) (held, error) {
	store, err := state.Open(project.Dir, project.Name)
	if err != nil {
		return held{}, err
	}
	lock, err := store.Lock(ctx, i.lockOptions(verb, services))
	if err != nil {
		return held{}, err
	}
	if _, err := store.Read(); err != nil {
		return held{}, errors.Join(err, lock.Release())
	}
	return held{store: store, lock: lock, past: i.past(project)}, nil
}

// lockLoosely goes on without a lock where the project's folder is unknown, gone or read-only: taking a
// project down must work then, too.
func (i *invocation) lockLoosely(ctx context.Context, project compose.Project, verb string, services []string) (held, error) {
	if project.Dir == "" {
		return held{}, nil
	}
	if _, err := os.Stat(project.Dir); errors.Is(err, fs.ErrNotExist) {
		return held{}, nil
	}
	store, err := state.Open(project.Dir, project.Name)
	if err != nil {
		return held{}, err
	}
	lock, err := store.Lock(ctx, i.lockOptions(verb, services))
	if unwritable, ok := errors.AsType[*state.UnwritableError](err); ok {
		i.warn(unwritable.Error() + ": going on without a lock")
		return held{}, nil
	}
	if err != nil {
		return held{}, err
	}
	return held{store: store, lock: lock, past: i.past(project)}, nil
}

// lockOptions waits for whoever holds the project, and says so, unless told not to wait.
func (i *invocation) lockOptions(verb string, services []string) state.LockOptions {
	options := state.LockOptions{Command: programName + " " + verb, On: services}
	if i.noWait {
		return options
	}
	options.Wait = -1
	options.OnWait = func(by *state.LockedError) {
		i.warn(by.Error() + ": waiting until it is done (--no-wait-lock fails at once)")
	}
	return options
}

// release gives the lock back and adds what went wrong to err.
func (h held) release(err *error) {
	if h.lock != nil {
		*err = errors.Join(*err, h.lock.Release())
	}
}

// lastApplied is the project of the newest revision that was applied, as it was, as far as it is to make containers of one
// service: with its replicas and its images. ok is false where there is none.
func (h held) lastApplied(ctx context.Context, service string) (project compose.Project, number int, ok bool, err error) {
	if h.store == nil {
		return compose.Project{}, 0, false, nil
	}
	document, err := h.store.Read()
	if err != nil {
		return compose.Project{}, 0, false, err
	}
	revision, ok := document.LastApplied()
	if !ok {
		return compose.Project{}, 0, false, nil
	}
	project, err = h.past.restore(ctx, revision, service)
	return project, revision.Number, err == nil, err
}

// summary counts what was done to containers, and to jobs: "3 created, 1 removed", "2 registered".
func summary(done plan.Plan) string {
	created, removed, started := 0, 0, 0
	jobs := map[string]int{}
	for _, n := range done.Nodes {
		switch s := n.Step.(type) {
		case plan.Create:
			created++
		case plan.Register:
			for _, c := range s.Changes {
				jobs[c.Verb]++
			}
		case plan.Remove:
			if !s.IsRegistration() {
				removed++
			}
		case plan.Start:
			started++
		}
	}
	var words []string
	for _, c := range []struct {
		n    int
		word string
	}{
		{created, "created"}, {started, "started"}, {removed, "removed"}, {jobs["register"], "registered"}, {jobs["deregister"], "deregistered"},
	} {
		if c.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", c.n, c.word))
		}
	}
	if len(words) == 0 {
		return fmt.Sprintf("%d steps", len(done.Nodes))
	}
	return strings.Join(words, ", ")
}
