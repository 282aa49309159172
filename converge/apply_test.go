package converge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/converge"
	"hyper-lite/plan"
)

// scripted is an engine and a balancer whose steps end as a test says, by subject.
type scripted struct {
	mu    sync.Mutex
	calls []string
	busy  int
	most  int
	does  map[string]func(context.Context) error

	holds   func() (time.Duration, error)
	started []string
}

func (s *scripted) Observe(context.Context, compose.Project) (plan.Observed, error) {
	return plan.Observed{}, nil
}

func (s *scripted) Published(context.Context, plan.Observed) ([]plan.Published, error) {
	return nil, nil
}

func (s *scripted) Do(ctx context.Context, step plan.Step) error {
	name := step.Verb() + " " + step.Subject()
	s.mu.Lock()
	s.calls = append(s.calls, name)
	s.busy++
	s.most = max(s.most, s.busy)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.busy--
		s.mu.Unlock()
	}()
	if do, ok := s.does[name]; ok {
		return do(ctx)
	}
	return nil
}

func (s *scripted) Hold(_ context.Context, have plan.Observed) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, "hold")
	if s.holds == nil {
		return time.Hour, nil
	}
	return s.holds()
}

func (s *scripted) Started(c plan.Container) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = append(s.started, c.Name)
}

func (s *scripted) Release() error { return nil }

func (s *scripted) did(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.calls, name)
}

func container(service string) plan.Container {
	return plan.Container{Ref: plan.Ref{Service: service, Slot: 1, Generation: 1}, Name: service}
}

func start(id int, service string, after ...int) plan.Node {
	return plan.Node{ID: id, Step: plan.Start{Container: container(service)}, After: after}
}

func await(id int, service string, after ...int) plan.Node {
	return plan.Node{ID: id, Step: plan.Await{Container: container(service), Condition: plan.AwaitHealthy}, After: after}
}

func apply(t *testing.T, s *scripted, width int, nodes ...plan.Node) ([]string, error) {
	t.Helper()
	var events []string
	host := converge.Host{Engine: s, Balancer: s, Width: width, Report: func(e converge.Event) {
		events = append(events, fmt.Sprintf("%s %s", e.Node.Step.Subject(), e.Kind))
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return events, host.Apply(ctx, plan.Plan{Nodes: nodes})
}

func TestApplyKeepsTheOrder(t *testing.T) {
	s := &scripted{}
	events, err := apply(t, s, 0, start(1, "a"), start(2, "b", 1), start(3, "c", 2))
	assert.NilError(t, err)
	assert.DeepEqual(t, s.calls, []string{"start a.1@1", "start b.1@1", "start c.1@1"})
	assert.DeepEqual(t, events, []string{
		"a.1@1 started", "a.1@1 done", "b.1@1 started", "b.1@1 done", "c.1@1 started", "c.1@1 done",
	})
}

func TestApplyIsNoWiderThanAsked(t *testing.T) {
	var together sync.WaitGroup
	together.Add(3)
	meet := func(context.Context) error { // returns only once three are under way
		together.Done()
		together.Wait()
		return nil
	}
	s := &scripted{does: map[string]func(context.Context) error{}}
	var nodes []plan.Node
	for i := range 9 {
		service := string(rune('a' + i))
		nodes = append(nodes, start(i+1, service))
		if i < 3 {
			s.does["start "+service+".1@1"] = meet
		}
	}
	// The first three may stand in line behind others: let the others wait for them.
	for i := 3; i < 9; i++ {
		nodes[i].After = []int{1, 2, 3}
	}
	_, err := apply(t, s, 3, nodes...)
	assert.NilError(t, err)
	assert.Equal(t, s.most, 3)
	assert.Equal(t, len(s.calls), 9)
}

func TestApplyFinishesWhatItBegan(t *testing.T) {
	s := &scripted{}
	_, err := apply(t, s, 1, start(1, "a"), start(2, "b", 1), await(3, "b", 2), start(4, "c"), start(5, "d", 4))
	assert.NilError(t, err)
	order := slices.DeleteFunc(s.calls, func(c string) bool { return strings.HasPrefix(c, "await") })
	assert.DeepEqual(t, order, []string{"start a.1@1", "start b.1@1", "start c.1@1", "start d.1@1"})
}

func TestApplyStopsAtAFailure(t *testing.T) {
	broken := errors.New("no space left")
	s := &scripted{does: map[string]func(context.Context) error{
		"start a.1@1": func(context.Context) error { return broken },
	}}
	events, err := apply(t, s, 1, start(1, "a"), start(2, "b", 1), start(3, "c", 2))
	assert.ErrorIs(t, err, broken)
	assert.Assert(t, !s.did("start b.1@1") && !s.did("start c.1@1"))
	assert.DeepEqual(t, events, []string{"a.1@1 started", "a.1@1 failed"})
}

func TestAFailureEndsWaitsButNotWork(t *testing.T) {
	working, waiting, gaveUp := make(chan struct{}), make(chan struct{}), make(chan struct{})
	finished := false
	s := &scripted{does: map[string]func(context.Context) error{
		"start a.1@1": func(context.Context) error {
			<-working
			<-waiting
			return errors.New("broken")
		},
		"await b.1@1": func(ctx context.Context) error {
			close(waiting)
			<-ctx.Done()
			close(gaveUp)
			return ctx.Err()
		},
		"start c.1@1": func(ctx context.Context) error {
			close(working)
			<-gaveUp
			finished = ctx.Err() == nil
			return ctx.Err()
		},
	}}
	_, err := apply(t, s, 0, start(1, "a"), await(2, "b"), start(3, "c"), start(4, "d", 3))
	assert.Error(t, err, "broken")
	assert.Assert(t, finished, "a call under way was cut")
	assert.Assert(t, !s.did("start d.1@1"), "something new was begun after the failure")
}

func TestAnOptionalFailureIsOnlyReported(t *testing.T) {
	s := &scripted{does: map[string]func(context.Context) error{
		"await a.1@1": func(context.Context) error { return errors.New("never healthy") },
	}}
	optional := await(1, "a")
	optional.Optional = true
	dependent := start(2, "b")
	dependent.Settled = []int{1}
	events, err := apply(t, s, 0, optional, dependent)
	assert.NilError(t, err)
	assert.Assert(t, s.did("start b.1@1"))
	assert.Assert(t, slices.Contains(events, "a.1@1 failed"))
}

func TestAnInterruptIsReturned(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &scripted{does: map[string]func(context.Context) error{
		"start a.1@1": func(context.Context) error { cancel(); return nil },
	}}
	host := converge.Host{Engine: s, Balancer: s}
	err := host.Apply(ctx, plan.Plan{Nodes: []plan.Node{start(1, "a"), start(2, "b", 1)}})
	assert.ErrorIs(t, err, context.Canceled)
	assert.Assert(t, !s.did("start b.1@1"))
}

// dying is an engine on which a replica runs, and then exits while the balancer still probes it.
type dying struct{ scripted }

func (d *dying) Do(ctx context.Context, step plan.Step) error {
	if a, ok := step.(plan.Await); ok && a.Condition == plan.AwaitExit {
		return &plan.UnhealthyError{Container: a.Container, Condition: a.Condition, Reason: "exited (1)"}
	}
	return nil
}

// silent is a balancer for which nothing ever becomes healthy.
type silent struct{ scripted }

func (s *silent) Do(ctx context.Context, _ plan.Step) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestAReplicaThatDiesWhileItIsProbedFailsAtOnce(t *testing.T) {
	host := converge.Host{Engine: &dying{}, Balancer: &silent{}}
	node := await(1, "a")
	node.Step = plan.Await{
		Container: container("a"), Condition: plan.AwaitHealthy, Within: time.Hour, Probe: &compose.Probe{Port: 80},
	}
	err := host.Apply(t.Context(), plan.Plan{Nodes: []plan.Node{node}})
	unhealthy, ok := errors.AsType[*plan.UnhealthyError](err)
	assert.Assert(t, ok, "%v", err)
	assert.Equal(t, unhealthy.Reason, "exited (1)")
	assert.Equal(t, unhealthy.Condition, plan.AwaitHealthy)
}

// images is an engine without the image at first.
type images struct {
	scripted
	looks int
}

func (i *images) Observe(context.Context, compose.Project) (plan.Observed, error) {
	i.looks++
	if !i.did("pull image app") {
		return plan.Observed{}, nil
	}
	return plan.Observed{Images: map[string]plan.Image{"app": {ID: "sha256:app"}}}, nil
}

func TestUpFetchesImagesFirstAndLooksAgain(t *testing.T) {
	s := compose.Service{Project: "shop", Name: "web", Role: compose.RoleReplica, Replicas: 1, Digest: compose.Digest{Hash: "v1:aaaa"}}
	s.Body.Image = "app"
	want := compose.Project{Name: "shop", Services: []compose.Service{s}}
	engine := &images{}
	host := converge.Host{Engine: engine, Balancer: engine}
	p, err := host.Up(t.Context(), want, plan.Options{}, converge.Run{})
	assert.NilError(t, err)
	assert.DeepEqual(t, engine.calls, []string{"pull image app", "hold", "create web.1@1", "start web.1@1"})
	assert.Equal(t, engine.looks, 2)
	assert.Equal(t, strings.Count(p.String(), "#"), 3)

	engine = &images{scripted: scripted{does: map[string]func(context.Context) error{
		"pull image app": func(context.Context) error { return errors.New("no such image") },
	}}}
	host = converge.Host{Engine: engine, Balancer: engine}
	_, err = host.Up(t.Context(), want, plan.Options{}, converge.Run{})
	assert.Error(t, err, "no such image")
	assert.DeepEqual(t, engine.calls, []string{"pull image app"})
}

func TestUpAsksBeforeAnythingChanges(t *testing.T) {
	s := compose.Service{Project: "shop", Name: "web", Role: compose.RoleReplica, Replicas: 1, Digest: compose.Digest{Hash: "v1:aaaa"}}
	s.Body.Image = "app"
	engine := &images{}
	host := converge.Host{Engine: engine, Balancer: engine}
	refused := errors.New("no, thank you")
	_, err := host.Up(t.Context(), compose.Project{Name: "shop", Services: []compose.Service{s}}, plan.Options{},
		converge.Run{Confirm: func(plan.Plan) error { return refused }})
	assert.ErrorIs(t, err, refused)
	assert.Equal(t, len(engine.calls), 0)
}
