package command

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/cron"
	"hyper-lite/schedule"
)

func (p *program) cron() *cli.Command {
	return &cli.Command{
		Name:  "cron",
		Usage: "look at jobs, at when they run and at what became of it; run one now; make one without a file",
		Description: `hyper-lite cron ls
hyper-lite cron next nightly
hyper-lite cron inspect nightly
hyper-lite cron run --wait nightly
hyper-lite cron history nightly
hyper-lite cron logs -f nightly
hyper-lite cron create --name tidy --hour 3 shop ./tidy --all`,
		Subcommands: []*cli.Command{p.cronLs(), p.cronNext(), p.cronInspect(), p.cronRun(), p.cronHistory(), p.cronLogs(), p.cronCreate(), p.cronRm(), p.cronPause(), p.cronResume()},
	}
}

func (p *program) cronLs() *cli.Command {
	return &cli.Command{
		Name:  "ls",
		Usage: "list the jobs: when they run, in words too, when next, and what became of their runs",
		Description: `hyper-lite cron ls
hyper-lite cron ls --format '{{.Name}} {{.Next}}'`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "names only"},
			formatFlag(),
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
			project, err := i.load(ctx, i.lookOptions())
			if err != nil {
				return err
			}
			if c.Bool("quiet") {
				for _, j := range project.Jobs {
					fmt.Fprintln(i.Out, j.Name)
				}
				return nil
			}
			if err := checkFormat[jobRow](c.String("format")); err != nil {
				return err
			}
			past, err := i.jobsPast(ctx, project)
			if err != nil { // what the files say can be told without an engine
				i.warn(fmt.Sprintf("what became of the runs is not known: %v", err))
			}
			rows, err := jobRows(project, past, time.Now())
			if err != nil {
				return err
			}
			return printList(i.Out, c.String("format"), rows, jobColumns())
		}),
	}
}

func (p *program) cronNext() *cli.Command {
	return &cli.Command{
		Name:      "next",
		Usage:     "list the coming instants of a job, with zone and offset",
		ArgsUsage: "JOB",
		Description: `hyper-lite cron next nightly
hyper-lite cron next -n 3 nightly
hyper-lite cron next --after 2026-10-24T12:00:00+02:00 nightly      what becomes of it when the clocks change`,
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "number", Aliases: []string{"n"}, Value: 10, Usage: "how many"},
			&cli.StringFlag{Name: "after", Usage: "after `TIME`, as in 2026-10-24T12:00:00Z (default: now)"},
			formatFlag(),
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
			if c.NArg() != 1 {
				return &usageError{msg: "cron next needs one job", hint: "as in `hyper-lite cron next nightly`"}
			}
			after, err := afterFlag(c.String("after"))
			if err != nil {
				return err
			}
			if n := c.Int("number"); n < 1 || n > 10000 {
				return &usageError{msg: fmt.Sprintf("--number: %d is not allowed", n), hint: "it is from 1 to 10000"}
			}
			project, err := i.load(ctx, i.lookOptions(c.Args().First()))
			if err != nil {
				return err
			}
			job, err := jobNamed(project, c.Args().First())
			if err != nil {
				return err
			}
			if len(job.Schedules) == 0 {
				i.warn("the job " + job.Name + " has no schedule: it runs by hand only")
			}
			rows, err := instantRows(project, job, after, c.Int("number"))
			if err != nil {
				return err
			}
			return printList(i.Out, c.String("format"), rows, instantColumns())
		}),
	}
}

func (p *program) cronInspect() *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     "print all that is known of jobs, as JSON",
		ArgsUsage: "JOB...",
		Description: `hyper-lite cron inspect nightly
hyper-lite cron inspect nightly | jq '.[0].schedules'`,
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
			if c.NArg() == 0 {
				return &usageError{msg: "cron inspect needs a job", hint: "as in `hyper-lite cron inspect nightly`"}
			}
			project, err := i.load(ctx, i.lookOptions(c.Args().Slice()...))
			if err != nil {
				return err
			}
			past, err := i.jobsPast(ctx, project)
			if err != nil {
				i.warn(fmt.Sprintf("what became of the runs is not known: %v", err))
			}
			views := make([]jobView, c.NArg())
			for at, name := range c.Args().Slice() {
				job, err := jobNamed(project, name)
				if err != nil {
					return err
				}
				if views[at], err = newJobView(project, past, job, time.Now()); err != nil {
					return err
				}
			}
			return printJSON(i.Out, views)
		}),
	}
}

func afterFlag(text string) (time.Time, error) {
	if text == "" {
		return time.Now(), nil
	}
	after, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, &usageError{msg: "--after: " + quoted(text) + " is no time", hint: "write it as in 2026-10-24T12:00:00Z or 2026-10-24T12:00:00+02:00"}
	}
	return after, nil
}

func jobNamed(project compose.Project, name string) (compose.Job, error) {
	var known []string
	for _, j := range project.Jobs {
		if j.Name == name {
			return j, nil
		}
		known = append(known, j.Name)
	}
	err := fmt.Errorf("no such job: %s", name)
	if _, ok := project.Service(name); ok {
		return compose.Job{}, &hinted{err, name + " is a service; a job has `cron:`, or stands under `jobs:`"}
	}
	if near := nearest(name, known); near != "" {
		return compose.Job{}, &hinted{err, fmt.Sprintf("did you mean `%s`?", near)}
	}
	return compose.Job{}, err
}

// jobRow is one job of the files.
type jobRow struct {
	Name     string
	Schedule string // as it is written
	Words    string
	Timezone string
	Next     string // RFC 3339 with the zone's offset; "" where there is none
	Image    string
	Manual   bool // may be run by hand
	Paused   bool
	Made     bool // by cron create, and in no file

	Last      string // the status of the last fire that was not skipped; "" where there was none
	LastRun   string
	LastAt    string // its instant, RFC 3339
	Succeeded int
	Failed    int // runs that failed or timed out, and missed instants

	next, last time.Time
}

func jobColumns() []column[jobRow] {
	return []column[jobRow]{
		{"name", func(r jobRow) string { return r.Name }},
		{"schedule", func(r jobRow) string { return r.Schedule }},
		{"in words", func(r jobRow) string { return r.Words }},
		{"timezone", func(r jobRow) string { return r.Timezone }},
		{"next", func(r jobRow) string {
			switch {
			case r.Paused:
				return "paused"
			case r.next.IsZero():
				return "never"
			}
			return r.next.Format(instantShape)
		}},
		{"last", func(r jobRow) string {
			if r.Last == "" {
				return ""
			}
			return r.Last + " " + strings.ToLower(units.HumanDuration(max(0, time.Since(r.last)))) + " ago"
		}},
		{"success", func(r jobRow) string { return strconv.Itoa(r.Succeeded) }},
		{"error", func(r jobRow) string { return strconv.Itoa(r.Failed) }},
		{"image", func(r jobRow) string { return r.Image }},
	}
}

const instantShape = "2006-01-02 15:04:05 -07:00"

func jobRows(project compose.Project, past jobsPast, now time.Time) ([]jobRow, error) {
	var rows []jobRow
	for _, j := range project.Jobs {
		timed, err := cron.NewJob(project.Name, j.Name, j.Timing, now)
		if err != nil {
			return nil, err
		}
		row := jobRow{Name: j.Name, Words: "by hand", Image: j.Body.Image, Manual: j.Manual}
		var written, words, zones []string
		for _, s := range j.Schedules {
			said, err := inWords(s)
			if err != nil {
				return nil, err
			}
			written, words, zones = append(written, s.Cron), append(words, said), append(zones, s.Timezone)
		}
		if len(written) > 0 {
			row.Schedule, row.Words, row.Timezone = strings.Join(written, "; "), strings.Join(words, "; "), strings.Join(oneOrAll(zones), "; ")
		}
		if next, ok := timed.Next(now); ok {
			row.Next, row.next = next.Format(time.RFC3339), next
		}
		row.Made = slices.Contains(project.Added, j.Name)
		row.Paused = past.memories[j.Name].Paused
		row.Succeeded, row.Failed = past.counts(j.Name)
		if last, ok := past.last(j.Name); ok {
			row.Last, row.LastRun, row.LastAt, row.last = string(last.Status), last.Run, last.Scheduled.Format(time.RFC3339), last.Scheduled
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func inWords(s compose.Schedule) (string, error) {
	parsed, err := schedule.Parse(s.Cron, s.Timezone)
	return parsed.Words(), err
}

// oneOrAll are words that stand for one schedule each: one of them where they are all the same.
func oneOrAll(words []string) []string {
	if slices.ContainsFunc(words, func(w string) bool { return w != words[0] }) {
		return words
	}
	return words[:1]
}

// instantRow is one instant at which a job is due.
type instantRow struct {
	Job      string
	At       string // RFC 3339 with the zone's offset
	Timezone string

	at time.Time
}

func instantColumns() []column[instantRow] {
	return []column[instantRow]{
		{"at", func(r instantRow) string { return r.at.Format("Mon " + instantShape) }},
		{"timezone", func(r instantRow) string { return r.Timezone }},
	}
}

func instantRows(project compose.Project, job compose.Job, after time.Time, n int) ([]instantRow, error) {
	timed, err := cron.NewJob(project.Name, job.Name, job.Timing, after)
	if err != nil {
		return nil, err
	}
	var rows []instantRow
	for at, ok := timed.Next(after); ok && len(rows) < n; at, ok = timed.Next(at) {
		rows = append(rows, instantRow{job.Name, at.Format(time.RFC3339), at.Location().String(), at})
	}
	return rows, nil
}

// jobView is what `cron inspect` prints. No environment value, config or secret is in it.
type jobView struct {
	Name          string           `json:"name"`
	Project       string           `json:"project"`
	Image         string           `json:"image"`
	Command       []string         `json:"command,omitempty"`
	Schedules     []scheduleView   `json:"schedules"`
	Next          string           `json:"next,omitempty"`
	Manual        bool             `json:"manual"`
	Timeout       string           `json:"timeout,omitempty"`
	StartDeadline string           `json:"startDeadline,omitempty"`
	Retries       int              `json:"retries"`
	Keep          compose.Keep     `json:"keep"`
	History       int              `json:"history"`
	Notify        *compose.Notify  `json:"notify,omitempty"`
	DependsOn     []dependencyView `json:"dependsOn,omitempty"`
	Hash          string           `json:"hash"`
	Made          bool             `json:"made"` // by cron create, and in no file
	Paused        bool             `json:"paused"`
	Succeeded     int              `json:"succeeded"`
	Failed        int              `json:"failed"`
	Last          *cron.Record     `json:"last,omitempty"` // the last fire that was not skipped
	Running       []string         `json:"running"`        // names of runs
}

type scheduleView struct {
	Cron        string `json:"cron"`
	Words       string `json:"words"`
	Timezone    string `json:"timezone"`
	Concurrency string `json:"concurrency"`
	MissedFires string `json:"missedFires"`
}

func newJobView(project compose.Project, past jobsPast, job compose.Job, now time.Time) (jobView, error) {
	view := jobView{
		Name: job.Name, Project: project.Name, Image: job.Body.Image, Command: job.Body.Command, Schedules: []scheduleView{},
		Manual: job.Manual, Retries: job.Retries, Keep: job.Keep, History: job.History, Notify: job.Notify, Hash: job.Digest.Hash,
		Made: slices.Contains(project.Added, job.Name), Paused: past.memories[job.Name].Paused, Running: []string{},
	}
	view.Succeeded, view.Failed = past.counts(job.Name)
	if last, ok := past.last(job.Name); ok {
		view.Last = &last
	}
	for _, r := range past.records(job.Name) {
		if r.Status == cron.Running {
			view.Running = append(view.Running, r.Run)
		}
	}
	if job.Timeout > 0 {
		view.Timeout = job.Timeout.String()
	}
	if job.StartDeadline > 0 {
		view.StartDeadline = job.StartDeadline.String()
	}
	for _, s := range job.Schedules {
		said, err := inWords(s)
		if err != nil {
			return jobView{}, err
		}
		view.Schedules = append(view.Schedules, scheduleView{s.Cron, said, s.Timezone, s.Concurrency, s.MissedFires})
	}
	for _, d := range job.DependsOn {
		view.DependsOn = append(view.DependsOn, dependencyView{d.Service, d.Condition, d.Required, d.Restart})
	}
	rows, err := instantRows(project, job, now, 1)
	if len(rows) > 0 {
		view.Next = rows[0].At
	}
	return view, err
}
