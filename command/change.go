package command

import (
	"context"
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/converge"
	"hyper-lite/plan"
)

// changeFlags are the flags of up that change its plan: `plan` has them too.
func changeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "scale", Usage: "`SERVICE=NUMBER` of replicas, instead of the file's; may be repeated"},
		&cli.BoolFlag{Name: "no-deps", Usage: "leave alone what the services depend on"},
		&cli.BoolFlag{Name: "always-recreate-deps", Usage: "replace what the named services depend on, too, as it is"},
		&cli.BoolFlag{Name: "force-recreate", Usage: "replace replicas that are as wanted, too"},
		&cli.BoolFlag{Name: "no-recreate", Usage: "leave replicas that differ from the file"},
		&cli.BoolFlag{Name: "remove-orphans", Usage: "remove containers of services that the files do not have"},
		&cli.BoolFlag{Name: "renew-anon-volumes", Aliases: []string{"V"}, Usage: "give replacements new anonymous volumes"},
		pullFlag(),
		&cli.BoolFlag{Name: "build", Usage: "build images before"},
		&cli.BoolFlag{Name: "no-build", Usage: "build no image, even a missing one"},
		&cli.BoolFlag{Name: "no-start", Usage: "create only"},
		timeoutFlag(),
	}
}

func pullFlag() cli.Flag {
	return &cli.StringFlag{Name: "pull", Usage: "always, missing, never or policy (default: policy, that of the file)"}
}

// pullPolicy reads --pull; "" is not given.
func pullPolicy(c *cli.Context) (string, error) {
	policy := c.String("pull")
	if policy == "" {
		return "", nil
	}
	return policy, oneOf("pull", policy, "always", "missing", "never", "policy")
}

func timeoutFlag() cli.Flag {
	return &cli.StringFlag{Name: "timeout", Aliases: []string{"t"}, Usage: "grace period of stops in `SECONDS` (default: each container's own)"}
}

// wantedUp reads the files and flags of up and plan.
func (i *invocation) wantedUp(ctx context.Context, c *cli.Context) (compose.Project, plan.Options, error) {
	options, err := i.planOptions(c)
	if err != nil {
		return compose.Project{}, options, err
	}
	wanted, err := scales(c.StringSlice("scale"))
	if err != nil {
		return compose.Project{}, options, err
	}
	project, err := i.loadScaled(ctx, wanted, options.Services, options.NoDeps)
	if err != nil {
		return project, options, err
	}
	options.RemoveOrphans = options.RemoveOrphans || truthy(i.setting("COMPOSE_REMOVE_ORPHANS"))
	options.IgnoreOrphans = truthy(i.setting("COMPOSE_IGNORE_ORPHANS"))
	if options.IgnoreOrphans && options.RemoveOrphans {
		return project, options, usagef("COMPOSE_IGNORE_ORPHANS and --remove-orphans exclude each other")
	}
	options.AllResources = i.allResources
	if options.Aged, err = i.aged(project, time.Now()); err != nil {
		return project, options, err
	}
	options.System, err = i.system(ctx, project)
	return project, options, err
}

func (i *invocation) planOptions(c *cli.Context) (plan.Options, error) {
	options := plan.Options{
		Services:      c.Args().Slice(),
		NoDeps:        c.Bool("no-deps"),
		ForceRecreate: c.Bool("force-recreate"), NoRecreate: c.Bool("no-recreate"),
		RecreateDeps:     c.Bool("always-recreate-deps"),
		RemoveOrphans:    c.Bool("remove-orphans"),
		RenewAnonVolumes: c.Bool("renew-anon-volumes"),
		NoStart:          c.Bool("no-start"), Wait: c.Bool("wait"),
		Build: c.Bool("build"), NoBuild: c.Bool("no-build"),
	}
	if options.ForceRecreate && options.NoRecreate {
		return options, usagef("--force-recreate and --no-recreate exclude each other")
	}
	if options.RecreateDeps && options.NoRecreate {
		return options, usagef("--always-recreate-deps and --no-recreate exclude each other")
	}
	if options.RenewAnonVolumes && options.NoRecreate {
		return options, usagef("--renew-anon-volumes and --no-recreate exclude each other")
	}
	if options.Build && options.NoBuild {
		return options, usagef("--build and --no-build exclude each other")
	}
	var err error
	if options.Pull, err = pullPolicy(c); err != nil {
		return options, err
	}
	options.Timeout, err = seconds("timeout", c.String("timeout"))
	return options, err
}

// host is the engine with the project's balancer, at work for this invocation.
func (i *invocation) host(ctx context.Context, project compose.Project) (converge.Host, error) {
	opened, err := i.engine(ctx)
	if err != nil {
		return converge.Host{}, err
	}
	balancer, err := i.balance(ctx, project.Name)
	if err != nil {
		return converge.Host{}, err
	}
	return converge.Host{
		Engine: opened, Balancer: balancer, Width: i.width,
		Report: func(e converge.Event) {
			i.noteWork()
			if e.Kind == converge.Done {
				i.noteFetched(e.Node.Step)
			}
			if unhealthy, ok := errors.AsType[*plan.UnhealthyError](e.Err); ok {
				i.diagnose(ctx, unhealthy) // now: what comes after it stops the container, which it may talk about
			}
			i.show().event(e)
			if e.Kind == converge.Failed && e.Node.Optional && ctx.Err() == nil {
				i.warn(optionalFailure(e))
			}
		},
		Warn: func(text string) { i.warn(text) },
	}, nil
}
