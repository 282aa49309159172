package lb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// await watches a replica until the sidecar's own count says that it is healthy, and then for as long as it must
// stay so. One that the engine stopped, and that is not started again at once, is waited for no longer.
func (s *Sidecar) await(ctx context.Context, args AwaitArgs) (AwaitReply, error) {
	start := time.Now()
	bounded := ctx
	if args.Within > 0 {
		limited, cancel := context.WithTimeout(ctx, args.Within)
		defer cancel()
		bounded = limited
	}
	s.beginAwait(args.Ref, args.Probe, start)
	for looked := false; ; {
		j, changed, ok := s.prober.look(args.Ref)
		if !ok {
			return AwaitReply{}, withdrawnMeanwhile(args.Ref)
		}
		if j.Up {
			return s.stays(ctx, args, start)
		}
		hopeless := (<-chan time.Time)(nil)
		if j.Stopped {
			hopeless = time.After(time.Until(j.StopTime.Add(restartsWithin)))
		}
		select {
		case <-changed:
		case <-hopeless:
			// The engine tells an event before its lists know of it: a first look can be older than the events.
			if !looked {
				looked = true
				s.resync(ctx)
				continue
			}
			return AwaitReply{Reason: j.Reason, After: time.Since(start)}, nil
		case <-bounded.Done():
			if !errors.Is(bounded.Err(), context.DeadlineExceeded) {
				return AwaitReply{}, bounded.Err()
			}
			return AwaitReply{Reason: unhealthyReason(j, args.Probe), After: time.Since(start)}, nil
		}
	}
}

// stays watches a replica that is healthy for as long as it must stay so.
func (s *Sidecar) stays(ctx context.Context, args AwaitArgs, start time.Time) (AwaitReply, error) {
	over := time.After(args.For)
	for {
		j, changed, ok := s.prober.look(args.Ref)
		switch {
		case !ok:
			return AwaitReply{}, withdrawnMeanwhile(args.Ref)
		case !j.Up:
			return AwaitReply{Reason: "did not stay healthy: " + j.Reason, After: time.Since(start)}, nil
		case args.For == 0:
			return AwaitReply{Healthy: true, After: time.Since(start)}, nil
		}
		select {
		case <-changed:
		case <-over:
			return AwaitReply{Healthy: true, After: time.Since(start)}, nil
		case <-ctx.Done():
			return AwaitReply{}, ctx.Err()
		}
	}
}

func withdrawnMeanwhile(ref plan.Ref) error {
	return fmt.Errorf("another command withdrew %s meanwhile", ref)
}

// beginAwait watches a replica. Of one that is not published nothing is kept that was known before: it may
// have been another container.
func (s *Sidecar) beginAwait(ref plan.Ref, probe compose.Probe, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.published(ref) {
		s.prober.keep(func(other plan.Ref) bool { return other != ref })
	}
	s.awaited[ref] = now
	initial := judgement{Since: now, Reason: "it was not probed yet"}
	if reason, ok := s.halted[ref]; ok {
		initial = initial.stopped(reason, now)
	}
	s.watch(ref, &probe, initial)
}

// published needs the lock.
func (s *Sidecar) published(ref plan.Ref) bool {
	return slices.ContainsFunc(s.record.Services, func(p publication) bool { return slices.Contains(p.Backends, ref) })
}

// restartsWithin is how soon the engine must have started a stopped replica again for an await to go on.
const restartsWithin = 2 * time.Second

func unhealthyReason(j judgement, p compose.Probe) string {
	if j.Bad == 0 && j.Good > 0 {
		return fmt.Sprintf("only %d of %d good answers in a row", j.Good, p.Rise)
	}
	return j.Reason
}
