package command

import (
	"context"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// attached is what an attached up was asked for, beyond its plan: whose logs it shows, and what ends it.
type attached struct {
	only, not    []string // services whose logs are shown, and are not
	dependencies bool     // show those too of what the named services depend on
	onExit       bool     // the end of any container ends all
	onFailure    bool     // the end of any container with another code than 0 ends all
	codeFrom     string   // the service whose exit code is ours
	timestamps   bool

	beside func(ctx context.Context) // what is done meanwhile, whereby containers come and go; nil: nothing
}

func attachFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "abort-on-container-exit", Usage: "stop everything once a container has ended, and exit with its code"},
		&cli.BoolFlag{Name: "abort-on-container-failure", Usage: "the same once a container has ended with another code than 0"},
		&cli.StringFlag{Name: "exit-code-from", Usage: "exit with the code of `SERVICE`; implies --abort-on-container-exit"},
		&cli.StringSliceFlag{Name: "attach", Usage: "show the logs of `SERVICE` only; may be repeated"},
		&cli.StringSliceFlag{Name: "no-attach", Usage: "do not show the logs of `SERVICE`; may be repeated"},
		&cli.BoolFlag{Name: "attach-dependencies", Usage: "show the logs of what the services depend on, too"},
		&cli.BoolFlag{Name: "timestamps", Usage: "logs with the time of each line"},
		&cli.BoolFlag{Name: "menu", Hidden: true},
		&cli.BoolFlag{Name: "watch", Aliases: []string{"w"}, Usage: "do what develop.watch says whenever a file changes"},
	}
}

var noMenu = refusal{
	flag: "menu", why: "there is no menu of keys here", hint: "another terminal does as well: `hyper-lite logs`, `hyper-lite stop`",
}

// readAttached reads the attachFlags, and refuses those that contradict each other before anything is changed.
func readAttached(c *cli.Context, project compose.Project, options plan.Options) (attached, error) {
	a := attached{
		only: c.StringSlice("attach"), not: c.StringSlice("no-attach"), dependencies: c.Bool("attach-dependencies"),
		onExit: c.Bool("abort-on-container-exit"), onFailure: c.Bool("abort-on-container-failure"),
		codeFrom: c.String("exit-code-from"), timestamps: c.Bool("timestamps"),
	}
	if a.codeFrom != "" && !a.onFailure {
		a.onExit = true
	}
	if err := refuse(c, []refusal{noMenu}); err != nil {
		return a, err
	}
	background := ""
	for _, name := range []string{"detach", "wait", "no-start"} {
		if c.Bool(name) {
			background = name
		}
	}
	for _, name := range []string{"abort-on-container-exit", "abort-on-container-failure", "exit-code-from", "attach", "attach-dependencies", "watch"} {
		if c.IsSet(name) && background != "" {
			return a, usagef("--%s and --%s exclude each other", background, name)
		}
	}
	switch {
	case a.onExit && a.onFailure:
		return a, usagef("--abort-on-container-exit and --abort-on-container-failure exclude each other")
	case c.Bool("watch") && (a.onExit || a.onFailure):
		return a, &usageError{msg: "--watch goes with neither --abort-on-container-exit nor --abort-on-container-failure nor --exit-code-from", hint: "a change of files may restart a container, which is no end of it"}
	case c.Bool("watch") && options.NoBuild:
		return a, usagef("--watch and --no-build exclude each other")
	case len(a.only) > 0 && a.dependencies:
		return a, usagef("--attach and --attach-dependencies exclude each other")
	}
	named := slices.Concat(a.only, a.not)
	if a.codeFrom != "" {
		named = append(named, a.codeFrom)
	}
	if err := noSuchService(named, serviceNames(project, nil)); err != nil {
		return a, err
	}
	up := about(project, options.Services, options.NoDeps)
	for _, name := range slices.Concat(a.only, named[len(a.only)+len(a.not):]) {
		if !slices.Contains(up, name) {
			return a, fmt.Errorf("service %s is not among those that are brought up", name)
		}
	}
	return a, nil
}

// shown says whether the logs of a service are shown. Without a word of the user the file may leave it out.
func (a attached) shown(project compose.Project, options plan.Options, name string) bool {
	s, known := project.Service(name)
	switch {
	case slices.Contains(a.not, name):
		return false
	case len(a.only) > 0:
		return slices.Contains(a.only, name)
	case known && s.Body.Attach != nil && !*s.Body.Attach:
		return false
	case len(options.Services) == 0:
		return known
	}
	return slices.Contains(options.Services, name) ||
		a.dependencies && slices.Contains(about(project, options.Services, options.NoDeps), name)
}

// counts says whether up lasts as long as a service does: those that were named, or else those whose logs are shown.
func (a attached) counts(project compose.Project, options plan.Options, name string) bool {
	if name == a.codeFrom {
		return true
	}
	if len(options.Services) > 0 {
		return slices.Contains(options.Services, name)
	}
	return a.shown(project, options, name)
}

// ends says whether the end of a container ends all. A one-shot that others wait for has only done its part.
func (a attached) ends(project compose.Project, now plan.Replica) bool {
	if now.State != plan.Exited && now.State != plan.Dead || now.ExitCode == 0 && awaited(project, now.Service) {
		return false
	}
	return a.onExit || a.onFailure && now.ExitCode != 0
}

// awaited says whether a service waits until another one has done its work.
func awaited(project compose.Project, name string) bool {
	for _, s := range project.Services {
		for _, d := range s.DependsOn {
			if d.Service == name && d.Condition == "service_completed_successfully" {
				return true
			}
		}
	}
	return false
}
