package engine

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// Event is something that happened to a container of a project.
type Event struct {
	ID       string
	Name     string
	Ref      plan.Ref
	Role     compose.Role
	Action   string      // "create", "start", "die", "stop", "destroy", "health_status", ...
	Health   plan.Health // with health_status
	ExitCode int         // with die
	Signal   string      // with kill: its number, "15"
	Time     time.Time
}

// Events tells what happens to the containers of a project from now on, until the context ends or the
// engine hangs up. Exactly one error is sent then; no event follows it.
func (e *Engine) Events(ctx context.Context, project string) (<-chan Event, <-chan error) {
	messages, failed := e.client.Events(ctx, events.ListOptions{Filters: filters.NewArgs(
		filters.Arg("type", string(events.ContainerEventType)),
		filters.Arg("label", labelProject+"="+project),
	)})
	happened, ended := make(chan Event), make(chan error, 1)
	go func() {
		for {
			select {
			case message := <-messages:
				select {
				case happened <- eventOf(message):
				case <-ctx.Done():
					ended <- ctx.Err()
					return
				}
			case err := <-failed:
				if cause := ctx.Err(); cause != nil {
					err = cause
				}
				ended <- fmt.Errorf("follow events of project %s: %w", project, err)
				return
			}
		}
	}()
	return happened, ended
}

func eventOf(message events.Message) Event {
	labels := message.Actor.Attributes
	action, detail, _ := strings.Cut(string(message.Action), ": ")
	event := Event{
		ID:     message.Actor.ID,
		Name:   labels["name"],
		Ref:    refOf(labels),
		Role:   compose.Role(labels[labelRole]),
		Action: action,
		Signal: labels["signal"],
		Time:   time.Unix(0, message.TimeNano).UTC(),
	}
	if action == "health_status" {
		event.Health = plan.Health(detail)
	}
	if code, err := strconv.Atoi(labels["exitCode"]); err == nil {
		event.ExitCode = code
	}
	return event
}
