package command

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"hyper-lite/compose"
	"hyper-lite/state"
)

// completed makes a whole revision of a run that was about some services only: the others are as they were applied
// before, whatever the files say of them by now. One that was never applied is left out, unless one that was needs it.
func (p past) completed(ctx context.Context, revision, before state.Revision, r ran) (state.Revision, error) {
	if len(r.options.Services) == 0 || before.Number == 0 {
		return revision, nil
	}
	chosen := about(r.project, r.options.Services, r.options.NoDeps)
	now, err := readRecorded(revision.Project)
	if err != nil {
		return revision, err
	}
	then, err := readRecorded(before.Project)
	if err != nil {
		return revision, err
	}
	whole := revision
	whole.Applied = map[string]state.Applied{}
	for _, s := range r.project.Services {
		whole.Applied[s.Name] = revision.Applied[s.Name]
		if slices.Contains(chosen, s.Name) {
			continue
		}
		text, ok := then.services[s.Name]
		switch was, applied := before.Applied[s.Name]; {
		case ok && applied:
			now.services[s.Name], whole.Applied[s.Name] = text, was
		case !neededBy(r.project, chosen, s.Name):
			delete(now.services, s.Name)
			delete(whole.Applied, s.Name)
		}
	}
	if err := now.complete(then); err != nil {
		return revision, err
	}
	if whole.Project, err = now.text(); err != nil {
		return revision, err
	}
	p.warn = func(...string) {}
	if _, err := p.restore(ctx, whole); err != nil {
		return revision, nil // what was and what is do not go together: it is recorded as the files have it
	}
	return whole, nil
}

func neededBy(project compose.Project, services []string, name string) bool {
	return slices.ContainsFunc(project.Services, func(s compose.Service) bool {
		needs := func(d compose.Dependency) bool { return d.Service == name }
		return slices.Contains(services, s.Name) && slices.ContainsFunc(s.DependsOn, needs)
	})
}

// recordedProject is the text of a project, as far as it must be taken apart.
type recordedProject struct {
	top      map[string]json.RawMessage
	services map[string]json.RawMessage
}

func readRecorded(text json.RawMessage) (recordedProject, error) {
	var p recordedProject
	if err := json.Unmarshal(text, &p.top); err != nil {
		return p, fmt.Errorf("read the recorded project: %w", err)
	}
	var err error
	p.services, err = p.section("services")
	return p, err
}

func (p recordedProject) section(name string) (map[string]json.RawMessage, error) {
	section := map[string]json.RawMessage{}
	if len(p.top[name]) == 0 {
		return section, nil
	}
	if err := json.Unmarshal(p.top[name], &section); err != nil {
		return nil, fmt.Errorf("read %s of the recorded project: %w", name, err)
	}
	return section, nil
}

// complete adds the networks, volumes, configs and secrets that services of the other one may use.
func (p recordedProject) complete(other recordedProject) error {
	for _, name := range []string{"networks", "volumes", "configs", "secrets"} {
		mine, err := p.section(name)
		if err != nil {
			return err
		}
		theirs, err := other.section(name)
		if err != nil {
			return err
		}
		for key, text := range theirs {
			if _, ok := mine[key]; !ok {
				mine[key] = text
			}
		}
		if len(mine) == 0 {
			continue
		}
		if p.top[name], err = json.Marshal(mine); err != nil {
			return err
		}
	}
	return nil
}

func (p recordedProject) text() (json.RawMessage, error) {
	services, err := json.Marshal(p.services)
	if err != nil {
		return nil, err
	}
	p.top["services"] = services
	return json.Marshal(p.top)
}
