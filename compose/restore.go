package compose

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// RestoreOptions says where a recorded project lives now, and what else was recorded of it.
type RestoreOptions struct {
	Name     string              // what messages call the text: "revision 3"
	Dir      string              // the project folder
	Files    []string            // the files that the project is read from, absolute; only told, never read
	Env      []string            // today's variables, "NAME=value"; it wins over EnvFiles
	EnvFiles []string            // as LoadOptions has them
	Only     []string            // as LoadOptions has them, without what they depend on
	Disabled []string            // services that were switched off by their profiles
	Services map[string]Recorded // by name
	Added    map[string][]byte   // as LoadOptions has them: today's; one of a name that the text has is left out
}

// Recorded is what was remembered of a service beside the text.
type Recorded struct {
	Replicas int
	ImageID  string // "" where it is not known
	Digest   Digest
}

// Restore makes a project again of what Canonical printed of it as JSON. Nothing of the text is looked up in the
// environment: the project is what it was, with the replicas and the images that it had. What the text leaves out,
// the contents of secrets, and of configs that are files or variables, is what they hold today; where that, or
// anything else, makes another container of a service, a warning names the service and the field. A file or a
// variable that is gone is an error.
func Restore(ctx context.Context, canonical []byte, opt RestoreOptions) (Project, []string, error) {
	var head recordedHead
	if err := json.Unmarshal(canonical, &head); err != nil {
		return Project{}, nil, fmt.Errorf("read %s: %w", opt.Name, err)
	}
	today, err := selectFiles(LoadOptions{
		Files: []string{"-"}, ProjectName: head.Name, ProjectDir: opt.Dir, WorkDir: opt.Dir, Env: opt.Env, EnvFiles: opt.EnvFiles,
	})
	if err != nil {
		return Project{}, nil, fmt.Errorf("read %s: %w", opt.Name, err)
	}
	chosen := selection{
		sources: []source{{name: opt.Name, path: "-"}}, dir: today.dir, named: head.Name,
		profiles: []string{"*"}, // only what was switched on is in the text
		env:      head.variables(today.env),
	}
	chosen.append(head.without(opt.Added))
	load := LoadOptions{Stdin: bytes.NewReader(canonical), Scale: map[string]int{}, Only: opt.Only, NoDeps: true}
	for name, s := range opt.Services {
		load.Scale[name] = s.Replicas
	}
	var project Project
	var warnings []string
	heard, err := warningsOf(func() (err error) {
		project, warnings, err = loadChosen(ctx, load, chosen)
		return err
	})
	warnings = append(warnings, heard...)
	if err != nil {
		if mistakes, ok := errors.AsType[FieldErrors](err); ok {
			return Project{}, warnings, mistakes
		}
		return Project{}, warnings, fmt.Errorf("read %s: %w", opt.Name, err)
	}
	project.Files, project.Disabled = slices.Clone(opt.Files), slices.Clone(opt.Disabled)
	for i := range project.Services {
		s := &project.Services[i]
		s.ImageID = opt.Services[s.Name].ImageID
		relabel(s, opt.Files)
		warnings = append(warnings, unlike(*s, opt)...)
	}
	for i := range project.Jobs {
		relabel(&project.Jobs[i].Service, opt.Files)
	}
	return project, warnings, nil
}

// recordedHead is what must be known of a text before it is loaded.
type recordedHead struct {
	Name     string
	Services map[string]json.RawMessage
	Jobs     map[string]json.RawMessage
	Secrets  map[string]struct{ Environment string }
	Configs  map[string]struct{ Environment string }
}

// without leaves out what the text has.
func (h recordedHead) without(added map[string][]byte) map[string][]byte {
	left := maps.Clone(added)
	maps.DeleteFunc(left, func(name string, _ []byte) bool { return h.Services[name] != nil || h.Jobs[name] != nil })
	return left
}

// variables are those of today's that secrets and configs are read from, with the default platform, and no others: a name
// without a value in an environment stood for a variable that was not set.
func (h recordedHead) variables(today types.Mapping) types.Mapping {
	env := types.Mapping{}
	if platform, ok := today[platformVariable]; ok {
		env[platformVariable] = platform
	}
	for _, section := range []map[string]struct{ Environment string }{h.Secrets, h.Configs} {
		for _, entry := range section {
			if value, ok := today[entry.Environment]; ok && entry.Environment != "" {
				env[entry.Environment] = value
			}
		}
	}
	return env
}

// relabel says of which files a service and its hooks are.
func relabel(s *Service, files []string) {
	s.Body.CustomLabels = maps.Clone(s.Body.CustomLabels)
	s.Body.CustomLabels[filesLabel] = strings.Join(files, ",")
	for i := range s.PreStart {
		relabel(&s.PreStart[i].Service, files)
	}
}

// unlike says which fields of a restored service are not what they were.
func unlike(s Service, opt RestoreOptions) []string {
	recorded, ok := opt.Services[s.Name]
	if !ok || !recorded.Digest.IsKnown() || !s.Digest.IsKnown() || recorded.Digest.Hash == s.Digest.Hash {
		return nil
	}
	fields := ChangedFields(recorded.Digest, s.Digest)
	if len(fields) == 0 {
		fields = []string{"its specification"}
	}
	return []string{fmt.Sprintf("service %s is not as it was in %s: %s, of which only today's is known",
		s.Name, opt.Name, strings.Join(fields, ", "))}
}

// ChangedFields are the names of the fields in which two digests differ, sorted.
func ChangedFields(old, new Digest) []string {
	var names []string
	for name, digest := range new.Fields {
		if old.Fields[name] != digest {
			names = append(names, name)
		}
	}
	for name := range old.Fields {
		if _, ok := new.Fields[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
