package command

import (
	"context"

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
		&cli.BoolFlag{Name: "force-recreate", Usage: "replace replicas that are as wanted, too"},
		&cli.BoolFlag{Name: "no-recreate", Usage: "leave replicas that differ from the file"},
		&cli.BoolFlag{Name: "remove-orphans", Usage: "remove containers of services that the files do not have"},
		&cli.BoolFlag{Name: "renew-anon-volumes", Aliases: []string{"V"}, Usage: "give replacements new anonymous volumes"},
		&cli.StringFlag{Name: "pull", Usage: "always, missing, never or policy (default: policy, that of the file)"},
		&cli.BoolFlag{Name: "build", Usage: "build images before"},
		&cli.BoolFlag{Name: "no-build", Usage: "build no image, even a missing one"},
		&cli.BoolFlag{Name: "no-start", Usage: "create only"},
		timeoutFlag(),
	}
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
	options.RemoveOrphans = options.RemoveOrphans || truthy(variable(project, "COMPOSE_REMOVE_ORPHANS"))
	options.System, err = i.system(ctx, project)
	return project, options, err
}

func (i *invocation) planOptions(c *cli.Context) (plan.Options, error) {
	options := plan.Options{
		Services:      c.Args().Slice(),
		NoDeps:        c.Bool("no-deps"),
		ForceRecreate: c.Bool("force-recreate"), NoRecreate: c.Bool("no-recreate"),
		RemoveOrphans:    c.Bool("remove-orphans"),
		RenewAnonVolumes: c.Bool("renew-anon-volumes"),
		NoStart:          c.Bool("no-start"), Wait: c.Bool("wait"),
		Pull: c.String("pull"), Build: c.Bool("build"), NoBuild: c.Bool("no-build"),
	}
	if options.ForceRecreate && options.NoRecreate {
		return options, usagef("--force-recreate and --no-recreate exclude each other")
	}
	if options.Build && options.NoBuild {
		return options, usagef("--build and --no-build exclude each other")
	}
	if options.Pull != "" {
		if err := oneOf("pull", options.Pull, "always", "missing", "never", "policy"); err != nil {
			return options, err
		}
	}
	var err error
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
		Report: func(e converge.Event) { i.show().event(e) },
	}, nil
}
