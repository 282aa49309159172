package command

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"hyper-lite/compose"
	"hyper-lite/state"
)

// completed makes a whole revision of a run that was about some services and jobs only: the others are as they were applied
// before, whatever the files say of them by now. One that was never applied is left out, unless one that was needs it.
func (p past) completed(ctx context.Context, revision, before state.Revision, r ran) (state.Revision, error) {
	if len(r.options.Services) == 0 {
		return revision, nil
	}
	now, err := readRecorded(revision.Project)
	if err != nil {
		return revision, err
	}
	then := recordedProject{}
	if before.Number != 0 {
		if then, err = readRecorded(before.Project); err != nil {
			return revision, err
		}
	}
	whole := r.asApplied(revision, before, now, then)
	if whole.Project, err = now.text(); err != nil {
		return revision, err
	}
	p.warn = func(...string) {}
	if _, err := p.restore(ctx, whole, r.options.Services...); err == nil {
		return whole, nil
	}
	revision.Jobs = whole.Jobs
	return r.known(revision) // what was and what is do not go together: it is recorded as the files have it
}

// asApplied puts what was into a revision and its text, but for what the run was about.
func (r ran) asApplied(revision, before state.Revision, now, then recordedProject) state.Revision {
	whole := revision
	whole.Applied, whole.Jobs = map[string]state.Applied{}, map[string]state.Applied{}
	chosen := about(r.project, r.options.Services, r.options.NoDeps)
	var left []string
	for _, s := range r.project.Services {
		was, applied := before.Applied[s.Name]
		switch {
		case slices.Contains(chosen, s.Name):
			whole.Applied[s.Name] = revision.Applied[s.Name]
		case applied && now.take(then, s.Name):
			whole.Applied[s.Name] = was
		case neededBy(r.project, chosen, s.Name) && s.Digest.IsKnown():
			whole.Applied[s.Name] = revision.Applied[s.Name]
		default:
			left = append(left, s.Name)
		}
	}
	for _, j := range r.project.Jobs {
		was, registered := before.Jobs[j.Name]
		switch {
		case slices.Contains(r.options.Services, j.Name):
			whole.Jobs[j.Name] = revision.Jobs[j.Name]
		case registered && (now.take(then, j.Name) || slices.Contains(r.project.Added, j.Name)):
			whole.Jobs[j.Name] = was
		default:
			left = append(left, j.Name)
		}
	}
	now.leave(left)
	now.complete(then)
	return whole
}

// known is a revision without what is not known whole.
func (r ran) known(revision state.Revision) (state.Revision, error) {
	var unknown []string
	for _, s := range r.project.Templates() {
		if !s.Digest.IsKnown() {
			unknown = append(unknown, s.Name)
			delete(revision.Applied, s.Name)
			delete(revision.Jobs, s.Name)
		}
	}
	if len(unknown) == 0 {
		return revision, nil
	}
	text, err := readRecorded(revision.Project)
	if err != nil {
		return revision, err
	}
	text.leave(unknown)
	revision.Project, err = text.text()
	return revision, err
}

func neededBy(project compose.Project, services []string, name string) bool {
	return slices.ContainsFunc(project.Services, func(s compose.Service) bool {
		needs := func(d compose.Dependency) bool { return d.Service == name }
		return slices.Contains(services, s.Name) && slices.ContainsFunc(s.DependsOn, needs)
	})
}

// recordedProject is the text of a project, as far as it must be taken apart: by section what stands in it, by name. The
// rest of it is kept as it is.
type recordedProject struct {
	rest     map[string]json.RawMessage
	sections map[string]map[string]json.RawMessage
}

// templates are the sections whose entries containers are made of.
var templates = []string{"services", "jobs"}

func readRecorded(text json.RawMessage) (recordedProject, error) {
	p := recordedProject{sections: map[string]map[string]json.RawMessage{}}
	if err := json.Unmarshal(text, &p.rest); err != nil {
		return p, fmt.Errorf("read the recorded project: %w", err)
	}
	for _, name := range append(templates, "networks", "volumes", "configs", "secrets") {
		if len(p.rest[name]) == 0 {
			continue
		}
		var section map[string]json.RawMessage
		if err := json.Unmarshal(p.rest[name], &section); err != nil {
			return p, fmt.Errorf("read %s of the recorded project: %w", name, err)
		}
		delete(p.rest, name)
		p.sections[name] = section
	}
	return p, nil
}

// take makes a service or job what it is in another text, and says whether that has it.
func (p recordedProject) take(other recordedProject, name string) bool {
	for _, section := range templates {
		text, there := other.sections[section][name]
		if !there {
			continue
		}
		for _, mine := range templates {
			delete(p.sections[mine], name)
		}
		p.put(section, name, text)
		return true
	}
	return false
}

func (p recordedProject) put(section, name string, text json.RawMessage) {
	if p.sections[section] == nil {
		p.sections[section] = map[string]json.RawMessage{}
	}
	p.sections[section][name] = text
}

// leave takes services and jobs out, and with them that others wait for them.
func (p recordedProject) leave(names []string) {
	for _, section := range templates {
		for _, name := range names {
			delete(p.sections[section], name)
		}
		for key, text := range p.sections[section] {
			p.sections[section][key] = waitingForNoneOf(names, text)
		}
	}
}

// waitingForNoneOf is the text of a service without that it depends on some. One that does not is as it was.
func waitingForNoneOf(names []string, text json.RawMessage) json.RawMessage {
	var service, needs map[string]json.RawMessage
	if json.Unmarshal(text, &service) != nil || json.Unmarshal(service["depends_on"], &needs) != nil {
		return text
	}
	before := len(needs)
	for _, name := range names {
		delete(needs, name)
	}
	if len(needs) == before {
		return text
	}
	delete(service, "depends_on")
	if len(needs) > 0 {
		service["depends_on"] = plain(needs)
	}
	return plain(service)
}

// complete adds the networks, volumes, configs and secrets that services of the other one may use.
func (p recordedProject) complete(other recordedProject) {
	for section, entries := range other.sections {
		for key, text := range entries {
			if _, ok := p.sections[section][key]; !ok && !slices.Contains(templates, section) {
				p.put(section, key, text)
			}
		}
	}
}

func (p recordedProject) text() (json.RawMessage, error) {
	for name, section := range p.sections {
		p.rest[name] = plain(section)
	}
	return json.Marshal(p.rest)
}

// plain is texts by name as one text.
func plain(texts map[string]json.RawMessage) json.RawMessage {
	text, err := json.Marshal(texts)
	if err != nil {
		panic(err) // each of them is a text already
	}
	return text
}
