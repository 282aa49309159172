package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/state"
)

func (p *program) history() *cli.Command {
	return &cli.Command{
		Name:  "history",
		Usage: "list the revisions of the project: what was changed, when, by whom, and how it ended",
		Description: `hyper-lite history
hyper-lite history --format json | jq -c '[.revision, .changed]'
hyper-lite history --format '{{.Revision}} {{.Outcome}} {{.Error}}'
hyper-lite rollback 3                      go back to one`,
		UsageText: `The newest revision stands first. Every run that changed something is one: those of up, scale, rollback and of
other verbs that roll a service. FILES tells whether the files said the same, with their variables filled in.
OUTCOME is applied, failed, "rolled back" (the run failed, and what it had changed was taken back) or paused.
The last 10 are kept in .hyper-lite/ of the project folder; ` + "`x-hyper-lite: {revisions: N}`" + ` keeps more, fewer or
none. They hold the values of environment variables, and no content of a secret.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "numbers only"},
			&cli.BoolFlag{Name: "no-trunc", Usage: "do not shorten commands, changes and errors"},
			formatFlag(),
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
			place, err := i.place(ctx)
			if err != nil {
				return err
			}
			document, err := place.read()
			if err != nil {
				return err
			}
			rows := revisionRows(document, time.Now())
			if c.Bool("quiet") {
				for _, r := range rows {
					fmt.Fprintln(i.Out, r.Revision)
				}
				return nil
			}
			return printList(i.Out, c.String("format"), rows, revisionColumns(c.Bool("no-trunc")))
		}),
	}
}

// revisionRow is one revision.
type revisionRow struct {
	Revision int                 `json:"revision"`
	At       time.Time           `json:"at"`
	When     string              `json:"-"` // "3 minutes ago"
	Who      string              `json:"who"`
	Command  string              `json:"command"`
	Files    string              `json:"files"`
	Changed  map[string][]string `json:"changed"`
	Summary  string              `json:"summary"`
	Outcome  string              `json:"outcome"`
	Error    string              `json:"error,omitempty"`
	Current  bool                `json:"current"` // the last one that was applied
}

// revisionRows are the revisions, the newest first.
func revisionRows(document state.Document, now time.Time) []revisionRow {
	applied, _ := document.LastApplied()
	var rows []revisionRow
	for _, r := range slices.Backward(document.Revisions) {
		rows = append(rows, revisionRow{
			Revision: r.Number, At: r.At, When: units.HumanDuration(now.Sub(r.At)) + " ago", Who: r.By, Command: r.Command,
			Files: r.FilesHash, Changed: r.Changed, Summary: r.Summary, Outcome: string(r.Outcome), Error: r.Error,
			Current: r.Number == applied.Number,
		})
	}
	return rows
}

func revisionColumns(whole bool) []column[revisionRow] {
	short := func(text string, most int) string {
		if letters := []rune(text); !whole && len(letters) > most {
			return string(letters[:most-3]) + "..."
		}
		return text
	}
	return []column[revisionRow]{
		{"revision", func(r revisionRow) string { return strconv.Itoa(r.Revision) }},
		{"when", func(r revisionRow) string { return r.When }},
		{"who", func(r revisionRow) string { return short(r.Who, 30) }},
		{"command", func(r revisionRow) string { return short(r.Command, 40) }},
		{"files", func(r revisionRow) string { return r.Files }},
		{"changed", func(r revisionRow) string { return short(r.changes(), 60) }},
		{"outcome", func(r revisionRow) string { return short(r.ending(), 70) }},
	}
}

// changes is what a revision changed, in one line: "web: image, environment.V; db: added".
func (r revisionRow) changes() string {
	if len(r.Changed) == 0 {
		return r.Summary // what was done, though nothing is asked for that was not before
	}
	var words []string
	for _, name := range sortedKeys(r.Changed) {
		words = append(words, name+": "+strings.Join(r.Changed[name], ", "))
	}
	return strings.Join(words, "; ")
}

func (r revisionRow) ending() string {
	if r.Error == "" {
		return r.Outcome
	}
	return r.Outcome + ": " + r.Error
}

// place is where a project's state is, whether or not its files can be read.
type place struct {
	compose.Project      // its name, its folder, its files and its settings
	whole           bool // its files could be read
}

func (p place) store() (*state.Store, error) { return state.Open(p.Dir, p.Name) }

func (p place) read() (state.Document, error) {
	store, err := p.store()
	if err != nil {
		return state.Document{}, err
	}
	return store.Read()
}

// place finds the project by its files. Where these cannot be read, which is when somebody may want to go back, it is
// found as the only one that has state in the folder, or by -p or COMPOSE_PROJECT_NAME, there or by its containers.
func (i *invocation) place(ctx context.Context) (place, error) {
	project, _, wrong := compose.Load(ctx, i.lookOptions())
	if wrong == nil {
		return place{Project: project, whole: true}, nil
	}
	folder, err := i.stateFolder()
	if err != nil {
		return place{}, errors.Join(wrong, err)
	}
	names, err := state.Projects(folder)
	if err != nil {
		return place{}, errors.Join(wrong, err)
	}
	name := first(i.project, i.env["COMPOSE_PROJECT_NAME"])
	if name == "" && len(names) == 1 {
		name = names[0]
	}
	if name != "" && !slices.Contains(names, name) {
		if found, err := i.findRunning(ctx, name, wrong); err == nil && found.Dir != "" {
			return place{Project: found.Project}, nil
		}
	}
	if name == "" || !slices.Contains(names, name) {
		hint := "no project has revisions in " + folder
		if len(names) > 0 {
			hint = "or name a project of " + folder + " with -p: " + strings.Join(names, ", ")
		}
		return place{}, &hinted{wrong, hint}
	}
	if !errors.Is(wrong, compose.ErrNoFile) {
		i.warn(fmt.Sprintf("the files are not used, only what was recorded of project %s: %v", name, wrong))
	}
	return place{Project: compose.Project{Name: name, Dir: folder}}, nil
}

// stateFolder is the project folder as far as it can be known without reading the files: the one that is named, that
// of the first file, or the nearest one with state.
func (i *invocation) stateFolder() (string, error) {
	switch {
	case i.directory != "":
		return filepath.Abs(i.directory)
	case len(i.files) > 0 && i.files[0] != "-":
		path, err := filepath.Abs(i.files[0])
		return filepath.Dir(path), err
	}
	here, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the working folder: %w", err)
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		if names, err := state.Projects(dir); err == nil && len(names) > 0 {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return here, nil
		}
	}
}
