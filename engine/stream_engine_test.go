//go:build engine

package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func TestDialJoinsStdinAndStdout(t *testing.T) {
	s := stage(t)
	c := s.up(s.service("web", nil))
	conn, err := s.Dial(t.Context(), c.Name, []string{"/program", "echo"})
	assert.NilError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("hello"))
	assert.NilError(t, err)
	assert.NilError(t, conn.(interface{ CloseWrite() error }).CloseWrite())
	answer, err := io.ReadAll(conn)
	assert.NilError(t, err)
	assert.Equal(t, string(answer), "HELLO")
}

func TestDialTellsHowTheCommandFailed(t *testing.T) {
	s := stage(t)
	c := s.up(s.service("web", nil))
	conn, err := s.Dial(t.Context(), c.Name, []string{"/program", "exists", "/nowhere"})
	assert.NilError(t, err)
	defer conn.Close()
	_, err = io.ReadAll(conn)
	assert.ErrorContains(t, err, "exited 1: stat /nowhere")
}

func TestReadFile(t *testing.T) {
	s := stage(t)
	c := s.up(s.service("web", func(w *compose.Service) { withSecret(w, "token", "t0k3n", types.ServiceSecretConfig{}) }))
	content, err := s.ReadFile(t.Context(), c.Name, "/run/secrets/token")
	assert.NilError(t, err)
	assert.Equal(t, string(content), "t0k3n")
	_, err = s.ReadFile(t.Context(), c.Name, "/nowhere")
	assert.Check(t, is.ErrorIs(err, fs.ErrNotExist))
	_, err = s.ReadFile(t.Context(), s.project+"-nobody-1", "/nowhere")
	assert.Check(t, is.ErrorIs(err, fs.ErrNotExist))
	_, err = s.ReadFile(t.Context(), c.Name, "/run")
	assert.ErrorContains(t, err, "no regular file")
}

func TestLogsKeepTheStreamsApart(t *testing.T) {
	for _, test := range []struct {
		name        string
		tty         bool
		out, stderr string
	}{
		{"two streams", false, "to-out\n", "to-err\n"},
		{"a terminal", true, "to-out\r\nto-err\r\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := stage(t)
			c := s.container("job", 1)
			s.do(s.create(s.service("job", func(w *compose.Service) {
				w.Body.Command = types.ShellCommand{"print", "to-out", "to-err"}
				w.Body.Tty = test.tty
			}), 1), plan.Start{Container: c})
			code, err := s.Wait(t.Context(), c.Name)
			assert.NilError(t, err)
			assert.Equal(t, code, int64(0))
			var out, stderr bytes.Buffer
			assert.NilError(t, s.Logs(t.Context(), c.Name, LogOptions{Follow: true}, &out, &stderr))
			assert.Equal(t, out.String(), test.out)
			assert.Equal(t, stderr.String(), test.stderr)

			out.Reset()
			stderr.Reset()
			var last time.Time
			assert.NilError(t, s.Logs(t.Context(), c.Name, LogOptions{Last: &last}, &out, &stderr))
			assert.Equal(t, out.String()+stderr.String(), test.out+test.stderr)
			after := last.Add(1).Format(time.RFC3339Nano)
			assert.NilError(t, s.Logs(t.Context(), c.Name, LogOptions{Since: after, Last: &last}, &out, &stderr))
			assert.Equal(t, out.String()+stderr.String(), test.out+test.stderr, "no line is read twice")
		})
	}
}

func TestEventsOfAProject(t *testing.T) {
	s := stage(t)
	happened, ended := s.Events(t.Context(), s.project)
	c := s.container("job", 1)
	s.do(s.create(s.service("job", func(w *compose.Service) { w.Body.Command = types.ShellCommand{"exit", "7"} }), 1),
		plan.Start{Container: c})
	deadline := time.After(20 * time.Second)
	var actions []string
	for !strings.HasSuffix(strings.Join(actions, " "), "die") {
		select {
		case event := <-happened:
			assert.Equal(t, event.Ref, c.Ref)
			assert.Equal(t, event.Role, compose.RoleReplica)
			assert.Equal(t, event.Name, c.Name)
			actions = append(actions, event.Action)
			if event.Action == "die" {
				assert.Equal(t, event.ExitCode, 7)
			}
		case err := <-ended:
			t.Fatal(err)
		case <-deadline:
			t.Fatalf("no die event; seen: %v", actions)
		}
	}
	assert.Check(t, is.Contains(actions, "start"))
}

func TestHooks(t *testing.T) {
	s := stage(t)
	c := s.up(s.service("web", nil))
	good := plan.RunHook{Container: c, Phase: "post_start", Index: 1, Hook: types.ServiceHook{Command: types.ShellCommand{"/program", "print", "a", "b"}}}
	s.do(good)
	bad := good
	bad.Hook.Command = types.ShellCommand{"/program", "exit", "3", "because"}
	assert.ErrorContains(t, s.Do(t.Context(), bad), "post_start hook 1 (/program exit 3 because) exited 3: because")
}

func TestKillReachesOnlyOurs(t *testing.T) {
	s := stage(t)
	c := s.up(s.service("web", nil))
	assert.NilError(t, s.Kill(t.Context(), c.Name, "SIGTERM"))
	code, err := s.Wait(t.Context(), c.Name)
	assert.NilError(t, err)
	assert.Equal(t, code, int64(0))
	assert.NilError(t, s.Kill(t.Context(), c.Name, "SIGTERM"))
	assert.NilError(t, s.Kill(t.Context(), s.project+"-nobody-1", "SIGTERM"))
}

func TestAwaitEndsAsItMust(t *testing.T) {
	second := types.Duration(time.Second)
	check := func(verb ...string) *types.HealthCheckConfig {
		retries := uint64(1)
		return &types.HealthCheckConfig{Test: append([]string{"CMD", "/program"}, verb...), Interval: &second, Retries: &retries}
	}
	for _, test := range []struct {
		name      string
		change    func(w *compose.Service)
		condition plan.Condition
		within    time.Duration
		reason    string // "" is that it succeeds
		log       []string
		health    string
	}{
		{name: "running", condition: plan.AwaitRunning},
		{name: "running counts as healthy", condition: plan.AwaitHealthy},
		{
			name: "healthy", condition: plan.AwaitHealthy,
			change: func(w *compose.Service) { w.Body.HealthCheck = check("exists", "/program") },
		},
		{
			name: "completed", condition: plan.AwaitCompleted,
			change: func(w *compose.Service) { w.Body.Command = types.ShellCommand{"exit", "0"} },
		},
		{
			name: "exits", condition: plan.AwaitRunning, reason: "exited (9)", log: []string{"no", "luck"},
			change: func(w *compose.Service) { w.Body.Command = types.ShellCommand{"exit", "9", "no", "luck"} },
		},
		{
			name: "fails to complete", condition: plan.AwaitCompleted, reason: "exited (2)",
			change: func(w *compose.Service) { w.Body.Command = types.ShellCommand{"exit", "2"} },
		},
		{
			name: "unhealthy", condition: plan.AwaitHealthy, reason: "health check failed", health: "the pump is broken", log: []string{"running"},
			change: func(w *compose.Service) { w.Body.HealthCheck = check("unwell") },
		},
		{
			// on a busy machine each turn of a loop may run for as long as is taken for running
			name: "restart loop", condition: plan.AwaitCompleted, reason: "restart loop, last exited (4)",
			change: func(w *compose.Service) {
				w.Body.Restart = "always"
				w.Body.Command = types.ShellCommand{"exit", "4"}
			},
		},
		{name: "too slow", condition: plan.AwaitCompleted, within: time.Second, reason: "still running", log: []string{"running"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := stage(t)
			c := s.container("web", 1)
			s.do(s.create(s.service("web", test.change), 1), plan.Start{Container: c})
			if test.within == 0 {
				test.within = 30 * time.Second
			}
			err := s.Do(t.Context(), plan.Await{Container: c, Condition: test.condition, Within: test.within})
			if test.reason == "" {
				assert.NilError(t, err)
				return
			}
			var unhealthy *plan.UnhealthyError
			assert.Assert(t, errors.As(err, &unhealthy), "%v", err)
			assert.Equal(t, unhealthy.Reason, test.reason)
			assert.Equal(t, unhealthy.Health, test.health)
			if test.log != nil {
				assert.DeepEqual(t, unhealthy.LastLog, test.log)
			}
			assert.Check(t, unhealthy.After < 25*time.Second)
		})
	}
}

// Wait returns a container's exit code once it has ended.
func (s scene) Wait(ctx context.Context, name string) (int64, error) {
	ended, failed := s.client.ContainerWait(ctx, name, container.WaitConditionNotRunning)
	select {
	case end := <-ended:
		return end.StatusCode, nil
	case err := <-failed:
		return 0, err
	}
}
