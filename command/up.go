package command

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/converge"
	"hyper-lite/plan"
)

func (p *program) up() *cli.Command {
	return &cli.Command{
		Name:      "up",
		Usage:     "bring the project to what the files say, and follow its logs",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite up                              Ctrl-C stops the containers gracefully: exit 0; a second one kills: exit 130
hyper-lite up -d                           in the background
hyper-lite up -d --wait                    done when everything is healthy, exit 3 when it cannot be
hyper-lite up -d --scale web=5 web
hyper-lite up --exit-code-from test        until a container ends, then stop all; exit with the code of test
hyper-lite up --dry-run                    the plan only`,
		Flags: slices.Concat([]cli.Flag{
			&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "leave the containers running in the background"},
			&cli.BoolFlag{Name: "wait", Usage: "wait until all replicas are running and healthy; implies --detach"},
			&cli.StringFlag{Name: "wait-timeout", Usage: "the longest wait in `SECONDS`"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask before data is lost"},
			&cli.BoolFlag{Name: "quiet-build", Usage: "do not show how builds proceed"},
			&cli.BoolFlag{Name: "quiet-pull", Usage: "do not show how pulls proceed"},
			&cli.BoolFlag{Name: "no-color", Usage: "logs without colours"},
			&cli.BoolFlag{Name: "no-log-prefix", Usage: "logs without the containers' names"},
		}, attachFlags(), changeFlags()),
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.up(ctx, c) }),
	}
}

func (i *invocation) up(ctx context.Context, c *cli.Context) error {
	begun := time.Now()
	i.quietPull, i.quietBuild = c.Bool("quiet-pull"), c.Bool("quiet-build")
	patience, err := seconds("wait-timeout", c.String("wait-timeout"))
	if err != nil {
		return err
	}
	project, options, err := i.wantedUp(ctx, c)
	if err != nil {
		return err
	}
	how, err := readAttached(c, project, options)
	if err != nil {
		return err
	}
	if patience != nil {
		options.Within = *patience
	}
	if c.Bool("watch") {
		if how.beside, err = i.watchBeside(ctx, options.Services, options.NoDeps); err != nil {
			return err
		}
	}
	if i.dryRun {
		options.Applied = i.applied(project)
		next, err := i.planned(ctx, project, options)
		if err != nil {
			return err
		}
		return i.printPlan(next, "text")
	}
	if err := i.converge(ctx, project, options, "up", c.Bool("yes")); err != nil {
		return err
	}
	if c.Bool("detach") || options.Wait || options.NoStart {
		return nil
	}
	if truthy(i.setting("COMPOSE_MENU")) && !c.IsSet(noMenu.flag) {
		i.warn("COMPOSE_MENU has no effect: " + noMenu.why)
	}
	printer := i.logPrinter(palette(!c.Bool("no-color") && coloured(i.ansi, i.Out, i.env)), !c.Bool("no-log-prefix"))
	return i.attach(ctx, project, options, how, printer, begun)
}

// converge turns the host into the wanted project under the project's lock, and records what was applied.
func (i *invocation) converge(ctx context.Context, project compose.Project, options plan.Options, verb string, yes bool) (err error) {
	held, err := i.lock(ctx, project, verb, options.Services)
	if err != nil {
		return err
	}
	defer held.release(&err)
	return i.convergeHeld(ctx, held, project, options, yes)
}

// convergeHeld is converge for who has the lock.
func (i *invocation) convergeHeld(ctx context.Context, held held, project compose.Project, options plan.Options, yes bool) (err error) {
	defer heedPipes()() // what was begun is done, though nobody reads how it goes
	host, err := i.host(ctx, project)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Release()) }()
	done, err := host.Up(ctx, project, options, converge.Run{
		Confirm: func(next plan.Plan) error {
			if err := i.possible(ctx, next); err != nil {
				return err
			}
			i.announce(next)
			return i.confirm(next, yes)
		},
		Replan:  func(next plan.Plan) { i.show().expect(next) },
		Warn:    func(w string) { i.warn(w) },
		Applied: held.lastApplied,
		System:  func(p compose.Project) (plan.System, error) { return i.system(ctx, p) },
	})
	err = i.imagesFetched(project, err)
	run := ran{project: project, options: options, done: done, err: err}
	if err != nil {
		return errors.Join(i.explained(ctx, project, err), i.remember(ctx, held, run))
	}
	if !run.changed() {
		i.say("nothing to change")
	} else if err := i.remember(ctx, held, run); err != nil {
		return err
	}
	i.served(project, options.Services)
	return nil
}
