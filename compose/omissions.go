package compose

import (
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
)

// Omissions are the steps of reading files that `config` can leave out, to show what they do. A project that was read so
// has a name, a folder and what Canonical prints, and no services: nothing can be done with it.
type Omissions struct {
	Normalization bool // nothing is added that the files do not say: no default network, no names
	Consistency   bool // a service may refer to what is not there
	Paths         bool // relative paths stay relative
	EnvFiles      bool // env_file and label_file are not read
}

// apply leaves the steps out.
func (o Omissions) apply(options *loader.Options) {
	options.SkipNormalization = o.Normalization
	options.SkipConsistencyCheck = o.Consistency
	options.ResolvePaths = !o.Paths
	options.SkipResolveEnvironment = o.EnvFiles
	options.SkipResolveLabels = o.EnvFiles
}

// rendered is the project as far as it is printed.
func (l *loading) rendered(p Project, model map[string]any, details types.ConfigDetails) (_ Project, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("read the compose file: %v", r)
		}
	}()
	l.activate(model)
	options := loader.ToOptions(&details, l.options(named(p.Name)))
	p.Model, err = loader.ModelToProject(model, options, details)
	if err != nil {
		return Project{}, l.located(err)
	}
	p.omitted = l.opt.Without
	return p, nil
}

// Variable is a variable that the files of a project use.
type Variable struct {
	Name          string
	DefaultValue  string // where it is not set
	PresenceValue string // instead of its value, where it is set
	Required      bool   // not setting it is an error
}

// Variables are those that the files use, by name. The project was loaded without interpolation.
func Variables(p Project) []Variable {
	found := template.ExtractVariables(withoutContents(p.raw), template.DefaultPattern)
	var variables []Variable
	for _, name := range slices.Sorted(maps.Keys(found)) {
		v := found[name]
		variables = append(variables, Variable{Name: v.Name, DefaultValue: v.DefaultValue, PresenceValue: v.PresenceValue, Required: v.Required})
	}
	return variables
}

// Keys are the names in a section of the files, such as "volumes", as Canonical prints them; sorted.
func Keys(p Project, section string) []string {
	if p.raw != nil {
		return slices.Sorted(maps.Keys(asMap(p.raw[section])))
	}
	if p.Model == nil {
		return nil
	}
	switch section {
	case "services":
		return slices.Sorted(maps.Keys(p.Model.Services))
	case "networks":
		return slices.Sorted(maps.Keys(p.Model.Networks))
	case "volumes":
		return slices.Sorted(maps.Keys(p.Model.Volumes))
	case "models":
		return slices.Sorted(maps.Keys(p.Model.Models))
	}
	return nil
}
