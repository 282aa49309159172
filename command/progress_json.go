package command

import (
	"encoding/json"
	"io"
	"sync"
	"time"

	"hyper-lite/converge"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

// jsonFormat is the version of the lines; within one version fields are only added.
const jsonFormat = 1

// jsonProgress writes one object a line; the first one carries the version.
type jsonProgress struct {
	mu      sync.Mutex
	encoder *json.Encoder
}

type progressLine struct {
	Format  int     `json:"format,omitempty"` // on the first line
	ID      int     `json:"id,omitempty"`     // of the plan's step
	Group   string  `json:"group,omitempty"`
	Verb    string  `json:"verb,omitempty"`
	Subject string  `json:"subject,omitempty"` // as the plan has it
	Name    string  `json:"name,omitempty"`    // of the container
	State   string  `json:"state,omitempty"`   // started, moved, done, failed
	Why     string  `json:"why,omitempty"`
	Error   string  `json:"error,omitempty"`
	Warning string  `json:"warning,omitempty"`
	Seconds float64 `json:"seconds,omitempty"` // how long the step took
	Part    string  `json:"part,omitempty"`    // what moves: a layer, a build step
	Text    string  `json:"text,omitempty"`
	Current int64   `json:"current,omitempty"` // bytes
	Total   int64   `json:"total,omitempty"`   // bytes
}

func newJSONProgress(out io.Writer) *jsonProgress {
	p := &jsonProgress{encoder: json.NewEncoder(out)}
	p.encoder.SetEscapeHTML(false)
	p.write(progressLine{Format: jsonFormat})
	return p
}

func (p *jsonProgress) write(line progressLine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.encoder.Encode(line) // a reader that went away must not stop the work
}

func (p *jsonProgress) expect(plan.Plan) {}

func (p *jsonProgress) event(e converge.Event) {
	line := stepLine(e.Node.Step)
	line.ID, line.Group, line.Why, line.State = e.Node.ID, e.Node.Group, e.Node.Why, string(e.Kind)
	if e.Err != nil {
		line.Error = e.Err.Error()
	}
	line.Seconds = float64(e.Took.Round(time.Millisecond).Milliseconds()) / 1000
	p.write(line)
	if e.Kind == converge.Done {
		for _, c := range jobsOf(e.Node.Step) {
			p.write(progressLine{ID: line.ID, Group: line.Group, Verb: c.Verb, Subject: "job " + c.Job, Name: line.Name, State: line.State, Why: c.Why})
		}
	}
}

func stepLine(step plan.Step) progressLine {
	line := progressLine{Verb: step.Verb(), Subject: step.Subject()}
	if c, ok := containerOf(step); ok {
		line.Name = c.Name
	}
	return line
}

func (p *jsonProgress) detail(step plan.Step, moved engine.Progress) {
	line := stepLine(step)
	if moved.ID == "warning" {
		line.Warning = moved.Text
		p.write(line)
		return
	}
	line.State, line.Part, line.Text, line.Current, line.Total = "moved", moved.ID, moved.Text, moved.Current, moved.Total
	p.write(line)
}

func (p *jsonProgress) warn(text string) { p.write(progressLine{Warning: text}) }

func (p *jsonProgress) close() {}
