package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

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
hyper-lite config --format json | jq .services.web`,
		ArgsUsage: "[SERVICE...]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Value: "yaml", Usage: "yaml or json"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print nothing: only check"},
			&cli.BoolFlag{Name: "services", Usage: "names of services, one a line"},
			&cli.BoolFlag{Name: "jobs", Usage: "names of jobs, one a line"},
			&cli.BoolFlag{Name: "images", Usage: "images, one a line"},
			&cli.BoolFlag{Name: "volumes", Usage: "names of volumes, one a line"},
			&cli.BoolFlag{Name: "networks", Usage: "names of networks, one a line"},
			&cli.BoolFlag{Name: "profiles", Usage: "names of profiles, one a line"},
			&cli.StringFlag{Name: "hash", Usage: "spec hash of `SERVICE`, or of all with '*'"},
			&cli.BoolFlag{Name: "no-interpolate", Usage: "leave variables as they are written"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to `FILE`"},
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.config(ctx, c) }),
	}
}

func (i *invocation) config(ctx context.Context, c *cli.Context) error {
	if err := oneOf("format", c.String("format"), "yaml", "json"); err != nil {
		return err
	}
	options := i.loadOptions(c.Args().Slice()...)
	options.NoInterpolate = c.Bool("no-interpolate")
	if options.NoInterpolate && c.NArg() > 0 {
		return usagef("--no-interpolate prints the files whole: it takes no service")
	}
	project, err := i.load(ctx, options)
	if err != nil {
		return err
	}
	if c.NArg() > 0 {
		if project, err = onlyServices(project, c.Args().Slice()); err != nil {
			return err
		}
	}
	if c.Bool("quiet") {
		return nil
	}
	text, err := configText(project, c)
	if err != nil {
		return err
	}
	if path := c.String("output"); path != "" {
		if err := os.WriteFile(path, text, 0o600); err != nil { // it may hold the values of variables
			return fmt.Errorf("write %s: %w", path, err)
		}
		return nil
	}
	_, err = i.Out.Write(text)
	return err
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
	switch {
	case c.Bool("services"):
		return lines(serviceNames(compose.Project{Services: project.Services}, nil)), nil
	case c.Bool("jobs"):
		var names []string
		for _, j := range project.Jobs {
			names = append(names, j.Name)
		}
		return lines(names), nil
	case c.Bool("images"):
		return lines(images(project)), nil
	case c.Bool("volumes"):
		return lines(slices.Collect(maps.Keys(project.Volumes))), nil
	case c.Bool("networks"):
		return lines(slices.Collect(maps.Keys(project.Networks))), nil
	case c.Bool("profiles"):
		return lines(profiles(project)), nil
	case c.String("hash") != "":
		return hashes(project, c.String("hash"))
	}
	return compose.Canonical(project, c.String("format"))
}

// images are those of services and jobs.
func images(project compose.Project) []string {
	var names []string
	for _, s := range everyTemplate(project) {
		names = append(names, s.Body.Image)
	}
	return names
}

func everyTemplate(project compose.Project) []compose.Service {
	all := slices.Clone(project.Services)
	for _, j := range project.Jobs {
		all = append(all, j.Service)
	}
	return all
}

func profiles(project compose.Project) []string {
	var names []string
	if project.Model == nil {
		return nil
	}
	for _, s := range project.Model.AllServices() {
		names = append(names, s.Profiles...)
	}
	return names
}

func hashes(project compose.Project, wanted string) ([]byte, error) {
	var found []string
	for _, s := range everyTemplate(project) {
		if wanted == "*" || wanted == s.Name {
			found = append(found, s.Name+" "+s.Digest.Hash)
		}
	}
	if len(found) == 0 && wanted != "*" {
		return nil, noSuchService([]string{wanted}, serviceNames(project, nil))
	}
	return lines(found), nil
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
