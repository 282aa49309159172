package command

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/go-units"
	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func (p *program) build() *cli.Command {
	return &cli.Command{
		Name:      "build",
		Usage:     "build the images of services",
		ArgsUsage: "[SERVICE...]",
		Description: `hyper-lite build
hyper-lite build --build-arg VERSION=2 web
hyper-lite build --pull --no-cache         from the newest base images, from the beginning
hyper-lite build --print                   the same as a file for docker buildx bake`,
		Flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "build-arg", Usage: "`NAME=VALUE` of an argument of the build; NAME alone has the value of our environment; may be repeated"},
			&cli.BoolFlag{Name: "no-cache", Usage: "use nothing of earlier builds"},
			&cli.BoolFlag{Name: "pull", Usage: "fetch newer base images"},
			&cli.BoolFlag{Name: "push", Usage: "send the images to their registries afterwards"},
			&cli.BoolFlag{Name: "with-dependencies", Usage: "what the services depend on, too"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "do not show how the builds proceed"},
			&cli.BoolFlag{Name: "print", Usage: "print the builds as a file for `docker buildx bake` and build nothing"},
			&cli.BoolFlag{Name: "check", Usage: "look for mistakes in the Dockerfiles and build nothing; needs buildx"},
			&cli.StringFlag{Name: "builder", Usage: "builder of buildx, by `NAME`; needs buildx"},
			&cli.StringFlag{Name: "memory", Aliases: []string{"m"}, Usage: "most memory that a step of the build may use, as in 512m; only the engine's own builder has that, not buildx"},
			&cli.StringFlag{Name: "ssh", Usage: "SSH agent or keys for the builds: default, or `ID=PATH`, by commas; needs buildx"},
			&cli.StringFlag{Name: "provenance", Usage: "`ATTESTATION` of where an image is from; needs buildx"},
			&cli.StringFlag{Name: "sbom", Usage: "`ATTESTATION` of what is in an image; needs buildx"},
		}, obsolete("compress", "force-rm", "no-rm")...),
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.build(ctx, c) }),
	}
}

func (i *invocation) build(ctx context.Context, c *cli.Context) error {
	options := plan.ImageOptions{
		Services: c.Args().Slice(), Dependencies: c.Bool("with-dependencies"), Push: c.Bool("push"),
		Build: plan.Build{Pull: c.Bool("pull"), NoCache: c.Bool("no-cache"), Builder: c.String("builder"), Check: c.Bool("check")},
	}
	if text := c.String("memory"); text != "" {
		bytes, err := units.RAMInBytes(text)
		if err != nil || bytes <= 0 {
			return usagef("--memory: %q is no size: it takes bytes, or 512m or 2g", text)
		}
		options.Build.Memory = bytes
	}
	if options.Build.Check && options.Push {
		return usagef("--check builds nothing that --push could send")
	}
	more, err := readBuildChanges(c)
	if err != nil {
		return err
	}
	i.withoutEffect(c, "compress", "force-rm", "no-rm")
	if c.Bool("print") {
		return i.printBake(ctx, options, more)
	}
	if c.Bool("quiet") {
		i.settings.progress = "quiet"
	}
	return i.imageAction(ctx, i.buildOptions(options), func(want compose.Project, _ plan.Observed) (plan.Plan, error) {
		return plan.BuildAll(more.apply(want), options)
	}, "nothing to build: no service has build:")
}

// buildOptions are the files as a build reads them: what the containers are to hold is not needed for it.
func (i *invocation) buildOptions(options plan.ImageOptions) compose.LoadOptions {
	load := i.lookOptions(options.Services...)
	load.Building, load.NoDeps = true, !options.Dependencies
	return load
}

// buildChanges is what flags of build change in the build sections of the files.
type buildChanges struct {
	args             types.MappingWithEquals
	ssh              types.SSHConfig
	provenance, sbom string
}

func readBuildChanges(c *cli.Context) (buildChanges, error) {
	b := buildChanges{args: types.NewMappingWithEquals(c.StringSlice("build-arg")), provenance: c.String("provenance"), sbom: c.String("sbom")}
	for _, entry := range c.StringSlice("build-arg") {
		if name, _, _ := strings.Cut(entry, "="); name == "" {
			return b, usagef("--build-arg: %q is no argument: it takes NAME=VALUE", entry)
		}
	}
	for entry := range strings.SplitSeq(c.String("ssh"), ",") {
		id, path, _ := strings.Cut(entry, "=")
		if id != "" {
			b.ssh = append(b.ssh, types.SSHKey{ID: id, Path: path})
		}
	}
	return b, nil
}

// apply is the project with other builds. The project that was loaded stays as it is.
func (b buildChanges) apply(want compose.Project) compose.Project {
	want.Services = slices.Clone(want.Services)
	for at := range want.Services {
		want.Services[at] = b.changed(want.Services[at])
	}
	want.Jobs = slices.Clone(want.Jobs)
	for at := range want.Jobs {
		want.Jobs[at].Service = b.changed(want.Jobs[at].Service)
	}
	return want
}

func (b buildChanges) changed(s compose.Service) compose.Service {
	s.Bases = slices.Clone(s.Bases)
	for at := range s.Bases {
		s.Bases[at] = b.changed(s.Bases[at])
	}
	if s.Body.Build == nil {
		return s
	}
	section := *s.Body.Build
	section.Args = maps.Clone(section.Args)
	if section.Args == nil {
		section.Args = types.MappingWithEquals{}
	}
	maps.Copy(section.Args, b.args)
	for _, key := range b.ssh {
		section.SSH = append(slices.DeleteFunc(slices.Clone(section.SSH), func(k types.SSHKey) bool { return k.ID == key.ID }), key)
	}
	section.Provenance, section.SBOM = first(b.provenance, section.Provenance), first(b.sbom, section.SBOM)
	s.Body.Build = &section
	return s
}
