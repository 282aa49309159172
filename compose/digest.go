package compose

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
)

// DigestOf identifies the container that a service asks for. It reads the files of the configs and
// secrets that the service uses, and covers everything that needs a new container: not how many there
// are, how they are replaced, routed and probed, nor what they wait for or are built from.
//
// This is a versioned contract: two services with equal Hash make equal containers, wherever and under
// whatever file names they were written.
func DigestOf(s Service) (Digest, error) {
	fields, err := digestFields(s)
	if err != nil {
		return Digest{}, err
	}
	all, err := json.Marshal(fields)
	if err != nil {
		return Digest{}, fmt.Errorf("encode service %s: %w", s.Name, err)
	}
	sum := sha256.Sum256(all)
	d := Digest{Hash: "v1:" + hex.EncodeToString(sum[:]), Fields: map[string]string{}}
	for name, value := range fields {
		// salted, so that a label cannot be looked up in a table of guesses made for another project
		short := sha256.Sum256([]byte(s.Project + "/" + s.Name + "\x00" + name + "\x00" + string(value)))
		d.Fields[name] = hex.EncodeToString(short[:4])
	}
	return d, nil
}

// undigested are the fields of a service that need no new container.
var undigested = []string{
	"profiles", "scale", "build", "pull_policy", "pull_refresh_after", "depends_on", "develop", "dockerfile",
	"extends", "attach", "env_file", "label_file", "post_start", "pre_stop", "configs", "secrets", "networks", "volumes",
	"environment", "labels", "deploy",
}

// digestFields are the canonical JSON texts of what counts, by name.
func digestFields(s Service) (map[string]json.RawMessage, error) {
	text, err := json.Marshal(withoutFiles(s.Body))
	if err != nil {
		return nil, fmt.Errorf("encode service %s: %w", s.Name, err)
	}
	var body map[string]any
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, fmt.Errorf("decode service %s: %w", s.Name, err)
	}
	values := map[string]any{}
	for name, value := range body {
		if value != nil && !slices.Contains(undigested, name) {
			values[name] = value
		}
	}
	for name, value := range s.Body.Environment {
		values["environment."+name] = value
	}
	for name, value := range s.Body.Labels {
		values["labels."+name] = value
	}
	if d := s.Body.Deploy; d != nil {
		if d.Resources.Limits != nil || d.Resources.Reservations != nil {
			values["deploy.resources"] = d.Resources
		}
		if d.RestartPolicy != nil {
			values["deploy.restart_policy"] = d.RestartPolicy
		}
	}
	if err := addReferences(values, s); err != nil {
		return nil, err
	}
	fields := map[string]json.RawMessage{}
	for name, value := range values {
		if fields[name], err = json.Marshal(value); err != nil {
			return nil, fmt.Errorf("encode %s of service %s: %w", name, s.Name, err)
		}
	}
	return fields, nil
}

// withoutFiles drops where an environment was read from: what was read is there already.
func withoutFiles(body types.ServiceConfig) types.ServiceConfig {
	hooks := slices.Clone(body.PreStart)
	for i := range hooks {
		hooks[i].EnvFiles, hooks[i].LabelFiles = nil, nil
	}
	body.PreStart = hooks
	return body
}

// addReferences adds what the service uses of the project, by the engine's names and by content:
// what the file calls them does not matter.
func addReferences(values map[string]any, s Service) error {
	for key, use := range s.Body.Networks {
		values["networks."+or(s.Networks[key].Name, key)] = use
	}
	for i, use := range s.Body.Volumes {
		if use.Type == types.VolumeTypeVolume && use.Source != "" {
			use.Source = or(s.Volumes[use.Source].Name, use.Source)
		}
		values["volumes."+or(use.Target, itoa(i))] = use
	}
	type use struct {
		section string
		grant   types.FileReferenceConfig
		source  types.FileObjectConfig
	}
	var uses []use
	grants := func(spec types.ContainerSpec) {
		for _, c := range spec.Configs {
			uses = append(uses, use{"configs", types.FileReferenceConfig(c), types.FileObjectConfig(s.Configs[c.Source])})
		}
		for _, c := range spec.Secrets {
			uses = append(uses, use{"secrets", types.FileReferenceConfig(c), types.FileObjectConfig(s.Secrets[c.Source])})
		}
	}
	grants(s.Body.ContainerSpec)
	for _, hook := range s.Body.PreStart {
		grants(hook.ContainerSpec)
	}
	counted := []string{} // hooks inherit what the service was granted
	var unreadable []error
	for _, u := range uses {
		grant, err := json.Marshal([]any{u.section, u.grant})
		if err != nil {
			return fmt.Errorf("encode service %s: %w", s.Name, err)
		}
		if slices.Contains(counted, string(grant)) {
			continue
		}
		counted = append(counted, string(grant))
		content, err := contentOf(u.source)
		if err != nil {
			unreadable = append(unreadable, &contentError{section: u.section, key: u.grant.Source, path: u.source.File, err: err})
			continue
		}
		sum := sha256.Sum256([]byte(content))
		name := u.section + "." + u.grant.Source
		list, _ := values[name].([]any)
		values[name] = append(list, []any{u.grant, hex.EncodeToString(sum[:])})
	}
	return errors.Join(unreadable...)
}

// contentError says that what a config or secret holds cannot be read.
type contentError struct {
	section, key, path string
	err                error
}

func (e *contentError) Error() string { return fmt.Sprintf("read %s.%s: %v", e.section, e.key, e.err) }

func (e *contentError) Unwrap() error { return e.err }
