package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/plan"
	"hyper-lite/state"
)

func (p *program) rollback() *cli.Command {
	return &cli.Command{
		Name:      "rollback",
		Usage:     "go back to an earlier revision of the project",
		ArgsUsage: "[REVISION]",
		Description: `hyper-lite rollback                        to the applied revision before the one that is applied now
hyper-lite rollback 3                      to revision 3 of ` + "`hyper-lite history`" + `
hyper-lite rollback --dry-run 3            the plan only`,
		UsageText: `Without a number it goes to the applied revision before the one that is applied now; where the last run failed or
paused, to the last one that was applied. It works as up does: by a plan, wave by wave, and it is a revision itself.
Services come back as they were, with their replicas and the very images that they ran, though a tag means another
image by now; where the engine has that image no more, its reference is pulled or built, and a warning says so.
Secrets, and configs from files and variables, have what they hold today: their contents are not kept.
Services that were added since then keep running, and a warning names them; --remove-orphans removes them. Volumes
and what is in them stay as they are. The files stay, too: ` + "`hyper-lite plan`" + ` shows how they differ, and the next up
follows them again.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "remove-orphans", Usage: "remove containers of services that the revision does not have"},
			&cli.BoolFlag{Name: "wait", Usage: "wait until all replicas are running and healthy"},
			&cli.StringFlag{Name: "wait-timeout", Usage: "the longest wait in `SECONDS`"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask before data is lost"},
			timeoutFlag(),
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.rollback(ctx, c) }),
	}
}

func (i *invocation) rollback(ctx context.Context, c *cli.Context) error {
	options := plan.Options{RemoveOrphans: c.Bool("remove-orphans"), Wait: c.Bool("wait")}
	patience, err := seconds("wait-timeout", c.String("wait-timeout"))
	if err != nil {
		return err
	}
	if patience != nil {
		options.Within = *patience
	}
	if options.Timeout, err = seconds("timeout", c.String("timeout")); err != nil {
		return err
	}
	number, err := revisionNumber(c.Args().Slice())
	if err != nil {
		return err
	}
	place, err := i.place(ctx)
	if err != nil {
		return err
	}
	if i.dryRun {
		project, err := i.goBackTo(ctx, place, number, &options)
		if err != nil {
			return err
		}
		next, err := i.planned(ctx, project, options)
		if err != nil {
			return err
		}
		return i.printPlan(next, "text")
	}
	return i.goBack(ctx, place, number, options, c.Bool("yes"))
}

// goBack chooses the revision under the lock: who held it may have recorded a newer one.
func (i *invocation) goBack(ctx context.Context, place place, number int, options plan.Options, yes bool) (err error) {
	held, err := i.lock(ctx, place.Project, "rollback", nil)
	if err != nil {
		return err
	}
	defer held.release(&err)
	project, err := i.goBackTo(ctx, place, number, &options)
	if err != nil {
		return err
	}
	return i.convergeHeld(ctx, held, project, options, yes)
}

// goBackTo is the project of a revision, and what it needs besides its own services. From then on that is what was
// typed.
func (i *invocation) goBackTo(ctx context.Context, place place, number int, options *plan.Options) (compose.Project, error) {
	document, err := place.read()
	if err != nil {
		return compose.Project{}, err
	}
	goal, err := goalOf(document, number)
	if err != nil {
		return compose.Project{}, err
	}
	if goal.Outcome != state.OutcomeApplied {
		i.warn(fmt.Sprintf("%s was not applied: %s", revisionName(goal.Number), first(goal.Error, string(goal.Outcome))))
	}
	project, err := i.past(place.Project).restore(ctx, goal)
	if err != nil {
		return compose.Project{}, err
	}
	// How many revisions are kept is said by the files of today; going back forgets none.
	project.Settings.Revisions = max(project.Settings.Revisions, len(document.Revisions))
	if place.whole {
		project.Settings.Revisions = place.Settings.Revisions
	}
	i.typed = fmt.Sprintf("rollback to %d", goal.Number)
	options.System, err = i.system(ctx, project)
	return project, err
}

// revisionNumber reads the argument of rollback; 0 is none.
func revisionNumber(args []string) (int, error) {
	if len(args) == 0 {
		return 0, nil
	}
	number, err := strconv.Atoi(args[0])
	if err != nil || number < 1 || len(args) > 1 {
		return 0, &usageError{
			msg:  fmt.Sprintf("%q is no revision", strings.Join(args, " ")),
			hint: "it takes one number of `" + programName + " history`",
		}
	}
	return number, nil
}

// goalOf is the revision to go back to; number 0 is the applied one before that which is applied now.
func goalOf(document state.Document, number int) (state.Revision, error) {
	if len(document.Revisions) == 0 {
		return state.Revision{}, &hinted{
			errors.New("the project has no revision to go back to"),
			"every `" + programName + " up` that changes something records one, unless x-hyper-lite.revisions is 0",
		}
	}
	if number != 0 {
		if goal, ok := document.Revision(number); ok {
			return goal, nil
		}
		return state.Revision{}, fmt.Errorf("there is no %s: kept are %s", revisionName(number), strings.Join(numbersOf(document.Revisions), ", "))
	}
	applied := slices.DeleteFunc(slices.Clone(document.Revisions), func(r state.Revision) bool { return r.Outcome != state.OutcomeApplied })
	newest := document.Revisions[len(document.Revisions)-1]
	back := 2
	if newest.Outcome == state.OutcomeFailed || newest.Outcome == state.OutcomePaused {
		back = 1 // the host is no longer as it was applied
	}
	if len(applied) < back {
		return state.Revision{}, &hinted{
			errors.New("there is no applied revision before the one that is applied now"),
			"`" + programName + " history` lists all: " + strings.Join(numbersOf(document.Revisions), ", "),
		}
	}
	return applied[len(applied)-back], nil
}

func numbersOf(revisions []state.Revision) []string {
	var numbers []string
	for _, r := range revisions {
		numbers = append(numbers, strconv.Itoa(r.Number))
	}
	return numbers
}
