package lb

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// prober judges replicas: each at its own pace, and only a few of them at the same moment.
type prober struct {
	address func(plan.Ref) string // the host to ask
	flipped func()                // called, without a lock held, after some judgement's Up changed
	places  chan struct{}         // bounds the probes that run at the same moment

	mu      sync.Mutex
	watched map[plan.Ref]*watch
}

// watch is one replica under observation.
type watch struct {
	probe     compose.Probe
	judgement judgement
	changed   chan struct{} // closed and replaced at every observation
	nudge     chan struct{} // the pace changed: probe now
	stop      context.CancelFunc
}

// soon makes the next probe come now.
func (w *watch) soon() {
	select {
	case w.nudge <- struct{}{}:
	default:
	}
}

// atOnce is how many probes run at the same moment: enough for hundreds of replicas that answer, and few
// enough that as many that do not answer cost no memory to speak of.
const atOnce = 16

func newProber(address func(plan.Ref) string, flipped func()) *prober {
	return &prober{address: address, flipped: flipped, places: make(chan struct{}, atOnce), watched: map[plan.Ref]*watch{}}
}

// ensure watches a replica from now on, with this probe. Of one that is watched already only the probe
// changes: what is known of it stays.
func (p *prober) ensure(ctx context.Context, ref plan.Ref, probe compose.Probe, initial judgement) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w, ok := p.watched[ref]; ok {
		if w.probe != probe {
			w.probe = probe
			w.soon()
		}
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{
		probe: probe, judgement: initial, changed: make(chan struct{}), nudge: make(chan struct{}, 1), stop: cancel,
	}
	p.watched[ref] = w
	go p.follow(ctx, ref, w)
}

// keep forgets every replica but these.
func (p *prober) keep(keep func(plan.Ref) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ref, w := range p.watched {
		if !keep(ref) {
			w.stop()
			close(w.changed) // who waits for it looks again, and finds that it is gone
			delete(p.watched, ref)
		}
	}
}

// refs are the replicas under observation.
func (p *prober) refs() []plan.Ref {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.SortedFunc(maps.Keys(p.watched), compareRefs)
}

// look returns what is thought of a replica, and a channel that is closed when that may have changed.
func (p *prober) look(ref plan.Ref) (judgement, <-chan struct{}, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w, ok := p.watched[ref]
	if !ok {
		return judgement{}, nil, false
	}
	return w.judgement, w.changed, true
}

// observe changes what is thought of a replica, and probes it soon. It does nothing where it is not watched.
func (p *prober) observe(ref plan.Ref, change func(judgement) judgement) {
	p.mu.Lock()
	w, ok := p.watched[ref]
	flipped := ok && p.record(w, change)
	p.mu.Unlock()
	if !ok {
		return
	}
	w.soon()
	if flipped {
		p.flipped()
	}
}

// record needs the lock.
func (p *prober) record(w *watch, change func(judgement) judgement) bool {
	before := w.judgement.Up
	w.judgement = change(w.judgement)
	close(w.changed)
	w.changed = make(chan struct{})
	return before != w.judgement.Up
}

// follow probes one replica until its context ends. The first probe of a new one comes at once; all others
// are spread over a tenth of their interval, so that many replicas do not stay in step, and those of a
// sidecar that was started again over a whole interval.
func (p *prober) follow(ctx context.Context, ref plan.Ref, w *watch) {
	pause := p.firstPause(w)
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.nudge:
		case <-time.After(pause):
		}
		probed := p.once(ctx, ref, w)
		if !probed {
			return
		}
		pause = p.pause(w)
	}
}

func (p *prober) once(ctx context.Context, ref plan.Ref, w *watch) bool {
	select {
	case <-ctx.Done():
		return false
	case p.places <- struct{}{}:
	}
	p.mu.Lock()
	config := w.probe
	p.mu.Unlock()
	err := probe(ctx, p.address(ref), config)
	<-p.places
	p.mu.Lock()
	if ctx.Err() != nil { // under the lock: keep ends the context under it too
		p.mu.Unlock()
		return false
	}
	flipped := p.record(w, func(j judgement) judgement { return j.probed(err, config, time.Now()) })
	p.mu.Unlock()
	if flipped {
		p.flipped()
	}
	return true
}

func (p *prober) firstPause(w *watch) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !w.judgement.EverUp {
		return 0
	}
	return time.Duration(rand.Int64N(int64(w.probe.Interval) + 1))
}

func (p *prober) pause(w *watch) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	interval := w.probe.Interval
	if !w.judgement.EverUp && w.probe.StartInterval > 0 {
		interval = w.probe.StartInterval
	}
	interval = max(interval, 10*time.Millisecond)
	return interval - interval/20 + time.Duration(rand.Int64N(int64(interval/10)+1))
}
