package compose

import (
	"errors"
	"io/fs"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
)

// unsetSecrets finds secrets and configs whose variable is not set: an empty file would be a silent mistake.
func (c *conversion) unsetSecrets(p Project) {
	unset := func(user, section, key string, f types.FileObjectConfig, built bool) {
		if _, ok := c.typed.Environment[f.Environment]; f.Environment == "" || ok {
			return
		}
		path, msg := []string{section, key, "environment"}, "the variable "+f.Environment+" is not set"
		if built && c.l.opt.Building && c.made[user] {
			c.report(path, msg, "")
			return
		}
		c.missing(user, path, msg, "")
	}
	for _, s := range p.Templates() {
		for key, f := range s.Secrets {
			reads := func(use types.ServiceSecretConfig) bool { return use.Source == key }
			built := s.Body.Build != nil && slices.ContainsFunc(s.Body.Build.Secrets, reads)
			unset(s.Name, "secrets", key, types.FileObjectConfig(f), built)
		}
		for key, f := range s.Configs {
			unset(s.Name, "configs", key, types.FileObjectConfig(f), false)
		}
	}
}

// missing is a mistake, but for who only looks, and in what nothing is made of: then the service or job is not known
// whole. What has no user is everybody's.
func (c *conversion) missing(user string, path []string, msg, hint string) {
	if c.l.opt.Looking || user != "" && !c.made[user] {
		c.unread[user] = true
		return
	}
	c.report(path, msg, hint)
}

// made are the services and jobs that Only and NoDeps mean.
func (o LoadOptions) made(typed *types.Project) map[string]bool {
	needs := map[string]types.DependsOnConfig{}
	for name, s := range typed.Services {
		needs[name] = s.DependsOn
	}
	for name, j := range typed.Jobs {
		needs[name] = j.DependsOn
	}
	made := map[string]bool{}
	var add func(name string)
	add = func(name string) {
		if made[name] {
			return
		}
		made[name] = true
		for other := range needs[name] {
			if !o.NoDeps {
				add(other)
			}
		}
	}
	only := o.Only
	if len(only) == 0 {
		only = slices.Collect(maps.Keys(needs))
	}
	for _, name := range only {
		add(name)
	}
	return made
}

// digests computes every digest; what cannot be read is a mistake at its config or secret.
func (c *conversion) digests(p *Project) {
	set := func(s *Service) {
		digest, err := DigestOf(*s)
		for _, one := range unjoined(err) {
			var unreadable *contentError
			switch {
			case errors.As(one, &unreadable):
				msg := unreadable.err.Error()
				if errors.Is(one, fs.ErrNotExist) {
					msg = "there is no file " + unreadable.path
				}
				c.missing(s.Name, []string{unreadable.section, unreadable.key, "file"}, msg, "")
			default:
				c.report([]string{c.section(s.Name), s.Name}, one.Error(), "")
			}
		}
		if !c.unread[s.Name] {
			s.Digest = digest
		}
	}
	for i := range p.Services {
		set(&p.Services[i])
	}
	for i := range p.Jobs {
		set(&p.Jobs[i].Service)
	}
}

// unjoined are the errors that stand side by side in one.
func unjoined(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // what is wrapped is one story
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, unjoined(e)...)
		}
		return all
	}
	return []error{err}
}
