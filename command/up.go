package command

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
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
hyper-lite up --dry-run                    the plan only`,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "leave the containers running in the background"},
			&cli.BoolFlag{Name: "wait", Usage: "wait until all replicas are running and healthy; implies --detach"},
			&cli.StringFlag{Name: "wait-timeout", Usage: "the longest wait in `SECONDS`"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask before data is lost"},
			&cli.BoolFlag{Name: "quiet-pull", Usage: "do not show how pulls proceed"},
			&cli.BoolFlag{Name: "no-color", Usage: "logs without colours"},
			&cli.BoolFlag{Name: "no-log-prefix", Usage: "logs without the containers' names"},
		}, changeFlags()...),
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.up(ctx, c) }),
	}
}

func (i *invocation) up(ctx context.Context, c *cli.Context) error {
	begun := time.Now()
	i.quietPull = c.Bool("quiet-pull")
	patience, err := seconds("wait-timeout", c.String("wait-timeout"))
	if err != nil {
		return err
	}
	project, options, err := i.wantedUp(ctx, c)
	if err != nil {
		return err
	}
	if patience != nil {
		options.Within = *patience
	}
	if i.dryRun {
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
	printer := newLogPrinter(i.IO, palette(!c.Bool("no-color") && coloured(i.ansi, i.Out, i.env)), !c.Bool("no-log-prefix"))
	return i.attach(ctx, project, options, printer, begun)
}

// converge turns the host into the wanted project under the project's lock, and records what was applied.
func (i *invocation) converge(ctx context.Context, project compose.Project, options plan.Options, verb string, yes bool) (err error) {
	held, err := i.lock(ctx, project, verb)
	if err != nil {
		return err
	}
	defer held.release(&err)
	host, err := i.host(ctx, project)
	if err != nil {
		return err
	}
	show := i.show()
	done, err := host.Up(ctx, project, options, func(next plan.Plan) error {
		if err := i.possible(ctx, next); err != nil {
			return err
		}
		for _, w := range next.Warnings {
			show.warn(w)
		}
		show.expect(next)
		return i.confirm(next, yes)
	})
	i.finishProgress()
	if err != nil {
		return i.explained(ctx, project, err)
	}
	if len(done.Images().Nodes) == len(done.Nodes) { // what was fetched or built was there already
		i.say("nothing to change")
	} else if err := held.record(project, done, verb); err != nil {
		return err
	}
	i.served(project, options.Services)
	return nil
}
