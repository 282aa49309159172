package compose

import (
	"fmt"
	"regexp"
	"slices"
)

// platformVariable is the platform of services and builds that name none, as docker compose has it: a variable of the
// environment or of the project's env file.
const platformVariable = "DOCKER_DEFAULT_PLATFORM"

var platformPattern = regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){0,2}$`)

// readPlatform reads the default platform, which who only looks has no use for.
func (c *conversion) readPlatform() error {
	said := c.typed.Environment[platformVariable]
	if said == "" || c.l.opt.Looking && !c.l.opt.Building {
		return nil
	}
	if !platformPattern.MatchString(said) {
		return fmt.Errorf("%s: %q is no platform: it takes OS/ARCHITECTURE, as in linux/amd64", platformVariable, said)
	}
	return nil
}

// builtFor gives a service that is built the default platform where it names none. Then its containers are of another image,
// so that it counts in the digest, as with docker compose.
func (r *reading) builtFor(s *Service) {
	platform := r.typed.Environment[platformVariable]
	if platform == "" || s.Body.Platform != "" || s.Body.Build == nil {
		return
	}
	if all := s.Body.Build.Platforms; len(all) > 0 && !slices.Contains(all, platform) {
		r.missing(r.name, []string{r.section, r.name, "build", "platforms"}, "has no "+platform+", which "+platformVariable+" asks for",
			"add it, or give the service a platform of its own")
	}
	s.Body.Platform = platform
}

// defaultPlatforms gives the default platform to all that name none, once their digests are known: a container of an image
// that is only fetched is not made anew for it, as with docker compose.
func (c *conversion) defaultPlatforms(p *Project) {
	platform := c.typed.Environment[platformVariable]
	set := func(s *Service) { s.Body.Platform = or(s.Body.Platform, platform) }
	all := func(s *Service) {
		set(s)
		for i := range s.PreStart {
			set(&s.PreStart[i].Service)
		}
	}
	for i := range p.Services {
		all(&p.Services[i])
	}
	for i := range p.Jobs {
		all(&p.Jobs[i].Service)
	}
}
