package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/converge"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

// imaging is what the verbs that make something of a container need of an engine, beyond what a plan needs.
type imaging interface {
	// Commit makes an image of a container and returns its ID.
	Commit(ctx context.Context, container string, options engine.CommitOptions) (string, error)
	// Export writes a container's file system as an archive.
	Export(ctx context.Context, container string, to io.Writer) error
}

// imageAction is pull, build or push: it loads the files, decides and does. Such a run is about images alone, so that it
// neither takes nor waits for the project's lock.
func (i *invocation) imageAction(
	ctx context.Context, files compose.LoadOptions, decide func(compose.Project, plan.Observed) (plan.Plan, error), idle string,
) error {
	project, err := i.load(ctx, files)
	if err != nil {
		return err
	}
	if err := noSuchService(files.Services, serviceNames(project, nil)); err != nil {
		return err
	}
	host, err := i.host(ctx, project)
	if err != nil {
		return err
	}
	have, err := host.Engine.Observe(ctx, project)
	if err != nil {
		return err
	}
	next, err := decide(project, have)
	if err != nil {
		return err
	}
	if i.dryRun {
		return i.printPlan(next, "text")
	}
	i.warn(next.Warnings...)
	if next.Empty() {
		i.say(idle)
		return nil
	}
	i.show().expect(next)
	return i.imagesFetched(project, host.Apply(ctx, next))
}

// imagesFetched remembers when images were fetched, by a run that ended with err, and returns that with what went wrong here.
func (i *invocation) imagesFetched(project compose.Project, err error) error {
	i.finishProgress()
	if forgotten := i.rememberFetched(project); forgotten != nil {
		return errors.Join(err, forgotten)
	}
	return err
}

// optionalFailure is a failure that ends nothing, in one line.
func optionalFailure(e converge.Event) string {
	text := strings.ReplaceAll(e.Err.Error(), "\n", " ")
	pull, pulls := e.Node.Step.(plan.Pull)
	if pulls && pull.There {
		return text + "; the image that is there is used"
	}
	if pulls {
		return fmt.Sprintf("%s; where it can be built: `%s build %s`", text, programName, strings.Join(pull.Services, " "))
	}
	return text
}

// withoutEffect warns of flags that docker compose still takes and that do nothing there either.
func (i *invocation) withoutEffect(c *cli.Context, flags ...string) {
	for _, name := range flags {
		if c.IsSet(name) {
			i.warn("--" + name + " has no effect: it is obsolete in docker compose, too")
		}
	}
}

// obsolete are such flags, out of sight.
func obsolete(names ...string) []cli.Flag {
	var flags []cli.Flag
	for _, name := range names {
		flags = append(flags, &cli.BoolFlag{Name: name, Hidden: true})
	}
	return flags
}
