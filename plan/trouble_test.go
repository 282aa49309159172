package plan_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// trouble is what happens to one run besides its plan.
type trouble struct {
	bad         map[string]bool // "web.2 v1:bbbb": such a replica is never healthy
	fades       map[string]bool // such a one does not stay so
	errors      []int           // steps that fail, from 1
	removal     int             // after so many steps somebody removes a container; 0: nobody does
	victim      int             // which one
	interrupted int             // after so many steps comes Ctrl-C; 0: never
}

func anyTrouble(t *rapid.T, want compose.Project, rm bool) trouble {
	is := trouble{bad: map[string]bool{}, fades: map[string]bool{}}
	for _, s := range want.Services {
		for slot := 1; slot <= s.Replicas; slot++ {
			who := fmt.Sprintf("%s.%d %s", s.Name, slot, s.Digest.Hash)
			switch rapid.SampledFrom([]string{"well", "well", "bad", "fades"}).Draw(t, who) {
			case "bad":
				is.bad[who] = true
			case "fades":
				is.fades[who] = true
			}
		}
	}
	is.errors = rapid.SliceOfN(rapid.IntRange(1, 40), 0, 3).Draw(t, "steps that fail")
	if rm {
		is.removal, is.victim = rapid.IntRange(0, 30).Draw(t, "somebody removes after"), rapid.IntRange(0, 1000).Draw(t, "victim")
	}
	if rapid.Bool().Draw(t, "is interrupted") {
		is.interrupted = rapid.IntRange(1, 40).Draw(t, "after")
	}
	return is
}

func who(r plan.Replica) string { return fmt.Sprintf("%s.%d %s", r.Service, r.Slot, r.Digest.Hash) }

var errTrouble = errors.New("trouble")

// befall makes trouble happen to the next run on a host. It returns what was told to the user.
func (o *onHost) befall(is trouble) *[]string {
	var told []string
	steps := 0
	o.bad = func(r plan.Replica) bool { return is.bad[who(r)] }
	o.fades = func(r plan.Replica) bool { return is.fades[who(r)] }
	o.told, o.h.answers = &told, false
	o.before = func() error {
		if steps++; steps > 3000 {
			panic("the run comes to no end")
		}
		if steps == is.removal && len(o.h.replicas) > 0 {
			r := &o.h.replicas[is.victim%len(o.h.replicas)]
			r.State = plan.Exited
			if r.Role == compose.RoleReplica {
				o.h.replicas = slices.DeleteFunc(o.h.replicas, func(other plan.Replica) bool { return other.ID == r.ID })
			}
		}
		if steps == is.interrupted {
			o.interrupt()
		}
		back := slices.ContainsFunc(told, func(line string) bool { return strings.Contains(line, "gets back") })
		if slices.Contains(is.errors, steps) && !back {
			return errTrouble
		}
		return nil
	}
	return &told
}

// anyRollout draws a project and what becomes of it: changed, scaled, with services less.
func anyRollout(t *rapid.T) (before, after compose.Project) {
	for i := range rapid.IntRange(1, 3).Draw(t, "services") {
		name := string(rune('a' + i))
		draw := func(what string) string { return name + " " + what }
		isRouted, isMonitored := rapid.Bool().Draw(t, draw("routed")), rapid.Bool().Draw(t, draw("monitored"))
		order := rapid.SampledFrom([]string{compose.StartFirst, compose.StopFirst}).Draw(t, draw("order"))
		parallelism := rapid.IntRange(0, 3).Draw(t, draw("parallelism"))
		action := rapid.SampledFrom([]string{compose.PauseOnFailure, compose.ContinueOnFailure, compose.RollBackOnFailure}).Draw(t, draw("action"))
		back := rapid.SampledFrom([]string{compose.PauseOnFailure, compose.ContinueOnFailure}).Draw(t, draw("action on the way back"))
		ratio := rapid.SampledFrom([]float64{0, 0, 0.5}).Draw(t, draw("ratio"))
		depends := i > 0 && rapid.Bool().Draw(t, draw("depends"))
		make := func(n int, hash string) compose.Service {
			s := service(name, n, hash)
			if isRouted {
				s = routed(s, 8000+i)
			}
			if isMonitored {
				s = monitored(s)
			}
			s.Rollout.Order, s.Rollout.Parallelism, s.Rollout.OnFailure, s.Rollout.MaxFailureRatio = order, parallelism, action, ratio
			s.Rollback = s.Rollout
			s.Rollback.OnFailure = back
			return s
		}
		was := make(rapid.IntRange(0, 4).Draw(t, draw("replicas before")), "v1:aaaa")
		before.Services = append(before.Services, was)
		if rapid.SampledFrom([]bool{false, false, true}).Draw(t, draw("is removed")) {
			continue
		}
		is := make(rapid.IntRange(0, 4).Draw(t, draw("replicas after")), rapid.SampledFrom([]string{"v1:aaaa", "v1:bbbb", "v1:bbbb"}).Draw(t, draw("hash after")))
		if depends && len(after.Services) > 0 {
			is = dependsOn(is, after.Services[0].Name, "service_healthy")
		}
		after.Services = append(after.Services, is)
	}
	before.Name, after.Name = "shop", "shop"
	return before, after
}

// upIn brings a project up with whatever happens to the run.
func (o *onHost) upIn(t *rapid.T, want compose.Project, applied *compose.Project) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	o.interrupt = cancel
	err := o.raise(ctx, want, applied, plan.Options{RemoveOrphans: true})
	if errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the run hangs: %v", err)
	}
	return err
}

// Whatever fails, whenever, in a run that changes, scales and removes services at once: it comes to an end, breaks no promise,
// leaves no slot without a replica that had one, calls nothing well that is not, and the next run finishes.
func TestARunInTroubleTakesNothingAwayAndIsFinished(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := anyRollout(t)
		o := &onHost{h: newHost("shop"), bad: func(plan.Replica) bool { return false }}
		if err := o.upIn(t, before, nil); err != nil {
			t.Fatal(err)
		}
		is := anyTrouble(t, after, false)
		for who := range is.bad { // what ran well before does so again
			if strings.HasSuffix(who, "v1:aaaa") {
				delete(is.bad, who)
			}
		}
		for who := range is.fades {
			if strings.HasSuffix(who, "v1:aaaa") {
				delete(is.fades, who)
			}
		}
		told := o.befall(is)
		o.check = func() error {
			for _, s := range after.Services {
				was, there := before.Service(s.Name)
				if !there || s.Rollout.Order != compose.StartFirst || len(s.Routes) == 0 {
					continue
				}
				if least := min(was.Replicas, s.Replicas); o.h.serving(s.Name) < least {
					return fmt.Errorf("%s: %d of %d serve", s.Name, o.h.serving(s.Name), least)
				}
			}
			return nil
		}
		err := o.upIn(t, after, &before)
		if o.err != nil {
			t.Fatalf("%v\n%v", o.err, err)
		}
		for _, s := range after.Services {
			was, _ := before.Service(s.Name)
			running, _ := o.h.hashes(s.Name)
			for slot := 1; slot <= min(was.Replicas, s.Replicas); slot++ {
				if running[slot] == "" {
					t.Fatalf("%s.%d does not run; told: %v\n%v\n%s", s.Name, slot, *told, err, o.h.picture())
				}
			}
			if least := min(was.Replicas, s.Replicas); len(s.Routes) > 0 && o.h.serving(s.Name) < least {
				t.Fatalf("%s: %d of %d serve; told: %v\n%v\n%s", s.Name, o.h.serving(s.Name), least, *told, err, o.h.picture())
			}
		}
		tolerated := slices.ContainsFunc(*told, func(line string) bool { return strings.Contains(line, "max_failure_ratio") })
		if again := mustMake(t, after, o.h); err == nil && !tolerated && !again.Empty() {
			t.Fatalf("it says that it is done:\n%s", again)
		}
		o.finishes(t, after, &before)
	})
}

// Somebody removes a replica, or stops balancer or sidecar, in the middle: the run may fail, but comes to an end, and the next
// one finishes.
func TestARunBesideDockerRmIsFinished(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := anyRollout(t)
		o := &onHost{h: newHost("shop"), bad: func(plan.Replica) bool { return false }}
		if err := o.upIn(t, before, nil); err != nil {
			t.Fatal(err)
		}
		o.befall(anyTrouble(t, after, true))
		_ = o.upIn(t, after, &before) // well or not: nobody can know what was removed behind it
		o.err = nil                   // a promise about a container that somebody took away
		o.finishes(t, after, &before)
	})
}

// finishes brings a project up with nothing in the way.
func (o *onHost) finishes(t *rapid.T, want compose.Project, applied *compose.Project) {
	o.befall(trouble{})
	o.check = nil
	if err := o.upIn(t, want, applied); err != nil || o.err != nil {
		t.Fatalf("the next run: %v, %v\n%s", err, o.err, o.h.picture())
	}
	if again := mustMake(t, want, o.h); !again.Empty() {
		t.Fatalf("the next run leaves:\n%s", again)
	}
}
