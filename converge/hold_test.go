package converge_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"hyper-lite/converge"
	"hyper-lite/plan"
)

// What the sidecar did by itself after the look is looked at again; what it did before is not.
func TestAHostThatChangedMeanwhileIsLookedAtAgain(t *testing.T) {
	s := &scripted{}
	quiet := []time.Duration{0, time.Hour}
	s.holds = func() (time.Duration, error) {
		now := quiet[0]
		quiet = quiet[1:]
		return now, nil
	}
	looks := 0
	look := func(context.Context) (plan.Observed, error) { looks++; return plan.Observed{}, nil }
	decide := func(plan.Observed) (plan.Plan, error) {
		return plan.Plan{Nodes: []plan.Node{{ID: 1, Step: plan.Start{Container: plan.Container{Name: "web"}}}}}, nil
	}
	host := converge.Host{Engine: s, Balancer: s}
	p, err := host.Decide(t.Context(), look, decide)
	assert.NilError(t, err)
	assert.Equal(t, looks, 2)
	assert.NilError(t, host.Apply(t.Context(), p))
	assert.DeepEqual(t, s.started, []string{"web"})
}

// A run that changes nothing does not ask the sidecar, nor does one that has images to fetch first.
func TestWhatChangesNothingHoldsNobody(t *testing.T) {
	look := func(context.Context) (plan.Observed, error) { return plan.Observed{}, nil }
	for _, p := range []plan.Plan{{}, {Nodes: []plan.Node{{ID: 1, Step: plan.Pull{Image: "app"}}}}} {
		s := &scripted{}
		_, err := converge.Host{Engine: s, Balancer: s}.Decide(t.Context(), look, func(plan.Observed) (plan.Plan, error) { return p, nil })
		assert.NilError(t, err)
		assert.Assert(t, !s.did("hold"))
	}
}

func TestASidecarThatCannotBeHeldIsOnlyWarnedOf(t *testing.T) {
	s := &scripted{holds: func() (time.Duration, error) { return 0, errors.New("it hangs") }}
	var warned []string
	host := converge.Host{Engine: s, Balancer: s, Warn: func(text string) { warned = append(warned, text) }}
	look := func(context.Context) (plan.Observed, error) { return plan.Observed{}, nil }
	want := plan.Plan{Nodes: []plan.Node{{ID: 1, Step: plan.Stop{}}}}
	p, err := host.Decide(t.Context(), look, func(plan.Observed) (plan.Plan, error) { return want, nil })
	assert.NilError(t, err)
	assert.Equal(t, len(p.Nodes), 1)
	assert.DeepEqual(t, warned, []string{"it hangs"})
}

// What was started after the look, by the engine for a command that was killed say, is stopped before it is removed; what is started
// again and again is told after three looks.
func TestWhatWasStartedAfterTheLookIsLookedAtAgain(t *testing.T) {
	web := plan.Container{Ref: plan.Ref{Service: "web", Slot: 1, Generation: 1}, Name: "web"}
	for _, c := range []struct {
		starts int
		calls  []string
		fails  bool
	}{
		{starts: 0, calls: []string{"remove web.1@1"}},
		{starts: 1, calls: []string{"remove web.1@1", "stop web.1@1", "remove web.1@1"}},
		{starts: 9, calls: []string{"remove web.1@1", "stop web.1@1", "remove web.1@1", "stop web.1@1", "remove web.1@1"}, fails: true},
	} {
		s, seen, begun := &scripted{}, 0, 0
		s.holds = func() (time.Duration, error) { return time.Hour, nil }
		s.does = map[string]func(context.Context) error{"remove web.1@1": func(context.Context) error {
			if seen > c.starts {
				return nil
			}
			return &plan.RunsError{Container: web, Err: errors.New("it runs")}
		}}
		look := func(context.Context) (plan.Observed, error) { seen++; return plan.Observed{}, nil }
		decide := func(plan.Observed) (plan.Plan, error) {
			if seen == 1 {
				return plan.Plan{Nodes: []plan.Node{{ID: 1, Step: plan.Remove{Container: web}}}}, nil
			}
			return plan.Plan{Nodes: []plan.Node{{ID: 1, Step: plan.Stop{Container: web}}, {ID: 2, Step: plan.Remove{Container: web}, After: []int{1}}}}, nil
		}
		err := converge.Host{Engine: s, Balancer: s}.Perform(t.Context(), converge.Work{Look: look, Decide: decide, Begins: func(plan.Plan) { begun++ }})
		assert.Equal(t, err != nil, c.fails, "%v", err)
		assert.Equal(t, begun, seen)
		assert.DeepEqual(t, slices.DeleteFunc(s.calls, func(call string) bool { return call == "hold" }), c.calls)
	}
}

// Who has enough of a start waits for the call under way, which a cut would report as failed; who has enough of a stop does
// not wait for its grace period.
func TestAnInterruptLetsWhatStartsComeToItsEnd(t *testing.T) {
	web := plan.Container{Ref: plan.Ref{Service: "web", Slot: 1, Generation: 1}, Name: "web"}
	for _, step := range []plan.Step{plan.Start{Container: web}, plan.Restart{Container: web}, plan.Stop{Container: web}, plan.Remove{Container: web}} {
		ctx, cancel := context.WithCancel(t.Context())
		s, cut := &scripted{}, false
		s.holds = func() (time.Duration, error) { return time.Hour, nil }
		s.does = map[string]func(context.Context) error{step.Verb() + " web.1@1": func(working context.Context) error {
			cancel()
			cut = working.Err() != nil
			return working.Err()
		}}
		err := converge.Host{Engine: s, Balancer: s}.Perform(ctx, converge.Work{
			Look: func(context.Context) (plan.Observed, error) { return plan.Observed{}, nil },
			Decide: func(plan.Observed) (plan.Plan, error) {
				return plan.Plan{Nodes: []plan.Node{{ID: 1, Step: step}}}, nil
			},
			Begins: func(plan.Plan) {},
		})
		assert.ErrorIs(t, err, context.Canceled)
		_, stops := step.(plan.Stop)
		_, removes := step.(plan.Remove)
		assert.Equal(t, cut, stops || removes, step.Verb())
	}
}

// What failed is not tried again: a replica that is not well, and one that its post_start hook ended. One whose pre_stop hook
// failed runs as it did.
func TestWhatFailedIsNotGivenBack(t *testing.T) {
	web := plan.Container{Ref: plan.Ref{Service: "web", Slot: 1, Generation: 1}, Name: "web"}
	for _, c := range []struct {
		err   error
		tried int
	}{
		{&plan.UnhealthyError{Container: web}, 1},
		{&plan.HookError{Container: web, Phase: plan.PostStart}, 1},
		{&plan.HookError{Container: web, Phase: plan.PreStop}, 0},
		{errors.New("the engine says no"), 0},
	} {
		s, asked := &scripted{}, false
		s.holds = func() (time.Duration, error) { return time.Hour, nil }
		s.does = map[string]func(context.Context) error{"restart web.1@1": func(context.Context) error { return c.err }}
		was := plan.Observed{Replicas: []plan.Replica{{Name: "web"}}}
		err := converge.Host{Engine: s, Balancer: s}.Perform(t.Context(), converge.Work{
			Look: func(context.Context) (plan.Observed, error) { return was, nil },
			Decide: func(plan.Observed) (plan.Plan, error) {
				return plan.Plan{Nodes: []plan.Node{{ID: 1, Step: plan.Restart{Container: web}}}}, nil
			},
			Begins: func(plan.Plan) {},
			Resume: func(before, _ plan.Observed, tried []plan.Ref) (plan.Plan, error) {
				asked = true
				assert.Equal(t, len(before.Replicas), 1)
				assert.Equal(t, len(tried), c.tried, "%v", c.err)
				return plan.Plan{}, nil
			},
		})
		assert.ErrorIs(t, err, c.err)
		assert.Assert(t, asked)
	}
}
