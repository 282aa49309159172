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
	Detail   string // what follows the action: the state with health_status, the command with exec_create

	Attributes map[string]string // what the engine tells beside, labels of the container included, without our own and Compose's; "cause" is why the sidecar made it
}

// EventSpan is the time that events are told of. Both ends are times or durations as `docker events` takes them.
type EventSpan struct {
	Since string // "" is now
	Until string // "" is without end
}

// Events tells what happens to the containers of a project from now on, until the context ends or the
// engine hangs up. Exactly one error is sent then; no event follows it.
func (e *Engine) Events(ctx context.Context, project string) (<-chan Event, <-chan error) {
	return e.EventsWithin(ctx, project, EventSpan{})
}

// EventsWithin is Events for another span of time. Its error is io.EOF at the end of the span.
func (e *Engine) EventsWithin(ctx context.Context, project string, span EventSpan) (<-chan Event, <-chan error) {
	messages, failed := e.client.Events(ctx, events.ListOptions{Since: span.Since, Until: span.Until, Filters: filters.NewArgs(
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

		Detail:     detail,
		Attributes: map[string]string{},
	}
	for name, value := range labels {
		if !strings.HasPrefix(name, "com.docker.compose.") && !strings.HasPrefix(name, "hyper-lite.") {
			event.Attributes[name] = value
		}
	}
	if cause := labels[labelCause]; cause != "" {
		event.Attributes["cause"] = cause
	}
	if action == "health_status" {
		event.Health = plan.Health(detail)
	}
	if code, err := strconv.Atoi(labels["exitCode"]); err == nil {
		event.ExitCode = code
	}
	return event
}
