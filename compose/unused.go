package compose

import "maps"

// WithoutUnused is the project without the networks, volumes, configs, secrets and models of the files that no service
// and no job uses: none is made, and `config` shows none. The project itself stays as it is.
func WithoutUnused(p Project) Project {
	if p.Model == nil {
		return p
	}
	shown := *p.Model.WithoutUnnecessaryResources()
	for _, s := range p.WithHooks() { // what only jobs, hooks and our own keys use counts, too
		maps.Copy(shown.Networks, s.Networks)
		maps.Copy(shown.Volumes, s.Volumes)
		maps.Copy(shown.Configs, s.Configs)
		maps.Copy(shown.Secrets, s.Secrets)
		for _, word := range texts(p.Model.Services[s.Name].Extensions[extension]) {
			if secret, ok := p.Secrets[word]; ok {
				shown.Secrets[word] = secret
			}
		}
	}
	p.Model = &shown
	p.Networks, p.Volumes, p.Configs, p.Secrets = shown.Networks, shown.Volumes, shown.Configs, shown.Secrets
	return p
}

// texts are all texts within a value.
func texts(v any) []string {
	var all []string
	switch v := v.(type) {
	case string:
		all = append(all, v)
	case []any:
		for _, e := range v {
			all = append(all, texts(e)...)
		}
	case map[string]any:
		for _, e := range v {
			all = append(all, texts(e)...)
		}
	}
	return all
}
