package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
)

func (p *program) config() *cli.Command {
	return &cli.Command{
		Name:  "config",
		Usage: "print the files as one, with all that they refer to filled in",
		Description: `hyper-lite config
hyper-lite config web                      web and what it depends on
hyper-lite config -q && echo fine         check the files only
hyper-lite config --services
hyper-lite config --lock-image-digests -o locked.yaml
hyper-lite config --format json | jq .services.web`,
		ArgsUsage: "[SERVICE...]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Value: "yaml", Usage: "yaml or json"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print nothing: only check"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to `FILE`"},
			&cli.BoolFlag{Name: "services", Usage: "names of services, one a line"},
			&cli.BoolFlag{Name: "jobs", Usage: "names of jobs, one a line"},
			&cli.BoolFlag{Name: "images", Usage: "images, one a line"},
			&cli.BoolFlag{Name: "volumes", Usage: "names of volumes, one a line"},
			&cli.BoolFlag{Name: "networks", Usage: "names of networks, one a line"},
			&cli.BoolFlag{Name: "models", Usage: "names of models, one a line"},
			&cli.BoolFlag{Name: "profiles", Usage: "names of profiles, one a line"},
			&cli.StringFlag{Name: "hash", Usage: "spec hash of `SERVICE`, of several by commas, or of all with '*'"},
			&cli.BoolFlag{Name: "environment", Usage: "variables that the files are read with, NAME=VALUE, one a line"},
			&cli.BoolFlag{Name: "variables", Usage: "variables that the files use, and what stands for those that are not set"},
			&cli.BoolFlag{Name: "resolve-image-digests", Usage: "images by the digests that their registries tell"},
			&cli.BoolFlag{Name: "lock-image-digests", Usage: "only these images, as a file to add with -f"},
			&cli.BoolFlag{Name: "no-interpolate", Usage: "leave variables as they are written"},
			&cli.BoolFlag{Name: "no-env-resolution", Usage: "do not read env_file and label_file"},
			&cli.BoolFlag{Name: "no-path-resolution", Usage: "leave relative paths as they are written"},
			&cli.BoolFlag{Name: "no-normalize", Usage: "add nothing that the files do not say, such as the default network"},
			&cli.BoolFlag{Name: "no-consistency", Usage: "do not check that what services refer to is there"},
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.config(ctx, c) }),
	}
}

func (i *invocation) config(ctx context.Context, c *cli.Context) error {
	if err := oneOf("format", c.String("format"), "yaml", "json"); err != nil {
		return err
	}
	project, err := i.configured(ctx, c)
	if err != nil || c.Bool("quiet") {
		return err
	}
	text, err := configText(project, c)
	if err != nil {
		return err
	}
	if path := c.String("output"); path != "" {
		return writeWhole(path, func(to io.Writer) error {
			_, err := to.Write(text)
			return err
		})
	}
	_, err = i.Out.Write(text)
	return err
}

// configured is the project as far as it is to be shown.
func (i *invocation) configured(ctx context.Context, c *cli.Context) (compose.Project, error) {
	options := i.loadOptions(c.Args().Slice()...)
	options.NoInterpolate = c.Bool("no-interpolate") || c.Bool("variables")
	options.Without = compose.Omissions{
		Normalization: c.Bool("no-normalize"), Consistency: c.Bool("no-consistency"),
		Paths: c.Bool("no-path-resolution"), EnvFiles: c.Bool("no-env-resolution"),
	}
	pin := c.Bool("resolve-image-digests") || c.Bool("lock-image-digests")
	if pin && options.NoInterpolate {
		return compose.Project{}, usagef("digests are asked for by the names of images: they need the values of variables")
	}
	project, err := i.loadFiles(ctx, options)
	if err != nil {
		return project, err
	}
	switch {
	case options.NoInterpolate && c.NArg() > 0:
		i.warn("the files are shown whole: services are chosen only where variables have their values")
	case c.NArg() > 0:
		project, err = onlyServices(project, c.Args().Slice())
	}
	if err != nil || options.NoInterpolate {
		return project, err
	}
	if !i.allResources {
		project = compose.WithoutUnused(project)
	}
	if pin {
		project.Model, err = i.pinned(ctx, project)
	}
	return project, err
}

// pinned is the model with images by the digests that their registries tell. What is only built here has none.
func (i *invocation) pinned(ctx context.Context, project compose.Project) (*types.Project, error) {
	host, err := i.engine(ctx)
	if err != nil {
		return nil, err
	}
	return project.Model.WithImagesResolved(func(named reference.Named) (digest.Digest, error) {
		found, err := host.ImageDigest(ctx, named.String())
		return digest.Digest(found), err
	})
}

// locked is a model of nothing but images, for a file that is added to others with -f.
func locked(model *types.Project) *types.Project {
	images := types.Services{}
	for name, s := range model.Services {
		only := types.ServiceConfig{}
		only.Image = s.Image
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeImage {
				only.Volumes = append(only.Volumes, v)
			}
		}
		images[name] = only
	}
	return &types.Project{Services: images}
}

// onlyServices is the project with the services that were named and what they depend on, and with the resources that
// these use.
func onlyServices(project compose.Project, services []string) (compose.Project, error) {
	known := slices.Concat(serviceNames(project, nil), project.Model.ServiceNames()) // a service with cron is a job
	if err := noSuchService(services, known); err != nil {
		return project, err
	}
	model, err := project.Model.WithSelectedServices(services)
	if err != nil {
		return project, fmt.Errorf("choose services: %w", err)
	}
	model = model.WithoutUnnecessaryResources()
	model.Jobs = nil
	chosen := func(name string) bool { return slices.Contains(model.ServiceNames(), name) }
	project.Model, project.Volumes, project.Networks = model, model.Volumes, model.Networks
	project.Services = slices.DeleteFunc(slices.Clone(project.Services), func(s compose.Service) bool { return !chosen(s.Name) })
	project.Jobs = slices.DeleteFunc(slices.Clone(project.Jobs), func(j compose.Job) bool { return !chosen(j.Name) })
	return project, nil
}

func configText(project compose.Project, c *cli.Context) ([]byte, error) {
	for _, section := range []string{"services", "networks", "volumes", "models"} {
		if c.Bool(section) {
			return lines(keysOf(project, section)), nil
		}
	}
	for _, flag := range []string{"jobs", "images", "profiles", "hash", "environment"} {
		if c.IsSet(flag) && project.Model == nil {
			return nil, usagef("--%s needs the values of variables: leave --no-interpolate out", flag)
		}
	}
	switch {
	case c.Bool("jobs"):
		return lines(jobNames(project)), nil
	case c.String("hash") != "":
		return hashes(project, c.String("hash"))
	case c.Bool("profiles"):
		return lines(profiles(project)), nil
	case c.Bool("images"):
		return lines(images(project)), nil
	case c.Bool("variables"):
		return variablesText(compose.Variables(project), c)
	case c.Bool("environment"):
		return lines(project.Model.Environment.Values()), nil
	case c.Bool("lock-image-digests"):
		project.Model = locked(project.Model)
	}
	return compose.Canonical(project, c.String("format"))
}

// keysOf are the names in a section. A service that is run on a schedule is a job.
func keysOf(project compose.Project, section string) []string {
	if section == "services" && len(project.Services)+len(project.Jobs) > 0 {
		return serviceNames(compose.Project{Services: project.Services}, nil)
	}
	return compose.Keys(project, section)
}

func jobNames(project compose.Project) []string {
	var names []string
	for _, j := range project.Jobs {
		names = append(names, j.Name)
	}
	return names
}

// images are those of services and jobs, and of their hooks.
func images(project compose.Project) []string {
	var names []string
	for name, s := range project.Model.Services {
		names = append(names, first(s.Image, project.Name+"-"+name))
	}
	for _, s := range project.WithHooks() {
		names = append(names, s.Body.Image)
	}
	return names
}

func profiles(project compose.Project) []string {
	var names []string
	for _, s := range project.Model.AllServices() {
		names = append(names, s.Profiles...)
	}
	return names
}

// hashes are the spec hashes of the services that are named, by commas, or of all.
func hashes(project compose.Project, wanted string) ([]byte, error) {
	all := project.Templates()
	if wanted != "*" {
		var names []string
		for _, s := range all {
			names = append(names, s.Name)
		}
		asked := strings.Split(wanted, ",")
		if err := noSuchService(asked, names); err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(s compose.Service) bool { return !slices.Contains(asked, s.Name) })
	}
	var found []string
	for _, s := range all {
		found = append(found, s.Name+" "+s.Digest.Hash)
	}
	return lines(found), nil
}

// variablesText is a table, or with --format json one object with an entry for each variable, as docker compose has them.
func variablesText(variables []compose.Variable, c *cli.Context) ([]byte, error) {
	var out bytes.Buffer
	if c.IsSet("format") && c.String("format") == "json" {
		byName := map[string]compose.Variable{}
		for _, v := range variables {
			byName[v.Name] = v
		}
		err := printJSON(&out, byName)
		return out.Bytes(), err
	}
	err := printList(&out, "table", variables, []column[compose.Variable]{
		{"name", func(v compose.Variable) string { return v.Name }},
		{"required", func(v compose.Variable) string { return strconv.FormatBool(v.Required) }},
		{"default value", func(v compose.Variable) string { return v.DefaultValue }},
		{"alternate value", func(v compose.Variable) string { return v.PresenceValue }},
	})
	return out.Bytes(), err
}

// lines is a sorted list without repetition, one entry a line.
func lines(words []string) []byte {
	words = slices.Clone(words)
	slices.Sort(words)
	var text []byte
	for _, word := range slices.Compact(words) {
		text = append(append(text, word...), '\n')
	}
	return text
}

func printJSON(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
