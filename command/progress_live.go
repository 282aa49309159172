package command

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker/go-units"
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
	width   int          // of the terminal
	column  int          // how wide the names of resources stand
	room    atomic.Int64 // for a bar
	lines   map[string]*liveLine
	left    map[string]int // steps to come, by resource
	stopped chan struct{}
}

// liveLine is one resource.
type liveLine struct {
	tracker *library.Tracker
	began   time.Time
	parts   map[string]part // of a pull, by layer
}

// part is how far one layer is.
type part struct {
	current, total int64 // bytes
	does           string
	here           bool // all of it has come; what moves now is done to it here
}

const (
	frame = 100 * time.Millisecond

	// How wide the parts of a line stand.
	widest     = 44 // a name, at most
	wordsWidth = 22
	clockWidth = 6 // as wide without a time, so that a bar behind it stays where it is
	barWidth   = 24
)

func newLiveProgress(out io.Writer, paint palette, width int) *liveProgress {
	writer := library.NewWriter()
	p := &liveProgress{
		writer: writer, paint: paint, width: width,
		lines: map[string]*liveLine{}, left: map[string]int{}, stopped: make(chan struct{}),
	}
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
	style.Renderer.TrackerDeterminate = func(value, total int64, length int) string {
		return bar(paint, value, total, min(length, int(p.room.Load())))
	}
	*writer.Style() = style
	p.align(widest)
	go func() {
		defer close(p.stopped)
		writer.Render()
	}()
	return p
}

// align makes a column for names of this length, and gives the bars what remains of the terminal.
func (p *liveProgress) align(names int) {
	const others = len(" v ") + len(" ") + wordsWidth + len(" ") + clockWidth + len("   ")
	p.column = min(names, widest)
	p.room.Store(int64(p.width - p.column - others))
}

// bar is empty where there is no room for one.
func bar(paint palette, value, total int64, length int) string {
	if total <= 0 || length < 4 {
		return ""
	}
	full := int(min(value, total) * int64(length) / total)
	return "  " + paint.good(strings.Repeat("━", full)) + paint.faint(strings.Repeat("━", length-full))
}

func (p *liveProgress) expect(next plan.Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.left)
	names := 0
	for _, n := range next.Nodes {
		name := subject(n.Step)
		p.left[name]++
		names = max(names, len(name))
	}
	p.align(names)
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
		for _, c := range jobsOf(step) {
			job := &library.Tracker{Message: p.message(p.paint.good("✔"), "job "+c.Job, p.paint.good(participle(c.Verb, "ed")), time.Now())}
			job.MarkAsDone()
			p.writer.AppendTracker(job)
		}
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
	line := " " + mark + " " + text.Pad(name, p.column, ' ') + " " + text.Pad(words, wordsWidth, ' ')
	took := time.Since(began)
	if took <= time.Second {
		return line + strings.Repeat(" ", clockWidth+1)
	}
	return line + " " + p.paint.faint(text.Pad(took.Round(100*time.Millisecond).String(), clockWidth, ' '))
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
	words := line.moved(step, moved)
	if words == "" {
		return
	}
	line.show(p.message(" ", name, text.Snip(printable(words), 40, "…"), line.began))
}

// moved takes in how a part proceeds, and returns the words for it; "" are none. The bar is about what is fetched:
// it stays full while what has come is worked on, and what has no size has words alone.
func (l *liveLine) moved(step plan.Step, now engine.Progress) string {
	before, known := l.parts[now.ID]
	again := strings.HasPrefix(now.Text, "Retrying") // the one status without a size that does not say that a part has come
	switch {
	case now.ID == "" && now.Total == 0:
		return now.Text
	case now.Total == 0 && known && !again:
		l.arrived(now.ID, part{current: before.total, total: before.total, here: true})
	case now.Total > 0 && known && (before.here || before.does != now.Text):
		l.arrived(now.ID, part{current: now.Total, total: now.Total, here: true})
	case now.Total > 0:
		l.arrived(now.ID, part{current: now.Current, total: now.Total, does: now.Text})
	}
	switch current, total := l.fetched(); {
	case again || current == total:
		return strings.ToLower(now.Text)
	case now.Total == 0:
		return ""
	default:
		return fmt.Sprintf("%s %s/%s", doing(step), size(current), size(total))
	}
}

// arrived is how far a part is now.
func (l *liveLine) arrived(id string, now part) {
	if l.parts == nil {
		l.parts = map[string]part{}
	}
	l.parts[id] = now
	current, total := l.fetched()
	l.tracker.UpdateTotal(total)
	l.tracker.SetValue(min(current, total))
}

// fetched is how much of all known parts has come.
func (l *liveLine) fetched() (current, total int64) {
	for _, p := range l.parts {
		current, total = current+p.current, total+p.total
	}
	return current, total
}

// size is a number of bytes in few letters.
func size(bytes int64) string { return units.HumanSizeWithPrecision(float64(bytes), 3) }

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
