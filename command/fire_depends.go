package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"hyper-lite/compose"
	"hyper-lite/cron"
	"hyper-lite/plan"
)

// dependsWithin is how long a run waits for what its job depends on, where it has no start_deadline.
const dependsWithin = time.Minute

// fulfil waits until what a job depends on is as it asks.
func (f *firing) fulfil(ctx context.Context, job registered, scheduled time.Time, aside cron.Aside) error {
	if len(job.DependsOn) == 0 {
		return nil
	}
	within := dependsWithin
	if job.StartDeadline > 0 {
		within = max(time.Until(scheduled.Add(job.StartDeadline)), time.Second)
	}
	until := time.Now().Add(within)
	replicas, err := f.host.List(ctx, f.project)
	if err != nil {
		return err
	}
	for _, d := range job.DependsOn {
		err := f.dependency(ctx, d, replicas, until, aside)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case d.Required:
			return fmt.Errorf("depends on %s: %w", d.Service, err)
		default:
			f.log.Warn("a run does without what its job depends on", "job", job.name, "dependency", d.Service, "error", err)
		}
	}
	return nil
}

// dependency waits for the replicas of one service.
func (f *firing) dependency(ctx context.Context, d compose.Dependency, replicas []plan.Replica, until time.Time, aside cron.Aside) error {
	condition := plan.AwaitRunning
	switch d.Condition {
	case types.ServiceConditionHealthy:
		condition = plan.AwaitHealthy
	case types.ServiceConditionCompletedSuccessfully:
		condition = plan.AwaitCompleted
	}
	found := false
	for _, r := range replicas {
		if r.Service != d.Service || r.Role != compose.RoleReplica || r.SetAside() {
			continue
		}
		found = true
		if condition == plan.AwaitRunning && r.State == plan.Running {
			continue
		}
		if condition == plan.AwaitCompleted && r.State == plan.Exited && r.ExitCode == 0 {
			continue
		}
		step := plan.Await{Container: plan.Container{Ref: r.Ref, ID: r.ID, Name: r.Name}, Condition: condition, Within: max(time.Until(until), time.Second)}
		var failed error
		if err := aside(ctx, func() { failed = f.sidecar.Fulfilled(ctx, step) }); err != nil {
			return err
		}
		if failed != nil {
			return failed
		}
	}
	if !found {
		return errors.New("it has no container: `hyper-lite up` makes it")
	}
	return nil
}
