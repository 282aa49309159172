package plan_test

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

// onHost is the host in memory as converge sees it. The replicas for which bad says so are never found healthy.
type onHost struct {
	mu     sync.Mutex
	h      *host
	bad    func(plan.Replica) bool
	fades  func(plan.Replica) bool // which are found healthy, and do not stay so; nil: none
	cut    func(plan.Replica) bool // of which an await comes to no end before it is given up; nil: none
	before func() error            // asked before every step; its error is no broken promise
	check  func() error            // after every step

	interrupt func() // ends the run under way, as the first Ctrl-C of a user does

	told *[]string // the warnings; nil: nobody wants them
	err  error     // the first promise that was broken
}

func (o *onHost) Hold(context.Context, plan.Observed) (time.Duration, error) { return time.Hour, nil }

func (o *onHost) Started(plan.Container) {}

func (o *onHost) Release() error { return nil }

func (o *onHost) Observe(context.Context, compose.Project) (plan.Observed, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.h.observe(), nil
}

func (o *onHost) Published(_ context.Context, have plan.Observed) ([]plan.Published, error) {
	return have.Published, nil
}

func (o *onHost) Do(ctx context.Context, step plan.Step) error {
	if await, ok := step.(plan.Await); ok && await.Condition == plan.AwaitExit {
		<-ctx.Done() // nothing exits by itself here
		return ctx.Err()
	}
	if o.isCut(step) {
		<-ctx.Done()
		return ctx.Err()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.before != nil {
		if err := o.before(); err != nil {
			return err
		}
	}
	if await, ok := step.(plan.Await); ok {
		fades := func(r plan.Replica) bool { return await.For > 0 && o.fades != nil && o.fades(r) }
		if r := o.h.find(await.Container); r != nil && (o.bad(*r) || fades(*r)) {
			return &plan.UnhealthyError{Container: await.Container, Condition: await.Condition, Reason: "it is bad"}
		}
	}
	err := o.h.do(step)
	if err == nil && o.check != nil {
		err = o.check()
	}
	if err != nil && o.err == nil {
		o.err = fmt.Errorf("%s %s: %w", step.Verb(), step.Subject(), err)
	}
	return err
}

func (o *onHost) isCut(step plan.Step) bool {
	await, ok := step.(plan.Await)
	if !ok || o.cut == nil {
		return false
	}
	o.mu.Lock()
	var found plan.Replica
	if r := o.h.find(await.Container); r != nil {
		found = *r
	}
	o.mu.Unlock()
	return o.cut(found) // unlocked: it may wait for another step
}

func (o *onHost) up(t *testing.T, want compose.Project, applied *compose.Project) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	o.interrupt = cancel
	err := o.raise(ctx, want, applied, plan.Options{})
	assert.NilError(t, o.err)
	return err
}

// raise brings a project up. What was applied last is revision 7, if anything was.
func (o *onHost) raise(ctx context.Context, want compose.Project, applied *compose.Project, opt plan.Options) error {
	o.h.wanted = map[string]compose.Service{}
	for _, s := range want.Services {
		o.h.wanted[s.Name] = s
	}
	host := converge.Host{Engine: o, Balancer: o, Width: 4}
	opt.System = system(want)
	_, err := host.Up(ctx, want, opt, converge.Run{
		Applied: func(context.Context, string) (compose.Project, int, bool, error) {
			if applied == nil {
				return compose.Project{}, 0, false, nil
			}
			return *applied, 7, true, nil
		},
		System: func(p compose.Project) (plan.System, error) { return system(p), nil },
		Replan: func(plan.Plan) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.h.answers = true
		},
		Warn: func(line string) {
			if o.told != nil {
				*o.told = append(*o.told, line)
			}
		},
	})
	return err
}

// hashes are the specs of a service's running replicas, by slot, and what was set aside.
func (h *host) hashes(service string) (running map[int]string, aside []string) {
	running = map[int]string{}
	for _, r := range h.replicas {
		switch {
		case r.Role != compose.RoleReplica || r.Service != service:
		case r.SetAside():
			aside = append(aside, r.Name)
		case r.State == plan.Running:
			running[r.Slot] = r.Digest.Hash
		}
	}
	slices.Sort(aside)
	return running, aside
}

// count is how many replicas of a service run, and how many there are at all.
func (h *host) count(service string) (running, all int) {
	for _, r := range h.replicas {
		if r.Role != compose.RoleReplica || r.Service != service {
			continue
		}
		all++
		if r.State == plan.Running {
			running++
		}
	}
	return running, all
}

// settled is how many replicas of a service run that ran before, or were found as they should be since their start.
func (h *host) settled(service string) int {
	n := 0
	for _, r := range h.replicas {
		if r.Role == compose.RoleReplica && r.Service == service && r.State == plan.Running && !h.unsettled[r.ID] {
			n++
		}
	}
	return n
}

func (h *host) serving(service string) int {
	n := 0
	for _, r := range h.replicas {
		if r.Role == compose.RoleReplica && r.Service == service && r.State == plan.Running && h.serves(r.Ref) {
			n++
		}
	}
	return n
}

// Every combination of order, parallelism, failure action and number of slots; the first, a middle or the last one fails.
func TestAFailedReplacementIsAnswered(t *testing.T) {
	for _, order := range []string{compose.StartFirst, compose.StopFirst} {
		for _, action := range []string{compose.PauseOnFailure, compose.ContinueOnFailure, compose.RollBackOnFailure} {
			for _, balanced := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s %s balanced=%v", order, action, balanced), func(t *testing.T) {
					t.Parallel()
					for n := 1; n <= 8; n++ {
						for parallelism := 0; parallelism <= n; parallelism++ {
							for _, bad := range slices.Compact([]int{1, n/2 + 1, n}) {
								if !balanced && n == 1 {
									continue // nothing is left that runs, so that it is no rollout
								}
								answered(t, order, action, balanced, n, parallelism, bad)
							}
						}
					}
				})
			}
		}
	}
}

func answered(t *testing.T, order, action string, balanced bool, n, parallelism, bad int) {
	t.Helper()
	web := func(hash string) compose.Project {
		s := service("web", n, hash)
		if balanced {
			s = routed(s, 8080)
		}
		s.Rollout.Order, s.Rollout.Parallelism, s.Rollout.OnFailure = order, parallelism, action
		s.Rollback = s.Rollout
		return shop(s)
	}
	about := fmt.Sprintf("%s, %s, balanced %v, %d replicas, parallelism %d, slot %d fails", order, action, balanced, n, parallelism, bad)
	before := web("v1:aaaa")
	h := running(t, before)
	clear(h.unsettled)
	o := &onHost{h: h, bad: func(r plan.Replica) bool { return r.Slot == bad && r.Digest.Hash == "v1:bbbb" }}
	wave := parallelism
	if wave == 0 {
		wave = n
	}
	o.check = func() error {
		least := n
		if order == compose.StopFirst {
			least = n - wave
		}
		serving := h.settled("web")
		if balanced {
			serving = h.serving("web")
		}
		if serving < least {
			return fmt.Errorf("%s: only %d of %d serve", about, serving, n)
		}
		most := n + wave
		if order == compose.StopFirst {
			most = n
		}
		running, _ := h.count("web")
		if running > most {
			return fmt.Errorf("%s: %d run", about, running)
		}
		return nil
	}
	err := o.up(t, web("v1:bbbb"), &before)

	failed, ok := errors.AsType[*plan.RolloutError](err)
	assert.Assert(t, ok, "%s: %v", about, err)
	assert.Equal(t, failed.Action, action, about)
	assert.NilError(t, failed.Undone, about)
	assert.Assert(t, errors.As(err, new(*plan.UnhealthyError)), about)
	if balanced {
		assert.Equal(t, h.serving("web"), n, about)
	}
	assert.Equal(t, h.settled("web"), n, about) // what was given back was awaited
	running, aside := h.hashes("web")
	assert.DeepEqual(t, aside, []string{fmt.Sprintf("shop-web-%d-g2-failed", bad)})
	assert.Equal(t, failed.Failed[0].Name, aside[0], about)
	assert.Equal(t, len(running), n, about)
	for slot, hash := range running {
		switch {
		case action == compose.RollBackOnFailure || slot == bad || action == compose.PauseOnFailure && slot > bad+wave:
			assert.Equal(t, hash, "v1:aaaa", "%s: slot %d", about, slot)
		case action == compose.ContinueOnFailure || slot < bad-wave:
			assert.Equal(t, hash, "v1:bbbb", "%s: slot %d", about, slot)
		}
	}

	// The next up finishes, whether what failed was mended or the file went back, and keeps nothing of it.
	o.bad = func(plan.Replica) bool { return false }
	for _, next := range []string{"v1:bbbb", "v1:aaaa"} {
		assert.NilError(t, o.up(t, web(next), nil), about)
		running, aside := h.hashes("web")
		assert.Equal(t, len(aside), 0, about)
		assert.Equal(t, len(running), n, about)
		for slot, hash := range running {
			assert.Equal(t, hash, next, "%s: slot %d", about, slot)
		}
		again := must(t, web(next), h, plan.Options{})
		assert.Assert(t, again.Empty(), "%s:\n%s", about, again)
	}
}

func TestFailuresThatTheFileAllowsAreNoError(t *testing.T) {
	web := func(hash string) compose.Project {
		s := routed(service("web", 5, hash), 8080)
		s.Rollout.OnFailure, s.Rollout.MaxFailureRatio = compose.RollBackOnFailure, 0.4
		return shop(s)
	}
	before := web("v1:aaaa")
	h := running(t, before)
	bad := []int{2, 4}
	o := &onHost{h: h, bad: func(r plan.Replica) bool { return slices.Contains(bad, r.Slot) && r.Digest.Hash == "v1:bbbb" }}
	assert.NilError(t, o.up(t, web("v1:bbbb"), &before))
	running, aside := h.hashes("web")
	assert.DeepEqual(t, running, map[int]string{1: "v1:bbbb", 2: "v1:aaaa", 3: "v1:bbbb", 4: "v1:aaaa", 5: "v1:bbbb"})
	assert.DeepEqual(t, aside, []string{"shop-web-2-g2-failed", "shop-web-4-g2-failed"})

	bad = []int{1, 2, 3} // of the remaining ones: 3 of 5 are too many
	err := o.up(t, web("v1:cccc"), &before)
	assert.NilError(t, err)
	bad = []int{1, 2, 3}
	o.bad = func(r plan.Replica) bool { return slices.Contains(bad, r.Slot) && r.Digest.Hash == "v1:dddd" }
	last := web("v1:cccc")
	failed, ok := errors.AsType[*plan.RolloutError](o.up(t, web("v1:dddd"), &last))
	assert.Assert(t, ok)
	assert.Equal(t, failed.Back, 7)
	assert.Equal(t, len(failed.Failed), 3)
	running, _ = h.hashes("web")
	for slot := 1; slot <= 5; slot++ {
		assert.Equal(t, running[slot], "v1:cccc")
	}
}

func TestWithoutARevisionARollbackIsAPause(t *testing.T) {
	web := func(hash string) compose.Project {
		s := routed(service("web", 3, hash), 8080)
		s.Rollout.OnFailure = compose.RollBackOnFailure
		return shop(s)
	}
	h := running(t, web("v1:aaaa"))
	o := &onHost{h: h, bad: func(r plan.Replica) bool { return r.Slot == 2 && r.Digest.Hash == "v1:bbbb" }}
	failed, ok := errors.AsType[*plan.RolloutError](o.up(t, web("v1:bbbb"), nil))
	assert.Assert(t, ok)
	assert.Equal(t, failed.Action, compose.PauseOnFailure)
	assert.Assert(t, strings.Contains(failed.Note, "no applied revision"), failed.Note)
	running, _ := h.hashes("web")
	assert.DeepEqual(t, running, map[int]string{1: "v1:bbbb", 2: "v1:aaaa", 3: "v1:aaaa"})
}

// A replacement that fails is its own service's affair: the rollouts of the others come to their end, and those that depend
// on it stay as they were. Nothing is left half replaced.
func TestAFailedRolloutEndsNoOther(t *testing.T) {
	for _, order := range []string{compose.StartFirst, compose.StopFirst} {
		for _, action := range []string{compose.PauseOnFailure, compose.ContinueOnFailure, compose.RollBackOnFailure} {
			for most := range 12 { // steps of the others before the failure
				all := func(hash string) compose.Project {
					var services []compose.Service
					for i, name := range []string{"api", "web", "worker"} {
						s := service(name, 3, hash)
						if name != "worker" {
							s = routed(s, 8080+i)
						}
						s.Rollout.Order, s.Rollout.OnFailure = order, action
						s.Rollback = s.Rollout
						services = append(services, s)
					}
					front := routed(service("front", 2, hash), 9090)
					front.DependsOn = []compose.Dependency{{Service: "api", Condition: "service_healthy", Required: true}}
					return shop(append(services, front)...)
				}
				before := all("v1:aaaa")
				h := running(t, before)
				steps := 0
				o := &onHost{h: h, before: func() error { steps++; return nil }}
				o.bad = func(r plan.Replica) bool {
					return r.Service == "api" && r.Slot == 2 && r.Digest.Hash == "v1:bbbb" && steps >= most
				}
				err := o.up(t, all("v1:bbbb"), &before)
				about := fmt.Sprintf("%s, %s, after %d steps", order, action, most)
				failed, ok := errors.AsType[*plan.RolloutError](err)
				assert.Assert(t, ok, "%s: %v", about, err)
				assert.Equal(t, failed.Service, "api", about)
				for _, name := range []string{"web", "worker"} {
					running, all := h.hashes(name)
					assert.DeepEqual(t, running, map[int]string{1: "v1:bbbb", 2: "v1:bbbb", 3: "v1:bbbb"})
					assert.Equal(t, len(all), 0, about)
				}
				_, containers := h.count("worker")
				assert.Equal(t, containers, 3, about)
				assert.Equal(t, h.serving("api"), 3, about)
				assert.Equal(t, h.serving("web"), 3, about)
				assert.Equal(t, h.serving("front"), 2, about)
				fronts, _ := h.hashes("front")
				want := "v1:aaaa"
				if action == compose.ContinueOnFailure {
					want = "v1:bbbb"
				}
				assert.DeepEqual(t, fronts, map[int]string{1: want, 2: want})
			}
		}
	}
}

// What is no replacement and fails leaves no other service half replaced either.
func TestAFirstStartThatFailsLeavesNoRolloutHalfDone(t *testing.T) {
	both := func(hash string, more ...compose.Service) compose.Project {
		web := service("web", 4, hash)
		web.Rollout.Order, web.Rollout.Parallelism = compose.StopFirst, 0
		return shop(append([]compose.Service{web}, more...)...)
	}
	h := running(t, both("v1:aaaa"))
	o := &onHost{h: h, bad: func(r plan.Replica) bool { return r.Service == "new" }}
	err := o.up(t, both("v1:bbbb", routed(service("new", 1, "v1:cccc"), 8080)), nil)
	assert.Assert(t, errors.As(err, new(*plan.UnhealthyError)), "%v", err)
	running, _ := h.hashes("web")
	assert.DeepEqual(t, running, map[int]string{1: "v1:bbbb", 2: "v1:bbbb", 3: "v1:bbbb", 4: "v1:bbbb"})
}

// A service that is scaled up and changed in one run: what does not stay healthy is found out before it serves, in the
// slots that are new as in all others, and the failure action holds for it.
func TestNewSlotsOfAChangedServiceAreWatched(t *testing.T) {
	for _, order := range []string{compose.StartFirst, compose.StopFirst} {
		for _, action := range []string{compose.PauseOnFailure, compose.ContinueOnFailure, compose.RollBackOnFailure} {
			for _, isRouted := range []bool{true, false} {
				web := func(n int, hash string) compose.Project {
					s := monitored(service("web", n, hash))
					if isRouted {
						s = routed(s, 8080)
					}
					s.Rollout.Order, s.Rollout.OnFailure = order, action
					s.Rollback = s.Rollout
					return shop(s)
				}
				about := fmt.Sprintf("%s, %s, routed %v", order, action, isRouted)
				before := web(2, "v1:aaaa")
				h := running(t, before)
				o := &onHost{h: h, bad: func(plan.Replica) bool { return false }}
				o.fades = func(r plan.Replica) bool { return r.Digest.Hash == "v1:bbbb" }
				o.check = func() error {
					for _, r := range h.replicas {
						if r.Digest.Hash == "v1:bbbb" && h.serves(r.Ref) {
							return fmt.Errorf("%s: %s serves", about, r.Ref)
						}
					}
					return nil
				}
				failed, ok := errors.AsType[*plan.RolloutError](o.up(t, web(4, "v1:bbbb"), &before))
				assert.Assert(t, ok, about)
				assert.Equal(t, failed.Action, action, about)
				running, aside := h.hashes("web")
				assert.Equal(t, fmt.Sprint(running), "map[1:v1:aaaa 2:v1:aaaa]", about)
				assert.Assert(t, len(aside) > 0, about)
				if action == compose.ContinueOnFailure {
					assert.Equal(t, len(aside), 4, about)
				}

				o.fades, o.check = nil, nil
				assert.NilError(t, o.up(t, web(4, "v1:bbbb"), &before), about)
				running, aside = h.hashes("web")
				assert.Equal(t, len(running), 4, about)
				assert.Equal(t, len(aside), 0, about)
				assert.Assert(t, must(t, web(4, "v1:bbbb"), h, plan.Options{}).Empty(), about)
			}
		}
	}
}

// The first failure of a wave cuts short the watch over the others of that wave: the answer watches them again, before it
// removes what they replace.
func TestEveryReplacementOfAWaveIsWatched(t *testing.T) {
	for _, order := range []string{compose.StartFirst, compose.StopFirst} {
		for _, action := range []string{compose.PauseOnFailure, compose.ContinueOnFailure, compose.RollBackOnFailure} {
			for _, monitor := range []time.Duration{0, 2 * time.Second} {
				web := func(hash string) compose.Project {
					s := service("web", 4, hash)
					if monitor == 0 {
						s = routed(s, 8080)
					}
					s.Rollout.Order, s.Rollout.Parallelism, s.Rollout.OnFailure, s.Rollout.Monitor = order, 2, action, monitor
					s.Rollback = s.Rollout
					return shop(s)
				}
				about := fmt.Sprintf("%s, %s, monitor %s", order, action, monitor)
				before := web("v1:aaaa")
				h := running(t, before)
				o := &onHost{h: h, bad: func(r plan.Replica) bool { return r.Digest.Hash == "v1:bbbb" }}
				failed, ok := errors.AsType[*plan.RolloutError](o.up(t, web("v1:bbbb"), &before))
				assert.Assert(t, ok, about)
				assert.NilError(t, failed.Undone, about)
				running, aside := h.hashes("web")
				assert.Equal(t, fmt.Sprint(running), "map[1:v1:aaaa 2:v1:aaaa 3:v1:aaaa 4:v1:aaaa]", about)
				if action == compose.ContinueOnFailure {
					assert.Equal(t, len(failed.Failed), 4, about)
					assert.Equal(t, len(aside), 4, about)
				}
			}
		}
	}
}

// The rollout pauses at the first failure of a wave, while the watch over the second replacement is cut short: that one is
// watched again, and where it fails, too, what it replaces is given back all the same.
func TestAPausedWaveGivesBackWhatItTook(t *testing.T) {
	for _, order := range []string{compose.StartFirst, compose.StopFirst} {
		for at := range 4 {
			isRouted, n := at%2 == 0, 2+at/2
			web := func(hash string) compose.Project {
				s := monitored(service("web", n, hash))
				if isRouted {
					s = routed(s, 8080)
				}
				s.Rollout.Order, s.Rollout.Parallelism, s.Rollout.OnFailure = order, 2, compose.PauseOnFailure
				return shop(s)
			}
			about := fmt.Sprintf("%s, routed %v, %d replicas", order, isRouted, n)
			before := web("v1:aaaa")
			h := running(t, before)
			o := &onHost{h: h, bad: func(r plan.Replica) bool { return r.Digest.Hash == "v1:bbbb" }}
			second := make(chan struct{})
			var once sync.Once
			o.cut = func(r plan.Replica) bool {
				if r.Slot == 1 {
					<-second
					return false
				}
				first := false
				once.Do(func() { first = true; close(second) })
				return first
			}
			failed, ok := errors.AsType[*plan.RolloutError](o.up(t, web("v1:bbbb"), &before))
			assert.Assert(t, ok, about)
			running, _ := h.hashes("web")
			assert.Equal(t, fmt.Sprint(running), "map[1:v1:aaaa 2:v1:aaaa 3:v1:aaaa]"[:n*10+3]+"]", about)
			if order == compose.StopFirst || !isRouted { // else the old one serves all the time
				assert.Equal(t, len(failed.Failed), 2, about)
			}
		}
	}
}

// A plan that answers a failure runs no one-shot a second time, however it ended.
func TestAOneShotRunsOnceInARun(t *testing.T) {
	both := func(hash string) compose.Project {
		once := service("once", 1, hash)
		once.OneShot = true
		web := routed(service("web", 2, hash), 8080)
		web.DependsOn = []compose.Dependency{{Service: "once", Condition: "service_started", Required: true}}
		return shop(once, web)
	}
	h := running(t, both("v1:aaaa"))
	runs := 0
	o := &onHost{h: h, bad: func(r plan.Replica) bool { return r.Service == "web" && r.Digest.Hash == "v1:bbbb" }}
	o.check = func() error {
		for i, r := range h.replicas {
			if r.Service == "once" && r.State == plan.Exited && r.ExitCode == 0 && r.Digest.Hash == "v1:bbbb" {
				runs++
				h.replicas[i].ExitCode = 1
			}
		}
		return nil
	}
	_, failed := errors.AsType[*plan.RolloutError](o.up(t, both("v1:bbbb"), nil))
	assert.Assert(t, failed)
	assert.Equal(t, runs, 1)
}

// Going back fails, too: rollback_config says whether the other replicas go back all the same. None is left without one
// that runs.
func TestAWayBackThatFails(t *testing.T) {
	for _, order := range []string{compose.StartFirst, compose.StopFirst} {
		for _, action := range []string{compose.PauseOnFailure, compose.ContinueOnFailure} {
			web := func(hash string) compose.Project {
				s := routed(service("web", 4, hash), 8080)
				s.Rollout.Order, s.Rollout.OnFailure = order, compose.RollBackOnFailure
				s.Rollback = s.Rollout
				s.Rollback.OnFailure = action
				return shop(s)
			}
			before := web("v1:aaaa")
			h := running(t, before)
			o := &onHost{h: h, bad: func(r plan.Replica) bool {
				return r.Slot == 4 && r.Digest.Hash == "v1:bbbb" || r.Slot == 1 && r.Digest.Hash == "v1:aaaa"
			}}
			failed, ok := errors.AsType[*plan.RolloutError](o.up(t, web("v1:bbbb"), &before))
			assert.Assert(t, ok)
			assert.Assert(t, failed.Undone != nil)
			assert.Equal(t, len(failed.Failed), 2)
			assert.Equal(t, h.serving("web"), 4)
			running, aside := h.hashes("web")
			assert.DeepEqual(t, aside, []string{"shop-web-1-g3-failed", "shop-web-4-g2-failed"})
			want := map[int]string{1: "v1:bbbb", 2: "v1:bbbb", 3: "v1:bbbb", 4: "v1:aaaa"}
			if action == compose.ContinueOnFailure {
				want[2], want[3] = "v1:aaaa", "v1:aaaa"
			}
			assert.DeepEqual(t, running, want)
		}
	}
}

// What ran before and does not run again is told, beside what failed first.
func TestWhatIsGivenBackAndDoesNotRunIsTold(t *testing.T) {
	for _, action := range []string{compose.PauseOnFailure, compose.RollBackOnFailure} {
		db := func(hash string) compose.Project {
			s := service("db", 2, hash)
			s.Rollout.Order, s.Rollout.OnFailure = compose.StopFirst, action
			s.Rollback = s.Rollout
			return shop(s)
		}
		before := db("v1:aaaa")
		h := running(t, before)
		o := &onHost{h: h, bad: func(r plan.Replica) bool { return r.Slot == 1 && r.Service == "db" }}
		err := o.up(t, db("v1:bbbb"), &before)
		_, ok := errors.AsType[*plan.RolloutError](err)
		assert.Assert(t, ok, "%v", err)
		assert.Assert(t, strings.Contains(err.Error(), "await db.1@2") && strings.Contains(err.Error(), "await db.1@1"), "%s: %v", action, err)
		running, _ := h.hashes("db")
		assert.Equal(t, running[2], "v1:aaaa", action)
	}
}

// What never ran has nothing to go back to: it stays as it is, for its logs.
func TestAFirstUpThatFailsIsNoRollout(t *testing.T) {
	h := newHost("shop")
	o := &onHost{h: h, bad: func(plan.Replica) bool { return true }}
	err := o.up(t, shop(routed(service("web", 2, "v1:aaaa"), 8080)), nil)
	assert.Assert(t, errors.As(err, new(*plan.UnhealthyError)), "%v", err)
	assert.Assert(t, !errors.As(err, new(*plan.RolloutError)), "%v", err)
	_, aside := h.hashes("web")
	assert.Equal(t, len(aside), 0)
}

// A run that is killed after any step, in the rollout or in what answers its failure, is finished by the next one.
func TestARolloutKilledAnywhereIsFinished(t *testing.T) {
	for _, order := range []string{compose.StartFirst, compose.StopFirst} {
		for _, action := range []string{compose.PauseOnFailure, compose.ContinueOnFailure, compose.RollBackOnFailure} {
			t.Run(order+" "+action, func(t *testing.T) {
				t.Parallel()
				for most := 0; killedAfter(t, order, action, most); most++ {
				}
			})
		}
	}
}

// Ctrl-C after any step: what was begun ends, and each slot that had a replica has one when the command does.
func TestAnInterruptedRolloutGivesBackWhatItTook(t *testing.T) {
	for _, order := range []string{compose.StartFirst, compose.StopFirst} {
		for _, isRouted := range []bool{true, false} {
			for n := 1; n <= 3; n++ {
				for parallelism := 0; parallelism <= n; parallelism++ {
					for most := 1; interruptedAfter(t, order, isRouted, n, parallelism, most); most++ {
					}
				}
			}
		}
	}
}

// interruptedAfter says whether the run was interrupted: else it ended with fewer steps.
func interruptedAfter(t *testing.T, order string, isRouted bool, n, parallelism, most int) bool {
	t.Helper()
	web := func(hash string) compose.Project {
		s := service("web", n, hash)
		if isRouted {
			s = routed(s, 8080)
		}
		s.Rollout.Order, s.Rollout.Parallelism = order, parallelism
		return shop(s)
	}
	about := fmt.Sprintf("%s, routed %v, %d replicas, parallelism %d, interrupted after %d steps", order, isRouted, n, parallelism, most)
	h := running(t, web("v1:aaaa"))
	o := &onHost{h: h, bad: func(plan.Replica) bool { return false }}
	steps, interrupted := 0, false
	o.before = func() error {
		if steps++; steps == most {
			interrupted = true
			o.interrupt()
		}
		return nil
	}
	err := o.up(t, web("v1:bbbb"), nil)
	if interrupted {
		assert.ErrorIs(t, err, context.Canceled, about)
	} else {
		assert.NilError(t, err, about)
	}
	slots, aside := h.hashes("web")
	assert.Equal(t, len(slots), n, about)
	assert.Equal(t, len(aside), 0, about)
	if isRouted {
		assert.Equal(t, h.serving("web"), n, about)
	}
	assert.NilError(t, o.up(t, web("v1:bbbb"), nil), about)
	again := must(t, web("v1:bbbb"), h, plan.Options{})
	assert.Assert(t, again.Empty(), "%s:\n%s", about, again)
	return interrupted
}

// A run that was killed while a withdrawn replica still answered: the next one waits for its requests before it stops it.
func TestWhatAKilledRunWithdrewIsDrainedAllTheSame(t *testing.T) {
	for _, order := range []string{compose.StartFirst, compose.StopFirst} {
		web := func(hash string) compose.Project {
			s := routed(service("web", 2, hash), 8080)
			s.Rollout.Order = order
			return shop(s)
		}
		h := running(t, web("v1:aaaa"))
		killed := false
		o := &onHost{h: h, bad: func(plan.Replica) bool { return false }}
		o.before = func() error {
			if killed = killed || h.serving("web") < 2 || h.serves(plan.Ref{Service: "web", Slot: 1, Generation: 2}); killed {
				return errors.New("killed")
			}
			return nil
		}
		assert.Assert(t, o.up(t, web("v1:bbbb"), nil) != nil)
		next := must(t, web("v1:bbbb"), h, plan.Options{})
		drain := slices.IndexFunc(next.Nodes, func(n plan.Node) bool { return n.Step.Verb() == "drain" && n.Step.Subject() == "web.1@1" })
		stop := slices.IndexFunc(next.Nodes, func(n plan.Node) bool { return n.Step.Verb() == "stop" && n.Step.Subject() == "web.1@1" })
		assert.Assert(t, drain >= 0 && slices.Contains(next.Nodes[stop].After, drain+1), "%s:\n%s", order, next)
	}
}

// killedAfter says whether the run was killed: else it ended with fewer steps.
func killedAfter(t *testing.T, order, action string, most int) bool {
	t.Helper()
	web := func(hash string) compose.Project {
		s := routed(service("web", 3, hash), 8080)
		s.Rollout.Order, s.Rollout.OnFailure = order, action
		s.Rollback = s.Rollout
		return shop(s)
	}
	before := web("v1:aaaa")
	h := running(t, before)
	o := &onHost{h: h, bad: func(r plan.Replica) bool { return r.Slot == 2 && r.Digest.Hash == "v1:bbbb" }}
	killed := errors.New("killed")
	steps := 0
	o.before = func() error {
		if steps++; steps > most {
			return killed
		}
		return nil
	}
	err := o.up(t, web("v1:bbbb"), &before)
	least := 3
	if order == compose.StopFirst {
		least = 2
	}
	about := fmt.Sprintf("%s, %s, killed after %d steps", order, action, most)
	assert.Assert(t, h.serving("web") >= least, about)
	o.before, o.bad = nil, func(plan.Replica) bool { return false }
	assert.NilError(t, o.up(t, web("v1:bbbb"), &before), about)
	assert.Equal(t, h.serving("web"), 3, about)
	alive, all := h.count("web")
	assert.Equal(t, alive, 3, about)
	assert.Equal(t, all, 3, about)
	again := must(t, web("v1:bbbb"), h, plan.Options{})
	assert.Assert(t, again.Empty(), "%s:\n%s", about, again)
	return errors.Is(err, killed)
}
