package command

import (
	"context"
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"hyper-lite/engine"
)

func (p *program) cronLogs() *cli.Command {
	return &cli.Command{
		Name:      "logs",
		Usage:     "print the log of a job's run: the last one, or the one that is named",
		ArgsUsage: "JOB [RUN]",
		Description: `hyper-lite cron logs nightly                   of the last run
hyper-lite cron logs -f nightly                of one that runs, until it ends
hyper-lite cron logs nightly 1767319200        of the run of this instant; the container's name does, too
hyper-lite cron logs nightly shop-nightly-1767319200`,
		UsageText: `A log is there as long as its container: the job's ` + "`keep`" + ` says how many stay, 3 that succeeded and 3 that failed.
Of a run that was repeated, the instant names the last attempt, and the container's name each of them.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what comes"},
			&cli.StringFlag{Name: "tail", Aliases: []string{"n"}, Value: "all", Usage: "last `LINES`, or all"},
			&cli.StringFlag{Name: "since", Usage: "from this `TIME` on: 2026-01-02T13:23:37Z, or a duration as 42m"},
			&cli.StringFlag{Name: "until", Usage: "up to this `TIME`, written as that of --since"},
			&cli.BoolFlag{Name: "timestamps", Aliases: []string{"t"}, Usage: "with the time of each line"},
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.cronLogs(ctx, c) }),
	}
}

func (i *invocation) cronLogs(ctx context.Context, c *cli.Context) error {
	if c.NArg() < 1 || c.NArg() > 2 {
		return &usageError{msg: "cron logs needs a job, and may have a run", hint: "as in `hyper-lite cron logs nightly`"}
	}
	options, err := logOptions(c)
	if err != nil {
		return err
	}
	name, wanted := c.Args().First(), c.Args().Get(1)
	_, past, err := i.jobKnown(ctx, name)
	if err != nil {
		return err
	}
	run, err := past.container(name, wanted)
	if err != nil {
		return err
	}
	printer := i.logPrinter(palette(false), false)
	if c.Bool("follow") {
		_, err = printer.followOne(ctx, i.opened, past.project, run.Replica, options)
	} else {
		err = printer.copyOne(ctx, i.opened, run.Replica, options)
	}
	if ctx.Err() != nil {
		return codeError(exitInterrupted) // that is how following ends
	}
	return err
}

// container is that of a job's run: by its name, by its instant, or the last one.
func (p jobsPast) container(job, wanted string) (engine.Listed, error) {
	var found engine.Listed
	for _, c := range p.runs { // the latest last
		if c.Service == job && (wanted == "" || wanted == c.Name || wanted == strconv.FormatInt(fireOf(c).Unix(), 10)) {
			found = c
		}
	}
	if found.ID != "" {
		return found, nil
	}
	for _, r := range p.records(job) {
		if wanted == r.Run || wanted == strconv.FormatInt(r.Scheduled.Unix(), 10) {
			if r.Started == nil {
				return found, fmt.Errorf("run %s has no log: it was %s (%s)", r.Run, r.Status, r.Reason)
			}
			return found, &hinted{
				fmt.Errorf("run %s %s, and its container is gone with its log", r.Run, r.Status),
				"the job's `keep` says how many containers stay; `hyper-lite cron history " + job + "` has its record",
			}
		}
	}
	if wanted != "" {
		return found, &hinted{
			fmt.Errorf("job %s has no run %s", job, wanted), "`hyper-lite cron history " + job + "` lists them: by name, or by the number at its end",
		}
	}
	return found, &hinted{fmt.Errorf("no container of a run of job %s is there", job), "`hyper-lite cron run --wait " + job + "` runs it now"}
}
