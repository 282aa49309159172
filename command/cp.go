package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"hyper-lite/engine"
	"hyper-lite/plan"
)

func (p *program) cp() *cli.Command {
	return &cli.Command{
		Name:      "cp",
		Usage:     "copy files and folders between a service and this machine",
		ArgsUsage: "SERVICE:PATH TO|-, or FROM|- SERVICE:PATH",
		Description: `hyper-lite cp web:/var/log/app .           out of the first replica
hyper-lite cp ./conf/. web:/etc/app        into every replica: what is in conf
hyper-lite cp --index 2 web:/tmp/dump -    a tar archive on the standard output
tar -c conf | hyper-lite cp - web:/etc     and from the standard input`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "containers that run made, too"},
			&cli.BoolFlag{Name: "archive", Aliases: []string{"a"}, Usage: "into a container: keep the numbers of users and groups"},
			&cli.BoolFlag{Name: "follow-link", Aliases: []string{"L"}, Usage: "copy what a symbolic link at the source points to"},
			&cli.IntFlag{Name: "index", Usage: "replica `NUMBER` of the service (default: into all, out of the first)"},
		},
		Action: p.verb(func(ctx context.Context, i *invocation, c *cli.Context) error { return i.cp(ctx, c) }),
	}
}

// copyEnd is one side of a copy: a path of a service, or of this machine where service is "".
type copyEnd struct{ service, path string }

// endOf reads SERVICE:PATH. A path that starts with / or . is always this machine's.
func endOf(text string) copyEnd {
	if filepath.IsAbs(text) || strings.HasPrefix(text, ".") {
		return copyEnd{path: text}
	}
	service, path, ok := strings.Cut(text, ":")
	if !ok {
		return copyEnd{path: text}
	}
	return copyEnd{service, path}
}

func (i *invocation) cp(ctx context.Context, c *cli.Context) error {
	if c.NArg() != 2 || c.Args().Get(0) == "" || c.Args().Get(1) == "" {
		return &usageError{msg: "cp needs two places", hint: "as in `hyper-lite cp web:/etc/hosts .`, or the other way round"}
	}
	index, err := readIndex(c)
	if err != nil {
		return err
	}
	from, to := endOf(c.Args().Get(0)), endOf(c.Args().Get(1))
	service := first(from.service, to.service)
	switch {
	case from.service != "" && to.service != "":
		return &usageError{msg: "cp does not copy between services", hint: "copy it here first, or pipe one `cp SERVICE:PATH -` into another `cp - SERVICE:PATH`"}
	case service == "":
		return &usageError{msg: "cp needs a service at one side", hint: "as in `hyper-lite cp web:/etc/hosts .`"}
	}
	project, replicas, err := i.listed(ctx, nil)
	if err != nil {
		return err
	}
	containers, err := i.copied(project, replicas, service, index, c.Bool("all"))
	if err != nil {
		return err
	}
	options := engine.CopyOptions{Follow: c.Bool("follow-link"), Owners: c.Bool("archive")}
	if from.service != "" {
		return i.copyOut(ctx, i.opened, containers[0], from.path, to.path, options)
	}
	return i.copyIn(ctx, i.opened, containers, from.path, to.path, options)
}

// copied are the containers of a service, running or not, that cp is about.
func (i *invocation) copied(project foundProject, replicas []plan.Replica, service string, index int, oneOffs bool) ([]plan.Replica, error) {
	var containers []plan.Replica
	for _, r := range containersOf(replicas, service, index) {
		if !r.OneOff || oneOffs {
			containers = append(containers, r)
		}
	}
	if len(containers) > 0 {
		return containers, nil
	}
	if err := noSuchService([]string{service}, serviceNames(project.Project, replicas)); err != nil {
		return nil, err
	}
	if index > 0 {
		return nil, fmt.Errorf("service %q has no replica %d", service, index)
	}
	return nil, &hinted{fmt.Errorf("service %q has no container", service), "`" + programName + " create " + service + "` makes one"}
}

func (i *invocation) copyOut(ctx context.Context, host Engine, r plan.Replica, from, to string, options engine.CopyOptions) error {
	if i.dryRun {
		fmt.Fprintf(i.Out, "copy %s:%s to %s\n", r.Name, from, to)
		return nil
	}
	if to == "-" {
		if isTerminal(i.Out) {
			return &usageError{msg: "cp: an archive is nothing for a terminal", hint: "send it to a file or a pipe"}
		}
		return host.CopyOutTar(ctx, r.Name, from, i.Out, options)
	}
	if err := host.CopyOut(ctx, r.Name, from, to, options); err != nil {
		return err
	}
	i.copiedLine(r.Name+":"+from, to)
	return nil
}

// copyIn copies into every container, side by side.
func (i *invocation) copyIn(ctx context.Context, host Engine, containers []plan.Replica, from, to string, options engine.CopyOptions) (err error) {
	if i.dryRun {
		for _, r := range containers {
			fmt.Fprintf(i.Out, "copy %s to %s:%s\n", from, r.Name, to)
		}
		return nil
	}
	copyInto := func(ctx context.Context, r plan.Replica) error { return host.CopyIn(ctx, r.Name, from, to, options) }
	if from == "-" {
		archive, done, spoolErr := i.spooled(len(containers))
		if spoolErr != nil {
			return spoolErr
		}
		defer func() { err = errors.Join(err, done()) }()
		copyInto = func(ctx context.Context, r plan.Replica) error {
			return host.CopyInTar(ctx, r.Name, archive(), to, options)
		}
	}
	group, calls := errgroup.WithContext(ctx)
	group.SetLimit(i.width)
	for _, r := range containers {
		group.Go(func() error {
			if err := copyInto(calls, r); err != nil {
				return err
			}
			i.copiedLine(from, r.Name+":"+to)
			return nil
		})
	}
	return group.Wait()
}

// spooled is the standard input for n readers, each of which reads it from its beginning. It is kept in a file where there
// is more than one.
func (i *invocation) spooled(n int) (read func() io.Reader, done func() error, err error) {
	if n == 1 {
		return func() io.Reader { return i.In }, func() error { return nil }, nil
	}
	file, err := os.CreateTemp("", "hyper-lite-cp-")
	if err != nil {
		return nil, nil, fmt.Errorf("keep the archive: %w", err)
	}
	done = func() error { return errors.Join(file.Close(), os.Remove(file.Name())) }
	size, err := io.Copy(file, i.In)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("keep the archive: %w", err), done())
	}
	return func() io.Reader { return io.NewSectionReader(file, 0, size) }, done, nil
}

func (i *invocation) copiedLine(from, to string) {
	if i.settings.progress == "quiet" || i.settings.progress == "json" {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	fmt.Fprintf(i.Err, "copied %s to %s\n", from, to)
}
