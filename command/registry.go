package command

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"hyper-lite/engine"
	"hyper-lite/plan"
)

const (
	// mostKept is how many bytes of registrations the sidecar keeps in its memory: those of a thousand jobs are a few
	// hundred thousand.
	mostKept = 4 << 20
	// vanishing is how long after a registration is gone it is made again: whoever prunes is at work still.
	vanishing = time.Second
	// tries is how often that is tried.
	tries = 3
)

// registry keeps what registers the jobs of a project, in memory only, and makes it again where it vanishes while no
// command works: `docker container prune` takes away whatever does not run.
type registry struct {
	*firing
	lost chan lost

	turn sync.Mutex // held while kept is read anew
	mu   sync.Mutex
	kept map[string]engine.Kept // by container ID
	away map[string]bool        // those of them that the last look did not find
}

// lost is a container that was removed.
type lost struct {
	id string
	at time.Time
}

func newRegistry(f *firing) *registry {
	return &registry{firing: f, lost: make(chan lost, 64), kept: map[string]engine.Kept{}, away: map[string]bool{}}
}

// run makes again what vanishes, until the context ends.
func (r *registry) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case gone := <-r.lost:
			r.makeAgain(ctx, gone)
		}
	}
}

// vanished takes in that a registration was removed.
func (r *registry) vanished(id string, at time.Time) {
	select {
	case r.lost <- lost{id, at}:
	default:
		r.log.Error("too many registrations vanish at once: `hyper-lite up` registers what does not fire any more")
	}
}

// keep reads the registrations that were not read yet. One that is gone is forgotten at the second look: who hears of it
// needs it before.
func (r *registry) keep(ctx context.Context, found []plan.Replica) {
	r.turn.Lock()
	defer r.turn.Unlock()
	size := r.forget(found)
	for _, c := range found {
		r.mu.Lock()
		_, known := r.kept[c.ID]
		r.mu.Unlock()
		if known {
			continue
		}
		kept, err := r.host.Keep(ctx, c, mostKept-size)
		if err != nil && !errors.Is(err, engine.ErrTooLarge) {
			continue // it is on its way out, or read the next time
		}
		if err != nil {
			r.log.Warn("should this registration vanish, as by `docker container prune`, its jobs fire again after `hyper-lite up` only", "container", c.Name, "error", err)
		}
		size += kept.Size()
		r.mu.Lock()
		r.kept[c.ID] = kept
		r.mu.Unlock()
	}
}

// forget drops what two looks did not find, and returns how many bytes are kept.
func (r *registry) forget(found []plan.Replica) (size int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	away := map[string]bool{}
	for id, kept := range r.kept {
		switch there := slices.ContainsFunc(found, func(c plan.Replica) bool { return c.ID == id }); {
		case !there && r.away[id]:
			delete(r.kept, id)
			continue
		case !there:
			away[id] = true
		}
		size += kept.Size()
	}
	r.away = away
	return size
}

// makeAgain makes a registration again, unless a command took it away, or others register its jobs.
func (r *registry) makeAgain(ctx context.Context, gone lost) {
	r.mu.Lock()
	kept, known := r.kept[gone.id]
	delete(r.kept, gone.id)
	r.mu.Unlock()
	if !known || kept.Empty() || r.sidecar.HeldAt(gone.at) {
		return
	}
	for try := 1; ; try++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(vanishing):
		}
		again, err := r.registerAgain(ctx, kept)
		switch {
		case err == nil && again:
			r.log.Warn("the container that registers jobs was removed, by no command of ours: it was made again", "container", kept.Name())
		case err != nil && try < tries && ctx.Err() == nil:
			continue
		case err != nil:
			r.log.Error("the container that registers jobs was removed, and cannot be made again: its jobs do not fire until `hyper-lite up`", "container", kept.Name(), "error", err)
		}
		return
	}
}

// registerAgain makes a registration again where nothing else registers its jobs, and says whether it did.
func (r *registry) registerAgain(ctx context.Context, kept engine.Kept) (bool, error) {
	_, leave, err := r.sidecar.Alone(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	others, err := r.host.Jobs(ctx, r.project)
	if err != nil || kept.RegisteredBy(others) {
		return false, err
	}
	return true, r.host.RegisterAgain(ctx, r.project, kept)
}
