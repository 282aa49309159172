package converge

import (
	"context"
	"fmt"
	"slices"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// lookPatience is for how long the engine is asked what a run that has ended left.
const lookPatience = 10 * time.Second

// giveBack ends what a run that was interrupted, or failed, left in the middle: slots that had a replica and have none now,
// since the old one had to stop first. Each of them keeps what it has that runs, which is awaited and served, else the old
// container is started again. All else stays as it is, for the next run.
func (r *rollout) giveBack(ctx context.Context, interrupted bool) error {
	looking, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	now, err := r.host.Observe(looking, r.want)
	if err != nil {
		return nil // the engine is gone, which the run says itself
	}
	gaps := r.gaps(now)
	if len(gaps) == 0 {
		return nil
	}
	opt := r.opt
	opt.Services, opt.NoDeps = gaps, true
	opt.Held = slices.Concat(opt.Held, gaps)
	opt.Left = slices.DeleteFunc(slices.Clone(opt.Left), func(name string) bool { return slices.Contains(gaps, name) })
	opt.Wait, opt.RemoveOrphans, opt.IgnoreOrphans, opt.AllResources, opt.ImagesReady = false, false, true, false, true
	p, err := plan.Make(r.want, now, opt)
	if err != nil || p.Empty() {
		return err
	}
	if r.run.Warn != nil {
		r.run.Warn(givingBack(gaps, interrupted))
	}
	if r.run.Replan != nil {
		r.run.Replan(p)
	}
	back := rollout{host: r.host, want: r.want, opt: opt, run: r.run, before: r.before}
	if err := back.answer(ctx, p, now); err != nil {
		return fmt.Errorf("give back what was taken away: %w", err)
	}
	return nil
}

// gaps are the services with a slot that lost what it had when this run began. Where the balancer itself is away, all that it
// served are.
func (r *rollout) gaps(now plan.Observed) []string {
	system := func(c plan.Replica) bool { return c.Role == compose.RoleBalancer || c.Role == compose.RoleSidecar }
	dark := slices.ContainsFunc(running(r.before, system), func(c plan.Replica) bool {
		return len(running(now, func(other plan.Replica) bool { return other.Role == c.Role })) == 0
	})
	var gaps []string
	for _, s := range r.want.Services {
		if s.OneShot {
			continue // to start it again is to do its work again
		}
		open := dark && len(s.Routes) > 0 && len(r.before.Serving(s.Name)) > 0
		for _, slot := range plan.Slots(r.want, s, now, r.opt) {
			open = open || r.lacks(now, s, slot)
		}
		if open {
			gaps = append(gaps, s.Name)
		}
	}
	return gaps
}

// lacks says whether a slot lost what it had: it was served and is not, or what ran does no more and nothing runs that was
// found as it should be. A replacement that was has taken the place of what it replaced, which is gone.
func (r *rollout) lacks(now plan.Observed, s compose.Service, slot int) bool {
	here := func(c plan.Replica) bool {
		return c.Role == compose.RoleReplica && !c.OneOff && c.Service == s.Name && c.Slot == slot
	}
	if slices.ContainsFunc(r.lost, func(ref plan.Ref) bool { return ref.Service == s.Name && ref.Slot == slot }) {
		return false // what there is of it was tried
	}
	at := func(ref plan.Ref) bool { return ref.Slot == slot }
	if len(s.Routes) > 0 && slices.ContainsFunc(r.before.Serving(s.Name), at) && !slices.ContainsFunc(now.Serving(s.Name), at) {
		return true
	}
	was, runs := running(r.before, here), running(now, here)
	ran := func(c plan.Replica) bool {
		return slices.ContainsFunc(was, func(old plan.Replica) bool { return old.ID == c.ID })
	}
	if len(was) == 0 || slices.ContainsFunc(runs, ran) {
		return false
	}
	return len(runs) == 0 || slices.ContainsFunc(now.Replicas, ran)
}

// running are those of some containers that run.
func running(have plan.Observed, these func(plan.Replica) bool) []plan.Replica {
	return slices.DeleteFunc(slices.Clone(have.Replicas), func(c plan.Replica) bool {
		return c.State != plan.Running && c.State != plan.Restarting && c.State != plan.Paused || !these(c)
	})
}
