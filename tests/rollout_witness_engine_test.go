//go:build engine

package tests

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
)

// witness hears from the engine which containers of a service start and end.
type witness struct {
	t       testing.TB
	mu      sync.Mutex
	serving map[string]bool        // by the first 12 digits of the ID: runs, and was not told to stop
	told    map[string][]time.Time // when it was told to stop, or died
	fewest  int
	err     error
}

// witness begins to listen, while those of the service that run now serve.
func (p *project) witness(service string) *witness {
	p.t.Helper()
	w := &witness{t: p.t, serving: map[string]bool{}, told: map[string][]time.Time{}}
	for _, name := range p.names(service) {
		w.serving[name] = true
	}
	w.fewest = len(w.serving)
	ctx, cancel := context.WithCancel(context.Background())
	p.t.Cleanup(cancel)
	stream, failed := p.docker.Events(ctx, events.ListOptions{Filters: filters.NewArgs(
		filters.Arg("type", "container"), filters.Arg("label", "hyper-lite.project="+p.name), filters.Arg("label", "hyper-lite.service="+service))})
	go func() {
		for {
			select {
			case e := <-stream:
				w.hear(e)
			case err := <-failed:
				w.mu.Lock()
				defer w.mu.Unlock()
				if ctx.Err() == nil {
					w.err = err
				}
				return
			}
		}
	}()
	return w
}

func (w *witness) hear(e events.Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := e.Actor.ID[:12]
	switch e.Action {
	case events.ActionStart:
		w.serving[name] = true
	case events.ActionKill, events.ActionDie:
		if w.serving[name] {
			w.told[name] = append(w.told[name], time.Unix(0, e.TimeNano))
		}
		delete(w.serving, name)
		w.fewest = min(w.fewest, len(w.serving))
	}
}

// least is the fewest that ever served at once.
func (w *witness) least() int {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		w.t.Fatalf("the engine's events ended: %v", w.err)
	}
	return w.fewest
}

// stopping says whether a replica had just been told to stop, or was within early.
func (w *witness) stopping(name string, at time.Time, early time.Duration) error {
	w.least()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, told := range w.told[name] {
		if since := at.Sub(told); since > -early && since < 10*time.Second {
			return nil
		}
	}
	return fmt.Errorf("%s was not told to stop then, but at %v", name, w.told[name])
}
