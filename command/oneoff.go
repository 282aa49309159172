package command

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mattn/go-shellwords"
	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/converge"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

func (p *program) runVerb() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "run a command in a new container of a service, beside its replicas",
		ArgsUsage: "SERVICE [COMMAND] [ARG...]",
		Description: `hyper-lite run --rm web sh                 a shell in a new container; what web depends on is started first
hyper-lite run --rm --no-deps -e DEBUG=1 web ./manage.py migrate
hyper-lite run --rm -T db pg_dump shop > shop.sql
hyper-lite run -d --name import -v ./data:/data web ./import /data
hyper-lite run --rm --service-ports web      with the ports of the service, which must be free`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "build", Usage: "build images before"},
			&cli.StringSliceFlag{Name: "cap-add", Usage: "`CAPABILITY` that it has, too; may be repeated"},
			&cli.StringSliceFlag{Name: "cap-drop", Usage: "`CAPABILITY` that it has not; may be repeated"},
			&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "leave it running in the background, and print its ID"},
			&cli.StringFlag{Name: "entrypoint", Usage: "`PROGRAM` with arguments, instead of the service's entrypoint and command"},
			&cli.StringSliceFlag{Name: "env", Aliases: []string{"e"}, Usage: "`NAME=VALUE` of a variable, or NAME for the value it has here; may be repeated"},
			&cli.StringSliceFlag{Name: "env-from-file", Usage: "`FILE` with variables; may be repeated"},
			&cli.StringSliceFlag{Name: "label", Aliases: []string{"l", "labels"}, Usage: "`NAME=VALUE` of a label; may be repeated"},
			&cli.StringFlag{Name: "name", Usage: "`NAME` of the container"},
			&cli.BoolFlag{Name: "no-deps", Usage: "leave alone what the service depends on"},
			&cli.StringSliceFlag{Name: "publish", Aliases: []string{"p"}, Usage: "`PORT` to publish, written as under ports: 8080:80; may be repeated"},
			&cli.BoolFlag{Name: "no-recreate", Usage: "leave replicas of what the service depends on that differ from the file"},
			&cli.StringFlag{Name: "pull", Usage: "always, missing, never or policy (default: policy, that of the file)"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "show nothing but what it says itself"},
			&cli.BoolFlag{Name: "quiet-build", Usage: "do not show how builds proceed"},
			&cli.BoolFlag{Name: "quiet-pull", Usage: "do not show how pulls proceed"},
			&cli.BoolFlag{Name: "remove-orphans", Usage: "remove containers of services that the files do not have"},
			&cli.BoolFlag{Name: "rm", Usage: "remove the container once it has ended, and its anonymous volumes"},
			&cli.BoolFlag{Name: "service-ports", Aliases: []string{"P"}, Usage: "publish the service's ports"},
			&cli.BoolFlag{Name: "use-aliases", Usage: "answer to the service's names in its networks"},
			&cli.StringFlag{Name: "user", Aliases: []string{"u"}, Usage: "as this `USER`"},
			&cli.StringSliceFlag{Name: "volume", Aliases: []string{"v", "volumes"}, Usage: "`SOURCE:TARGET` to mount; may be repeated"},
			&cli.StringFlag{Name: "workdir", Aliases: []string{"w"}, Usage: "in this `FOLDER` of the container"},
		}, terminalFlags(false)...),
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.runOnce(ctx, c) }),
	}
}

// once is one `run`: the container to be made, and how it is joined.
type once struct {
	verb     string // as the project's lock tells it
	service  compose.Service
	options  plan.OneOffOptions
	detached bool
	tty      bool
	stdin    bool

	settle func(plan.Observed) // names it by what is there, each time that it is planned; may be nil
}

func (i *invocation) runOnce(ctx context.Context, c *cli.Context) error {
	if c.NArg() < 1 {
		return &usageError{msg: "run needs a service", hint: "as in `hyper-lite run --rm web sh`"}
	}
	if c.Bool("quiet") {
		i.settings.progress = "quiet"
	}
	i.quietPull, i.quietBuild = c.Bool("quiet-pull"), c.Bool("quiet-build")
	one, project, err := i.wantedOnce(ctx, c)
	if err != nil {
		return err
	}
	begin, err := i.prepare(ctx, project, &one)
	if err != nil || i.dryRun {
		return err
	}
	limit, err := i.curbOf(ctx, project, one)
	if err != nil {
		return err
	}
	if err := i.perform(ctx, project, one, begin, performing{unread: limit.unread}); err != nil || !one.detached {
		return err
	}
	return i.printID(ctx, project, one.options.Name)
}

// performing is what is told of a container that is performed. Each may be nil.
type performing struct {
	starts  func()                     // it has started; its hooks may be still to come
	started func()                     // its hooks ran, too
	stops   func(signal string)        // we were told to stop it
	unread  func(context.Context) bool // nobody reads us any more: stop it, and say whether that was done
}

// perform starts the container that was made, in the background or joined with our streams until it ends.
func (i *invocation) perform(ctx context.Context, project compose.Project, one once, begin plan.Plan, tell performing) error {
	host, err := i.host(ctx, project)
	if err != nil {
		return err
	}
	host.Report = func(e converge.Event) { // from here on the streams are the container's
		if _, starts := e.Node.Step.(plan.Start); starts && e.Kind == converge.Done && tell.starts != nil {
			tell.starts()
		}
	}
	start := func() error {
		if err := host.Apply(ctx, begin); err != nil {
			return err
		}
		if tell.started != nil {
			tell.started()
		}
		return nil
	}
	if one.detached {
		return start()
	}
	ending := engine.NextExit
	if one.options.AutoRemove {
		ending = engine.Removed
	}
	return i.join(ctx, i.opened, joining{
		container: one.options.Name, name: one.options.Name, ending: ending, tty: one.tty, stdin: one.stdin,
		proxy: true, kills: true, start: start, stops: tell.stops, unread: tell.unread,
	})
}

// wantedOnce reads the files and flags of run.
func (i *invocation) wantedOnce(ctx context.Context, c *cli.Context) (once, compose.Project, error) {
	one := once{verb: "run", detached: c.Bool("detach")}
	var err error
	if one.tty, one.stdin, err = i.terminalOf(c); err != nil {
		return one, compose.Project{}, err
	}
	if c.Bool("service-ports") && len(c.StringSlice("publish")) > 0 {
		return one, compose.Project{}, usagef("--service-ports and --publish exclude each other")
	}
	options, err := i.planOptions(c)
	if err != nil {
		return one, compose.Project{}, err
	}
	service := c.Args().First()
	options.Services = nil
	project, err := i.loadScaled(ctx, nil, []string{service}, options.NoDeps)
	if err != nil {
		return one, project, err
	}
	if err := runnable(project, service); err != nil {
		return one, project, err
	}
	options.RemoveOrphans = options.RemoveOrphans || truthy(i.setting("COMPOSE_REMOVE_ORPHANS"))
	if options.System, err = i.system(ctx, project); err != nil {
		return one, project, err
	}
	how, err := oneOffOf(c, one)
	if err != nil {
		return one, project, err
	}
	how.Warn = i.warn
	id := newID()
	one.options = plan.OneOffOptions{Options: options, Name: c.String("name"), AutoRemove: c.Bool("rm")}
	if one.options.Name == "" {
		one.options.Name = fmt.Sprintf("%s-%s-run-%s", project.Name, service, id[:12])
	}
	one.service, err = compose.OneOffOf(project, service, id, how)
	if mistake, ok := err.(*compose.MistakeError); ok {
		return one, project, &usageError{msg: mistake.Error()}
	}
	return one, project, err
}

// oneOffOf is what the flags and arguments say of the container.
func oneOffOf(c *cli.Context, one once) (compose.OneOff, error) {
	how := compose.OneOff{
		Command: c.Args().Tail(), Env: c.StringSlice("env"), EnvFiles: c.StringSlice("env-from-file"),
		User: c.String("user"), WorkDir: c.String("workdir"), Labels: c.StringSlice("label"),
		Volumes: c.StringSlice("volume"), Publish: c.StringSlice("publish"),
		CapAdd: c.StringSlice("cap-add"), CapDrop: c.StringSlice("cap-drop"),
		ServicePorts: c.Bool("service-ports"), UseAliases: c.Bool("use-aliases"), TTY: one.tty, Stdin: one.stdin,
	}
	if !c.IsSet("entrypoint") {
		return how, nil
	}
	words, err := shellwords.Parse(c.String("entrypoint"))
	if err != nil {
		return how, usagef("--entrypoint: %q: %v", c.String("entrypoint"), err)
	}
	how.Entrypoint = append([]string{}, words...) // an empty one clears the image's
	return how, nil
}

// runnable is an error where the files do not let a service be run by hand.
func runnable(project compose.Project, service string) error {
	known := serviceNames(project, nil)
	for _, j := range project.Jobs {
		if j.Name == service && !j.Manual {
			return fmt.Errorf("job %s is not to be run by hand: its triggers say manual: false", service)
		}
		known = append(known, j.Name)
	}
	if slices.Contains(project.Disabled, service) {
		return fmt.Errorf("service %s is switched off by its profiles", service)
	}
	return noSuchService([]string{service}, known)
}

// prepare makes the container, and before it what it needs, under the project's lock. It returns what starts it.
func (i *invocation) prepare(ctx context.Context, project compose.Project, one *once) (begin plan.Plan, err error) {
	host, err := i.host(ctx, project)
	if err != nil {
		return plan.Plan{}, err
	}
	if one.options.Aged, err = i.aged(project, time.Now()); err != nil {
		return plan.Plan{}, err
	}
	look := func(ctx context.Context) (plan.Observed, error) { return host.Observe(ctx, project) }
	decide := func(have plan.Observed) (first plan.Plan, err error) {
		if one.settle != nil {
			one.settle(have)
		}
		first, begin, err = plan.OneOff(project, have, one.service, one.options)
		return first, err
	}
	if i.dryRun {
		err := i.rehearse(ctx, look, func(have plan.Observed) (plan.Plan, error) {
			first, err := decide(have)
			return first.Then(begin), err
		})
		return begin, err
	}
	taken, err := i.lockLoosely(ctx, project, one.verb, []string{one.service.Name})
	if err != nil {
		return plan.Plan{}, err
	}
	defer taken.release(&err)
	err = i.makeOnce(ctx, host, project, &one.options, func() (plan.Plan, error) { return host.Decide(ctx, look, decide) })
	return begin, err
}

// makeOnce does what is decided: images first, as `up` does it, since a bad image touches nothing, and a new one may change what
// is to do.
func (i *invocation) makeOnce(
	ctx context.Context, host converge.Host, project compose.Project, options *plan.OneOffOptions, decide func() (plan.Plan, error),
) (err error) {
	defer heedPipes()() // what was begun is done, though nobody reads how it goes
	defer i.finishProgress()
	defer func() { err = i.imagesFetched(project, errors.Join(err, host.Release())) }()
	next, err := decide()
	if err != nil {
		return err
	}
	if err := i.possible(ctx, next); err != nil {
		return err
	}
	i.announce(next)
	if images := next.Images(); !images.Empty() {
		if err := host.Apply(ctx, images); err != nil {
			return err
		}
		options.ImagesReady = true
		if next, err = decide(); err != nil {
			return err
		}
		i.announce(next)
	}
	if err := host.Apply(ctx, next); err != nil {
		i.finishProgress()
		return i.explained(ctx, project, err)
	}
	return nil
}

// announce shows what is to come.
func (i *invocation) announce(next plan.Plan) {
	show := i.show()
	for _, w := range next.Warnings {
		show.warn(w)
	}
	show.expect(next)
}

// printID prints the ID of a container by its name.
func (i *invocation) printID(ctx context.Context, project compose.Project, name string) error {
	replicas, err := i.opened.List(ctx, project.Name)
	if err != nil {
		return err
	}
	for _, r := range replicas {
		if r.Name == name {
			fmt.Fprintln(i.Out, r.ID)
			return nil
		}
	}
	fmt.Fprintln(i.Out, name) // it has ended, and is gone
	return nil
}

// newID tells one run from every other.
func newID() string {
	var id [32]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}
