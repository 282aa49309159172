package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"hyper-lite/compose"
	"hyper-lite/engine"
	"hyper-lite/plan"
	"hyper-lite/watch"
)

// syncing is what watch needs of an engine, beyond what a plan needs.
type syncing interface {
	// Sync makes files of a running container like ours.
	Sync(ctx context.Context, container plan.Container, files []engine.File) error
	// RemoveDangling removes the images among these IDs that have no name and no container, and returns them.
	RemoveDangling(ctx context.Context, ids []string) ([]string, error)
}

func (p *program) watch() *cli.Command {
	return &cli.Command{
		Name:      "watch",
		Usage:     "bring services up, and on every change of their files do what develop.watch says",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite watch                           until Ctrl-C; the containers stay
hyper-lite watch --no-up web               what runs, as it is
hyper-lite watch --dry-run                 what would be watched`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "no-up", Usage: "neither build nor start before"},
			&cli.BoolFlag{Name: "prune", Value: true, Usage: "remove the image that a rebuild leaves without a name; --prune=false keeps it"},
			&cli.BoolFlag{Name: "quiet", Usage: "do not show how builds proceed"},
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.watch(ctx, c) }),
	}
}

func (i *invocation) watch(ctx context.Context, c *cli.Context) error {
	i.quietPull = c.Bool("quiet")
	w, err := i.newWatching(ctx, c.Args().Slice(), false)
	if err != nil {
		return err
	}
	w.prune = c.Bool("prune")
	if i.dryRun {
		return w.describe()
	}
	// What changes from here on is not lost, however long the start takes.
	files, err := watch.NewWatcher(w.rules)
	if err != nil {
		return err
	}
	if !c.Bool("no-up") {
		options := plan.Options{Services: w.services}
		if options.System, err = i.system(ctx, w.project); err != nil {
			return err
		}
		if err := i.converge(ctx, buildingAnew(w.project), options, "watch", true); err != nil {
			return err
		}
	}
	if err := w.initial(ctx, w.watched, false); err != nil {
		return err
	}
	i.say("watching " + strings.Join(w.watched, ", "))
	err = files.Run(ctx, w.changed)
	if ctx.Err() != nil {
		return codeError(exitInterrupted) // that is how watching ends
	}
	return err
}

// watchBeside is watch beside an attached up. What changes from here on is not lost.
func (i *invocation) watchBeside(ctx context.Context, services []string, noDeps bool) (func(context.Context), error) {
	w, err := i.newWatching(ctx, services, noDeps)
	if err != nil {
		return nil, err
	}
	w.prune = true
	files, err := watch.NewWatcher(w.rules)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) {
		err := w.initial(ctx, w.watched, false)
		if err == nil {
			i.say("watching " + strings.Join(w.watched, ", "))
			err = files.Run(ctx, w.changed)
		}
		if err != nil && ctx.Err() == nil {
			i.warn("files are no longer watched: " + err.Error())
		}
	}, nil
}

// watching is a project whose files are watched.
type watching struct {
	*invocation
	project  compose.Project
	services []string // that were named
	watched  []string // that have rules, sorted
	rules    []watch.Rule
	prune    bool
}

func (i *invocation) newWatching(ctx context.Context, services []string, noDeps bool) (*watching, error) {
	load := i.loadOptions(services...)
	load.NoDeps = noDeps
	project, err := i.load(ctx, load)
	if err != nil {
		return nil, err
	}
	if err := noSuchService(services, serviceNames(project, nil)); err != nil {
		return nil, err
	}
	w := &watching{invocation: i, project: project, services: services}
	for _, s := range project.Services {
		if len(services) > 0 && !slices.Contains(services, s.Name) {
			continue
		}
		rules, warnings, err := watch.Rules(s)
		if err != nil {
			return nil, err
		}
		i.warn(warnings...)
		if w.rules = append(w.rules, rules...); len(rules) > 0 {
			w.watched = append(w.watched, s.Name)
		}
	}
	slices.Sort(w.watched)
	if len(w.rules) == 0 {
		return nil, &hinted{
			errors.New("there is nothing to watch: none of the services has develop.watch"),
			"as in `develop: {watch: [{action: sync, path: ./src, target: /app}]}`",
		}
	}
	return w, nil
}

// buildingAnew is the project with the images of watched services built before they start: the files may have changed
// since the last time.
func buildingAnew(project compose.Project) compose.Project {
	project.Services = slices.Clone(project.Services)
	for at, s := range project.Services {
		if s.Body.Build != nil && s.Body.Develop != nil {
			project.Services[at].Body.PullPolicy = types.PullPolicyBuild
		}
	}
	return project
}

func (w *watching) describe() error {
	for _, r := range w.rules {
		if _, err := fmt.Fprintln(w.Out, r.Describe()); err != nil {
			return err
		}
	}
	return nil
}

// changed does what follows from changed files. What goes wrong is told, and the next change is waited for.
func (w *watching) changed(ctx context.Context, files []string) {
	changes := watch.Decide(w.rules, files)
	if changes.Empty() {
		return
	}
	if err := w.follow(ctx, changes); err != nil && ctx.Err() == nil {
		w.fails(palette(coloured(w.ansi, w.Err, w.env)), err)
		w.say("still watching " + strings.Join(w.watched, ", "))
	}
}

func (w *watching) follow(ctx context.Context, changes watch.Changes) error {
	for _, name := range changes.Rebuild {
		if err := w.rebuild(ctx, name); err != nil {
			return err
		}
	}
	if len(changes.Rebuild) > 0 { // new containers have what the image has: what was copied into the old ones is copied again
		if err := w.initial(ctx, changes.Rebuild, true); err != nil {
			return err
		}
	}
	var errs []error
	for _, name := range sortedKeys(changes.Sync) {
		if !slices.Contains(changes.Rebuild, name) {
			errs = append(errs, w.sync(ctx, name, changes.Sync[name]))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if len(changes.Restart) > 0 {
		err := w.runLifecycle(ctx, foundProject{Project: w.project, files: true}, "restart", plan.RestartAll, plan.LifecycleOptions{Services: changes.Restart})
		if err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(changes.Exec) {
		errs = append(errs, w.exec(ctx, name, changes.Exec[name]))
	}
	return errors.Join(errs...)
}

// running are a service's containers that files can be copied into.
func (w *watching) running(ctx context.Context, service string) ([]plan.Container, error) {
	host, err := w.engine(ctx)
	if err != nil {
		return nil, err
	}
	replicas, err := host.List(ctx, w.project.Name)
	if err != nil {
		return nil, err
	}
	var there []plan.Container
	for _, r := range logged(replicas, []string{service}, 0) {
		if r.State == plan.Running && !r.OneOff {
			there = append(there, plan.Container{Ref: r.Ref, ID: r.ID, Name: r.Name})
		}
	}
	return there, nil
}

// sync copies files into all replicas of a service at once.
func (w *watching) sync(ctx context.Context, service string, copies []watch.Copy) error {
	host, err := w.engine(ctx)
	if err != nil {
		return err
	}
	there, err := w.running(ctx, service)
	if err != nil {
		return err
	}
	if len(there) == 0 {
		w.warn(service + " has no container that runs: nothing was copied")
		return nil
	}
	files := make([]engine.File, len(copies))
	for at, c := range copies {
		files[at] = engine.File(c)
	}
	errs := make([]error, len(there))
	var group errgroup.Group
	for at, c := range there {
		group.Go(func() error {
			errs[at] = host.Sync(ctx, c, files)
			return nil
		})
	}
	if err := errors.Join(group.Wait(), errors.Join(errs...)); err != nil {
		return err
	}
	w.say(fmt.Sprintf("%s: %s to %s", service, counted(len(files), "file"), counted(len(there), "container")))
	return nil
}

// initial copies what rules with initial_sync are about, or for containers that are new, what all copying rules are about.
func (w *watching) initial(ctx context.Context, services []string, anew bool) error {
	copies, err := watch.Initial(w.rules, services, anew)
	if err != nil {
		return fmt.Errorf("copy files: %w", err)
	}
	for _, name := range sortedKeys(copies) {
		if err := w.sync(ctx, name, copies[name]); err != nil {
			return err
		}
	}
	return nil
}

// exec runs the commands of sync+exec in all replicas of a service, one command after the other.
func (w *watching) exec(ctx context.Context, service string, hooks []types.ServiceHook) error {
	host, err := w.engine(ctx)
	if err != nil {
		return err
	}
	there, err := w.running(ctx, service)
	if err != nil {
		return err
	}
	for at, hook := range hooks {
		for _, c := range there {
			err := host.Do(ctx, plan.RunHook{Container: c, Phase: string(types.WatchActionSyncExec), Hook: hook, Index: at})
			if err != nil {
				return err
			}
		}
		w.say(fmt.Sprintf("%s: %s in %s", service, strings.Join(hook.Command, " "), counted(len(there), "container")))
	}
	return nil
}

// rebuild builds a service's image and replaces its containers, as the service rolls out.
func (w *watching) rebuild(ctx context.Context, service string) error {
	host, err := w.engine(ctx)
	if err != nil {
		return err
	}
	replicas, err := host.List(ctx, w.project.Name)
	if err != nil {
		return err
	}
	var old []string
	for _, r := range logged(replicas, []string{service}, 0) {
		old = append(old, r.ImageID)
	}
	options := plan.Options{Services: []string{service}, NoDeps: true, Build: true, ForceRecreate: true}
	if options.System, err = w.system(ctx, w.project); err != nil {
		return err
	}
	if err := w.converge(ctx, w.project, options, "watch", true); err != nil {
		return err
	}
	w.say(service + ": rebuilt")
	if !w.prune {
		return nil
	}
	slices.Sort(old)
	if _, err := host.RemoveDangling(ctx, slices.Compact(old)); err != nil {
		w.warn(err.Error())
	}
	return nil
}
