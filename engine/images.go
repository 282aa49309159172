package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"golang.org/x/sync/errgroup"
)

// ImageDetail is what the engine says of one image.
type ImageDetail struct {
	ID       string
	Names    []string  // its tags, in full
	Platform string    // "linux/amd64"
	Size     int64     // bytes
	Created  time.Time // zero where the image does not say
	Tagged   time.Time // when a name was last given to it here; zero where the engine does not say
}

// Images asks the engine for images by ID, each once. One that is not there any more is left out.
func (e *Engine) Images(ctx context.Context, ids []string) (map[string]ImageDetail, error) {
	var mu sync.Mutex
	found := map[string]ImageDetail{}
	group, calls := errgroup.WithContext(ctx)
	group.SetLimit(8)
	ids = slices.Clone(ids)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		group.Go(func() error {
			i, err := e.client.ImageInspect(calls, id)
			if errdefs.IsNotFound(err) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("inspect image %s: %w", id, err)
			}
			mu.Lock()
			defer mu.Unlock()
			found[id] = detailOf(i)
			return nil
		})
	}
	return found, group.Wait()
}

func detailOf(i image.InspectResponse) ImageDetail {
	detail := ImageDetail{ID: i.ID, Names: i.RepoTags, Size: i.Size, Tagged: i.Metadata.LastTagTime, Platform: platformText(i)}
	if at, err := time.Parse(time.RFC3339Nano, i.Created); err == nil {
		detail.Created = at
	}
	return detail
}

// RemoveDangling removes the images among these IDs that have no name any more and that no container uses. It
// returns those that it removed.
func (e *Engine) RemoveDangling(ctx context.Context, ids []string) ([]string, error) {
	var removed []string
	var errs []error
	for _, id := range ids {
		i, err := e.client.ImageInspect(ctx, id)
		if errdefs.IsNotFound(err) || (err == nil && len(i.RepoTags) > 0) {
			continue
		}
		if err == nil {
			_, err = e.client.ImageRemove(ctx, id, image.RemoveOptions{PruneChildren: true})
		}
		switch {
		case err == nil:
			removed = append(removed, id)
		case errdefs.IsNotFound(err), errdefs.IsConflict(err): // somebody uses it
		default:
			errs = append(errs, fmt.Errorf("remove image %s: %w", id, err))
		}
	}
	return removed, errors.Join(errs...)
}
