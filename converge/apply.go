package converge

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"hyper-lite/plan"
)

// Event is one change of a node.
type Event struct {
	Node plan.Node
	Kind Kind
	Err  error         // where Kind is Failed
	Took time.Duration // where Kind is Done or Failed
}

// Kind is what happened to a node.
type Kind string

const (
	Started Kind = "started"
	Done    Kind = "done"
	Failed  Kind = "failed"
)

// Apply does a plan: every node after those it waits for, independent ones at once, at most Width engine
// calls at a time. A failure is recorded before any dependent is released. After one, nothing new is begun
// and waits are given up, but calls under way end, so that no step is left half done. All errors come back
// joined. The failure of an optional node is only reported.
func (h Host) Apply(ctx context.Context, p plan.Plan) error { return h.apply(ctx, p, ctx) }

// apply is Apply with what changes containers under another context: where that outlives ctx, calls under way end.
func (h Host) apply(ctx context.Context, p plan.Plan, changes context.Context) error {
	w := newWalk(ctx, h, p)
	w.changes = changes
	defer w.giveUp()
	return w.run()
}

// walk is one pass over a plan. What changes in it belongs to the goroutine that calls run.
type walk struct {
	ctx     context.Context
	changes context.Context // of steps that change containers
	host    Host
	nodes   map[int]plan.Node
	waiting map[int]int          // by node: how many it still waits for
	next    map[int][]int        // by node: those who wait for it
	needs   map[int]map[int]bool // by node: whose success it needs
	dropped map[int]bool         // nodes that will never begin

	waits   context.Context // of steps that only wait: ends with the first failure
	giveUp  context.CancelFunc
	line    []plan.Node // by ID: what could begin, and stands in line for one of the Width places
	busy    int         // places taken
	ended   chan ending
	running int
	errs    []error
	stopped bool
}

// failure is an error, with the node whose it is.
type failure struct {
	error
	node plan.Node
}

func (f *failure) Unwrap() error { return f.error }

// ending is what a step's goroutine tells the walk: that it began, or how it ended.
type ending struct {
	node  plan.Node
	began bool
	err   error
	took  time.Duration
}

func newWalk(ctx context.Context, h Host, p plan.Plan) *walk {
	w := &walk{
		ctx: ctx, host: h,
		nodes: map[int]plan.Node{}, waiting: map[int]int{}, next: map[int][]int{},
		needs: map[int]map[int]bool{}, dropped: map[int]bool{},
		ended: make(chan ending),
	}
	w.waits, w.giveUp = context.WithCancel(ctx)
	for _, n := range p.Nodes {
		w.nodes[n.ID] = n
		w.needs[n.ID] = map[int]bool{}
		for _, id := range n.After {
			w.needs[n.ID][id] = true
			w.next[id] = append(w.next[id], n.ID)
		}
		for _, id := range n.Settled {
			if !w.needs[n.ID][id] {
				w.next[id] = append(w.next[id], n.ID)
			}
		}
	}
	for id, dependents := range w.next {
		if _, ok := w.nodes[id]; !ok {
			continue
		}
		for _, d := range dependents {
			w.waiting[d]++
		}
	}
	return w
}

func (w *walk) run() error {
	for id := 1; id <= w.last(); id++ {
		if n, ok := w.nodes[id]; ok && w.waiting[id] == 0 {
			w.begin(n)
		}
	}
	w.admit()
	for w.running > 0 {
		w.end(<-w.ended)
	}
	if len(w.errs) == 0 && w.ctx.Err() != nil {
		return w.ctx.Err()
	}
	return errors.Join(w.errs...)
}

func (w *walk) last() int {
	last := 0
	for id := range w.nodes {
		last = max(last, id)
	}
	return last
}

// begin lets a node go on that waits for no other one: at once, or as soon as there is a place for it.
func (w *walk) begin(n plan.Node) {
	if w.over() || w.dropped[n.ID] {
		return
	}
	if !w.placed(n.Step) {
		w.launch(n)
		return
	}
	at, _ := slices.BinarySearchFunc(w.line, n.ID, func(other plan.Node, id int) int { return cmp.Compare(other.ID, id) })
	w.line = slices.Insert(w.line, at, n)
}

// admit fills the free places, the first nodes of the plan first: what was begun is brought to its end before
// more is begun, so that the first replicas serve while the last ones are not made yet.
func (w *walk) admit() {
	for len(w.line) > 0 && w.busy < w.host.Width && !w.over() {
		n := w.line[0]
		w.line = w.line[1:]
		w.busy++
		w.launch(n)
	}
}

func (w *walk) over() bool { return w.stopped || w.ctx.Err() != nil }

// placed says whether a step takes one of the Width places: one that keeps the engine busy.
func (w *walk) placed(step plan.Step) bool { return w.host.Width > 0 && !isWait(step) }

func (w *walk) launch(n plan.Node) {
	w.running++
	go func() {
		w.ended <- ending{node: n, began: true}
		begun := time.Now()
		err := w.host.do(w.context(n.Step), n.Step)
		w.ended <- ending{node: n, err: err, took: time.Since(begun)}
	}()
}

// context is what a step runs under. A step that changes something is not cut in the middle by the failure of
// another one.
func (w *walk) context(step plan.Step) context.Context {
	switch {
	case isWait(step):
		return w.waits
	case isWork(step):
		return w.ctx
	}
	return w.changes
}

// isWork says that a step is as long as somebody else's work takes, so that a user who has had enough of it means it.
func isWork(step plan.Step) bool {
	switch step.(type) {
	case plan.Pull, plan.Build, plan.Import, plan.RunHook:
		return true
	}
	return false
}

func isWait(step plan.Step) bool {
	switch step.(type) {
	case plan.Await, plan.Drain, plan.Pause, plan.Route:
		return true
	}
	return false
}

func (w *walk) end(e ending) {
	if e.began {
		w.report(Event{Node: e.node, Kind: Started})
		return
	}
	w.running--
	if w.placed(e.node.Step) {
		w.busy--
	}
	defer w.admit()
	if e.err == nil {
		w.report(Event{Node: e.node, Kind: Done, Took: e.took})
		w.release(e.node, true)
		return
	}
	if w.stopped && errors.Is(e.err, context.Canceled) {
		w.release(e.node, false)
		return
	}
	w.report(Event{Node: e.node, Kind: Failed, Err: e.err, Took: e.took})
	if !e.node.Optional {
		w.errs = append(w.errs, &failure{node: e.node, error: e.err})
		w.stopped = true
		w.giveUp()
	}
	w.release(e.node, false)
}

// release lets those go on who waited for a node, or drops those who needed its success.
func (w *walk) release(n plan.Node, well bool) {
	for _, id := range w.next[n.ID] {
		w.waiting[id]--
		if !well && w.needs[id][n.ID] && !w.dropped[id] {
			w.dropped[id] = true
			w.release(w.nodes[id], false)
			continue
		}
		if w.waiting[id] == 0 {
			w.begin(w.nodes[id])
		}
	}
}

func (w *walk) report(e Event) {
	if w.host.Report != nil {
		w.host.Report(e)
	}
}

// do performs one step, by whoever is in charge of it.
func (h Host) do(ctx context.Context, step plan.Step) error {
	switch s := step.(type) {
	case plan.Route, plan.Drain:
		return h.Balancer.Do(ctx, step)
	case plan.Pause:
		return pause(ctx, s.For)
	case plan.Await:
		return h.await(ctx, s)
	}
	err := h.Engine.Do(ctx, step)
	if err == nil {
		h.started(step)
	}
	return err
}

// started tells the balancer what runs anew.
func (h Host) started(step plan.Step) {
	switch s := step.(type) {
	case plan.Start:
		h.Balancer.Started(s.Container)
	case plan.Restart:
		h.Balancer.Started(s.Container)
	case plan.Unpause:
		h.Balancer.Started(s.Container)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
