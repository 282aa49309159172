package compose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"
)

// Canonical prints the merged model as `config` shows it, format "yaml" or "json". Our keys stand in
// x-hyper-lite, so plain Docker Compose reads the result; a dollar sign is doubled for the same reason.
// The contents of secrets are not in it, nor are jobs that stand in no file.
func Canonical(p Project, format string) ([]byte, error) {
	var model any
	switch {
	case p.raw != nil:
		model = withoutContents(p.raw)
	case p.Model != nil:
		tree, err := modelTree(p.filesModel(), p.omitted.EnvFiles)
		if err != nil {
			return nil, err
		}
		model = tree
	default:
		return nil, fmt.Errorf("print project %s: it was not loaded from files", p.Name)
	}
	var text []byte
	var err error
	switch format {
	case "yaml":
		text, err = encodeYAML(model)
	case "json":
		text, err = encodeJSON(model)
	default:
		return nil, fmt.Errorf("print project %s: the format is yaml or json, not %q", p.Name, format)
	}
	if err != nil {
		return nil, fmt.Errorf("print project %s: %w", p.Name, err)
	}
	if p.raw == nil {
		text = bytes.ReplaceAll(text, []byte("$"), []byte("$$"))
	}
	return text, nil
}

// filesModel is the model without the jobs that stand in no file.
func (p Project) filesModel() *types.Project {
	if len(p.Added) == 0 {
		return p.Model
	}
	model := *p.Model
	model.Services = maps.Clone(model.Services)
	for _, name := range p.Added {
		delete(model.Services, name)
	}
	return &model
}

func encodeYAML(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	err := encoder.Close()
	return out.Bytes(), err
}

func encodeJSON(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(v)
	return out.Bytes(), err
}

// modelTree is the model as plain maps. What env and label files gave stands in environment and labels, unless they were
// not read.
func modelTree(model *types.Project, unread bool) (map[string]any, error) {
	shown := *model
	shown.Services = maps.Clone(model.Services)
	for name, s := range shown.Services {
		if !unread {
			s.EnvFiles, s.LabelFiles = nil, nil
			s.PreStart = withoutFiles(s).PreStart
		}
		s.Extensions = cleanKeys(s.Extensions, serviceFields)
		shown.Services[name] = s
	}
	shown.Jobs = maps.Clone(model.Jobs)
	for name, j := range shown.Jobs {
		if !unread {
			body, err := fromFiles(jobBody(name, j), model.Environment)
			if err != nil {
				return nil, fmt.Errorf("print job %s: %w", name, err)
			}
			j.ContainerSpec = body.ContainerSpec
			j.EnvFiles, j.LabelFiles = nil, nil
		}
		j.Name = "" // its key says it
		j.Extensions = cleanKeys(j.Extensions, jobFields)
		shown.Jobs[name] = j
	}
	shown.Extensions = cleanKeys(model.Extensions, projectFields)
	text, err := shown.MarshalYAML()
	if err != nil {
		return nil, fmt.Errorf("print project %s: %w", model.Name, err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return nil, fmt.Errorf("print project %s: %w", model.Name, err)
	}
	for key, c := range model.Configs { // an empty content is one, too
		if config := asMap(asMap(tree["configs"])[key]); config != nil && c.File == "" && c.Environment == "" && !bool(c.External) {
			config["content"] = c.Content
		}
	}
	return tree, nil
}

// cleanKeys prints numbers and booleans as such where interpolation left texts.
func cleanKeys(extensions types.Extensions, fields []field) types.Extensions {
	keys := asMap(extensions[extension])
	if keys == nil {
		return extensions
	}
	clean := maps.Clone(extensions)
	clean[extension] = cleanMap(keys, fields)
	return clean
}

func cleanMap(keys map[string]any, fields []field) map[string]any {
	clean := maps.Clone(keys)
	for _, f := range fields {
		v, ok := clean[f.name]
		if !ok {
			continue
		}
		if m := asMap(v); m != nil && f.fields != nil {
			clean[f.name] = cleanMap(m, f.fields)
			continue
		}
		text, isString := v.(string)
		forms, _ := f.schema["type"].([]any)
		if !isString || len(forms) == 0 {
			continue
		}
		switch forms[0] {
		case "integer":
			if n, ok := asInt(text); ok {
				clean[f.name] = n
			}
		case "number":
			if n, ok := asFloat(text); ok {
				clean[f.name] = n
			}
		case "boolean":
			if b, ok := asBool(text); ok {
				clean[f.name] = b
			}
		}
	}
	return clean
}

// withoutContents drops what the loader read for secrets and configs from the environment.
func withoutContents(model map[string]any) map[string]any {
	clean := copyTree(model).(map[string]any)
	for _, secret := range asMap(clean["secrets"]) {
		delete(asMap(secret), types.SecretConfigXValue)
	}
	for _, config := range asMap(clean["configs"]) {
		if m := asMap(config); m["environment"] != nil {
			delete(m, "content")
		}
	}
	return clean
}
