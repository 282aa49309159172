package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
	"hyper-lite/state"
)

// held is a project of which we are the only one who changes it.
type held struct {
	store *state.Store
	lock  *state.Lock // nil where there is no folder to lock in
}

// lock makes us the only one, and checks that what will be recorded can be.
func (i *invocation) lock(ctx context.Context, project compose.Project, verb string) (held, error) {
	store, err := state.Open(project.Dir, project.Name)
	if err != nil {
		return held{}, err
	}
	lock, err := store.Lock(ctx, i.lockOptions(verb))
	if err != nil {
		return held{}, err
	}
	if _, err := store.Read(); err != nil {
		return held{}, errors.Join(err, lock.Release())
	}
	return held{store: store, lock: lock}, nil
}

// lockLoosely goes on without a lock where the project's folder is unknown, gone or read-only: taking a
// project down must work then, too.
func (i *invocation) lockLoosely(ctx context.Context, project compose.Project, verb string) (held, error) {
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
	lock, err := store.Lock(ctx, i.lockOptions(verb))
	if unwritable, ok := errors.AsType[*state.UnwritableError](err); ok {
		i.warn(unwritable.Error() + ": going on without a lock")
		return held{}, nil
	}
	if err != nil {
		return held{}, err
	}
	return held{store: store, lock: lock}, nil
}

// lockOptions waits for whoever holds the project, and says so, unless told not to wait.
func (i *invocation) lockOptions(verb string) state.LockOptions {
	options := state.LockOptions{Command: programName + " " + verb}
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

// record remembers what was applied.
func (h held) record(project compose.Project, done plan.Plan, by string) error {
	canonical, err := compose.Canonical(project, "json")
	if err != nil {
		return fmt.Errorf("record the revision: %w", err)
	}
	sum := sha256.Sum256(canonical)
	revision := state.Revision{
		At: time.Now(), By: by, FilesHash: hex.EncodeToString(sum[:6]), Summary: summary(done), Outcome: "done",
		Project: json.RawMessage(canonical),
	}
	err = h.store.Update(func(d *state.Document) error {
		d.Record(revision, project.Settings.Revisions)
		return nil
	})
	if err != nil {
		return fmt.Errorf("record the revision: %w", err)
	}
	return nil
}

// summary counts what was done to containers: "3 created, 1 removed".
func summary(done plan.Plan) string {
	created, removed, started := 0, 0, 0
	for _, n := range done.Nodes {
		switch n.Step.(type) {
		case plan.Create:
			created++
		case plan.Remove:
			removed++
		case plan.Start:
			started++
		}
	}
	var words []string
	for _, c := range []struct {
		n    int
		word string
	}{{created, "created"}, {started, "started"}, {removed, "removed"}} {
		if c.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", c.n, c.word))
		}
	}
	if len(words) == 0 {
		return fmt.Sprintf("%d steps", len(done.Nodes))
	}
	return strings.Join(words, ", ")
}
