package lb

import (
	"context"
	"sync"
	"time"
)

// gate keeps the sidecar's own work and that of the commands apart: either may change the project's containers, never
// both.
type gate struct {
	mu      sync.Mutex
	holds   int           // commands at work
	working int           // pieces of our own work
	last    time.Time     // when the last of them ended, or else when we began
	changed chan struct{} // closed and replaced whenever one of the counts changes
	shut    chan struct{} // closed while a command works

	began, ended time.Time // of the last time that commands were at work; ended is before began while they are
}

func newGate(now time.Time) *gate {
	return &gate{last: now, changed: make(chan struct{}), shut: make(chan struct{})}
}

// enter begins a piece of our own work, unless a command is at work. shut is closed as soon as a command wants to be:
// what can be given up is given up then.
func (g *gate) enter() (leave func(), shut <-chan struct{}, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.holds > 0 {
		return nil, nil, false
	}
	g.working++
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.working--
		g.last = time.Now()
		g.announce()
	}, g.shut, true
}

// hold lets no work begin until it is released.
func (g *gate) hold() (release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.holds++
	if g.holds == 1 {
		close(g.shut)
		g.began = time.Now()
	}
	g.announce()
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.holds--
		if g.holds == 0 {
			g.shut = make(chan struct{})
			g.ended = time.Now()
		}
		g.announce()
	})
}

// held says whether a command was at work at an instant that is not long ago.
func (g *gate) held(at time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.began.IsZero() && !at.Before(g.began) && (g.holds > 0 || !at.After(g.ended))
}

// quiet waits until none of our own work is under way, and says for how long none has been.
func (g *gate) quiet(ctx context.Context) (time.Duration, error) {
	for {
		g.mu.Lock()
		working, last, changed := g.working, g.last, g.changed
		g.mu.Unlock()
		if working == 0 {
			return time.Since(last), nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// announce needs the lock.
func (g *gate) announce() {
	close(g.changed)
	g.changed = make(chan struct{})
}
