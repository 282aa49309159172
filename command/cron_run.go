package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/cron"
	"hyper-lite/plan"
)

func (p *program) cronRun() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "run a job now, whatever its schedule",
		ArgsUsage: "JOB [-- COMMAND [ARG...]]",
		Description: `hyper-lite cron run nightly                   in the background; prints the name of the run
hyper-lite cron run --wait nightly            shows what it says, and ends with its exit code
hyper-lite cron run --wait -e DRY=1 nightly -- backup --all`,
		UsageText: `What the job depends on is started first, as up does it; nothing else of the project needs to run. The container
stays until the job's keep or ` + "`down`" + ` removes it. With --wait, SIGTERM and Ctrl-C stop the run within its grace period, a
second Ctrl-C kills it, and a run that is stopped for the job's timeout ends with exit code 124.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "wait", Usage: "wait for its end, show what it says, and end with its exit code"},
			&cli.StringSliceFlag{Name: "env", Aliases: []string{"e"}, Usage: "`NAME=VALUE` of a variable, or NAME for the value it has here; may be repeated"},
			&cli.BoolFlag{Name: "no-deps", Usage: "leave alone what the job depends on"},
			&cli.BoolFlag{Name: "build", Usage: "build images before"},
			&cli.StringFlag{Name: "pull", Usage: "always, missing, never or policy (default: policy, that of the file)"},
			&cli.BoolFlag{Name: "rm", Usage: "remove the container once it has ended, and its anonymous volumes"},
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.cronRun(ctx, c) }),
	}
}

func (i *invocation) cronRun(ctx context.Context, c *cli.Context) error {
	if c.NArg() < 1 {
		return &usageError{msg: "cron run needs a job", hint: "as in `hyper-lite cron run nightly`"}
	}
	one, project, err := i.wantedRun(ctx, c)
	if err != nil {
		return err
	}
	one.settle = func(have plan.Observed) { one.at = one.named(project, have, time.Now()) }
	begin, err := i.prepare(ctx, project, &one.once)
	if i.dryRun {
		return err
	}
	if err != nil {
		return i.neverBegan(ctx, project, one, err)
	}
	limit, err := i.curbOf(ctx, project, one.once)
	if err != nil {
		return err
	}
	record := one.record(cron.Running)
	own := one.timeout // that nobody else sees to
	if own > 0 {
		if one.tended, err = i.tended(ctx, project.Name, one.service.Name, own); err != nil {
			return err
		}
		if one.tended {
			own = 0
		}
	}
	// A run outlives our interruption, until it is stopped.
	beyond, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	leave := func() {}
	err = i.perform(ctx, project, one.once, begin, performing{
		starts: func() {
			begun := time.Now()
			record.Started = &begun
			if !one.detached { // its post_start hooks are part of its time
				leave = limit.after(beyond, own)
			}
		},
		started: func() { i.noteRun(project, one.history, record) },
		stops:   func(signal string) { limit.signalled(beyond, signal) },
		unread:  limit.unread,
	})
	if !one.detached {
		leave()
		limit.ending.Wait()
		i.noteEnd(ctx, project, one, record, limit, err)
		i.tidyRuns(ctx, project, one)
		return limit.judge(err)
	}
	if err != nil {
		return err
	}
	i.tidyRuns(ctx, project, one)
	if own > 0 {
		i.warn(fmt.Sprintf("nobody stops %s after its timeout of %s: no sidecar looks after this job; `hyper-lite up` makes one, and with --wait this command does it", one.options.Name, own))
	}
	_, err = fmt.Fprintln(i.Out, one.options.Name)
	return err
}

// neverBegan records a run that its pre_start hooks did not let begin, and takes its container away. cause is why.
func (i *invocation) neverBegan(ctx context.Context, project compose.Project, one jobOnce, cause error) error {
	if len(one.service.PreStart) == 0 || one.options.Name == "" {
		return cause
	}
	beyond, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookPatience)
	defer cancel()
	life, err := i.opened.Lifespan(beyond, one.options.Name)
	if err != nil || life.State != plan.Created {
		return errors.Join(cause, err)
	}
	record := one.record(cron.Failed)
	hook, failed := errors.AsType[*plan.HookError](cause)
	switch {
	case failed:
		record.Reason = cron.OneLine(hook)
	case ctx.Err() != nil:
		record.Reason = "hyper-lite was interrupted before it began"
	default:
		record.Reason = cron.OneLine(cause)
	}
	i.noteRun(project, one.history, record)
	err = i.opened.Do(beyond, plan.Remove{Container: runContainer(one.service.Name, one.options.Name), Volumes: true})
	if err == nil && ctx.Err() != nil {
		return &hinted{cause, "the run did not begin, and its container is taken away; what it depends on stays"}
	}
	return errors.Join(cause, err)
}

// noteEnd remembers how a run by hand ended, where that was seen. err is what joining it came to: its exit code.
func (i *invocation) noteEnd(ctx context.Context, project compose.Project, one jobOnce, record cron.Record, limit *curb, err error) {
	code, exited := errors.AsType[codeError](err)
	if unread, ok := errors.AsType[unreadEnd](err); ok { // then it is ours
		code = codeError(unread.code)
	}
	if _, _, curbed := limit.outcome(); record.Started == nil || err != nil && !exited && !curbed {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookPatience)
	defer cancel()
	run := cron.Run{
		Name: record.Run, Job: record.Job, Fire: record.Scheduled, Trigger: cron.Manual, Stage: cron.Ended,
		Started: *record.Started, Finished: time.Now(), ExitCode: int(code),
	}
	life, err := i.opened.Lifespan(ctx, record.Run)
	switch {
	case err != nil || life.State == plan.Running || life.State == plan.Paused:
		return // it was left alone, or cannot be asked: whoever looks asks again
	case life.State != "":
		run.Started, run.Finished, run.ExitCode, run.OOM = life.Started, life.Finished, life.ExitCode, life.OOM
	}
	if one.tended && run.Finished.Sub(run.Started) >= one.timeout {
		limit.mark(cron.TimedOut, tooLong(one.timeout))
	}
	ended := cron.RecordOf(run)
	if status, reason, curbed := limit.outcome(); curbed {
		ended.Status, ended.Reason = status, reason
	}
	i.noteRun(project, one.history, ended)
}

// jobOnce is a run by hand.
type jobOnce struct {
	once
	at      time.Time     // its instant
	history int           // records that are kept
	keep    compose.Keep  // containers that are
	timeout time.Duration // 0: none
	tended  bool          // the sidecar sees to it
}

func (o jobOnce) record(status cron.Status) cron.Record {
	return cron.Record{Job: o.service.Name, Run: o.options.Name, Scheduled: o.at, Trigger: cron.Manual, Status: status}
}

// wantedRun reads the files and flags of a run by hand.
func (i *invocation) wantedRun(ctx context.Context, c *cli.Context) (jobOnce, compose.Project, error) {
	one := jobOnce{once: once{verb: "cron run", detached: !c.Bool("wait")}}
	name := c.Args().First()
	options, err := i.planOptions(c)
	if err != nil {
		return one, compose.Project{}, err
	}
	options.Services, options.Wait = nil, false // --wait is for the run
	// nothing that was scaled is scaled back for a run
	load := i.loadOptions(name)
	load.NoDeps = options.NoDeps
	project, _, err := i.loadKept(ctx, load, func(p compose.Project) ([]string, error) {
		_, err := jobNamed(p, name)
		return nil, err
	})
	if err != nil {
		return one, project, err
	}
	job, err := jobNamed(project, name)
	if err != nil {
		return one, project, err
	}
	if err := runnable(project, name); err != nil {
		return one, project, err
	}
	if slices.ContainsFunc(project.Services, compose.Service.Watched) { // the job itself needs none by hand
		if options.System, err = i.system(ctx, project); err != nil {
			return one, project, err
		}
	}
	one.history, one.keep, one.timeout = job.History, job.Keep, job.Timeout
	one.options = plan.OneOffOptions{Options: options, AutoRemove: c.Bool("rm")}
	one.service, err = compose.OneOffOf(project, name, newID(), compose.OneOff{
		Command: c.Args().Tail(), Env: c.StringSlice("env"), Labels: []string{
			compose.LabelTrigger + "=" + string(cron.Manual), compose.LabelAttempt + "=1",
		},
	})
	if mistake, ok := err.(*compose.MistakeError); ok {
		return one, project, &usageError{msg: mistake.Error()}
	}
	return one, project, err
}

// named names a run by the first second from now on that no run of its job has its name from, and returns it. It is asked
// under the project's lock, so that two runs of one second are two.
func (o *jobOnce) named(project compose.Project, have plan.Observed, now time.Time) time.Time {
	taken := map[string]bool{}
	for _, r := range have.Replicas {
		taken[r.Name] = true
	}
	remembered, _ := readCronRecord(project) // where it cannot be read, which is told, the containers tell
	for _, r := range remembered.Runs {
		taken[r.Run] = true
	}
	at := now.Truncate(time.Second)
	for taken[cron.RunName(project.Name, o.service.Name, at, 1)] {
		at = at.Add(time.Second)
	}
	o.options.Name = cron.RunName(project.Name, o.service.Name, at, 1)
	o.service.Body.Labels = maps.Clone(o.service.Body.Labels).Add(compose.LabelFire, strconv.FormatInt(at.Unix(), 10))
	return at
}
