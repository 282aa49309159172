package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"

	"hyper-lite/plan"
)

// Each case is a series of looks at one container, a tenth of a second apart; the last one decides.
func TestJudge(t *testing.T) {
	look := func(state container.State, restarts int) container.InspectResponse {
		return container.InspectResponse{ContainerJSONBase: &container.ContainerJSONBase{State: &state, RestartCount: restarts}}
	}
	running := container.State{Status: container.StateRunning}
	restarting := container.State{Status: container.StateRestarting, ExitCode: 1}
	health := func(status container.HealthStatus) container.State {
		return container.State{Status: container.StateRunning, Health: &container.Health{Status: status}}
	}
	exited := func(code int) container.State { return container.State{Status: container.StateExited, ExitCode: code} }
	for _, test := range []struct {
		name      string
		condition plan.Condition
		looks     []container.InspectResponse
		want      verdict
	}{
		{"just started", plan.AwaitRunning, []container.InspectResponse{look(running, 0)}, verdict{again: settling}},
		{"still running", plan.AwaitRunning, slices.Repeat([]container.InspectResponse{look(running, 0)}, 11), verdict{done: true}},
		{"restarted meanwhile", plan.AwaitRunning, []container.InspectResponse{look(running, 0), look(restarting, 1), look(running, 1)}, verdict{again: settling}},
		{
			"about to restart", plan.AwaitRunning,
			[]container.InspectResponse{look(restarting, 1), look(restarting, 1), look(restarting, 1), look(restarting, 1), look(running, 1)},
			verdict{again: settling - 100*time.Millisecond},
		},
		{"restart loop", plan.AwaitRunning, []container.InspectResponse{look(running, 0), look(restarting, 3)}, verdict{never: "restart loop, last exited (1)"}},
		{"restart loop that runs", plan.AwaitRunning, []container.InspectResponse{look(restarting, 2), look(running, 3)}, verdict{never: "restart loop, last exited (1)"}},
		{"restarting is not yet lost", plan.AwaitHealthy, []container.InspectResponse{look(restarting, 2)}, verdict{}},
		{"created", plan.AwaitRunning, []container.InspectResponse{look(container.State{Status: container.StateCreated}, 0)}, verdict{}},
		{"exited well but should run", plan.AwaitRunning, []container.InspectResponse{look(exited(0), 0)}, verdict{never: "exited (0)"}},
		{"completed", plan.AwaitCompleted, []container.InspectResponse{look(exited(0), 0)}, verdict{done: true}},
		{"settled, for it is done", plan.AwaitSettled, []container.InspectResponse{look(exited(0), 0)}, verdict{done: true}},
		{"not settled, for it failed", plan.AwaitSettled, []container.InspectResponse{look(exited(1), 0)}, verdict{never: "exited (1)"}},
		{"settled without a health check", plan.AwaitSettled, slices.Repeat([]container.InspectResponse{look(running, 0)}, 11), verdict{done: true}},
		{"not settled while its health is unknown", plan.AwaitSettled, []container.InspectResponse{look(health(container.Starting), 0), look(health(container.Starting), 0), look(health(container.Starting), 0), look(health(container.Starting), 0)}, verdict{}},
		{"settled by its health", plan.AwaitSettled, []container.InspectResponse{look(health(container.Healthy), 0)}, verdict{done: true}},
		{"not settled, for it is unhealthy", plan.AwaitSettled, []container.InspectResponse{look(health(container.Unhealthy), 0)}, verdict{never: "health check failed"}},
		{"has not exited", plan.AwaitExit, []container.InspectResponse{look(running, 0), look(running, 0), look(running, 0), look(running, 0)}, verdict{}},
		{"exited well, and yet it did", plan.AwaitExit, []container.InspectResponse{look(exited(0), 0)}, verdict{never: "exited (0)"}},
		{"not completed yet", plan.AwaitCompleted, []container.InspectResponse{look(running, 0)}, verdict{}},
		{"completed badly", plan.AwaitCompleted, []container.InspectResponse{look(exited(3), 0)}, verdict{never: "exited (3)"}},
		{
			"out of memory", plan.AwaitRunning,
			[]container.InspectResponse{look(container.State{Status: container.StateExited, ExitCode: 137, OOMKilled: true}, 0)},
			verdict{never: "exited (137), out of memory"},
		},
		{"starting", plan.AwaitHealthy, []container.InspectResponse{look(health(container.Starting), 0)}, verdict{}},
		{"healthy", plan.AwaitHealthy, []container.InspectResponse{look(health(container.Healthy), 0)}, verdict{done: true}},
		{"unhealthy", plan.AwaitHealthy, []container.InspectResponse{look(health(container.Unhealthy), 0)}, verdict{never: "health check failed"}},
		{"health does not matter", plan.AwaitRunning, []container.InspectResponse{look(health(container.Unhealthy), 0)}, verdict{again: settling}},
	} {
		t.Run(test.name, func(t *testing.T) {
			now := time.Unix(1700000000, 0)
			w := watch{condition: test.condition, since: now, started: now, seen: test.looks[0].RestartCount}
			var last verdict
			for _, found := range test.looks {
				last = w.judge(found, now)
				now = now.Add(100 * time.Millisecond)
			}
			assert.Equal(t, last, test.want)
		})
	}
}
