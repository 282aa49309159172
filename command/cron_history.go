package command

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/cron"
)

func (p *program) cronHistory() *cli.Command {
	return &cli.Command{
		Name:      "history",
		Usage:     "list what became of a job's fires: runs, and instants that were skipped or missed, with the reason",
		ArgsUsage: "JOB",
		Description: `hyper-lite cron history nightly
hyper-lite cron history --since 24h --tail 20 nightly
hyper-lite cron history --format json nightly | jq 'select(.Status != "succeeded")'
hyper-lite cron history --format '{{.Run}} {{.Status}} {{.Reason}}' nightly`,
		UsageText: `The newest record stands last. TRIGGER is schedule, catch-up (it makes up for a missed instant) or manual; STATUS is
running, succeeded, failed, timeout, skipped (a rule said that it does not run) or missed (nothing was there to start
it). The records are copied out of the sidecar's volume, which works when the sidecar is stopped; runs begun by hand
where there is none are remembered in .hyper-lite/ of the project folder. The job's ` + "`history`" + ` says how many are kept: 100.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "since", Usage: "instants from this `TIME` on: 2026-01-02T13:23:37Z, or a duration as 42m"},
			&cli.StringFlag{Name: "tail", Aliases: []string{"n"}, Value: "all", Usage: "the last `NUMBER` records, or all"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "names of runs only"},
			formatFlag(),
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
			if c.NArg() != 1 {
				return &usageError{msg: "cron history needs one job", hint: "as in `hyper-lite cron history nightly`"}
			}
			if err := checkFormat[cron.Record](c.String("format")); err != nil {
				return err
			}
			since, most, err := historySpan(c.String("since"), c.String("tail"), time.Now())
			if err != nil {
				return err
			}
			records, err := i.jobHistory(ctx, c.Args().First())
			if err != nil {
				return err
			}
			for len(records) > 0 && records[0].Scheduled.Before(since) {
				records = records[1:]
			}
			if most >= 0 {
				records = records[max(0, len(records)-most):]
			}
			if c.Bool("quiet") {
				for _, r := range records {
					fmt.Fprintln(i.Out, r.Run)
				}
				return nil
			}
			return printList(i.Out, c.String("format"), records, recordColumns())
		}),
	}
}

// historySpan reads --since and --tail; most -1 is all.
func historySpan(sinceText, tail string, now time.Time) (since time.Time, most int, err error) {
	most = -1
	if tail != "all" {
		if most, err = strconv.Atoi(tail); err != nil || most < 0 {
			return since, most, usagef("--tail: %q is no number of records: it takes 0 and more, or all", tail)
		}
	}
	if sinceText == "" {
		return since, most, nil
	}
	if ago, err := time.ParseDuration(sinceText); err == nil && ago >= 0 {
		return now.Add(-ago), most, nil
	}
	for _, shape := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
		if since, err = time.ParseInLocation(shape, sinceText, time.Local); err == nil {
			return since, most, nil
		}
	}
	if seconds, err := strconv.ParseInt(sinceText, 10, 64); err == nil {
		return time.Unix(seconds, 0), most, nil
	}
	return since, most, usagef("--since: %q is no time: it takes a time (2026-01-02T13:23:37Z) or a duration (42m)", sinceText)
}

// jobHistory are the records of a job, of one that is no longer there, too.
func (i *invocation) jobHistory(ctx context.Context, name string) ([]cron.Record, error) {
	project, past, err := i.jobKnown(ctx, name)
	if err != nil {
		return nil, err
	}
	records := past.records(name)
	for _, j := range project.Jobs {
		if j.Name == name {
			records = records[max(0, len(records)-j.History):]
		}
	}
	return records, nil
}

// jobKnown finds a job in the files, or by what is remembered of it.
func (i *invocation) jobKnown(ctx context.Context, name string) (compose.Project, jobsPast, error) {
	project, err := i.find(ctx, name)
	if err != nil {
		return compose.Project{}, jobsPast{}, err
	}
	past, err := i.jobsPast(ctx, project.Project)
	if err != nil {
		return compose.Project{}, jobsPast{}, err
	}
	_, remembered := past.memories[name]
	if _, err := jobNamed(project.Project, name); err != nil && !remembered && len(past.records(name)) == 0 {
		return compose.Project{}, jobsPast{}, err
	}
	return project.Project, past, nil
}

func recordColumns() []column[cron.Record] {
	at := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return t.Local().Format("2006-01-02 15:04:05")
	}
	return []column[cron.Record]{
		{"run", func(r cron.Record) string { return r.Run }},
		{"scheduled", func(r cron.Record) string { return r.Scheduled.Format(instantShape) }},
		{"trigger", func(r cron.Record) string { return string(r.Trigger) }},
		{"started", func(r cron.Record) string { return at(r.Started) }},
		{"finished", func(r cron.Record) string { return at(r.Finished) }},
		{"status", func(r cron.Record) string { return string(r.Status) }},
		{"exit", func(r cron.Record) string {
			if r.ExitCode == nil {
				return ""
			}
			return strconv.Itoa(*r.ExitCode)
		}},
		{"reason", func(r cron.Record) string { return r.Reason }},
	}
}
