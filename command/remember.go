package command

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
	"hyper-lite/state"
)

// ran is a run as it is remembered.
type ran struct {
	project compose.Project // what was asked for
	options plan.Options
	done    plan.Plan
	outcome state.Outcome // "": applied, or failed where there is an error
	err     error
	command string // "": as typed
}

// changed says whether a plan that was done did more than to fetch what was there already.
func (r ran) changed() bool { return len(r.done.Images().Nodes) < len(r.done.Nodes) }

// noteWork remembers that something was begun.
func (i *invocation) noteWork() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.worked = true
}

func (i *invocation) hasWorked() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.worked
}

// remember records a run under the project's lock. One that began nothing is none.
func (i *invocation) remember(ctx context.Context, held held, r ran) error {
	if held.store == nil || !i.hasWorked() {
		return nil
	}
	if ctx.Err() != nil && r.err != nil {
		r.err = errInterrupted
	}
	ctx = context.WithoutCancel(ctx) // an interrupted run is remembered, too
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	revision, err := i.revision(ctx, r)
	if err != nil {
		return fmt.Errorf("record the revision: %w", err)
	}
	err = held.store.Update(func(d *state.Document) error {
		before, _ := d.LastApplied()
		if revision, err = held.past.completed(ctx, revision, before, r); err != nil {
			return err
		}
		revision.Changed = changes(before.Applied, revision.Applied)
		maps.Copy(revision.Changed, changes(before.Jobs, revision.Jobs))
		d.Record(revision, r.project.Settings.Revisions)
		return nil
	})
	if err != nil {
		return fmt.Errorf("record the revision: %w", err)
	}
	return nil
}

const lookPatience = 20 * time.Second

func (i *invocation) revision(ctx context.Context, r ran) (state.Revision, error) {
	canonical, err := compose.Canonical(r.project, "json")
	if err != nil {
		return state.Revision{}, err
	}
	sum := sha256.Sum256(canonical)
	revision := state.Revision{
		At: time.Now(), By: person(i.env), Command: cmp.Or(r.command, i.typed),
		FilesHash: hex.EncodeToString(sum[:6]), Summary: summary(r.done), Outcome: r.outcome,
		Applied: map[string]state.Applied{}, Disabled: r.project.Disabled, Files: r.project.Files, Project: json.RawMessage(canonical),
	}
	for _, s := range r.project.Services {
		revision.Applied[s.Name] = state.Applied{Hash: s.Digest.Hash, Fields: s.Digest.Fields, Replicas: s.Replicas, ImageID: s.ImageID}
	}
	revision.Jobs = map[string]state.Applied{}
	for _, j := range r.project.Jobs {
		revision.Jobs[j.Name] = state.Applied{Hash: j.Digest.Hash, Fields: j.Digest.Fields}
	}
	if r.err != nil {
		revision.Outcome = cmp.Or(revision.Outcome, failureOutcome(r.err))
		revision.Error = oneLine(r.err)
		return revision, nil
	}
	revision.Outcome = cmp.Or(revision.Outcome, state.OutcomeApplied)
	if r.project.Settings.Revisions == 0 {
		return revision, nil // it is not kept
	}
	if err := i.addImages(ctx, r.project, revision.Applied); err != nil {
		i.warn(fmt.Sprintf("the revision does not know which images run: %v", err)) // what was applied is recorded in any case
	}
	return revision, nil
}

// failureOutcome says what became of a run that failed: as its failed replacements were answered.
func failureOutcome(err error) state.Outcome {
	rollout, ok := errors.AsType[*plan.RolloutError](err)
	switch {
	case !ok || rollout.Undone != nil:
		return state.OutcomeFailed
	case rollout.Action == compose.RollBackOnFailure:
		return state.OutcomeRolledBack
	case rollout.Action == compose.PauseOnFailure:
		return state.OutcomePaused
	}
	return state.OutcomeFailed
}

// addImages notes which images the replicas were made from: what a reference means may change.
func (i *invocation) addImages(ctx context.Context, project compose.Project, applied map[string]state.Applied) error {
	replicas, err := i.opened.List(ctx, project.Name)
	if err != nil {
		return err
	}
	for _, r := range replicas {
		s, ok := applied[r.Service]
		if ok && r.Role == compose.RoleReplica && !r.OneOff && r.Digest.Hash == s.Hash {
			s.ImageID = r.ImageID
			applied[r.Service] = s
		}
	}
	return nil
}

// changes tells services apart, by service: what of each is not as it was.
func changes(before, now map[string]state.Applied) map[string][]string {
	changed := map[string][]string{}
	for name, s := range now {
		was, ok := before[name]
		if !ok {
			changed[name] = []string{"added"}
			continue
		}
		fields := compose.ChangedFields(compose.Digest{Fields: was.Fields}, compose.Digest{Fields: s.Fields})
		if len(fields) == 0 && was.Hash != s.Hash {
			fields = append(fields, "specification")
		}
		if was.ImageID != "" && s.ImageID != "" && was.ImageID != s.ImageID && !slices.Contains(fields, "image") {
			fields = append(fields, "image")
		}
		if was.Replicas != s.Replicas {
			fields = append(fields, fmt.Sprintf("scale %d->%d", was.Replicas, s.Replicas))
		}
		if len(fields) > 0 {
			changed[name] = fields
		}
	}
	for name := range before {
		if _, ok := now[name]; !ok {
			changed[name] = []string{"removed"}
		}
	}
	return changed
}

// oneLine is the first line of an error, of a length that a table bears.
func oneLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	const longest = 300
	if letters := []rune(line); len(letters) > longest {
		line = string(letters[:longest]) + "..."
	}
	return line
}

// person is who runs the program: name@host.
func person(env map[string]string) string {
	name := env["SUDO_USER"]
	if name == "" {
		if u, err := user.Current(); err == nil {
			name = u.Username
		}
	}
	name = cmp.Or(name, env["USER"], "unknown")
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}

// past is what a recorded project is read with again.
type past struct {
	today compose.RestoreOptions
	warn  func(...string)
}

func (i *invocation) past(project compose.Project) past {
	return past{warn: i.warn, today: compose.RestoreOptions{
		Dir: project.Dir, Files: project.Files, Env: i.variables(), EnvFiles: i.envFiles, Added: jobsBeside(project),
	}}
}

// restore is a revision's project, as it was. only are what containers are to be made of; none is all.
func (p past) restore(ctx context.Context, revision state.Revision, only ...string) (compose.Project, error) {
	opt := p.today
	opt.Only = only
	opt.Name, opt.Disabled, opt.Services = revisionName(revision.Number), revision.Disabled, map[string]compose.Recorded{}
	if len(opt.Files) == 0 {
		opt.Files = revision.Files
	}
	for name, s := range revision.Applied {
		opt.Services[name] = compose.Recorded{
			Replicas: s.Replicas, ImageID: s.ImageID, Digest: compose.Digest{Hash: s.Hash, Fields: s.Fields},
		}
	}
	project, warnings, err := compose.Restore(ctx, revision.Project, opt)
	p.warn(warnings...)
	return project, err
}

func revisionName(number int) string { return fmt.Sprintf("revision %d", number) }
