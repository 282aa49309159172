package command

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"hyper-lite/cron"
	"hyper-lite/lb"
)

func (p *program) cronPause() *cli.Command {
	return &cli.Command{
		Name:      "pause",
		Usage:     "let the instants of jobs pass without a run",
		ArgsUsage: "JOB...",
		Description: `hyper-lite cron pause nightly
hyper-lite cron resume nightly`,
		UsageText: `The sidecar keeps it: neither its restart, nor that of the engine, nor ` + "`up`" + ` ends it; ` + "`resume` and `down`" + ` do. Each instant
that passes is recorded as skipped. A run that is under way goes on, and ` + "`cron run`" + ` works.`,
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.cronPause(ctx, c, true) }),
	}
}

func (p *program) cronResume() *cli.Command {
	return &cli.Command{
		Name:        "resume",
		Usage:       "end a pause of jobs: they fire again from their next instant on",
		ArgsUsage:   "JOB...",
		Description: `hyper-lite cron resume nightly`,
		Action:      p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.cronPause(ctx, c, false) }),
	}
}

func (i *invocation) cronPause(ctx context.Context, c *cli.Context, paused bool) error {
	verb, done := "resume", "resumed"
	if paused {
		verb, done = "pause", "paused"
	}
	if c.NArg() == 0 {
		return &usageError{msg: "cron " + verb + " needs a job", hint: "as in `hyper-lite cron " + verb + " nightly`"}
	}
	project, err := i.find(ctx, c.Args().Slice()...)
	if err != nil {
		return err
	}
	for _, name := range c.Args().Slice() {
		if !project.files {
			break // its sidecar knows
		}
		job, err := jobNamed(project.Project, name)
		if err != nil {
			return err
		}
		if len(job.Schedules) == 0 {
			return fmt.Errorf("job %s has no schedule: there is nothing to %s", name, verb)
		}
	}
	host, err := i.engine(ctx)
	if err != nil {
		return err
	}
	replicas, err := host.List(ctx, project.Name)
	if err != nil {
		return err
	}
	if !sidecarRuns(replicas) {
		return &hinted{
			fmt.Errorf("no sidecar of project %s runs: no job fires, and there is nobody to %s one", project.Name, verb),
			"`" + programName + " up -d` starts it",
		}
	}
	balancer, err := i.balance(ctx, project.Name)
	if err != nil {
		return err
	}
	for _, name := range c.Args().Slice() {
		if i.dryRun {
			i.say("would " + verb + " " + name)
			continue
		}
		changed, err := askToPause(ctx, balancer, name, paused)
		if err != nil {
			return fmt.Errorf("%s job %s: %w", verb, name, err)
		}
		if changed {
			i.say(name + " is " + done)
		} else {
			i.say(name + " was " + map[bool]string{true: "paused", false: "not paused"}[paused])
		}
	}
	return nil
}

func askToPause(ctx context.Context, balancer *lb.Balancer, job string, paused bool) (changed bool, err error) {
	var reply cron.PauseReply
	err = balancer.Ask(ctx, cron.RemoteName+".Pause", cron.PauseArgs{Job: job, Paused: paused}, &reply)
	if lb.IsOlder(err) || err == nil && !reply.Known {
		return false, &hinted{fmt.Errorf("it is not registered"), "`" + programName + " up -d` registers it"}
	}
	return reply.Changed, err
}
