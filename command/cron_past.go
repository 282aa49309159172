package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"time"

	"hyper-lite/compose"
	"hyper-lite/cron"
	"hyper-lite/engine"
	"hyper-lite/lb"
	"hyper-lite/plan"
)

// jobsPast is what became of a project's jobs, as the sidecar's volume, the project's state and the containers of runs
// tell together. Looking changes nothing.
type jobsPast struct {
	project   string
	memories  map[string]cron.Memory   // by job
	histories map[string][]cron.Record // the sidecar's, by job
	byHand    map[string][]cron.Record // begun by hand, by job
	open      map[string][]cron.Record // the sidecar's fires that are not over for it, by job
	runs      []engine.Listed          // the containers of runs, those of the latest instants last
	sidecar   plan.State               // "": there is none
}

// jobsPast looks at all of them. What cannot be read is warned of, and told without.
func (i *invocation) jobsPast(ctx context.Context, project compose.Project) (jobsPast, error) {
	past := jobsPast{project: project.Name, byHand: map[string][]cron.Record{}, open: map[string][]cron.Record{}}
	host, err := i.engine(ctx)
	if err != nil {
		return past, err
	}
	containers, err := host.Listing(ctx, project.Name)
	if err != nil {
		return past, err
	}
	for _, c := range containers {
		if c.Role == compose.RoleSidecar {
			past.sidecar = c.State
			if err := past.read(ctx, host, c.ID); err != nil {
				i.warn(err.Error())
			}
		}
	}
	past.runs = runsAmong(containers)
	if err := i.addOpen(ctx, host, &past); err != nil {
		return past, err
	}
	return past, i.addRunsByHand(ctx, host, project, &past)
}

// addOpen adds what is not over for the sidecar. Where that does not run, the containers tell what has ended since, as `stop` ends
// what runs.
func (i *invocation) addOpen(ctx context.Context, host Engine, past *jobsPast) error {
	attended := slices.Contains([]plan.State{plan.Running, plan.Paused, plan.Restarting}, past.sidecar)
	for job, memory := range past.memories {
		for _, r := range memory.Unfinished(past.project, job, attended) {
			at := slices.IndexFunc(past.runs, func(c engine.Listed) bool { return c.Name == r.Run })
			switch {
			case attended, at < 0 && r.Started == nil:
			case at < 0:
				r = removedUnseen(r)
			default:
				seen, err := i.runRecord(ctx, host, past.runs[at], true, r)
				if err != nil {
					return err
				}
				if seen.Started != nil {
					seen.Scheduled = r.Scheduled // in the zone of its schedule
					r = seen
				}
			}
			past.open[job] = append(past.open[job], r)
		}
	}
	return nil
}

// runsAmong are the containers of runs, those of the latest instants last.
func runsAmong(containers []engine.Listed) []engine.Listed {
	var runs []engine.Listed
	for _, c := range containers {
		if c.Labels[compose.LabelFire] != "" {
			runs = append(runs, c)
		}
	}
	slices.SortStableFunc(runs, func(a, b engine.Listed) int {
		if c := fireOf(a).Compare(fireOf(b)); c != 0 {
			return c
		}
		return attemptOf(a) - attemptOf(b)
	})
	return runs
}

// read copies the runner's files out of the sidecar's container, whether that runs or not.
func (p *jobsPast) read(ctx context.Context, host Engine, sidecar string) error {
	memory, memoryErr := host.ReadFile(ctx, sidecar, path.Join(lb.JobsFolder, cron.MemoryFile))
	if memoryErr == nil {
		p.memories, memoryErr = cron.ReadMemories(memory)
	}
	lines, historyErr := host.ReadFile(ctx, sidecar, path.Join(lb.JobsFolder, cron.HistoryFile))
	if historyErr == nil {
		whole := bytes.LastIndexByte(lines, '\n') + 1 // the last line may be just being written
		p.histories, historyErr = cron.Histories(bytes.NewReader(lines[:whole]))
	}
	for job, records := range p.histories {
		p.histories[job] = p.memories[job].Past(records)
	}
	if errors.Is(historyErr, fs.ErrNotExist) {
		historyErr = nil
	}
	if errors.Is(memoryErr, fs.ErrNotExist) {
		memoryErr = nil
	}
	return errors.Join(historyErr, memoryErr)
}

// addRunsByHand adds the runs that no sidecar has recorded: those that state remembers, and those whose containers are
// there. What state holds for running may have ended since: then the container tells how.
func (i *invocation) addRunsByHand(ctx context.Context, host Engine, project compose.Project, past *jobsPast) error {
	recorded := map[string]bool{}
	for _, records := range past.histories {
		for _, r := range records {
			recorded[r.Run] = true
		}
	}
	containers := map[string]engine.Listed{}
	for _, c := range past.runs {
		containers[c.Name] = c
	}
	if project.Dir != "" {
		remembered, err := readCronRecord(project)
		if err != nil {
			i.warn(fmt.Sprintf("runs begun by hand may be missing: %v", err))
		}
		for _, r := range remembered.Runs {
			if recorded[r.Run] {
				past.correct(r)
				continue
			}
			recorded[r.Run] = true
			if c, there := containers[r.Run]; r.Status == cron.Running {
				if r, err = i.runRecord(ctx, host, c, there, r); err != nil {
					return err
				}
			}
			past.byHand[r.Job] = append(past.byHand[r.Job], r)
		}
	}
	for _, c := range past.runs {
		if recorded[c.Name] || c.Labels[compose.LabelTrigger] != string(cron.Manual) {
			continue
		}
		r, err := i.runRecord(ctx, host, c, true, cron.Record{})
		if err != nil {
			return err
		}
		if r.Started != nil {
			past.byHand[r.Job] = append(past.byHand[r.Job], r)
		}
	}
	return nil
}

// correct puts the record of a run by hand in place of the sidecar's, where whoever began it saw its end: only they know why
// they ended it.
func (p *jobsPast) correct(seen cron.Record) {
	at := slices.IndexFunc(p.histories[seen.Job], func(r cron.Record) bool { return r.Run == seen.Run })
	if at < 0 || seen.Status == cron.Running {
		return
	}
	was := &p.histories[seen.Job][at]
	if m, known := p.memories[seen.Job]; known && was.Status == cron.Succeeded && seen.Status != cron.Succeeded {
		m.Succeeded, m.Failed = m.Succeeded-1, m.Failed+1
		p.memories[seen.Job] = m
	}
	*was = seen
}

// runRecord is the record of a run's container; of one that is gone, what was known of it.
func (i *invocation) runRecord(ctx context.Context, host Engine, c engine.Listed, there bool, known cron.Record) (cron.Record, error) {
	var run cron.Run
	if there {
		life, err := host.Lifespan(ctx, c.ID)
		if err != nil {
			return cron.Record{}, err
		}
		run, there = runOf(c, life), life.State != ""
	}
	if !there {
		return removedUnseen(known), nil
	}
	return cron.RecordOf(run), nil
}

// removedUnseen is the record of a run whose container is gone.
func removedUnseen(known cron.Record) cron.Record {
	known.Status, known.Reason = cron.Failed, "its container was removed before its end was seen"
	return known
}

// runOf is a run's container in the runner's words.
func runOf(c engine.Listed, life engine.Lifespan) cron.Run {
	run := cron.Run{
		Name: c.Name, Job: c.Service, Fire: fireOf(c), Attempt: attemptOf(c), Trigger: cron.Trigger(c.Labels[compose.LabelTrigger]),
		Stage: cron.Ended, Started: life.Started, Finished: life.Finished, ExitCode: life.ExitCode, OOM: life.OOM,
	}
	switch life.State {
	case plan.Created:
		run.Stage = cron.Created
	case plan.Running, plan.Paused, plan.Restarting:
		run.Stage = cron.Live
	}
	return run
}

// fireOf is the instant of a run's container.
func fireOf(c engine.Listed) time.Time {
	seconds, _ := strconv.ParseInt(c.Labels[compose.LabelFire], 10, 64) // we wrote it; 0 sorts first
	return time.Unix(seconds, 0)
}

func attemptOf(c engine.Listed) int {
	n, _ := strconv.Atoi(c.Labels[compose.LabelAttempt])
	return max(1, n)
}

// records are all that is known of a job's fires, in order, those that are not over included.
func (p jobsPast) records(job string) []cron.Record {
	records := slices.Clone(p.histories[job])
	seen := map[int64]bool{}
	for _, r := range records {
		seen[r.Scheduled.Unix()] = true
	}
	for _, more := range [][]cron.Record{p.byHand[job], p.open[job]} {
		for _, r := range more {
			if !seen[r.Scheduled.Unix()] {
				seen[r.Scheduled.Unix()] = true
				records = append(records, r)
			}
		}
	}
	slices.SortStableFunc(records, func(a, b cron.Record) int { return a.Scheduled.Compare(b.Scheduled) })
	return records
}

// counts are how many fires of a job ended well, and how many did not: all that the sidecar ever counted, and those begun by
// hand that it never saw.
func (p jobsPast) counts(job string) (succeeded, failed int) {
	memory := p.memories[job]
	succeeded, failed = memory.Succeeded, memory.Failed
	for _, r := range p.byHand[job] {
		if h := p.histories[job]; len(h) > 0 && len(h) >= memory.Timing.History && r.Scheduled.Before(h[0].Scheduled) {
			continue // it was counted, and its record is no longer kept
		}
		switch r.Status {
		case cron.Succeeded:
			succeeded++
		case cron.Failed, cron.TimedOut, cron.Missed:
			failed++
		}
	}
	return succeeded, failed
}

// last is the last fire of a job that was not skipped; ok is false where there was none.
func (p jobsPast) last(job string) (cron.Record, bool) {
	for _, r := range slices.Backward(p.records(job)) {
		if r.Status != cron.Skipped {
			return r, true
		}
	}
	if last := p.memories[job].Last; last != nil { // its record is no longer kept
		return *last, true
	}
	return cron.Record{}, false
}
