package command

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/compose"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

func (f *fakeEngine) Listing(context.Context, string) ([]engine.Listed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "list")
	var listed []engine.Listed
	for _, r := range f.replicas {
		listed = append(listed, engine.Listed{Replica: r, Mounts: f.mounts[r.Service], Labels: f.labels[r.Name]})
	}
	return listed, nil
}

func (f *fakeEngine) Composed(_ context.Context, project string) ([]string, error) {
	return f.composed[project], nil
}

func (f *fakeEngine) ComposeProjects(context.Context) ([]engine.Project, error) {
	state := func(all ...plan.State) []plan.Replica {
		var replicas []plan.Replica
		for _, s := range all {
			replicas = append(replicas, plan.Replica{Role: compose.RoleReplica, State: s})
		}
		return replicas
	}
	return []engine.Project{
		{Name: "ended", Files: []string{"/ended/compose.yaml"}, Replicas: state(plan.Exited)},
		{
			Name: "shop", Files: []string{"/shop/a.yaml", "/shop/b.yaml"},
			Replicas: append(state(plan.Running, plan.Exited, plan.Running, plan.Paused), plan.Replica{Role: compose.RoleBalancer, State: plan.Running}),
		},
	}, nil
}

func (f *fakeEngine) Images(_ context.Context, ids []string) (map[string]engine.ImageDetail, error) {
	found := map[string]engine.ImageDetail{}
	for _, id := range ids {
		if id != "sha256:postgres:15" { // its name and its record are gone
			found[id] = engine.ImageDetail{ID: id, Platform: "linux/amd64", Size: 11_559_074, Created: time.Now().Add(-2 * time.Hour), Tagged: noon}
		}
	}
	return found, nil
}

func (f *fakeEngine) ImageDigest(_ context.Context, image string) (string, error) {
	return "sha256:" + strings.Repeat("0", 60) + fmt.Sprintf("%04x", len(image)), f.fail["digest "+image]
}

func (f *fakeEngine) Volumes(context.Context, string) ([]engine.Volume, error) {
	return []engine.Volume{
		{Name: "shop_cache", Driver: "local", Scope: "local", Mountpoint: "/v/cache"},
		{Name: "shop_data", Driver: "local", Scope: "local", Mountpoint: "/v/data", Labels: map[string]string{"b": "2", "a": "1"}},
		{Name: "shop_hyper-lite", Driver: "local"},
	}, nil
}

func (f *fakeEngine) Usage(_ context.Context, id string) (engine.Usage, error) {
	if err := f.fail["measure"]; err != nil {
		return engine.Usage{}, err
	}
	if f.measured != nil {
		f.measured()
	}
	return engine.Usage{CPU: 12.345, Memory: 3 << 20, MemoryLimit: 64 << 20, Received: 1100, Sent: 0, Read: 4096, Written: 12, Processes: 7}, nil
}

func (f *fakeEngine) EventsWithin(ctx context.Context, _ string, span engine.EventSpan) (<-chan engine.Event, <-chan error) {
	happened, ended := make(chan engine.Event), make(chan error, 1)
	f.spans = append(f.spans, span)
	go func() {
		for _, e := range f.events {
			happened <- e
		}
		if span.Until != "" {
			ended <- fmt.Errorf("follow: %w", io.EOF)
			return
		}
		<-ctx.Done()
		ended <- ctx.Err()
	}()
	return happened, ended
}

// seen is what the fake engine shows to the verbs that only look, and what they asked.
type seen struct {
	mounts map[string][]string // by service
	events []engine.Event
	spans  []engine.EventSpan

	measured func() // called with each measurement
}

func TestLs(t *testing.T) {
	s := newShell(t, "")
	assert.Equal(t, s.run("ls").out, "NAME   STATUS                  CONFIG FILES\nshop   paused(1), running(2)   /shop/a.yaml,/shop/b.yaml\n")
	assert.Equal(t, s.run("ls", "-aq").out, "ended\nshop\n")
	assert.Equal(t, s.run("ls", "-a", "--format", "json", "--filter", "name=^sh").out,
		`[{"Name":"shop","Status":"exited(1), paused(1), running(2)","ConfigFiles":"/shop/a.yaml,/shop/b.yaml"}]`+"\n")
	assert.Equal(t, s.run("ls", "--format", "json", "--filter", "name=none").out, "[]\n")
	for _, typed := range []string{"ls --filter status=up", "ls --filter name=[", "ls --format {{.Name}}", "ls shop"} {
		assert.Equal(t, s.run(strings.Fields(typed)...).code, 2, typed)
	}
}

func TestImages(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	lines := strings.Split(s.run("images").out, "\n")
	assert.DeepEqual(t, strings.Fields(lines[0]), strings.Fields("CONTAINER REPOSITORY TAG PLATFORM IMAGE ID SIZE CREATED"))
	assert.DeepEqual(t, strings.Fields(lines[1]), strings.Fields("shop-db-1 postgres 15 postgres:15 0B N/A"))
	assert.DeepEqual(t, strings.Fields(lines[3]), strings.Fields("shop-web-2 shop 1 linux/amd64 shop:1 11.6MB 2 hours ago"))
	assert.Equal(t, s.run("images", "-q").out, "postgres:15\nshop:1\n")
	objects := strings.Split(strings.TrimSpace(s.run("images", "web", "--format", "json").out), "\n")
	assert.Equal(t, len(objects), 2)
	assert.Assert(t, is.Contains(objects[0], `"ContainerName":"shop-web-1","Repository":"shop","Tag":"1","Platform":"linux/amd64","Size":11559074,"Created":"`))
	assert.Assert(t, is.Contains(objects[0], `"LastTagTime":"2026-01-02T12:00:00Z"`))
	assert.Equal(t, s.run("images", "wbe").err, "error: no such service: wbe\n hint: did you mean `web`?\n")
}

func TestVolumes(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	assert.Equal(t, s.run("volumes").out, "DRIVER   VOLUME NAME\nlocal    shop_cache\nlocal    shop_data\n")
	s.engine.mounts = map[string][]string{"db": {"shop_data"}}
	assert.Equal(t, s.run("volumes", "-q", "db").out, "shop_data\n")
	assert.Equal(t, s.run("volumes", "-q", "web").out, "")
	assert.Equal(t, s.run("volumes", "db", "--format", "json").out,
		`{"Availability":"N/A","Driver":"local","Group":"N/A","Labels":"a=1,b=2","Links":"N/A","Mountpoint":"/v/data","Name":"shop_data","Scope":"local","Size":"N/A","Status":"N/A"}`+"\n")
	assert.Equal(t, s.run("volumes", "nosuch").code, 1)
}

func TestStats(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	s.run("stop", "db")
	lines := strings.Split(s.run("stats", "--no-stream").out, "\n")
	assert.DeepEqual(t, strings.Fields(lines[0]), strings.Fields("CONTAINER ID NAME CPU % MEM USAGE / LIMIT MEM % NET I/O BLOCK I/O PIDS"))
	assert.Equal(t, strings.Join(strings.Fields(lines[1])[1:], " "), "shop-web-1 12.35% 3MiB / 64MiB 4.69% 1.1kB / 0B 4.1kB / 12B 7")
	assert.Equal(t, len(lines), 4)
	assert.Equal(t, s.run("stats", "--no-stream", "-a", "--format", "{{.Name}} {{.PIDs}} {{.CPUPerc}}", "db").out, "shop-db-1 -- --\n")
	assert.Equal(t, s.run("stats", "--format", "{{.Nothing}}").code, 2)
	s.engine.fail["measure"] = fmt.Errorf("measure: no answer")
	assert.Equal(t, s.run("stats", "--no-stream").err, "error: measure: no answer\n")
}

func TestStatsOfProjects(t *testing.T) {
	s := newShell(t, shop)
	words := func(text string) (lines []string) {
		for line := range strings.Lines(text) {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
		return lines
	}
	const one = "12.35% 3MiB / 64MiB 4.69% 1.1kB / 0B 4.1kB / 12B 7"
	assert.DeepEqual(t, words(s.run("stats", "--no-stream", "--all-projects").out), []string{
		"PROJECT NAME CPU % MEM USAGE / LIMIT MEM % NET I/O BLOCK I/O PIDS", "shop " + one, "shop " + one, "shop " + one,
	})
	assert.DeepEqual(t, words(s.run("stats", "--no-stream", "--all-projects", "--aggregate", "-a").out), []string{
		"PROJECT CONTAINERS CPU % MEM USAGE NET I/O BLOCK I/O PIDS", "ended 1 0.00% 0B 0B / 0B 0B / 0B 0", "shop 5 49.38% 12MiB 4.4kB / 0B 16.4kB / 48B 28",
	})
	assert.Equal(t, s.run("stats", "--no-stream", "--aggregate", "--format", "json").out,
		`{"Project":"shop","Containers":3,"CPUPerc":"37.04%","MemUsage":"9MiB","NetIO":"3.3kB / 0B","BlockIO":"12.3kB / 36B","PIDs":21}`+"\n")
	for typed, want := range map[string]string{
		"stats --aggregate web": "take no service", "stats --all-projects -p shop": "exclude each other",
		"stats --aggregate --format {{.Project}}": "table or json",
	} {
		r := s.run(strings.Fields(typed)...)
		assert.Equal(t, r.code, 2)
		assert.Assert(t, strings.Contains(r.err, want), r.err)
	}
}

func TestStatsGoesOnUntilInterrupted(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	ctx, interrupt := context.WithCancel(t.Context())
	measured := 0
	s.engine.measured = func() {
		if measured++; measured == 2 {
			interrupt()
		}
	}
	r := s.runContext(ctx, "stats", "--format", "{{.Name}}", "db")
	assert.Equal(t, r, result{130, "shop-db-1\n", ""})
}

func TestEvents(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	at := time.Date(2026, 1, 2, 12, 0, 0, 123456789, time.UTC)
	event := func(service, action, detail string) engine.Event {
		return engine.Event{
			ID: "abc", Ref: plan.Ref{Service: service}, Role: compose.RoleReplica, Action: action, Detail: detail, Time: at,
			Attributes: map[string]string{"name": "shop-" + service + "-1", "image": service + ":1"},
		}
	}
	balancer := event("balancer", "start", "")
	balancer.Role = compose.RoleBalancer
	s.engine.events = []engine.Event{event("web", "start", ""), balancer, event("db", "health_status", "healthy")}
	local := at.Local().Format("2006-01-02 15:04:05.000000")
	assert.Equal(t, s.run("events", "--until", "0s", "--since", "10m"), result{0, local + " container start abc (image=web:1, name=shop-web-1)\n" +
		local + " container health_status: healthy abc (image=db:1, name=shop-db-1)\n", ""})
	assert.DeepEqual(t, s.engine.spans, []engine.EventSpan{{Since: "10m", Until: "0s"}})
	only := s.run("events", "--until", "0s", "--json", "db").out
	assert.Equal(t, strings.Count(only, "\n"), 1)
	assert.Assert(t, strings.HasPrefix(only, `{"action":"health_status: healthy","attributes":{"image":"db:1","name":"shop-db-1"},"id":"abc","service":"db","time":"`), only)
	assert.Equal(t, s.run("events", "nosuch").code, 1)
	assert.Equal(t, s.run("events", "--since", "soon").code, 2)
	ctx, interrupt := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer interrupt()
	assert.Equal(t, s.runContext(ctx, "events").code, 130)
}
