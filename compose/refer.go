package compose

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// references checks that what a service names at the top level stands there, and that it has an image.
func (r *reading) references() {
	if r.body.Image == "" && r.body.Build == nil && r.body.Provider == nil {
		r.reportAt(nil, "has no image", "add image or build")
	}
	r.declared(nil, r.body.ContainerSpec)
	for i, hook := range r.body.PreStart {
		r.declared([]string{"pre_start", itoa(i)}, r.own(hook.ContainerSpec))
	}
	if r.body.NetworkMode != "" && len(r.body.Networks) > 0 {
		r.reportAt([]string{"network_mode"}, "cannot stand beside networks", "keep one of them")
	}
	r.portRange()
	r.mounts()
	for i, d := range r.body.Devices {
		if d.Source == "" {
			r.reportAt([]string{"devices", itoa(i)}, "names no device", "write it as in /dev/ttyUSB0:/dev/ttyUSB0")
		}
	}
	r.emptyNames()
	if r.body.CPUCount < 0 {
		r.reportAt([]string{"cpu_count"}, "must be a number of CPUs", "")
	}
	if h := r.body.HealthCheck; h != nil && len(h.Test) > 0 && !slices.Contains([]string{"CMD", "CMD-SHELL", "NONE"}, h.Test[0]) {
		r.reportAt([]string{"healthcheck", "test"}, "a list starts with CMD, CMD-SHELL or NONE", "write a text to have it run by a shell")
	}
	if !restartPattern.MatchString(r.body.Restart) {
		words := []string{"no", "always", "unless-stopped", "on-failure"}
		r.reportAt([]string{"restart"}, "must be one of no, always, unless-stopped, on-failure or on-failure:N", didYouMean(r.body.Restart, words))
	}
}

// emptyNames refuses variables and labels without a name: what a variable that is not set leaves of an entry.
func (r *reading) emptyNames() {
	refuse := func(named bool, below ...string) {
		if named {
			r.missing(r.name, append([]string{r.section, r.name}, below...), "has an entry without a name", "give it one, or take it out")
		}
	}
	deploy := types.Labels{}
	if r.body.Deploy != nil {
		deploy = r.body.Deploy.Labels
	}
	_, variable := r.body.Environment[""]
	_, label := r.body.Labels[""]
	_, annotation := r.body.Annotations[""]
	_, sysctl := r.body.Sysctls[""]
	_, ofService := deploy[""]
	refuse(variable, "environment")
	refuse(label, "labels")
	refuse(annotation, "annotations")
	refuse(sysctl, "sysctls")
	refuse(ofService, "deploy", "labels")
}

var restartPattern = regexp.MustCompile(`^(no|always|unless-stopped|on-failure(:[0-9]+)?)?$`)

// declared checks that what a container names at the top level stands there.
func (r *reading) declared(below []string, spec types.ContainerSpec) {
	for key := range spec.Networks {
		if key == "default" && spec.NetworkMode != "" { // there is one where nothing else is said
			continue
		}
		known(r, slices.Concat(below, []string{"networks", key}), "network", key, r.typed.Networks)
	}
	for key := range spec.Models {
		known(r, slices.Concat(below, []string{"models", key}), "model", key, r.typed.Models)
	}
	for i, v := range spec.Volumes {
		if v.Type == types.VolumeTypeVolume && v.Source != "" {
			known(r, slices.Concat(below, []string{"volumes", itoa(i)}), "volume", v.Source, r.typed.Volumes)
		}
	}
	for i, c := range spec.Configs {
		known(r, slices.Concat(below, []string{"configs", itoa(i)}), "config", c.Source, r.typed.Configs)
	}
	for i, s := range spec.Secrets {
		known(r, slices.Concat(below, []string{"secrets", itoa(i)}), "secret", s.Source, r.typed.Secrets)
	}
}

// own is a hook's specification without the references that it inherited from its service, where they are told.
func (r *reading) own(spec types.ContainerSpec) types.ContainerSpec {
	spec.Networks = maps.Clone(spec.Networks)
	maps.DeleteFunc(spec.Networks, func(key string, _ *types.ServiceNetworkConfig) bool {
		_, inherited := r.body.Networks[key]
		return inherited
	})
	spec.Configs = slices.DeleteFunc(slices.Clone(spec.Configs), func(c types.ServiceConfigObjConfig) bool {
		return slices.ContainsFunc(r.body.Configs, func(o types.ServiceConfigObjConfig) bool { return o.Source == c.Source })
	})
	spec.Secrets = slices.DeleteFunc(slices.Clone(spec.Secrets), func(s types.ServiceSecretConfig) bool {
		return slices.ContainsFunc(r.body.Secrets, func(o types.ServiceSecretConfig) bool { return o.Source == s.Source })
	})
	return spec
}

func known[V any](r *reading, below []string, noun, key string, declared map[string]V) {
	if _, ok := declared[key]; !ok {
		r.unknown(below, noun, key, slices.Collect(maps.Keys(declared)))
	}
}

func (r *reading) unknown(below []string, noun, key string, declared []string) {
	hint := didYouMean(key, declared)
	if hint == "" {
		hint = "add it under the top-level " + noun + "s"
	}
	r.reportAt(below, "there is no "+noun+" "+key, hint)
}

// portRange refuses port numbers that no engine takes.
func (r *reading) portRange() {
	for i, p := range r.body.Ports {
		wrong := p.Target < 1 || p.Target > 65535
		for n := range strings.SplitSeq(p.Published, "-") {
			if p.Published == "" {
				continue
			}
			number, ok := asInt(n)
			wrong = wrong || !ok || number < 0 || number > 65535
		}
		if wrong {
			r.reportPort(i, p, "a port is a number from 1 to 65535", "")
		}
	}
	for i, text := range r.body.Expose {
		ports, protocol, said := strings.Cut(text, "/")
		from, to, ranged := strings.Cut(ports, "-")
		first, ok := asInt(from)
		last := first
		if ranged && ok {
			last, ok = asInt(to)
		}
		if !ok || first < 1 || last > 65535 || last < first || said && !slices.Contains([]string{"tcp", "udp", "sctp"}, strings.ToLower(protocol)) {
			r.reportAt([]string{"expose", itoa(i)}, "must be a port from 1 to 65535 or a range of them, with /tcp or /udp where that matters", "")
		}
	}
}

// portsOf checks the short forms of a service's ports in a file.
func (s *shape) portsOf(path []string, service map[string]any) {
	list, _ := service["ports"].([]any)
	for i, item := range list {
		if _, long := item.(map[string]any); long || item == nil {
			continue
		}
		text := fmt.Sprint(item)
		if s.pending(text) {
			continue
		}
		if _, err := types.ParsePortConfig(text); err != nil {
			s.report(slices.Concat(path, []string{"ports", itoa(i)}), false,
				"must be a port from 1 to 65535, or [ADDRESS:]HOST:CONTAINER[/tcp|/udp]", "")
		}
	}
}

// durations are Compose's own keys that take one. Its schema calls them mere texts.
var durations = [][]string{
	{"healthcheck", "interval"},
	{"healthcheck", "timeout"},
	{"healthcheck", "start_period"},
	{"healthcheck", "start_interval"},
	{"stop_grace_period"},
	{"deploy", "update_config", "delay"},
	{"deploy", "update_config", "monitor"},
	{"deploy", "rollback_config", "delay"},
	{"deploy", "rollback_config", "monitor"},
	{"deploy", "restart_policy", "delay"},
	{"deploy", "restart_policy", "window"},
}

// timesOf checks the durations of one service in a file.
func (s *shape) timesOf(path []string, service map[string]any) {
	for _, below := range durations {
		var v any = service
		for _, part := range below {
			v = asMap(v)[part]
		}
		text, ok := v.(string)
		if !ok || s.pending(text) {
			continue
		}
		if d, err := time.ParseDuration(text); err == nil {
			if d < 0 {
				s.report(slices.Concat(path, below), false, "cannot be negative", "")
			}
			continue
		}
		if _, ok := asDuration(text); !ok || !strings.ContainsAny(text, "smhdwu") {
			s.report(slices.Concat(path, below), false, "must be a duration such as 5s or 1m30s", "")
		}
	}
}
