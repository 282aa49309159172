package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"hyper-lite/compose"
	"hyper-lite/cron"
	"hyper-lite/engine"
	"hyper-lite/lb"
	"hyper-lite/plan"
)

const (
	// tellsWithin is how long it may take to tell of an end.
	tellsWithin = time.Minute
	// gathering is how long changes of registrations are gathered before they are read.
	gathering = 300 * time.Millisecond
	// listed is how long after the end of a run the engine's lists have it for sure.
	listed = time.Second
	// mindingPause is how long a runner that cannot remember waits before it tries again.
	mindingPause = 10 * time.Second
)

// firing is the engine as the runner of jobs sees it, inside the sidecar.
type firing struct {
	project string
	host    *engine.Engine
	sidecar *lb.Sidecar
	log     *slog.Logger
	runner  *cron.Runner
	kept    *registry

	mu         sync.Mutex
	registered map[string]registered      // by job
	lives      map[string]engine.Lifespan // by container ID
	starts     map[string]bool            // by name: what this process makes and starts
	gathers    bool                       // the registrations will be read soon
}

// registered is a job as the host has it.
type registered struct {
	by   string // ID of the container that registers it
	name string
	compose.Registration
}

func newFiring(project string, host *engine.Engine, sidecar *lb.Sidecar, log *slog.Logger) *firing {
	f := &firing{project: project, host: host, sidecar: sidecar, log: log, lives: map[string]engine.Lifespan{}, starts: map[string]bool{}}
	f.kept = newRegistry(f)
	f.runner = cron.NewRunner(cron.Options{
		Project: project, Engine: f, Store: &cron.Files{Folder: lb.JobsFolder}, Clock: cron.NewSystemClock(), Log: log,
	})
	return f
}

// run fires until the context ends.
func (f *firing) run(ctx context.Context) {
	var keeping sync.WaitGroup
	defer keeping.Wait()
	keeping.Go(func() { f.kept.run(ctx) })
	for ctx.Err() == nil {
		if err := f.runner.Run(ctx); err != nil {
			f.log.Error("no job fires until this is mended", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(mindingPause):
			}
		}
	}
}

// happened takes in an event of the engine.
func (f *firing) happened(e engine.Event) {
	switch e.Role {
	case compose.RoleRun:
		switch e.Action {
		case "start", "die", "destroy", "pause", "unpause":
			f.runner.Nudge(false)
		}
		if e.Action == "die" { // the engine may tell of it before its lists do
			time.AfterFunc(listed, func() { f.runner.Nudge(false) })
		}
	case compose.RoleJob: // our own reading of one is an event, too
		switch e.Action {
		case "create", "rename", "destroy":
			f.gather()
		}
		if e.Action == "destroy" {
			f.kept.vanished(e.ID, e.Time)
		}
	case "": // a stream that begins
		f.gather()
	}
}

// gather has the registrations read once no more than a moment has passed: a project may have a thousand.
func (f *firing) gather() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gathers {
		return
	}
	f.gathers = true
	time.AfterFunc(gathering, func() {
		f.mu.Lock()
		f.gathers = false
		f.mu.Unlock()
		f.runner.Nudge(true)
	})
}

// Jobs reads the registrations. One that cannot be read is told, and is none.
func (f *firing) Jobs(ctx context.Context) ([]cron.Job, error) {
	found, err := f.host.Jobs(ctx, f.project)
	if err != nil {
		return nil, err
	}
	for _, r := range found {
		if _, err := r.Registers(); err != nil {
			f.log.Error("jobs cannot be read, and do not fire", "error", err)
		}
	}
	f.kept.keep(ctx, found)
	all := map[string]registered{}
	var jobs []cron.Job
	for name, is := range plan.RegisteredJobs(found) {
		one := registered{by: is.By.ID, name: name}
		err := json.Unmarshal([]byte(is.Job), &one.Registration)
		if err == nil {
			// The engine tells seconds: the generation tells registrations of one second apart.
			var job cron.Job
			if job, err = cron.NewJob(f.project, name, one.Timing, is.Since.Add(time.Duration(is.Generation))); err == nil {
				all[name], jobs = one, append(jobs, job)
			}
		}
		if err != nil {
			f.log.Error("a job's registration cannot be read", "job", name, "container", is.By.Name, "error", err)
		}
	}
	f.mu.Lock()
	f.registered = all
	f.mu.Unlock()
	return jobs, nil
}

// Runs lists the runs; of each that began, when it did and how it ended is asked for once.
func (f *firing) Runs(ctx context.Context) ([]cron.Run, error) {
	found, err := f.host.Runs(ctx, f.project)
	if err != nil {
		return nil, err
	}
	runs := make([]cron.Run, 0, len(found))
	there := map[string]bool{}
	for _, r := range found {
		there[r.ID] = true
		seconds, err := strconv.ParseInt(r.Fire, 10, 64)
		if err != nil {
			continue // nobody of ours made it
		}
		run := cron.Run{
			Name: r.Name, Job: r.Service, Fire: time.Unix(seconds, 0).UTC(), Attempt: max(1, r.Attempt), Trigger: cron.Trigger(r.Trigger), Stage: stageOf(r.State),
		}
		if run.Stage == cron.Created && !f.startsItself(r.Name) {
			// A sidecar before this one made it, and the engine may be about to start it for that: it answers after it has.
			life, err := f.host.Lifespan(ctx, r.ID)
			if err != nil {
				return nil, err
			}
			if life.State == "" { // gone; or being made: the engine lists a container before it finds it
				continue
			}
			run.Stage = stageOf(life.State)
		}
		if run.Stage != cron.Created {
			life, err := f.life(ctx, r.ID, run.Stage == cron.Ended)
			if err != nil {
				return nil, err
			}
			if life.State == "" { // gone
				continue
			}
			run.Started, run.Finished, run.ExitCode, run.OOM = life.Started, life.Finished, life.ExitCode, life.OOM
		}
		runs = append(runs, run)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for id := range f.lives {
		if !there[id] {
			delete(f.lives, id)
		}
	}
	return runs, nil
}

func stageOf(state plan.State) cron.Stage {
	switch state {
	case plan.Created:
		return cron.Created
	case plan.Running, plan.Paused, plan.Restarting:
		return cron.Live
	}
	return cron.Ended
}

func (f *firing) life(ctx context.Context, id string, ended bool) (engine.Lifespan, error) {
	f.mu.Lock()
	life, known := f.lives[id]
	f.mu.Unlock()
	if known && (!ended || !life.Finished.IsZero()) {
		return life, nil
	}
	life, err := f.host.Lifespan(ctx, id)
	if err != nil {
		return life, err
	}
	if !ended { // it may have ended since the list: that is for the next look
		life.Finished = time.Time{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lives[id] = life
	return life, nil
}

// Start makes and starts a run. While a command works on the project it waits; and where it waits for the job's
// dependencies when a command begins, it is tried again. Pre_start hooks stop no command: only their beginnings wait. Where the
// context ends, nothing more begins; but the making of the run and its beginning are not cut off, so that what they came to is known.
func (f *firing) Start(ctx context.Context, start cron.Start, aside cron.Aside) error {
	defer f.noteStart(start.Run, false)
	begin := func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return f.host.Do(context.WithoutCancel(ctx), plan.Start{Container: runContainer(start.Job, start.Run)})
	}
	var made madeRun
	err := f.alone(ctx, func(work context.Context) (err error) {
		if made, err = f.make(ctx, work, start, aside); err != nil || !made.due || made.hooks > 0 {
			return err
		}
		return begin()
	})
	if err == nil && made.due && made.hooks > 0 {
		if err = f.preStart(ctx, made, aside); err == nil {
			err = f.alone(ctx, func(context.Context) error { return begin() })
		}
	}
	if err != nil || !made.due {
		return away(err)
	}
	return f.postStart(ctx, start, aside)
}

// alone does a piece of the sidecar's own work once no command works on the project. work ends when one wants to.
func (f *firing) alone(ctx context.Context, do func(work context.Context) error) error {
	work, leave, err := f.sidecar.Alone(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return do(work)
}

// away tells the runner's word for what is to be tried again.
func away(err error) error {
	if errors.Is(err, engine.ErrUnreachable) || errors.Is(err, context.Canceled) || errors.Is(err, engine.ErrGone) {
		return fmt.Errorf("%w: %w", cron.ErrAway, err)
	}
	return err
}

// madeRun is the container of a run.
type madeRun struct {
	engine.RunOf
	due     bool // it is to be started: no process before this one did
	hooks   int  // that run before
	timeout time.Duration
}

// make makes the container of a run once what its job depends on is as it asks.
func (f *firing) make(ctx, work context.Context, start cron.Start, aside cron.Aside) (madeRun, error) {
	job, ok := f.job(start.Job)
	if !ok {
		f.gather()
		return madeRun{}, fmt.Errorf("job %s: its registration: %w", start.Job, engine.ErrGone)
	}
	if err := f.fulfil(work, job, start.Scheduled, aside); err != nil {
		return madeRun{}, err
	}
	run := engine.RunOf{Project: f.project, Job: job.name, By: job.by, Name: start.Run, Role: compose.RoleRun, Labels: map[string]string{
		compose.LabelFire: strconv.FormatInt(start.Scheduled.Unix(), 10), compose.LabelTrigger: string(start.Trigger),
		compose.LabelAttempt: strconv.Itoa(start.Attempt),
	}}
	if err := ctx.Err(); err != nil {
		return madeRun{}, err
	}
	f.noteStart(start.Run, true)
	job, err := f.makeRun(context.WithoutCancel(ctx), &run, job)
	if err != nil {
		return madeRun{}, err
	}
	life, err := f.host.Lifespan(ctx, start.Run)
	// One that a sidecar before this one had started is not started again, though it ended.
	return madeRun{run, err == nil && (life.State == "" || life.State == plan.Created), len(job.PreStart), job.Timeout}, err
}

// makeRun makes the container of a run. Where its job is registered by another container by now, it is made of that one.
func (f *firing) makeRun(ctx context.Context, run *engine.RunOf, job registered) (registered, error) {
	err := f.host.MakeRun(ctx, *run)
	if !errors.Is(err, engine.ErrGone) {
		return job, err
	}
	f.gather()
	if _, err := f.Jobs(ctx); err != nil {
		return job, err
	}
	next, ok := f.job(run.Job)
	if !ok || next.by == run.By {
		return job, err
	}
	run.By = next.by
	return next, f.host.MakeRun(ctx, *run)
}

func (f *firing) noteStart(run string, starts bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if starts {
		f.starts[run] = true
	} else {
		delete(f.starts, run)
	}
}

func (f *firing) startsItself(run string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.starts[run]
}

func (f *firing) job(name string) (registered, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one, ok := f.registered[name]
	return one, ok
}

// Stop stops a run, within its grace period, after its pre_stop hooks.
func (f *firing) Stop(ctx context.Context, stop cron.Stop) error {
	f.preStop(ctx, stop)
	return away(f.host.Do(ctx, plan.Stop{Container: plan.Container{Name: stop.Run}}))
}

// Remove removes an ended run, and what was its own: hooks too, that a sidecar before this one left.
func (f *firing) Remove(ctx context.Context, remove cron.Remove) error {
	job, _ := f.job(remove.Job)
	if err := f.host.DropHooks(ctx, f.project, runContainer(remove.Job, remove.Run), len(job.PreStart)); err != nil {
		return away(err)
	}
	return away(f.host.Do(ctx, plan.Remove{Container: plan.Container{Name: remove.Run}, Volumes: true}))
}

// Tell posts an end to a webhook, or runs the command that is told of it in a container like the run's own.
func (f *firing) Tell(ctx context.Context, tell cron.Tell) error {
	// A command that takes the project away must find the container running, or not at all.
	_, leave, err := f.sidecar.Alone(ctx)
	if err != nil {
		return away(err)
	}
	begun := sync.OnceFunc(leave)
	defer begun()
	ctx, cancel := context.WithTimeout(ctx, tellsWithin)
	defer cancel()
	end := cron.End{Project: f.project, Record: tell.Record, Log: f.lastLines(ctx, tell.Record.Run)}
	if tell.Notify.Webhook != "" {
		begun()
		return cron.Webhook{}.Post(ctx, end, tell.Notify.Webhook)
	}
	job, ok := f.job(tell.Record.Job)
	if !ok {
		return fmt.Errorf("tell of the end of %s: the job is not registered any more", tell.Record.Run)
	}
	text := strings.Join(end.Log, "\n")
	if text != "" {
		text += "\n"
	}
	return away(f.host.RunToEnd(ctx, engine.RunOf{
		Project: f.project, Job: job.name, By: job.by, Name: tell.Record.Run + "-notify", Role: compose.RoleHook,
		Command: tell.Notify.Command, Environment: end.Environment(),
	}, text, begun))
}

// lastLines are the end of a run's log: none where it never ran or is gone.
func (f *firing) lastLines(ctx context.Context, run string) []string {
	var log bytes.Buffer
	if err := f.host.Logs(ctx, run, engine.LogOptions{Tail: strconv.Itoa(cron.LogLines)}, &log, &log); err != nil {
		f.log.Warn("the log of a run cannot be told", "run", run, "error", err)
		return nil
	}
	text := strings.TrimRight(log.String(), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
