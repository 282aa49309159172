package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sync"
	"time"

	"hyper-lite/compose"
	"hyper-lite/converge"
	"hyper-lite/cron"
	"hyper-lite/lb"
	"hyper-lite/plan"
)

// exitTimeout is how a command ends whose run took too long, as timeout(1) does.
const exitTimeout = 124

// curb ends a run by hand before its own end: for its timeout, or because we are told to end.
type curb struct {
	host    converge.Host
	project string
	of      compose.Service
	run     string
	warn    func(...string)

	ending sync.WaitGroup
	mu     sync.Mutex
	status cron.Status // "": it was left to end by itself
	reason string
}

// curbOf is the curb of a run whose streams are ours from here on.
func (i *invocation) curbOf(ctx context.Context, project compose.Project, one once) (*curb, error) {
	host, err := i.host(ctx, project)
	host.Report = nil
	return &curb{host: host, project: project.Name, of: one.service, run: one.options.Name, warn: i.warn}, err
}

// stop ends the run, once. It returns when the run has ended, or cannot be ended: that is false.
func (c *curb) stop(ctx context.Context, status cron.Status, reason string) (ends bool) {
	if !c.mark(status, reason) {
		return true
	}
	before, end, grace := plan.EndOneOff(c.project, c.of, c.run)
	hooks, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if err := c.host.Apply(hooks, before); err != nil && ctx.Err() == nil {
		c.warn(fmt.Sprintf("%s is stopped without all its pre_stop hooks: %v", c.run, err))
	}
	err := c.host.Apply(ctx, end)
	if err != nil && ctx.Err() == nil {
		c.warn(fmt.Sprintf("%s is not stopped: %v", c.run, err))
	}
	return err == nil
}

// mark notes why the run is ended; false says that this is known.
func (c *curb) mark(status cron.Status, reason string) (first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if first = c.status == ""; first {
		c.status, c.reason = status, reason
	}
	return first
}

func tooLong(timeout time.Duration) string {
	return fmt.Sprintf("took longer than %s (timeout)", timeout)
}

// after stops the run once its timeout is over; 0 is none. What it returns takes that back.
func (c *curb) after(ctx context.Context, timeout time.Duration) (leave func()) {
	if timeout <= 0 {
		return func() {}
	}
	c.ending.Add(1)
	timer := time.AfterFunc(timeout, func() {
		defer c.ending.Done()
		c.stop(ctx, cron.TimedOut, tooLong(timeout))
	})
	return func() {
		if timer.Stop() {
			c.ending.Done()
		}
	}
}

// signalled stops the run for a signal of ours. It returns at once: another signal may come.
func (c *curb) signalled(ctx context.Context, name string) {
	c.ending.Go(func() { c.stop(ctx, cron.Failed, "hyper-lite got a "+name) })
}

// outcome is what a run came to that was ended before its own end; ok is false for any other.
func (c *curb) outcome() (status cron.Status, reason string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status, c.reason, c.status != ""
}

// judge is how we end after a run that was ended early: not as it did, which may be well.
func (c *curb) judge(err error) error {
	status, reason, curbed := c.outcome()
	code, ended := errors.AsType[codeError](err)
	switch {
	case !curbed:
		return err
	case status == cron.TimedOut:
		c.warn(fmt.Sprintf("%s %s, and was stopped", c.run, reason))
		return codeError(exitTimeout)
	case code == 0 && (err == nil || ended):
		return codeError(exitInterrupted)
	}
	return err
}

// tended says whether the project's sidecar ends the runs of a job after this timeout, those that were begun by hand too.
func (i *invocation) tended(ctx context.Context, project, job string, timeout time.Duration) (bool, error) {
	replicas, err := i.opened.List(ctx, project)
	if err != nil {
		return false, err
	}
	for _, r := range replicas {
		if r.Role != compose.RoleSidecar || r.State != plan.Running {
			continue
		}
		text, err := i.opened.ReadFile(ctx, r.ID, path.Join(lb.JobsFolder, cron.MemoryFile))
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		memories, err := cron.ReadMemories(text)
		if err != nil {
			return false, nil // its own memory: it begins anew where it cannot read it
		}
		m, known := memories[job]
		return known && m.Gone.IsZero() && m.Timing.Timeout == timeout, nil
	}
	return false, nil
}
