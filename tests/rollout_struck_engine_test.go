//go:build engine

package tests

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// struck rolls the pair, and lets blow fall when the first step begins that matches: up stands still meanwhile, so
// that it is this step. It returns how up ended, and whether there was such a step.
func (p *project) struck(at func(s step) bool, blow func(s step)) (r result, fallen bool) {
	p.t.Helper()
	_, r = p.steps(func(s step, c *exec.Cmd) {
		if fallen || s.State != "started" || !at(s) {
			return
		}
		fallen = true
		assert.Check(p.t, c.Process.Signal(syscall.SIGSTOP) == nil)
		blow(s)
		assert.Check(p.t, c.Process.Signal(syscall.SIGCONT) == nil)
	}, "up", "-d", "-t", "2")
	return r, fallen
}

// first is the first step of a verb; nth is the nth of all.
func first(verb string) func(step) bool { return func(s step) bool { return s.Verb == verb } }

func nth(n int) func(step) bool {
	return func(step) bool { n--; return n == 0 }
}

// recovers looks at what a blow in the middle of a roll has left: the next up finishes, and nothing is left over.
func (p *project) recovers(want []string, greeting, after string) {
	p.t.Helper()
	p.must("up", "-d", "-t", "2")
	assert.DeepEqual(p.t, p.shape(), want)
	assert.NilError(p.t, greets(fmt.Sprintf("%s:%d", p.host, p.port), greeting, after))
	says(p.t, p.must("up", "-d").out, "nothing to change")
	assert.Equal(p.t, p.healthy(), 2)
}

// crashes ends the sidecar as a crash does, after which the engine starts it again; killed ends it by the engine's
// own kill, after which the engine does not.
func (p *project) crashes(step) { p.crash("hyper-lite-sidecar") }

func (p *project) killed(step) {
	assert.Check(p.t, p.docker.ContainerKill(p.t.Context(), p.name+"-hyper-lite-sidecar", "KILL") == nil)
}

func TestASidecarThatDiesInTheMiddleOfARollCostsNothing(t *testing.T) {
	t.Parallel()
	p, few, witness := newBrisk(t)
	want := p.shape()
	for n, c := range []struct {
		verb string
		blow func(step)
	}{{"await", p.crashes}, {"route", p.killed}, {"drain", p.crashes}, {"drain", p.killed}} {
		p.env = append(p.env, fmt.Sprintf("GREETING=%d", n))
		r, fallen := p.struck(first(c.verb), c.blow)
		assert.Assert(t, fallen)
		t.Logf("the sidecar died as %s began: up ended with %d", c.verb, r.code)
		p.recovers(want, fmt.Sprint(n), "the sidecar's end at "+c.verb)
	}
	few.disperse()
	few.lostNothing(p)
	assert.Assert(t, witness.least() >= 2, "only %d of two ran at some time", witness.least())
}

// BenchmarkRolloutSidecarDiesAtAnyStep is the same at every step of the roll.
func BenchmarkRolloutSidecarDiesAtAnyStep(b *testing.B) {
	p, few, witness := newBrisk(b)
	want := p.shape()
	deaths := 0
	for n := 1; ; n++ {
		blow := p.crashes
		if n%2 == 0 {
			blow = p.killed
		}
		p.env = append(p.env, fmt.Sprintf("GREETING=%d", n))
		if _, fallen := p.struck(nth(n), blow); !fallen {
			break
		}
		deaths++
		p.recovers(want, fmt.Sprint(n), fmt.Sprintf("the sidecar's end at step %d", n))
	}
	assert.Assert(b, deaths > 10, "only %d steps", deaths)
	few.disperse()
	few.lostNothing(p)
	assert.Assert(b, witness.least() >= 2, "only %d of two ran at some time", witness.least())
	b.ReportMetric(float64(deaths), "deaths")
	b.ReportMetric(0, "ns/op")
}

// lostNothing fails the test where a request failed, and shows what the balancer said.
func (c *crowd) lostNothing(p *project) {
	c.t.Helper()
	sum := c.count()
	c.t.Log(sum)
	if sum.failed > 0 {
		out, _ := p.written(p.name + "-hyper-lite-balancer")
		c.t.Errorf("%d of %d requests failed; the balancer: %s", sum.failed, sum.requests, out[max(0, len(out)-4000):])
	}
}

// died is when a container's last process but the present one ended.
func (p *project) died(name string) time.Time {
	p.t.Helper()
	at, err := time.Parse(time.RFC3339Nano, p.inspect(name).State.FinishedAt)
	assert.NilError(p.t, err)
	return at
}

// answersAgain is how long after a moment the first request was answered that was begun later. It fails the test
// where one failed that was begun after that.
func (c *crowd) answersAgain(then time.Time) time.Duration {
	c.t.Helper()
	eventually(c.t, 30*time.Second, func() error {
		if len(c.heard(then)) == 0 {
			return errors.New("nobody answers")
		}
		return nil
	})
	c.reaches(c.made()+100, time.Minute)
	all := c.since(then)
	again := time.Now()
	for _, one := range all {
		if ended := one.begun.Add(one.took); one.kind == "" && ended.Before(again) {
			again = ended
		}
	}
	before := map[string]int{}
	for _, one := range all {
		switch {
		case one.kind == "":
		case one.begun.Before(again):
			before[one.kind]++
		default:
			c.t.Errorf("after the first answer at %s a request failed: %s %s", again.Format(time.StampMilli), one.begun.Format(time.StampMilli), one.text)
		}
	}
	c.t.Logf("no answer for %s: %v", rounded(again.Sub(then)), before)
	return again.Sub(then)
}

// routed is how those call themselves that the balancer may send requests to, sorted.
func (p *project) routed() []string {
	p.t.Helper()
	names := map[string]bool{}
	for line := range strings.Lines(p.must("lb", "--format", "{{.Healthy}} {{.Container}}").out) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "true "+p.name+"-"); ok {
			names[p.id(name)[:12]] = true
		}
	}
	return sortedKeys(names)
}

// What the balancer itself was doing is lost with it: requests fail until the engine has started it again, and from
// the first answer on none does.
func TestABalancerThatDiesInTheMiddleOfARollServesTheRightBackendsAtOnce(t *testing.T) {
	t.Parallel()
	p, few, witness := newBrisk(t)
	want := p.shape()
	for _, verb := range []string{"await", "drain"} {
		p.env = append(p.env, "GREETING="+verb)
		r, fallen := p.struck(first(verb), func(step) {
			p.crash("hyper-lite-balancer")
			fell := p.died("hyper-lite-balancer")
			few.answersAgain(fell)
			assert.DeepEqual(t, sortedKeys(few.heard(fell)), p.routed())
		})
		assert.Assert(t, fallen)
		t.Logf("the balancer crashed as %s began: up ended with %d", verb, r.code)
		p.recovers(want, verb, "the balancer's end")
	}
	few.disperse()
	t.Log(few.count())
	assert.Assert(t, witness.least() >= 2, "only %d of two ran at some time", witness.least())
}
