package command

import (
	"io"
	"strings"
	"sync"
	"time"

	library "github.com/jedib0t/go-pretty/v6/progress"
	"github.com/jedib0t/go-pretty/v6/text"

	"hyper-lite/converge"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

// liveProgress keeps one moving line a resource on a terminal. A resource that is done for good leaves the
// moving part and stays above it, so no more lines move than steps run at once.
type liveProgress struct {
	mu      sync.Mutex
	writer  library.Writer
	paint   palette
	width   int // of the terminal
	lines   map[string]*liveLine
	left    map[string]int // steps to come, by resource
	stopped chan struct{}
}

// liveLine is one resource.
type liveLine struct {
	tracker *library.Tracker
	began   time.Time
	parts   map[string]engine.Progress // of a pull, by layer
}

const (
	frame    = 100 * time.Millisecond
	barWidth = 24
)

func newLiveProgress(out io.Writer, paint palette, width int) *liveProgress {
	writer := library.NewWriter()
	writer.SetOutputWriter(out)
	writer.SetUpdateFrequency(frame)
	writer.SetTrackerLength(barWidth)
	writer.SetTrackerPosition(library.PositionRight)
	writer.SetSortBy(library.SortByNone)
	writer.SetTerminalWidth(width)
	style := library.StyleDefault
	style.Name = programName
	style.Options.Separator, style.Options.DoneString, style.Options.ErrorString = "", "", ""
	style.Colors = library.StyleColors{}
	style.Visibility = library.StyleVisibility{Tracker: true}
	style.Renderer.TrackerIndeterminate = func(int) string { return "" }
	style.Renderer.TrackerDeterminate = func(value, total int64, length int) string { return bar(paint, value, total, length) }
	*writer.Style() = style
	p := &liveProgress{
		writer: writer, paint: paint, width: width,
		lines: map[string]*liveLine{}, left: map[string]int{}, stopped: make(chan struct{}),
	}
	go func() {
		defer close(p.stopped)
		writer.Render()
	}()
	return p
}

func bar(paint palette, value, total int64, length int) string {
	if total <= 0 {
		return ""
	}
	full := int(min(value, total) * int64(length) / total)
	return "  " + paint.good(strings.Repeat("━", full)) + paint.faint(strings.Repeat("━", length-full))
}

func (p *liveProgress) expect(next plan.Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.left)
	for _, n := range next.Nodes {
		p.left[subject(n.Step)]++
	}
}

func (p *liveProgress) event(e converge.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name, step := subject(e.Node.Step), e.Node.Step
	line := p.line(name)
	switch e.Kind {
	case converge.Started:
		line.show(p.message(" ", name, doing(step), line.began))
	case converge.Done:
		line.tracker.UpdateTotal(0)
		line.parts = nil
		p.left[name]--
		if p.left[name] > 0 {
			line.show(p.message(p.paint.good("✔"), name, done(step), line.began))
			return
		}
		line.show(p.message(p.paint.good("✔"), name, p.paint.good(done(step)), line.began))
		line.tracker.MarkAsDone()
		delete(p.lines, name)
	case converge.Failed:
		line.show(p.message(p.paint.bad("✘"), name, p.paint.bad(step.Verb()+" failed"), line.began))
		line.tracker.MarkAsErrored()
		delete(p.lines, name)
	}
}

func (p *liveProgress) line(name string) *liveLine {
	if line, ok := p.lines[name]; ok {
		return line
	}
	line := &liveLine{tracker: &library.Tracker{AutoStopDisabled: true}, began: time.Now()}
	p.lines[name] = line
	p.writer.AppendTracker(line.tracker)
	return line
}

func (l *liveLine) show(message string) { l.tracker.UpdateMessage(message) }

// message is one line: a mark, the resource, what is done to it and for how long.
func (p *liveProgress) message(mark, name, words string, began time.Time) string {
	const column = 44
	line := " " + mark + " " + text.Pad(name, column, ' ') + " " + text.Pad(words, 22, ' ')
	if took := time.Since(began); took > time.Second {
		line += " " + p.paint.faint(took.Round(100*time.Millisecond).String())
	}
	return line
}

func (p *liveProgress) detail(step plan.Step, moved engine.Progress) {
	name := subject(step)
	if moved.ID == "warning" {
		p.warn(name + ": " + moved.Text)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.line(name)
	if moved.Total == 0 {
		if moved.Text != "" && moved.ID == "" {
			line.show(p.message(" ", name, text.Snip(printable(moved.Text), 40, "…"), line.began))
		}
		return
	}
	if line.parts == nil {
		line.parts = map[string]engine.Progress{}
	}
	line.parts[moved.ID] = moved
	var current, total int64
	for _, part := range line.parts {
		current, total = current+part.Current, total+part.Total
	}
	line.tracker.UpdateTotal(total)
	line.tracker.SetValue(min(current, total))
	line.show(p.message(" ", name, doing(step), line.began))
}

func (p *liveProgress) warn(words string) {
	// A resource that is done from its beginning: the library shows its own log lines only while others move.
	line := &library.Tracker{Message: p.paint.warn("warning:") + " " + words}
	line.MarkAsDone()
	p.writer.AppendTracker(line)
}

func (p *liveProgress) close() {
	p.mu.Lock()
	for name, line := range p.lines {
		line.tracker.MarkAsDone()
		delete(p.lines, name)
	}
	p.mu.Unlock()
	for {
		p.writer.Stop() // has no effect before the first frame was begun
		select {
		case <-p.stopped:
			return
		case <-time.After(frame):
		}
	}
}
