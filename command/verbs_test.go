package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/engine"
	"hyper-lite/plan"
	"hyper-lite/state"
)

func TestUpThenNothingToChange(t *testing.T) {
	s := newShell(t, shop)
	r := s.run("up", "-d")
	assert.Equal(t, r.code, 0, r.err)
	assert.Assert(t, is.Contains(r.err, "container shop-web-2"))
	assert.Equal(t, len(s.engine.replicas), 3)

	s.engine.done, s.engine.calls = nil, nil
	r = s.run("up", "-d")
	assert.Equal(t, r, result{0, "nothing to change\n", ""})
	assert.Equal(t, len(s.engine.done), 0)
	assert.DeepEqual(t, s.engine.calls, []string{"observe"})

	assert.Equal(t, s.run("ps", "-q").out, ids(s.engine.replicas))
	assert.Equal(t, s.run("ps", "--services").out, "db\nweb\n")
}

func ids(replicas []plan.Replica) string {
	byName := map[string]string{}
	for _, r := range replicas {
		byName[r.Name] = r.ID
	}
	return byName["shop-db-1"] + "\n" + byName["shop-web-1"] + "\n" + byName["shop-web-2"] + "\n"
}

func TestPlanAndDryRunChangeNothing(t *testing.T) {
	s := newShell(t, shop)
	planned := s.run("plan")
	assert.Equal(t, planned.code, 0, planned.err)
	assert.Assert(t, is.Contains(planned.out, "shop-web-2: not found"))
	for _, typed := range []string{"up --dry-run", "--dry-run up -d", "plan web db"} {
		assert.Equal(t, s.run(strings.Fields(typed)...).out, planned.out, typed)
	}
	s.run("up", "-d")
	for _, typed := range []string{"down --dry-run", "stop --dry-run", "restart --dry-run", "scale --dry-run web=5", "up --dry-run --force-recreate"} {
		s.engine.done = nil
		r := s.run(strings.Fields(typed)...)
		assert.Equal(t, r.code, 0, r.err)
		assert.Assert(t, is.Contains(r.out, "plan for shop: "), typed)
		assert.Equal(t, len(s.engine.done), 0, typed)
	}
	entries, err := os.ReadDir(newShell(t, shop).dir)
	assert.NilError(t, err)
	assert.Equal(t, len(entries), 1)
}

func TestPlanDetailedExitCode(t *testing.T) {
	s := newShell(t, shop)
	assert.Equal(t, s.run("plan", "--detailed-exitcode").code, 2)
	s.run("up", "-d")
	r := s.run("plan", "--detailed-exitcode")
	assert.Equal(t, r, result{0, "plan for shop: nothing to change\n", ""})
	assert.Assert(t, is.Contains(s.run("plan", "--format", "json").out, `"steps": []`))
}

func TestScaleAndTheNextUp(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	assert.Assert(t, is.Contains(s.run("plan", "--format", "json", "--scale", "web=3").out, `"why": "scale 2->3"`))
	assert.Equal(t, s.run("scale", "web=4").code, 0)
	assert.Equal(t, strings.Count(s.run("ps", "--format", "{{.Service}}").out, "web"), 4)
	assert.Assert(t, is.Contains(s.run("plan").out, "scale 4->2"))
	s.run("up", "-d")
	assert.Equal(t, strings.Count(s.run("ps", "--format", "{{.Service}}").out, "web"), 2)
	assert.Equal(t, s.run("up", "-d", "--scale", "web=0").code, 0)
	assert.Equal(t, s.run("ps", "--services").out, "db\n")

	for typed, code := range map[string]int{"scale": 2, "scale web": 2, "scale web=-1": 2, "scale web=x": 2, "scale nosuch=2": 1, "up -d --scale wbe=2": 1} {
		assert.Equal(t, s.run(strings.Fields(typed)...).code, code, typed)
	}
}

func TestDownLeavesNothing(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	assert.Equal(t, s.run("down").code, 0)
	assert.Equal(t, len(s.engine.replicas)+len(s.engine.networks), 0)
	assert.Equal(t, s.run("down").out, "nothing to change\n")
}

func TestFailuresEndWithTheirCodes(t *testing.T) {
	s := newShell(t, shop)
	s.openErr = fmt.Errorf("%w at unix:///x: refused", engine.ErrUnreachable)
	assert.Equal(t, s.run("up", "-d").code, 4)
	s.openErr = nil

	s.engine.fail["start web.1@1"] = errors.New("start container shop-web-1: no such file")
	r := s.run("up", "-d")
	assert.Equal(t, r.code, 1)
	assert.Assert(t, is.Contains(r.err, "error: start container shop-web-1: no such file\n"))

	s.engine.fail["start web.1@1"] = &plan.UnhealthyError{
		Container: plan.Container{Ref: plan.Ref{Service: "web", Slot: 1, Generation: 1}, Name: "shop-web-1"}, Condition: plan.AwaitRunning, Reason: "exited (1)",
	}
	r = s.run("up", "-d")
	assert.Equal(t, r.code, 3)
	for _, want := range []string{"web.1@1 (container shop-web-1) is not running: exited (1)", "    out of memory", "curl: refused", "`hyper-lite logs web`"} {
		assert.Assert(t, is.Contains(r.err, want))
	}
	clear(s.engine.fail)
	assert.Equal(t, s.run("up", "-d").code, 0)
}

func TestOneCommandAtATime(t *testing.T) {
	s := newShell(t, shop)
	store, err := state.Open(s.dir, "shop")
	assert.NilError(t, err)
	lock, err := store.Lock(t.Context(), state.LockOptions{Command: "hyper-lite up"})
	assert.NilError(t, err)
	for _, typed := range []string{"up -d --no-wait-lock", "--no-wait-lock down", "stop --no-wait-lock", "scale web=3 --no-wait-lock"} {
		r := s.run(strings.Fields(typed)...)
		assert.Equal(t, r.code, 5, "%s: %s", typed, r.err)
		assert.Assert(t, is.Contains(r.err, fmt.Sprintf("locked by `hyper-lite up` (process %d)", os.Getpid())))
	}
	assert.Equal(t, len(s.engine.done), 0)
	for _, typed := range []string{"ps", "plan", "logs", "up --dry-run"} {
		assert.Equal(t, s.run(strings.Fields(typed)...).code, 0, typed)
	}
	s.heard = func(text string) {
		if strings.Contains(text, "waiting until it is done") {
			assert.Check(t, lock.Release())
		}
	}
	r := s.run("up", "-d")
	assert.Equal(t, r.code, 0)
	assert.Assert(t, is.Contains(r.err, "waiting until it is done"))
}

func TestDamagedStateStopsUpBeforeItBegins(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "newer": `{"version": 99}`} {
		s := newShell(t, shop)
		store, err := state.Open(s.dir, "shop")
		assert.NilError(t, err)
		assert.NilError(t, os.MkdirAll(filepath.Dir(store.Path()), 0o700))
		assert.NilError(t, os.WriteFile(store.Path(), []byte(text), 0o600))
		r := s.run("up", "-d")
		assert.Equal(t, r.code, 1, name)
		assert.Assert(t, is.Contains(r.err, "hint: "), name)
		assert.Equal(t, len(s.engine.done), 0, name)
		assert.NilError(t, os.Remove(store.Path()))
		assert.Equal(t, s.run("up", "-d").code, 0, name)
	}
}

func TestInterruptedIs130(t *testing.T) {
	s := newShell(t, shop)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := s.runContext(ctx, "up", "-d")
	assert.Equal(t, r.code, 130)
	assert.Assert(t, is.Contains(r.err, "error: interrupted\n"))
}

func TestAttachedUpStopsWhenInterrupted(t *testing.T) {
	s := newShell(t, shop)
	s.engine.logs = map[string]string{"shop-web-1": "hello\n"}
	for _, name := range []string{"shop-db-1", "shop-web-1", "shop-web-2"} {
		s.engine.block[name] = make(chan struct{})
	}
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan result)
	go func() { ended <- s.runContext(ctx, "up") }()
	deadline := time.After(10 * time.Second)
	for running := 0; running < 3; {
		select {
		case <-deadline:
			t.Fatal("up does not start the containers")
		case <-time.After(5 * time.Millisecond):
		}
		replicas, err := s.engine.List(t.Context(), "shop")
		assert.NilError(t, err)
		running = 0
		for _, r := range replicas {
			if r.State == plan.Running {
				running++
			}
		}
	}
	// The interruption may come before the logs are attached to: then it is one of up itself.
	select {
	case <-s.engine.following:
	case <-deadline:
		t.Fatal("up does not follow the logs")
	}
	interrupt()
	r := <-ended
	assert.Equal(t, r.code, 0, r.err)
	assert.Assert(t, is.Contains(r.out, "web-1  | hello\n"))
	assert.Assert(t, is.Contains(r.out, "web-1 exited with code 0\n"))
	assert.Equal(t, s.run("ps", "-q").out, "")
	assert.Equal(t, strings.Count(s.run("ps", "-aq").out, "\n"), 3)
}

func TestAttachedUpEndsWithItsContainers(t *testing.T) {
	s := newShell(t, shop) // their logs end at once
	r := s.run("up")
	assert.Equal(t, r.code, 0, r.err)
}

func TestUsageErrorsOfFlags(t *testing.T) {
	s := newShell(t, shop)
	for _, typed := range []string{
		"ps --progress loud", "ps --ansi blue", "ps --parallel 0", "ps --parallel x", "ps -H a --context b", "ps --status gone",
		"ps --filter name=x", "up --pull sometimes", "up --force-recreate --no-recreate", "up --build --no-build", "up -t soon", "up --wait-timeout -3",
		"down --rmi some", "config --format xml", "plan --format xml", "version --format xml", "completion", "completion csh",
		"service inspect", "service redeploy", "service rolling-update web", "service rolling-update --image x", "service redeploy --pull x web", "logs --index x", "up --detach=maybe",
	} {
		r := s.run(strings.Fields(typed)...)
		assert.Equal(t, r.code, 2, "%s: %s", typed, r.err)
		assert.Assert(t, strings.HasPrefix(r.err, "error: "), "%s: %s", typed, r.err)
	}
	assert.Equal(t, len(s.engine.calls)+len(s.engine.done), 0)
}

func TestVersion(t *testing.T) {
	s := newShell(t, "")
	assert.Assert(t, strings.HasPrefix(s.run("version").out, "hyper-lite version 1.2.3\n"))
	assert.Equal(t, s.run("version", "--short").out, "1.2.3\n")
	assert.Equal(t, s.run("--version").out, "1.2.3\n")
	assert.Assert(t, is.Contains(s.run("version", "-f", "json").out, `"version":"1.2.3"`))
}

func TestConfig(t *testing.T) {
	s := newShell(t, shop+"jobs:\n  nightly:\n    image: job:1\n    triggers: {schedule: [\"0 3 * * *\"]}\n")
	assert.Equal(t, s.run("config", "--services").out, "db\nweb\n")
	assert.Equal(t, s.run("config", "--jobs").out, "nightly\n")
	assert.Equal(t, s.run("config", "--images").out, "job:1\npostgres:15\nshop:1\n")
	assert.Equal(t, s.run("config", "-q"), result{})
	assert.Equal(t, strings.Count(s.run("config", "--hash", "*").out, " v1:"), 3)
	assert.Equal(t, s.run("config", "--hash", "nosuch").code, 1)
	chosen := s.run("config", "db").out
	assert.Assert(t, is.Contains(chosen, "postgres:15"))
	assert.Assert(t, !strings.Contains(chosen, "shop:1") && !strings.Contains(chosen, "nightly"), chosen)
	assert.Equal(t, s.run("config", "--services", "web").out, "db\nweb\n") // it depends on db
	assert.Equal(t, s.run("config", "wbe"), result{1, "", "error: no such service: wbe\n hint: did you mean `web`?\n"})
	assert.Assert(t, is.Contains(s.run("config", "--no-interpolate", "web").err, "warning: the files are shown whole"))
	file := filepath.Join(t.TempDir(), "out.yaml")
	assert.Equal(t, s.run("config", "-o", file).code, 0)
	text, err := os.ReadFile(file)
	assert.NilError(t, err)
	assert.Equal(t, string(text), s.run("config").out)
}

func TestCompletion(t *testing.T) {
	s := newShell(t, shop)
	other := filepath.Join(s.dir, "other.yaml")
	assert.NilError(t, os.WriteFile(other, []byte("services: {sea: {image: sea:1}}"), 0o600))
	complete := func(words ...string) string {
		var out lockedBuffer
		p := &program{IO: IO{Out: &out}, env: map[string]string{"COMPOSE_FILE": filepath.Join(s.dir, "compose.yaml")}}
		assert.Equal(t, p.run(t.Context(), append([]string{completionVerb}, words...)), 0)
		return strings.ReplaceAll(strings.TrimSpace(out.String()), "\n", " ")
	}
	for _, c := range [][2]string{
		{"re", "restart"},
		{"exec ", "db web"},
		{"exec web ", ""},
		{"exec web --", ""},
		{"cp w", "web:"},
		{"cp ./", ":files"},
		{"port --protocol ", "tcp udp"},
		{"up --exit-code-from ", "db web"},
		{"service ", "ls inspect rolling-update redeploy scale start stop restart"},
		{"service redeploy --re", "--reuse-volumes"},
		{"service redeploy w", "web"},
		{"logs w", "web"},
		{"logs ", "db web"},
		{"logs --fo", "--follow"},
		{"scale d", "db="},
		{"up --scale w", "web="},
		{"up --pull ", "always missing never policy"},
		{"up --pull=n", "--pull=never"},
		{"pull --policy ", "always missing"},
		{"watch w", "web"},
		{"-f ", ":files"},
		{"logs -f ", "db web"},
		{"completion ", "bash fish powershell zsh"},
		{"up -- w", ""},
		{"nonsense ", ""},
		{"ps --nonsense ", ""},
		{"-f " + other + " logs ", "sea"}, // the files of the line, not those that would be found
		{"--file=" + other + " scale s", "sea="},
		{"up --scale s --file " + other + " --scale s", "sea="},
		{"-f - logs ", ""}, // the terminal is not read
	} {
		assert.Equal(t, complete(strings.Split(c[0], " ")...), c[1], c[0])
	}
	for _, shell := range sortedKeys(completionScripts) {
		script := s.run("completion", shell)
		assert.Equal(t, script.code, 0)
		assert.Assert(t, is.Contains(script.out, "hyper-lite "+completionVerb), shell)
	}
}

func TestUpSaysThatItStartsNoJob(t *testing.T) {
	s := newShell(t, shop+"jobs: {tidy: {image: shop:1, triggers: {manual: true}}, backup: {image: shop:1, triggers: {manual: true}}}\n")
	const said = "`up` starts no job: backup, tidy (`hyper-lite cron ls` tells when they run)\n"
	assert.Equal(t, s.run("up", "-d").out, said)
	assert.Equal(t, s.run("up", "-d").out, "nothing to change\n"+said)
	assert.Equal(t, s.run("up", "-d", "web").out, "nothing to change\n")
	assert.Equal(t, len(s.engine.replicas), 4) // one of them registers the jobs
}
