package engine

import (
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"
	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func TestEventOf(t *testing.T) {
	labels := map[string]string{
		"name": "shop-web-2", "com.docker.compose.project": "shop", labelRole: "replica", labelService: "web", labelSlot: "2", labelGeneration: "4",
	}
	message := func(action string, more ...string) events.Message {
		attributes := map[string]string{}
		for name, value := range labels {
			attributes[name] = value
		}
		for i := 0; i < len(more); i += 2 {
			attributes[more[i]] = more[i+1]
		}
		return events.Message{
			Action: events.Action(action), TimeNano: 5, Actor: events.Actor{ID: "id", Attributes: attributes},
		}
	}
	want := Event{
		ID: "id", Name: "shop-web-2", Ref: plan.Ref{Service: "web", Slot: 2, Generation: 4}, Role: compose.RoleReplica,
		Time: time.Unix(0, 5).UTC(), Attributes: map[string]string{"name": "shop-web-2"},
	}
	start, killed, died, sick := want, want, want, want
	start.Action = "start"
	killed.Action, killed.Signal = "kill", "15"
	killed.Attributes = map[string]string{"name": "shop-web-2", "signal": "15"}
	died.Action, died.ExitCode = "die", 137
	died.Attributes = map[string]string{"name": "shop-web-2", "exitCode": "137"}
	sick.Action, sick.Health, sick.Detail = "health_status", plan.Unhealthy, "unhealthy"
	assert.DeepEqual(t, eventOf(message("start")), start)
	assert.DeepEqual(t, eventOf(message("kill", "signal", "15")), killed)
	assert.DeepEqual(t, eventOf(message("die", "exitCode", "137")), died)
	assert.DeepEqual(t, eventOf(message("health_status: unhealthy")), sick)
	assert.Equal(t, eventOf(message("create", labelCause, "autoheal: it is sick")).Attributes["cause"], "autoheal: it is sick")
}
