package command

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"hyper-lite/converge"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

// progress shows what happens while it happens. Its methods may be called from several goroutines.
type progress interface {
	// expect is told what is to come, before it comes.
	expect(p plan.Plan)
	// event is told that a step began or ended.
	event(e converge.Event)
	// detail is told how a long step proceeds.
	detail(step plan.Step, moved engine.Progress)
	// warn shows a line for the user.
	warn(text string)
	// close ends the show; what was shown stays.
	close()
}

// newProgress chooses how to show progress: on Err, or where COMPOSE_STATUS_STDOUT says so on Out.
func (p *program) newProgress(s settings) progress {
	out := p.Err
	if truthy(p.setting("COMPOSE_STATUS_STDOUT")) {
		out = p.Out
	}
	paint := palette(coloured(s.ansi, out, p.env))
	switch s.progress {
	case "quiet":
		return &quietProgress{plainProgress{out: out, paint: paint}}
	case "json":
		return newJSONProgress(out)
	case "plain":
		return &plainProgress{out: out, paint: paint}
	case "tty":
		return newLiveProgress(out, paint, terminalWidth(out))
	}
	if p.env["CI"] == "" && p.env["TERM"] != "dumb" && s.ansi != "never" && isTerminal(out) {
		return newLiveProgress(out, paint, terminalWidth(out))
	}
	return &plainProgress{out: out, paint: paint}
}

// subject names what a step works on, as the user knows it: a container by its name.
func subject(step plan.Step) string {
	if _, ok := step.(plan.Register); ok {
		return step.Subject()
	}
	if c, ok := containerOf(step); ok {
		return "container " + first(c.Name, c.Ref.String())
	}
	if r, ok := step.(plan.Route); ok {
		return "route " + r.Service
	}
	return step.Subject()
}

// containerOf is the container that a step works on.
func containerOf(step plan.Step) (plan.Container, bool) {
	switch s := step.(type) {
	case plan.Create:
		return s.Container, true
	case plan.Register:
		return s.Container, true
	case plan.Clone:
		return s.Container, true
	case plan.Start:
		return s.Container, true
	case plan.Await:
		return s.Container, true
	case plan.Drain:
		return s.Container, true
	case plan.RunHook:
		return s.Container, true
	case plan.Stop:
		return s.Container, true
	case plan.Restart:
		return s.Container, true
	case plan.Freeze:
		return s.Container, true
	case plan.Unpause:
		return s.Container, true
	case plan.Kill:
		return s.Container, true
	case plan.Remove:
		return s.Container, true
	case plan.Rename:
		return s.Container, true
	}
	return plan.Container{}, false
}

// doing and done are a step in the words of its progress.
func doing(step plan.Step) string {
	switch s := step.(type) {
	case plan.Await:
		return "waiting until " + became(s.Condition)
	case plan.RunHook:
		return "running " + s.Phase
	case plan.Route:
		return "telling the balancer"
	}
	return participle(step.Verb(), "ing")
}

func done(step plan.Step) string {
	switch s := step.(type) {
	case plan.Await:
		return became(s.Condition)
	case plan.RunHook:
		return s.Phase + " done"
	case plan.Route:
		return routed(s)
	case plan.Rename:
		return "renamed to " + s.To
	case plan.Kill:
		return "sent " + s.Signal
	}
	return participle(step.Verb(), "ed")
}

// because is the cause of a step behind what was done; "" where that says enough: what is simply new, or asked for.
func because(n plan.Node) string {
	if n.Why == n.Step.Verb() {
		return ""
	}
	if _, ok := n.Step.(plan.Unpause); ok {
		return ""
	}
	if code, exited := strings.CutPrefix(n.Why, "exited ("); exited { // as a cause it reads like the outcome
		return "(had exited with " + code
	}
	return becauseOf(n.Why)
}

func becauseOf(why string) string {
	if why == "" || why == "not found" {
		return ""
	}
	return "(" + why + ")"
}

// jobsOf are the jobs that a step registers anew or no longer.
func jobsOf(step plan.Step) []plan.JobChange {
	register, _ := step.(plan.Register)
	return register.Changes
}

// became is what an await waits for, in one word.
func became(c plan.Condition) string {
	switch c {
	case plan.AwaitSettled:
		return "ready"
	case plan.AwaitExit:
		return "running"
	}
	return string(c)
}

func routed(s plan.Route) string {
	switch len(s.Backends) {
	case 0:
		if len(s.Routes) == 0 {
			return "withdrawn"
		}
		return "serves no replica"
	case 1:
		return "serves 1 replica"
	}
	return fmt.Sprintf("serves %d replicas", len(s.Backends))
}

// participle bends a verb: create, creating, created; stop, stopping, stopped; build, built.
func participle(verb, ending string) string {
	switch {
	case verb == "build" && ending == "ed":
		return "built"
	case strings.HasSuffix(verb, "e") && ending == "ed":
		return verb + "d"
	case strings.HasSuffix(verb, "e"):
		return strings.TrimSuffix(verb, "e") + ending
	case verb == "stop":
		return "stopp" + ending
	}
	return verb + ending
}

// long says that a step may take so long that its beginning is worth a line.
func long(step plan.Step) bool {
	switch step.(type) {
	case plan.Pull, plan.Build, plan.Push:
		return true
	}
	return false
}

// plainProgress writes one line a change, for logs and CI.
type plainProgress struct {
	mu    sync.Mutex
	out   io.Writer
	paint palette
	width int
}

func (p *plainProgress) expect(next plan.Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range next.Nodes {
		p.width = min(max(p.width, len(subject(n.Step))), 48)
	}
}

func (p *plainProgress) event(e converge.Event) {
	step := e.Node.Step
	switch e.Kind {
	case converge.Started:
		if long(step) {
			p.line(subject(step), doing(step), because(e.Node))
		}
	case converge.Done:
		p.line(subject(step), done(step), because(e.Node))
		for _, c := range jobsOf(step) {
			p.line("job "+c.Job, participle(c.Verb, "ed"), becauseOf(c.Why))
		}
	case converge.Failed:
		p.line(subject(step), p.paint.bad(step.Verb()+" failed"), "")
	}
}

func (p *plainProgress) line(subject, text, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := fmt.Sprintf("%-*s  %s", p.width, subject, text)
	if why != "" {
		line += p.paint.faint("  " + why)
	}
	fmt.Fprintln(p.out, line)
}

func (p *plainProgress) detail(step plan.Step, moved engine.Progress) {
	if moved.ID == "warning" {
		p.warn(subject(step) + ": " + moved.Text)
		return
	}
	if _, ok := step.(plan.Build); ok && moved.ID == "" && strings.TrimSpace(moved.Text) != "" {
		p.line(subject(step), printable(moved.Text), "")
	}
}

func (p *plainProgress) warn(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, "%s %s\n", p.paint.warn("warning:"), text)
}

func (p *plainProgress) close() {}

// quietProgress shows warnings only.
type quietProgress struct{ plainProgress }

func (p *quietProgress) expect(plan.Plan)     {}
func (p *quietProgress) event(converge.Event) {}
func (p *quietProgress) detail(step plan.Step, moved engine.Progress) {
	if moved.ID == "warning" {
		p.plainProgress.detail(step, moved)
	}
}
