package plan

import (
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"hyper-lite/compose"
)

// occupant is what a service looks like after its part of the plan: one entry a slot.
type occupant struct {
	container Container
	kept      *Replica
	made      []int             // the node that makes it; none where it exists already
	start     []int             // the nodes after which it runs; none where it runs already
	await     map[Condition]int // the awaits planned so far
}

// gate returns the nodes that s waits for before it starts, by its depends_on. Nodes of dependencies that
// are not required come back in settled: s waits until they have ended, well or not.
func (b *builder) gate(s compose.Service) (after, settled []int) {
	for _, d := range s.DependsOn {
		ids := b.fulfil(d)
		if d.Required {
			after = append(after, ids...)
			continue
		}
		settled = append(settled, ids...)
	}
	return after, settled
}

func (b *builder) fulfil(d compose.Dependency) []int {
	service, ok := b.want.Service(d.Service)
	if !ok {
		return nil
	}
	var ids []int
	for i := range b.occupants[d.Service] {
		f := &b.occupants[d.Service][i]
		if f.await == nil {
			continue // a slot that stays empty
		}
		switch d.Condition {
		case types.ServiceConditionHealthy:
			ids = append(ids, b.awaited(service, f, AwaitHealthy)...)
		case types.ServiceConditionCompletedSuccessfully:
			ids = append(ids, b.awaited(service, f, AwaitCompleted)...)
		default:
			ids = append(ids, f.start...)
		}
	}
	return ids
}

// awaited returns the await of a occupant slot, planning it where nobody did; none where the look at the host
// already shows the condition fulfilled.
func (b *builder) awaited(s compose.Service, f *occupant, condition Condition) []int {
	if id, ok := f.await[condition]; ok {
		return []int{id}
	}
	if f.kept != nil && len(f.start) == 0 && b.fulfilled(s, *f.kept, condition) {
		return nil
	}
	if id, ok := b.sharedAwait(s, f, condition); ok {
		return []int{id}
	}
	id := b.await(s, f.container, condition, f.start)
	f.await[condition] = id
	return []int{id}
}

// sharedAwait is an await that does for another condition, too: what is healthy has settled, and what has to be healthy for
// others settles by becoming so. A one-shot settles by its end.
func (b *builder) sharedAwait(s compose.Service, f *occupant, condition Condition) (int, bool) {
	other := map[Condition]Condition{AwaitHealthy: AwaitSettled, AwaitSettled: AwaitHealthy}[condition]
	id, ok := f.await[other]
	if !ok || s.OneShot {
		return 0, false
	}
	if step, is := b.nodes[id-1].Step.(Await); is {
		step.Condition = AwaitHealthy
		b.nodes[id-1].Step = step
	}
	f.await[condition] = id
	return id, true
}

func (b *builder) fulfilled(s compose.Service, r Replica, condition Condition) bool {
	switch condition {
	case AwaitCompleted:
		return r.State == Exited && r.ExitCode == 0
	case AwaitSettled:
		return done(s, r) || (r.State == Running && (r.Health == NoHealth || r.Health == Healthy))
	}
	if r.State != Running || (r.Health != NoHealth && r.Health != Healthy) {
		return false
	}
	published := b.published(s.Name)
	return len(s.Routes) == 0 || published != nil && slices.Contains(published.Backends, r.Ref) &&
		published.Digest == RoutesDigest(s.Routes, s.Probe)
}

func (b *builder) await(s compose.Service, c Container, condition Condition, after []int) int {
	step := Await{Container: c, Condition: condition, Within: b.within(s)}
	if len(s.Routes) > 0 && condition == AwaitHealthy {
		step.Probe = s.Probe
		after = append(slices.Clone(after), b.system...)
	}
	return b.add(s.Name, step, "", after...)
}

// within is how long a replica of s may take to become what is awaited: a minute, or longer where its health
// check needs longer. A one-shot may take as long as it wants, unless something is to be routed to it.
func (b *builder) within(s compose.Service) time.Duration {
	if b.opt.Within > 0 {
		return b.opt.Within
	}
	if s.OneShot && len(s.Routes) == 0 {
		return 0
	}
	within := time.Minute
	if s.Probe != nil {
		within = max(within, time.Duration(s.Probe.Fall+s.Probe.Rise)*(s.Probe.Interval+s.Probe.Timeout))
	}
	h := s.Body.HealthCheck
	if h == nil || h.Disable {
		return within
	}
	retries := 3
	if h.Retries != nil && *h.Retries > 0 {
		retries = int(*h.Retries)
	}
	round := durationOr(h.Interval, 30*time.Second) + durationOr(h.Timeout, 30*time.Second)
	return max(within, durationOr(h.StartPeriod, 0)+time.Duration(retries+1)*round)
}

// Within is how long a replica of s may take to become what is awaited, where nobody says otherwise; 0 is without end.
func Within(s compose.Service) time.Duration { return (&builder{}).within(s) }

func durationOr(d *types.Duration, otherwise time.Duration) time.Duration {
	if d == nil {
		return otherwise
	}
	return time.Duration(*d)
}
