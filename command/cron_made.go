package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"hyper-lite/compose"
)

// loadWithJobs reads the files, and beside them the jobs that `cron create` made.
func loadWithJobs(ctx context.Context, options compose.LoadOptions) (compose.Project, []string, error) {
	var typed bytes.Buffer // it can be read only once
	if options.Stdin != nil {
		options.Stdin = io.TeeReader(options.Stdin, &typed)
	}
	project, warnings, err := compose.Load(ctx, options)
	if err != nil {
		return project, warnings, err
	}
	record, err := readCronRecord(project)
	if err != nil { // who changes something meets it as an error; looking and taking down go on
		return project, append(warnings, fmt.Sprintf("jobs made by `cron create` are left out: %v", err)), nil
	}
	if len(record.Jobs) == 0 {
		return project, warnings, nil
	}
	if err := record.clash(project); err != nil {
		return project, warnings, err
	}
	if options.Added, err = record.documents(project.Name); err != nil {
		return project, warnings, err
	}
	options.Stdin = &typed
	return compose.Load(ctx, options)
}

// clash is an error where the files have a service or a job of the same name.
func (r cronRecord) clash(project compose.Project) error {
	for _, name := range sortedKeys(r.Jobs) {
		if what := nounOf(project, name); what != "" {
			return &hinted{
				fmt.Errorf("job %s was made by `cron create`, and the files have a %s of that name", name, what),
				fmt.Sprintf("`%s cron rm %s` takes the one that was made away", programName, name),
			}
		}
	}
	return nil
}

// nounOf is what the files have of a name; "" is nothing.
func nounOf(project compose.Project, name string) string {
	if _, ok := project.Service(name); ok {
		return "service"
	}
	for _, j := range project.Jobs {
		if j.Name == name {
			return "job"
		}
	}
	for _, disabled := range project.Disabled {
		if disabled == name {
			return "service"
		}
	}
	return ""
}

// documents are the jobs as they would stand in files of the project, by name.
func (r cronRecord) documents(project string) (map[string][]byte, error) {
	documents := map[string][]byte{}
	for name, job := range r.Jobs {
		volumes := map[string]any{}
		for _, v := range job.Volumes {
			volumes[v] = map[string]any{}
		}
		text, err := json.Marshal(map[string]any{
			"services": map[string]any{name: job.Service}, "volumes": volumes,
		})
		if err != nil {
			return nil, fmt.Errorf("read job %s of project %s: %w", name, project, err)
		}
		documents[name] = text
	}
	return documents, nil
}

// jobsBeside are the documents of the jobs that stand in no file, for a project that is made of what was recorded. Where
// they cannot be read the state cannot, and that is told by whoever needs it.
func jobsBeside(project compose.Project) map[string][]byte {
	record, err := readCronRecord(project)
	if err != nil {
		return nil
	}
	documents, err := record.documents(project.Name)
	if err != nil {
		return nil
	}
	return documents
}
