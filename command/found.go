package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"hyper-lite/compose"
	"hyper-lite/engine"
)

// foundProject is a project that may be known by its name alone.
type foundProject struct {
	compose.Project
	files bool // it was read from files
}

// wanted is the project as the plans take it: nil where only its name is known.
func (f foundProject) wanted() *compose.Project {
	if !f.files {
		return nil
	}
	return &f.Project
}

// find reads the files. Where there are none it finds the project by -p, by COMPOSE_PROJECT_NAME, or by the
// folder that its containers were made from. Where they are wrong, -p still finds it: what runs can be looked
// at and taken down. What only a new container needs, such as the content of a secret, may be missing. The profiles of the
// services and jobs that are named are switched on.
func (i *invocation) find(ctx context.Context, services ...string) (foundProject, error) {
	project, err := i.load(ctx, i.lookOptions(services...))
	if err == nil {
		return foundProject{Project: project, files: true}, nil
	}
	name := cmp.Or(i.project, i.setting("COMPOSE_PROJECT_NAME"))
	missing := errors.Is(err, compose.ErrNoFile) && len(i.files) == 0 && i.setting("COMPOSE_FILE") == ""
	if ctx.Err() != nil || (name != "" && !compose.IsProjectName(name)) {
		return foundProject{}, err
	}
	if !missing && name == "" {
		return foundProject{}, &hinted{err, i.withoutFiles(ctx)}
	}
	if !missing {
		i.warn(fmt.Sprintf("the files are not used, only what runs: %v", err))
	}
	return i.findRunning(ctx, name, err)
}

// withoutFiles is how what runs can be reached although the files are wrong.
func (i *invocation) withoutFiles(ctx context.Context) string {
	name := "NAME"
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if host, err := i.engine(ctx); err == nil { // else the files are what is wrong first
		if projects, err := host.Projects(ctx); err == nil {
			if here, ok := i.running(projects, ""); ok {
				name = here.Name
			}
		}
	}
	return fmt.Sprintf("what runs can be reached without the files by its name: `%s -p %s down`, and so ps, logs and stop", programName, name)
}

// running is the project with a name, or where none is given, the one that was made from the folder.
func (i *invocation) running(projects []engine.Project, name string) (engine.Project, bool) {
	folder := i.directory
	if folder == "" && len(i.files) > 0 && i.files[0] != "-" {
		folder = filepath.Dir(i.files[0])
	}
	folder, err := filepath.Abs(folder)
	for _, p := range projects {
		if p.Name == name || (name == "" && err == nil && p.WorkDir == folder) {
			return p, true
		}
	}
	return engine.Project{}, false
}

// findRunning finds a project by its containers. cause is why the files do not tell.
func (i *invocation) findRunning(ctx context.Context, name string, cause error) (foundProject, error) {
	host, err := i.engine(ctx)
	if err != nil {
		return foundProject{}, err
	}
	projects, err := host.Projects(ctx)
	if err != nil {
		return foundProject{}, err
	}
	if p, ok := i.running(projects, name); ok {
		return foundProject{Project: compose.Project{Name: p.Name, Dir: p.WorkDir, Files: p.Files}}, nil
	}
	if name != "" {
		return foundProject{Project: compose.Project{Name: name}}, nil
	}
	return foundProject{}, &hinted{cause, "or name a project that runs: -p NAME"}
}
