package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// String is the plan as a person reads it and as golden tests compare it: grouped by service, one line a
// node: the nodes it waits for, its number, its subject, what is done, and why; and at the end the drift.
//
//	[4] #5 web.1@4  await   healthy within 1m
func (p Plan) String() string {
	if p.Drift == nil {
		return p.steps()
	}
	return p.steps() + p.Drift.String()
}

func (p Plan) steps() string {
	if p.Empty() {
		return fmt.Sprintf("plan for %s: nothing to change\n", p.Project)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "plan for %s: %s\n", p.Project, count(len(p.Nodes), "step"))
	rows := make(map[string][][4]string)
	var width [3]int
	for _, n := range p.Nodes {
		for _, row := range n.rows() {
			rows[n.Group] = append(rows[n.Group], row)
			for i := range width {
				width[i] = max(width[i], len(row[i]))
			}
		}
	}
	for _, g := range p.Groups() {
		b.WriteString(g)
		if how := p.Rollouts[g]; how != "" {
			b.WriteString(": " + how)
		}
		b.WriteString("\n")
		for _, row := range rows[g] {
			line := fmt.Sprintf("  %*s  %-*s  %-*s  %s", width[0], row[0], width[1], row[1], width[2], row[2], row[3])
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
	return b.String()
}

// Groups are the headings of a plan, in the order of its nodes.
func (p Plan) Groups() []string {
	var groups []string
	for _, n := range p.Nodes {
		if !slices.Contains(groups, n.Group) {
			groups = append(groups, n.Group)
		}
	}
	return groups
}

// rows are the lines of a node: one, and one for each job that it registers or deregisters.
func (n Node) rows() [][4]string {
	rows := [][4]string{{n.waits() + "#" + strconv.Itoa(n.ID), n.Step.Subject(), n.Step.Verb(), n.remark()}}
	if s, ok := n.Step.(Register); ok {
		for _, c := range s.Changes {
			rows = append(rows, [4]string{"", c.Job, c.Verb, c.Why})
		}
	}
	return rows
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (n Node) waits() string {
	ids := make([]string, 0, len(n.After)+len(n.Settled))
	for _, id := range n.After {
		ids = append(ids, strconv.Itoa(id))
	}
	for _, id := range n.Settled {
		ids = append(ids, strconv.Itoa(id)+"?")
	}
	if len(ids) == 0 {
		return ""
	}
	return "[" + strings.Join(ids, ",") + "] "
}

// remark is what a step says beyond its verb, and its cause.
func (n Node) remark() string {
	detail := detail(n.Step)
	switch {
	case detail == "":
		return n.Why
	case n.Why == "":
		return detail
	}
	return detail + ": " + n.Why
}

// detail is the part of a step that tells it from others of its verb.
func detail(step Step) string {
	switch s := step.(type) {
	case Create:
		return s.Name
	case Register:
		return s.Name
	case RecreateNetwork:
		return count(len(s.Members), "container") + " in it"
	case Clone:
		return s.Name + " as " + s.From.Name
	case Await:
		text := string(s.Condition)
		if s.Within > 0 {
			text += " within " + span(s.Within)
		}
		if s.For > 0 {
			text += ", and for " + span(s.For)
		}
		return text
	case Route:
		return s.backends()
	case Drain:
		return "at most " + span(s.For)
	case Pause:
		return span(s.For)
	case RunHook:
		return fmt.Sprintf("%s #%d", s.Phase, s.Index)
	case Rename:
		return "to " + s.To
	case Kill:
		return s.Signal
	}
	return ""
}

func (s Route) backends() string {
	if len(s.Routes) == 0 {
		return "withdraw"
	}
	if len(s.Backends) == 0 {
		return "publish no replica"
	}
	names := make([]string, len(s.Backends))
	for i, r := range s.Backends {
		names[i] = r.String()
	}
	return "publish " + strings.Join(names, " ")
}

// span is a duration without empty units: 1m instead of 1m0s.
func span(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

type nodeJSON struct {
	ID       int    `json:"id"`
	Group    string `json:"group"`
	Verb     string `json:"verb"`
	Subject  string `json:"subject"`
	Detail   string `json:"detail,omitempty"`
	Why      string `json:"why,omitempty"`
	After    []int  `json:"after,omitempty"`
	Settled  []int  `json:"settled,omitempty"`
	Optional bool   `json:"optional,omitempty"`
	Step     Step   `json:"step"`
}

// MarshalJSON is the plan for programs. It holds no environment and no secret.
func (p Plan) MarshalJSON() ([]byte, error) {
	nodes := make([]nodeJSON, len(p.Nodes))
	for i, n := range p.Nodes {
		nodes[i] = nodeJSON{
			n.ID, n.Group, n.Step.Verb(), n.Step.Subject(), detail(n.Step), n.Why, n.After, n.Settled, n.Optional, n.Step,
		}
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // the arrows of causes stay readable
	err := encoder.Encode(struct {
		Format   int               `json:"format"` // raised when a reader of the old form would misread the new one
		Project  string            `json:"project"`
		Steps    []nodeJSON        `json:"steps"`
		Rollouts map[string]string `json:"rollouts,omitempty"`
		Warnings []string          `json:"warnings,omitempty"`
		Drift    *Drift            `json:"drift,omitempty"`
	}{1, p.Project, nodes, p.Rollouts, p.Warnings, p.Drift})
	return text.Bytes(), err
}
