package command

import (
	"context"
	"fmt"
	"slices"

	"hyper-lite/compose"
	"hyper-lite/cron"
	"hyper-lite/plan"
)

// tidyRuns removes containers of ended runs of a job beyond those that it keeps, where there is no sidecar for it. What is remembered of a run
// as running is remembered as it ended before.
func (i *invocation) tidyRuns(ctx context.Context, project compose.Project, one jobOnce) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookPatience)
	defer cancel()
	if err := i.removeRuns(ctx, project, one); err != nil {
		i.warn(fmt.Sprintf("containers of earlier runs may be left: %v", err))
	}
}

func (i *invocation) removeRuns(ctx context.Context, project compose.Project, one jobOnce) error {
	containers, err := i.opened.Listing(ctx, project.Name)
	if err != nil {
		return err
	}
	for _, c := range containers {
		if c.Role == compose.RoleSidecar { // one that does not run now, when it does again
			return nil
		}
	}
	remembered, err := readCronRecord(project)
	if err != nil {
		return err
	}
	kept := map[bool]int{true: one.keep.Successful, false: one.keep.Failed}
	for _, c := range slices.Backward(runsAmong(containers)) {
		if c.Service != one.service.Name || c.State != plan.Exited {
			continue
		}
		good := c.ExitCode == 0
		if kept[good]--; kept[good] >= 0 {
			continue
		}
		known := slices.IndexFunc(remembered.Runs, func(r cron.Record) bool { return r.Run == c.Name })
		if known >= 0 && remembered.Runs[known].Status == cron.Running {
			r, err := i.runRecord(ctx, i.opened, c, true, remembered.Runs[known])
			if err != nil {
				return err
			}
			i.noteRun(project, one.history, r)
		}
		if err := i.opened.Do(ctx, plan.Remove{Container: runContainer(c.Service, c.Name), Volumes: true}); err != nil {
			return err
		}
	}
	return nil
}
