package command

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func (p *program) cronRm() *cli.Command {
	return &cli.Command{
		Name:      "rm",
		Usage:     "take jobs away that `cron create` made; a run that is under way goes on",
		ArgsUsage: "MADE...",
		Description: `hyper-lite cron rm tidy
hyper-lite cron rm tidy ping`,
		UsageText: "A job of the files is taken out there. Records of its runs stay in `cron history`, containers as the job's keep says.",
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error {
			if c.NArg() == 0 {
				return &usageError{msg: "cron rm needs a job", hint: "as in `hyper-lite cron rm tidy`"}
			}
			return i.cronRm(ctx, c.Args().Slice())
		}),
	}
}

func (i *invocation) cronRm(ctx context.Context, names []string) error {
	place, err := i.place(ctx) // the files may have a job of that name by now, or be wrong
	if err != nil {
		return err
	}
	record, err := readCronRecord(place.Project)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, ok := record.Jobs[name]; !ok {
			return notMade(place.Project, record, name)
		}
	}
	if i.dryRun {
		for _, name := range names {
			i.say("would take job " + name + " away")
		}
		return nil
	}
	err = changeCronRecord(place.Project, func(r *cronRecord) error {
		for _, name := range names {
			delete(r.Jobs, name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return i.deregisterMade(ctx, place.Project, names)
}

// notMade says why a job cannot be taken away.
func notMade(project compose.Project, record cronRecord, name string) error {
	switch what := nounOf(project, name); what {
	case "":
	case "job":
		return &hinted{fmt.Errorf("job %s stands in the files", name), "take it out there: the next `" + programName + " up` removes it"}
	default:
		return &hinted{fmt.Errorf("no such job: %s", name), name + " is a " + what}
	}
	err := fmt.Errorf("no job %s was made by `cron create`", name)
	if near := nearest(name, sortedKeys(record.Jobs)); near != "" {
		return &hinted{err, fmt.Sprintf("did you mean `%s`?", near)}
	}
	return err
}

// deregisterMade ends that jobs fire, at once, and says of runs that they go on. A job that the files have too stays theirs.
func (i *invocation) deregisterMade(ctx context.Context, project compose.Project, names []string) error {
	host, err := i.engine(ctx)
	if err != nil {
		return fmt.Errorf("taken away, and registered still: the next `%s up` changes that: %w", programName, err)
	}
	replicas, err := host.List(ctx, project.Name)
	if err != nil {
		return fmt.Errorf("taken away, and registered still: the next `%s up` changes that: %w", programName, err)
	}
	var gone []string
	for _, name := range names {
		if nounOf(project, name) == "" {
			gone = append(gone, name)
		}
	}
	next, err := plan.Deregister(project.Name, plan.Observed{Replicas: replicas}, gone)
	if err != nil {
		return err
	}
	if next.Empty() {
		i.warn(next.Warnings...)
		for _, name := range names {
			i.say(name + " is taken away; it was not registered")
		}
		return nil
	}
	err = i.apply(ctx, foundProject{Project: project}, "cron rm", gone, withoutBalancer, func(have plan.Observed) (plan.Plan, error) {
		return plan.Deregister(project.Name, have, gone)
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		i.say(name + " is taken away, and fires no more")
	}
	return nil
}

// registerMade registers a job that was just made, at once where somebody is there to fire it.
func (i *invocation) registerMade(ctx context.Context, name string) error {
	project, err := i.load(ctx, i.aloneOptions(name))
	if err != nil {
		return err
	}
	host, err := i.engine(ctx)
	if err == nil {
		var replicas []plan.Replica
		if replicas, err = host.List(ctx, project.Name); err == nil && !sidecarRuns(replicas) {
			i.say(fmt.Sprintf("%s is made; project %s has no sidecar that runs: the next `%s up` registers it", name, project.Name, programName))
			return nil
		}
	}
	if err != nil {
		i.warn(err.Error())
		i.say(fmt.Sprintf("%s is made; the next `%s up` registers it", name, programName))
		return nil
	}
	i.typed = "cron create --name " + name // what else was typed may be secret: the revision has no use for it
	options := plan.Options{Services: []string{name}, NoDeps: true}
	if options.System, err = i.system(ctx, project); err == nil {
		err = i.converge(ctx, project, options, "cron create", true)
	}
	if err != nil {
		return &hinted{
			fmt.Errorf("job %s is made, and could not be registered: %w", name, err),
			fmt.Sprintf("`%s up` tries again; `%s cron rm %s` takes it away", programName, programName, name),
		}
	}
	i.say(name + " is made and registered")
	return nil
}

func sidecarRuns(replicas []plan.Replica) bool {
	for _, r := range replicas {
		if r.Role == compose.RoleSidecar && r.State == plan.Running {
			return true
		}
	}
	return false
}
