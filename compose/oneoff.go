package compose

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/format"
	"github.com/compose-spec/compose-go/v2/types"
)

// OneOff is what one container of a service differs in that is run by hand, beside its replicas.
type OneOff struct {
	Command    []string // nil: the service's
	Entrypoint []string // nil: the service's; given without a command, the service's command goes, too
	Env        []string // "NAME=value", or a name whose value is taken from the project's variables
	EnvFiles   []string // what Env names wins over them
	User       string
	WorkDir    string // in the container
	Labels     []string
	Volumes    []string // SOURCE:TARGET[:MODE], relative to the process's working folder
	Publish    []string // as under ports
	CapAdd     []string
	CapDrop    []string

	ServicePorts bool // publish the service's ports, those too that the balancer has
	UseAliases   bool // answer to the service's names in its networks
	TTY, Stdin   bool

	Warn func(...string) // is told of what an env file leaves open; nil: nobody
}

// MistakeError says that a value typed for a one-off cannot be read.
type MistakeError struct {
	Flag string // "volume"
	Text string
	Err  error
}

func (e *MistakeError) Error() string { return fmt.Sprintf("--%s: %q: %v", e.Flag, e.Text, e.Err) }
func (e *MistakeError) Unwrap() error { return e.Err }

// OneOffOf makes a service of one container that nothing counts, routes to or starts again. name is a service or a job
// of the project. id tells the run from others.
func OneOffOf(p Project, name, id string, o OneOff) (Service, error) {
	s, ok := p.template(name)
	if !ok {
		return Service{}, fmt.Errorf("no such service: %s", name)
	}
	s.Role, s.Replicas, s.Routes, s.Probe, s.OneShot = RoleRun, 1, nil, nil, true
	s.Volumes = maps.Clone(s.Volumes)
	b := &s.Body
	b.ContainerName, b.Restart = "", ""
	if b.Deploy != nil {
		deploy := *b.Deploy
		deploy.RestartPolicy = nil
		b.Deploy = &deploy
	}
	b.Tty, b.StdinOpen = o.TTY, o.Stdin
	b.Networks = attachments(s, o.UseAliases)
	b.CustomLabels = maps.Clone(b.CustomLabels).Add("com.docker.compose.slug", id)
	o.process(b)
	for _, change := range []func(Project, *Service) error{o.environment, o.labels, o.volumes, o.ports} {
		if err := change(p, &s); err != nil {
			return Service{}, err
		}
	}
	return s, nil
}

// template is a service or a job that may be run by hand.
func (p Project) template(name string) (Service, bool) {
	if s, ok := p.Service(name); ok {
		return s, true
	}
	for _, j := range p.Jobs {
		if j.Name == name {
			return j.Service, true
		}
	}
	return Service{}, false
}

// process sets what runs, and as whom.
func (o OneOff) process(b *types.ServiceConfig) {
	if o.Entrypoint != nil {
		b.Entrypoint = o.Entrypoint
		b.Command = types.ShellCommand{}
	}
	if len(o.Command) > 0 {
		b.Command = o.Command
	}
	if o.User != "" {
		b.User = o.User
	}
	if o.WorkDir != "" {
		b.WorkingDir = o.WorkDir
	}
	unless := func(list, taken []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(c string) bool { return slices.Contains(taken, c) })
	}
	b.CapAdd = unless(append(slices.Clone(b.CapAdd), o.CapAdd...), o.CapDrop)
	b.CapDrop = append(unless(b.CapDrop, o.CapAdd), o.CapDrop...)
}

// attachments are the service's networks, with or without its names there.
func attachments(s Service, aliases bool) map[string]*types.ServiceNetworkConfig {
	networks := make(map[string]*types.ServiceNetworkConfig, len(s.Body.Networks))
	for key, wanted := range s.Body.Networks {
		attachment := types.ServiceNetworkConfig{}
		if wanted != nil {
			attachment = *wanted
		}
		attachment.Aliases = nil
		if aliases {
			attachment.Aliases = []string{s.Name}
			if wanted != nil {
				attachment.Aliases = append(attachment.Aliases, wanted.Aliases...)
			}
		}
		networks[key] = &attachment
	}
	return networks
}

func (o OneOff) environment(p Project, s *Service) error {
	for _, text := range o.Env {
		if name, _, _ := strings.Cut(text, "="); name == "" {
			return &MistakeError{"env", text, errors.New("it takes NAME=VALUE, or the NAME of a variable here")}
		}
	}
	resolve := func(name string) (string, bool) { return "", false }
	if p.Model != nil {
		resolve = p.Model.Environment.Resolve
	}
	typed := types.NewMappingWithEquals(o.Env).Resolve(resolve).ToMapping()
	all := types.Mapping{}
	for _, name := range o.EnvFiles {
		found, warnings, err := variablesOf(name, typed)
		if err != nil {
			return &MistakeError{"env-from-file", name, err}
		}
		if o.Warn != nil {
			o.Warn(warnings...)
		}
		maps.Copy(all, found)
	}
	maps.Copy(all, typed)
	environment := maps.Clone(s.Body.Environment)
	if environment == nil {
		environment = types.MappingWithEquals{}
	}
	for name, value := range all {
		environment[name] = &value
	}
	s.Body.Environment = environment
	return nil
}

// AddVariables reads a file with variables, which may use those that are known, and adds what it says. The warnings tell of
// those that it uses and nobody knows.
func AddVariables(to map[string]string, file string, known map[string]string) (warnings []string, err error) {
	found, warnings, err := variablesOf(file, known)
	maps.Copy(to, found)
	return warnings, err
}

func variablesOf(name string, known types.Mapping) (found map[string]string, warnings []string, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	warnings, err = warningsOf(func() (err error) {
		found, err = dotenv.ParseWithLookup(file, func(name string) (string, bool) {
			value, ok := known[name]
			return value, ok
		})
		return err
	})
	return found, warnings, err
}

func (o OneOff) labels(_ Project, s *Service) error {
	labels := maps.Clone(s.Body.Labels)
	for _, text := range o.Labels {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return &MistakeError{"label", text, fmt.Errorf("it takes NAME=VALUE")}
		}
		labels = labels.Add(name, value)
	}
	s.Body.Labels = labels
	return nil
}

// volumes mounts what was typed; it wins over what the service mounts at the same place. A volume that the files do not
// name is the engine's own, by its plain name.
func (o OneOff) volumes(p Project, s *Service) error {
	mounted := slices.Clone(s.Body.Volumes)
	for _, text := range o.Volumes {
		v, err := format.ParseVolume(text)
		if err != nil {
			return &MistakeError{"volume", text, err}
		}
		if !path.IsAbs(v.Target) {
			return &MistakeError{"volume", text, errors.New("it takes SOURCE:TARGET, of which TARGET is an absolute path in the container")}
		}
		named, ours := p.Volumes[v.Source]
		switch {
		case v.Type == types.VolumeTypeBind:
			if v.Source, err = filepath.Abs(v.Source); err != nil {
				return &MistakeError{"volume", text, err}
			}
		case v.Source != "" && ours:
			s.Volumes[v.Source] = named
		case v.Source != "":
			v.Type = types.VolumeTypeBind // written as SOURCE:TARGET, the engine takes a name for a volume
		}
		mounted = slices.DeleteFunc(mounted, func(m types.ServiceVolumeConfig) bool { return m.Target == v.Target })
		mounted = append(mounted, v)
	}
	s.Body.Volumes = mounted
	return nil
}

// ports publishes what was asked for, and nothing else.
func (o OneOff) ports(p Project, s *Service) error {
	s.Body.Ports = nil
	if o.ServicePorts && p.Model != nil {
		s.Body.Ports = p.Model.Services[s.Name].Ports
	}
	for _, text := range o.Publish {
		ports, err := types.ParsePortConfig(text)
		if err != nil {
			return &MistakeError{"publish", text, err}
		}
		s.Body.Ports = append(slices.Clone(s.Body.Ports), ports...)
	}
	return nil
}
