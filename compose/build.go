package compose

import (
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// build gives a service what the making of its image needs: the image's name, the secrets that the build reads,
// and the services whose images are contexts of it. trail are the services that are made of this one.
func (r *reading) build(s *Service, trail ...string) {
	section := r.body.Build
	if section == nil {
		return
	}
	if s.Body.Image == "" {
		s.Body.Image = r.typed.Name + "-" + r.name // as Compose names it
	}
	r.builtFor(s)
	for i, use := range section.Secrets {
		secret, ok := r.typed.Secrets[use.Source]
		if !ok {
			r.unknown([]string{"build", "secrets", itoa(i)}, "secret", use.Source, slices.Collect(maps.Keys(r.typed.Secrets)))
			continue
		}
		s.Secrets[use.Source] = secret
	}
	resolved := *section
	resolved.AdditionalContexts = maps.Clone(section.AdditionalContexts)
	for _, name := range slices.Sorted(maps.Keys(section.AdditionalContexts)) {
		other, ok := strings.CutPrefix(section.AdditionalContexts[name], types.ServicePrefix)
		if !ok {
			continue
		}
		if base, ok := r.base(name, other, append(slices.Clone(trail), r.name)); ok {
			s.Bases = append(s.Bases, base)
			resolved.AdditionalContexts[name] = "docker-image://" + base.Body.Image
		}
	}
	resolved.Labels = maps.Clone(section.Labels).Add("com.docker.compose.project", r.typed.Name).
		Add("com.docker.compose.service", r.builder(s.Body.Image)).Add("com.docker.compose.version", LabelsVersion)
	s.Body.Build = &resolved
}

// builder is the first service, by name, of those that an image is built for. The image carries its name whichever of
// them it is built for: else their builds would differ, and each would replace the other's containers.
func (r *reading) builder(image string) string {
	first := r.name
	for _, services := range []types.Services{r.typed.Services, r.typed.DisabledServices} {
		for name, other := range services {
			if other.Build != nil && other.Image == image && name < first {
				first = name
			}
		}
	}
	return first
}

// base is the service behind the context `service:NAME` of a build; its profiles do not matter (Compose spec,
// "additional_contexts").
func (r *reading) base(context, name string, trail []string) (Service, bool) {
	at := []string{"build", "additional_contexts", context}
	body, known := r.typed.Services[name]
	if !known {
		body, known = r.typed.DisabledServices[name]
	}
	switch {
	case !known:
		r.reportAt(at, "there is no service "+name, didYouMean(name, append(r.typed.ServiceNames(), r.typed.DisabledServiceNames()...)))
		return Service{}, false
	case body.Build == nil:
		r.reportAt(at, "service "+name+" is not built here", "name its image: docker-image://"+body.Image)
		return Service{}, false
	case slices.Contains(trail, name):
		ring := append(trail[slices.Index(trail, name):], name)
		r.reportAt(at, "the images are made of each other: "+strings.Join(ring, " -> "), "take one of them out")
		return Service{}, false
	}
	base := Service{Project: r.typed.Name, Name: name, Role: RoleReplica, Body: body, Secrets: map[string]types.SecretConfig{}}
	other := reading{conversion: r.conversion, section: "services", name: name, dir: r.dir, body: body}
	other.build(&base, trail...)
	return base, true
}
