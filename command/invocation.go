package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/converge"
	"hyper-lite/engine"
	"hyper-lite/lb"
	"hyper-lite/plan"
)

// Engine is what the verbs need of an engine.
type Engine interface {
	converge.Engine
	lb.Host
	processes
	looking
	imaging
	syncing
	// List returns every container of a project with one call.
	List(ctx context.Context, project string) ([]plan.Replica, error)
	// Projects returns every project on the host with one call.
	Projects(ctx context.Context) ([]engine.Project, error)
	// Logs reads a container's log into two writers until it ends.
	Logs(ctx context.Context, container string, options engine.LogOptions, stdout, stderr io.Writer) error
	// Diagnose returns a container's last log lines, and what its last failed health check said.
	Diagnose(ctx context.Context, container string) (lastLog []string, health string, err error)
	// Kill sends a signal to a running container, and does nothing to one that does not run.
	Kill(ctx context.Context, container, signal string) error
	// APIVersion is that of the engine's API, as negotiated: "1.41".
	APIVersion() string
	// SidecarImage is the name of the image made of the running executable.
	SidecarImage() (string, error)
	// Endpoint is where the engine is: "unix:///var/run/docker.sock".
	Endpoint() string
	// SocketPath is the engine's socket on the engine's own host.
	SocketPath() string
	io.Closer
}

type engineOpener func(ctx context.Context, options engine.Options) (Engine, error)

func openEngine(ctx context.Context, options engine.Options) (Engine, error) {
	return engine.Open(ctx, options)
}

func isUnreachable(err error) bool { return errors.Is(err, engine.ErrUnreachable) }

// invocation is one verb at work: its flags, and what was opened for it.
type invocation struct {
	*program
	settings
	opened   Engine
	balancer *lb.Balancer

	mu       sync.Mutex // what follows is used from several goroutines
	progress progress   // nil where nothing is shown
	warned   []string

	quietPull  bool          // say that a pull or a build began and ended, and nothing between
	quietBuild bool          // say that a build began and ended, and nothing between
	worked     bool          // a step was begun
	fetched    fetchedRecord // images, since they were last recorded
}

// verb makes an action of what a verb does: it reads the flags of every command, and afterwards closes what
// was opened.
func (p *program) verb(do func(ctx context.Context, i *invocation, c *cli.Context) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		s, err := p.settings(c)
		if err != nil {
			return err
		}
		i := &invocation{program: p, settings: s}
		return errors.Join(do(c.Context, i, c), i.close())
	}
}

func (i *invocation) close() error {
	i.finishProgress()
	var err error
	if i.balancer != nil {
		err = i.balancer.Close()
	}
	if i.opened != nil {
		err = errors.Join(err, i.opened.Close())
	}
	return err
}

// show is the progress of this invocation, begun at the first need.
func (i *invocation) show() progress {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.progress == nil {
		i.progress = i.newProgress(i.settings)
	}
	return i.progress
}

// finishProgress leaves the terminal to whatever is printed next.
func (i *invocation) finishProgress() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.progress != nil {
		i.progress.close()
		i.progress = nil
	}
}

// detail shows how a long step proceeds, where anything is shown.
func (i *invocation) detail(step plan.Step, moved engine.Progress) {
	_, build := step.(plan.Build)
	if (i.quietPull || i.quietBuild && build) && moved.ID != "warning" {
		return
	}
	i.mu.Lock()
	shown := i.progress
	i.mu.Unlock()
	if shown != nil { // begun before the first step
		shown.detail(step, moved)
	}
}

// warn shows each warning once.
func (i *invocation) warn(warnings ...string) {
	paint := palette(coloured(i.ansi, i.Err, i.env))
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, w := range warnings {
		w = i.addressed(w)
		if slices.Contains(i.warned, w) {
			continue
		}
		i.warned = append(i.warned, w)
		if i.progress != nil {
			i.progress.warn(w)
			continue
		}
		fmt.Fprintf(i.Err, "%s %s\n", paint.warn("warning:"), w)
	}
}

// loadOptions are the files as the flags name them, for a verb about some services, or all where none is named.
func (i *invocation) loadOptions(services ...string) compose.LoadOptions {
	return compose.LoadOptions{
		Files: i.files, ProjectName: i.project, ProjectDir: i.directory,
		Profiles: i.profiles, EnvFiles: i.envFiles,
		Env: i.variables(), Services: services, Only: services, Stdin: i.In,
	}
}

// aloneOptions are loadOptions of a verb to which all but one job is as nothing, what it depends on too.
func (i *invocation) aloneOptions(job string) compose.LoadOptions {
	options := i.loadOptions()
	options.Only, options.NoDeps = []string{job}, true
	return options
}

// lookOptions are loadOptions of a verb that makes no container.
func (i *invocation) lookOptions(services ...string) compose.LoadOptions {
	options := i.loadOptions(services...)
	options.Looking = true
	return options
}

// variables is the environment in the form that files are read with.
func (p *program) variables() []string {
	pairs := make([]string, 0, len(p.env))
	for name, value := range p.env {
		pairs = append(pairs, name+"="+value)
	}
	slices.Sort(pairs)
	return pairs
}

// load reads the files, and the jobs beside them. Warnings are shown at once.
func (i *invocation) load(ctx context.Context, options compose.LoadOptions) (compose.Project, error) {
	project, warnings, err := loadWithJobs(ctx, options)
	return i.loaded(project, warnings, err)
}

// loadFiles reads the files alone.
func (i *invocation) loadFiles(ctx context.Context, options compose.LoadOptions) (compose.Project, error) {
	project, warnings, err := compose.Load(ctx, options)
	return i.loaded(project, warnings, err)
}

func (i *invocation) loaded(project compose.Project, warnings []string, err error) (compose.Project, error) {
	if err != nil {
		return compose.Project{}, err
	}
	slices.Sort(warnings)
	i.warn(slices.Compact(warnings)...)
	return project, nil
}

// engine opens the engine, once.
func (i *invocation) engine(ctx context.Context) (Engine, error) {
	if i.opened != nil {
		return i.opened, nil
	}
	opened, err := i.openEngine(ctx, engine.Options{
		Host: i.address, Context: i.context, Executable: sidecarExecutable(),
		Progress: i.detail,
	})
	if err != nil {
		return nil, err
	}
	i.opened = opened
	return opened, nil
}

// balance is the commands' side of a project's balancer.
func (i *invocation) balance(ctx context.Context, project string) (*lb.Balancer, error) {
	host, err := i.engine(ctx)
	if err != nil {
		return nil, err
	}
	if i.balancer == nil {
		i.balancer = lb.NewBalancer(host, project)
	}
	return i.balancer, nil
}

// system is what a project needs besides its own services. The executable is hashed only where a sidecar
// is needed.
func (i *invocation) system(ctx context.Context, project compose.Project) (plan.System, error) {
	if !project.Watched() {
		return plan.System{}, nil
	}
	host, err := i.engine(ctx)
	if err != nil {
		return plan.System{}, err
	}
	if err := checkExecutable(sidecarExecutable()); err != nil {
		return plan.System{}, err
	}
	image, err := host.SidecarImage()
	if err != nil {
		return plan.System{}, err
	}
	return lb.System(project, image, host.SocketPath())
}

// noSuchService is an error where a service was named that nobody knows.
func noSuchService(wanted, known []string) error {
	for _, name := range wanted {
		if slices.Contains(known, name) {
			continue
		}
		err := fmt.Errorf("no such service: %s", name)
		if near := nearest(name, known); near != "" {
			return &hinted{err, fmt.Sprintf("did you mean `%s`?", near)}
		}
		if len(known) == 0 {
			return &hinted{err, fmt.Sprintf("there are no files here, and no containers of a project of that name: `%s ls -a` lists the projects", programName)}
		}
		return err
	}
	return nil
}

// serviceNames are the services of the files and of the containers, sorted.
func serviceNames(project compose.Project, replicas []plan.Replica) []string {
	names := slices.Clone(project.Disabled)
	for _, s := range project.Services {
		names = append(names, s.Name)
	}
	for _, r := range replicas {
		if r.Role == compose.RoleReplica {
			names = append(names, r.Service)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// withJobs adds the jobs of the files and of the containers to names, for the verbs that know what to do with one.
func withJobs(names []string, project compose.Project, replicas []plan.Replica) []string {
	names = slices.Concat(names, jobNames(project))
	for _, r := range replicas {
		if r.Fire != "" {
			names = append(names, r.Service)
		}
	}
	for name := range plan.RegisteredJobs(replicas) {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
