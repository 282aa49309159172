package command

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"hyper-lite/compose"
	"hyper-lite/converge"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

// rollout is a plan with one node of each kind that progress has words for.
func rollout() plan.Plan {
	web := plan.Container{Ref: plan.Ref{Service: "web", Slot: 1, Generation: 2}, Name: "shop-web-1-g2"}
	old := plan.Container{Ref: plan.Ref{Service: "web", Slot: 1, Generation: 1}, Name: "shop-web-1"}
	var p plan.Plan
	for _, n := range []plan.Node{
		{Step: plan.Pull{Image: "shop:2"}, Why: "not found"},
		{Step: plan.Build{Image: "shop-worker"}},
		{Step: plan.Import{Image: "hyper-lite-sidecar:0123"}},
		{Step: plan.CreateNetwork{Name: "shop_default"}, Why: "not found"},
		{Step: plan.Create{Container: web}, Why: "image changed"},
		{Step: plan.RunHook{Container: web, Phase: "pre_start"}},
		{Step: plan.Start{Container: web}},
		{Step: plan.Await{Container: web, Condition: plan.AwaitHealthy}},
		{Step: plan.Await{Container: web, Condition: plan.AwaitSettled}},
		{Step: plan.Route{Service: "web", Routes: []compose.Route{{}}, Backends: []plan.Ref{web.Ref, old.Ref}}},
		{Step: plan.Route{Service: "web", Routes: []compose.Route{{}}, Backends: []plan.Ref{web.Ref}}},
		{Step: plan.Drain{Container: old}},
		{Step: plan.Stop{Container: old}},
		{Step: plan.Remove{Container: old}},
		{Step: plan.Rename{Container: web, To: "shop-web-1"}},
		{Step: plan.Pause{Service: "web", For: time.Second}},
		{Step: plan.RemoveVolume{Name: "shop_data"}},
		{Step: plan.Route{Service: "web"}},
		{Step: plan.Start{Container: plan.Container{Name: "shop-db-1"}}, Why: "exited (143)"},
		{Step: plan.Restart{Container: plan.Container{Name: "shop-db-1"}}, Why: "restart"},
		{Step: plan.Unpause{Container: plan.Container{Name: "shop-db-1"}}, Why: "paused"},
	} {
		n.ID = len(p.Nodes) + 1
		p.Nodes = append(p.Nodes, n)
	}
	return p
}

func play(show progress, p plan.Plan) {
	show.expect(p)
	show.warn("orphan containers shop-old-1")
	for _, n := range p.Nodes {
		show.event(converge.Event{Node: n, Kind: converge.Started})
		if pull, ok := n.Step.(plan.Pull); ok {
			show.detail(pull, engine.Progress{ID: "a1", Text: "Downloading", Current: 50, Total: 100})
			show.detail(pull, engine.Progress{ID: "warning", Text: "slow registry"})
		}
		show.event(converge.Event{Node: n, Kind: converge.Done, Took: 1500 * time.Millisecond})
	}
	show.event(converge.Event{Node: p.Nodes[4], Kind: converge.Failed, Err: errors.New("refused")})
	show.close()
}

func TestPlainProgressIsOneLineAChange(t *testing.T) {
	var out strings.Builder
	play(&plainProgress{out: &out}, rollout())
	golden.Assert(t, out.String(), "progress-plain.golden")
}

func TestQuietProgressShowsOnlyWarnings(t *testing.T) {
	var out strings.Builder
	play(&quietProgress{plainProgress{out: &out}}, rollout())
	assert.Equal(t, out.String(), "warning: orphan containers shop-old-1\nwarning: image shop:2: slow registry\n")
}

func TestJSONProgressIsOneObjectALine(t *testing.T) {
	var out strings.Builder
	play(newJSONProgress(&out), rollout())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	assert.Equal(t, lines[0], `{"format":1}`)
	for _, line := range lines {
		assert.NilError(t, json.Unmarshal([]byte(line), &map[string]any{}), line)
	}
	golden.Assert(t, out.String(), "progress-json.golden")
}

// What a terminal shows in the end: the moving part overwrites itself, and every resource is there once.
func TestLiveProgressLeavesOneLineAResource(t *testing.T) {
	var out lockedBuffer
	play(newLiveProgress(&out, false, 120), rollout())
	screen := onScreen(out.String())
	for _, want := range []string{
		"✔ image shop:2", "✔ network shop_default", "✔ container shop-web-1-g2", "✔ container shop-web-1 ", "✔ route web",
		"✘ container shop-web-1-g2", "warning: orphan containers shop-old-1", "warning: image shop:2: slow registry",
	} {
		assert.Equal(t, strings.Count(strings.Join(screen, "\n"), want), 1, "%s in\n%s", want, strings.Join(screen, "\n"))
	}
	for _, line := range screen {
		assert.Assert(t, len([]rune(line)) <= 120, line)
	}
}

func TestThePullOfALayerGoesForward(t *testing.T) {
	show := newLiveProgress(&lockedBuffer{}, false, 120)
	defer show.close()
	pull := plan.Pull{Image: "shop:2"}
	line := show.line(subject(pull))
	for _, c := range []struct {
		now     engine.Progress
		words   string
		percent int64 // of the bar
	}{
		{engine.Progress{ID: "2", Text: "Pulling from shop"}, "pulling from shop", 0},
		{engine.Progress{ID: "a", Text: "Waiting"}, "waiting", 0},
		{engine.Progress{ID: "a", Text: "Downloading", Current: 50, Total: 100}, "pulling 50B/100B", 50},
		{engine.Progress{ID: "b", Text: "Downloading", Current: 20, Total: 100}, "pulling 70B/200B", 35},
		{engine.Progress{ID: "a", Text: "Retrying in 5 seconds"}, "retrying in 5 seconds", 35},
		{engine.Progress{ID: "a", Text: "Downloading", Current: 80, Total: 100}, "pulling 100B/200B", 50},
		{engine.Progress{ID: "a", Text: "Download complete"}, "", 60},
		{engine.Progress{ID: "a", Text: "Extracting", Current: 10, Total: 100}, "pulling 120B/200B", 60},
		{engine.Progress{ID: "b", Text: "Downloading", Current: 100, Total: 100}, "downloading", 100},
		{engine.Progress{ID: "b", Text: "Extracting", Current: 10, Total: 100}, "extracting", 100},
		{engine.Progress{ID: "b", Text: "Extracting", Current: 2}, "extracting", 100}, // by some engines in seconds
		{engine.Progress{ID: "b", Text: "Pull complete"}, "pull complete", 100},
		{engine.Progress{Text: "Digest: sha256:1111"}, "Digest: sha256:1111", 100},
	} {
		assert.Equal(t, line.moved(pull, c.now), c.words)
		current, total := line.fetched()
		assert.Equal(t, current*100, total*c.percent, "%+v", c.now)
	}
}

func TestLiveProgressEndsBeforeItsFirstFrame(t *testing.T) {
	newLiveProgress(&lockedBuffer{}, false, 80).close()
}

// onScreen does what a terminal does with "up one line" and "erase the line".
func onScreen(text string) []string {
	var screen []string
	row := 0
	for line := range strings.SplitAfterSeq(text, "\n") {
		for strings.HasPrefix(line, "\x1b[A") || strings.HasPrefix(line, "\x1b[K") {
			if line[2] == 'A' {
				row--
			} else {
				screen[row] = ""
			}
			line = line[3:]
		}
		if row == len(screen) {
			screen = append(screen, "")
		}
		if words := strings.TrimRight(line, " \n"); words != "" {
			screen[row] = words
		}
		if strings.HasSuffix(line, "\n") {
			row++
		}
	}
	return screen
}

func TestProgressIsChosenByTheStreamItIsWrittenTo(t *testing.T) {
	p := &program{IO: IO{Err: &strings.Builder{}}, env: map[string]string{}}
	for mode, want := range map[string]string{
		"auto": "*command.plainProgress", "plain": "*command.plainProgress", "json": "*command.jsonProgress", "quiet": "*command.quietProgress",
	} {
		show := p.newProgress(settings{progress: mode, ansi: "auto"})
		assert.Equal(t, typeName(show), want, mode)
		show.close()
	}
}

func TestColours(t *testing.T) {
	for _, c := range []struct {
		mode string
		env  map[string]string
		want bool
	}{
		{"always", map[string]string{"NO_COLOR": "1"}, true},
		{"never", nil, false},
		{"auto", nil, false}, // a buffer is no terminal
	} {
		assert.Equal(t, coloured(c.mode, &strings.Builder{}, c.env), c.want)
	}
}
