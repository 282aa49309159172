package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// ErrGone says that a container which something was to be made of is not there any more.
var ErrGone = errors.New("it is gone")

// Run is the container of a run of a job, as the engine lists it.
type Run struct {
	plan.Replica
	Trigger string
	Attempt int
}

// Jobs are the containers by which the jobs of a project are registered, with one call.
func (e *Engine) Jobs(ctx context.Context, project string) ([]plan.Replica, error) {
	found, err := e.listRole(ctx, project, compose.RoleJob)
	if err != nil {
		return nil, fmt.Errorf("list jobs of project %s: %w", project, err)
	}
	replicas, _ := e.split(project, found)
	return slices.DeleteFunc(replicas, func(r plan.Replica) bool { return strings.HasSuffix(r.Name, incomplete) }), nil
}

// Runs are the runs of a project's jobs, whatever their state, with one call.
func (e *Engine) Runs(ctx context.Context, project string) ([]Run, error) {
	found, err := e.listRole(ctx, project, compose.RoleRun)
	if err != nil {
		return nil, fmt.Errorf("list runs of project %s: %w", project, err)
	}
	var runs []Run
	for _, c := range found {
		r := Run{Replica: replicaOf(c), Trigger: c.Labels[compose.LabelTrigger]}
		if r.Fire == "" || strings.HasSuffix(r.Name, incomplete) {
			continue
		}
		r.Attempt, _ = strconv.Atoi(c.Labels[compose.LabelAttempt]) // a broken number is none, as with slots
		runs = append(runs, r)
	}
	return runs, nil
}

func (e *Engine) listRole(ctx context.Context, project string, role compose.Role) ([]container.Summary, error) {
	bounded, cancel := e.looking(ctx)
	defer cancel()
	found, err := e.client.ContainerList(bounded, container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", labelProject+"="+project), filters.Arg("label", labelRole+"="+string(role)),
	)})
	return found, e.reached(e.silent(ctx, err))
}

// reached says of an error that the engine is away, where it is that.
func (e *Engine) reached(err error) error {
	if err != nil && client.IsErrConnectionFailed(err) {
		return e.endpoint.unreachable(err)
	}
	return err
}

// RunOf is a container that is to be made as a job is registered.
type RunOf struct {
	Project string
	Job     string
	By      string // ID of the container that registers the job
	Name    string
	Role    compose.Role
	Labels  map[string]string // beside those of the job

	Command     []string // instead of the job's command and entrypoint; nil: these
	Environment map[string]string
	Stdin       bool // it reads what it is sent
}

// MakeRun makes a container of a job without starting it: of the image, configuration, networks and volumes that it was
// registered with, with the same configs and secrets in it, under no name of the job's in its networks. One of that name
// and project is it already. Where the job is not registered by that container any more the error is ErrGone.
func (e *Engine) MakeRun(ctx context.Context, run RunOf) error {
	if err := e.reached(e.makeRun(ctx, run)); err != nil {
		return fmt.Errorf("create %s: %w", run.Name, err)
	}
	return nil
}

func (e *Engine) makeRun(ctx context.Context, run RunOf) error {
	job, err := e.template(ctx, run.By, run.Job)
	if err != nil {
		return err
	}
	there, err := e.inspect(ctx, plan.Container{Name: run.Name})
	if err == nil && e.learn(there).project == run.Project {
		return nil
	}
	if err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	made, err := e.runOf(ctx, run, job)
	if err != nil {
		return err
	}
	step := plan.Create{
		Container: plan.Container{Ref: plan.Ref{Service: run.Job, Slot: 1, Generation: 1}, Name: run.Name},
		Service:   compose.Service{Project: run.Project, Name: run.Job, Role: compose.RoleRun},
	}
	return e.realise(ctx, step, made)
}

// runOf is the draft of a run.
func (e *Engine) runOf(ctx context.Context, run RunOf, job template) (draft, error) {
	made := job.draft()
	labels := made.config.Labels
	if labels[labelProject] != run.Project || labels[labelService] != run.Job {
		return draft{}, fmt.Errorf("job %s is registered as %s of project %s", run.Job, labels[labelService], labels[labelProject])
	}
	made.config.Image = e.imageStill(ctx, labels[labelImage], labels[composeImage])
	if _, err := e.resolve(ctx, run.Project, &made.host); err != nil {
		return draft{}, err
	}
	labels[labelRole], labels[labelGeneration] = string(run.Role), "1"
	maps.Copy(labels, run.Labels)
	if run.Command != nil {
		made.config.Entrypoint, made.config.Cmd = run.Command, nil
		made.config.Healthcheck, made.config.Tty = nil, false
	}
	for _, name := range slices.Sorted(maps.Keys(run.Environment)) {
		made.config.Env = append(made.config.Env, name+"="+run.Environment[name])
	}
	if run.Stdin {
		made.config.OpenStdin, made.config.StdinOnce, made.config.AttachStdin = true, true, true
	}
	if len(made.networks) > 1 && !e.supports("1.44") {
		made.networks, made.later = made.networks[:1], made.networks[1:]
	}
	return made, nil
}

// RunToEnd makes a container of a job, sends it a text, waits for its end and takes it away. The error says how it ended
// if not well, and what it said last. begun is called once it runs, or cannot.
func (e *Engine) RunToEnd(ctx context.Context, run RunOf, text string, begun func()) (err error) {
	if err := e.drop(ctx, run); err != nil { // what a crash left
		return err
	}
	run.Stdin = true
	if err := e.MakeRun(ctx, run); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.drop(context.WithoutCancel(ctx), run)) }()
	ended := e.Wait(ctx, run.Name, NextExit)
	var said bytes.Buffer
	begin := func() error {
		defer begun()
		return e.Do(ctx, plan.Start{Container: plan.Container{Name: run.Name}})
	}
	if err := e.Attach(ctx, run.Name, Streams{In: io.NopCloser(strings.NewReader(text)), Out: &said, Err: &said}, begin); err != nil {
		return err
	}
	code, err := ended()
	if err != nil || code == 0 {
		return err
	}
	return fmt.Errorf("%s exited %d: %s", run.Name, code, lastLine(said.String()))
}

// drop removes a container that RunToEnd made, whatever it does.
func (e *Engine) drop(ctx context.Context, run RunOf) error {
	there, err := e.inspect(ctx, plan.Container{Name: run.Name})
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return e.reached(err)
	}
	if err := e.learn(there).permits(plan.Container{Ref: plan.Ref{Service: run.Job}}); err != nil {
		return err
	}
	defer e.noteGone(there.ID)
	e.noteName(run.Name, "")
	return gone(e.client.ContainerRemove(ctx, there.ID, container.RemoveOptions{RemoveVolumes: true, Force: true}))
}

func lastLine(text string) string {
	all := strings.Split(strings.TrimSpace(text), "\n")
	return all[len(all)-1]
}
