package engine

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/docker/docker/api/types/container"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// Kept is all of a container that registers jobs: it can be made again of it when it is gone. The contents of configs and
// secrets are in it.
type Kept struct {
	replica plan.Replica
	config  container.Config
	host    container.HostConfig
	archive []byte // gzip of a tar
}

// ErrTooLarge says that a registration is not kept.
var ErrTooLarge = errors.New("it is too large to be kept in memory")

// Keep reads a container that registers jobs, unless that takes more than so many bytes.
func (e *Engine) Keep(ctx context.Context, r plan.Replica, most int) (Kept, error) {
	kept := Kept{replica: r}
	found, err := e.inspect(ctx, plan.Container{ID: r.ID})
	if err != nil {
		return kept, err
	}
	kept.config, kept.host = *found.Config, *found.HostConfig
	content, _, err := e.client.CopyFromContainer(ctx, r.ID, templates)
	if err != nil {
		return kept, fmt.Errorf("read what %s registers: %w", r.Name, err)
	}
	defer content.Close()
	packed := bounded{most: most}
	small := gzip.NewWriter(&packed)
	if _, err := io.Copy(small, content); err != nil {
		return kept, fmt.Errorf("read what %s registers: %w", r.Name, err)
	}
	if err := small.Close(); err != nil {
		return kept, fmt.Errorf("read what %s registers: %w", r.Name, err)
	}
	kept.archive = bytes.Clone(packed.Bytes())
	return kept, nil
}

// Size is how many bytes are kept, in the main.
func (k Kept) Size() int { return len(k.archive) + len(k.replica.Jobs) }

// Empty says that nothing was kept.
func (k Kept) Empty() bool { return k.archive == nil }

// Name is that of the container.
func (k Kept) Name() string { return k.replica.Name }

// RegisteredBy says whether all jobs of it are registered by other containers.
func (k Kept) RegisteredBy(others []plan.Replica) bool {
	jobs, err := k.replica.Registers()
	now := plan.RegisteredJobs(others)
	for name, job := range jobs {
		if other, ok := now[name]; !ok || other.Generation < job.Generation {
			return false
		}
	}
	return err == nil
}

// RegisterAgain makes a container that registered jobs and is gone once more.
func (e *Engine) RegisterAgain(ctx context.Context, project string, k Kept) error {
	next, label := plan.Again(project, k.replica)
	made := draft{specification: specification{config: k.config, host: k.host}, unpacked: k.archive}
	made.config.Labels = maps.Clone(k.config.Labels)
	made.config.Labels[labelJobs] = label
	made.config.Hostname = ""
	identity := compose.Service{Project: project, Name: next.Ref.Service, Role: compose.RoleJob}
	identity.Digest.Hash = made.config.Labels[labelHash]
	err := e.realise(ctx, plan.Create{Container: next, Service: identity}, made)
	return e.reached(wrap(err, "create "+next.Name))
}

// bounded is memory that takes only so much.
type bounded struct {
	bytes.Buffer
	most int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.most {
		return 0, ErrTooLarge
	}
	return b.Buffer.Write(p)
}
