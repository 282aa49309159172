package converge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// rollout is one Up that answers failed replacements. Every answer is a plan, made from a new look at the host.
type rollout struct {
	host Host
	want compose.Project
	opt  plan.Options
	run  Run

	setbacks []*setback    // in the order in which their services failed
	before   plan.Observed // the host as this run found it
	lost     []plan.Ref    // replicas that were to stay, or to run again, and are not healthy
}

// setback is what failed of one service.
type setback struct {
	plan.RolloutError
	answered  int  // how many of Failed the plans made so far know of
	tolerated bool // by max_failure_ratio
	onTheWay  int  // how many had failed when the service began to go back
}

// do applies a plan, and answers what fails in it until nothing more does or nothing more is to be done. However it ends,
// no slot that had a replica that served is left without one, where that can be had.
func (r *rollout) do(ctx context.Context, p plan.Plan, have plan.Observed) error {
	r.before = have
	err := r.answer(ctx, p, have)
	if err == nil && ctx.Err() == nil {
		return nil
	}
	return errors.Join(err, r.giveBack(context.WithoutCancel(ctx), ctx.Err() != nil))
}

// answer is do, without what is left at its end.
func (r *rollout) answer(ctx context.Context, p plan.Plan, have plan.Observed) error {
	var others []error
	for {
		r.opt.Fresh = append(r.opt.Fresh, p.Made()...)
		err := r.host.apply(ctx, p, context.WithoutCancel(ctx))
		if err == nil {
			break
		}
		fresh, rest := r.take(ctx, p, have, err)
		others = append(others, rest...)
		if ctx.Err() != nil || !r.goesOn(p, fresh, rest) {
			break
		}
		r.decide(ctx, fresh, have)
		r.leave(p, have)
		if p, have, err = r.host.settled(ctx, r.want, r.opt); err != nil {
			r.fail(fresh, err)
			if len(fresh) == 0 {
				others = append(others, err)
			}
			break
		}
		r.name(p)
		if r.run.Replan != nil {
			r.run.Replan(p)
		}
	}
	return errors.Join(append(others, r.errors()...)...)
}

// take sorts what failed: replacements, by service, and all else. What the user cut short has not failed.
func (r *rollout) take(ctx context.Context, p plan.Plan, have plan.Observed, err error) (fresh []*setback, others []error) {
	for _, one := range apart(err) {
		f, ok := errors.AsType[*failure](one)
		if !ok || ctx.Err() != nil && errors.Is(one, context.Canceled) {
			others = append(others, one)
			continue
		}
		c, ok := p.Setback(f.node, have)
		if !ok { // what runs now may all be replacements
			c, ok = p.Setback(f.node, r.before)
		}
		if !ok || slices.Contains(r.opt.Left, c.Ref.Service) || r.isLast(c, have) {
			others = append(others, f)
			continue
		}
		s := r.setback(c.Ref.Service)
		s.Failed = append(s.Failed, c)
		// the wave that failed has other replacements, whose watch was cut short
		ofTheWave := s.Action == compose.PauseOnFailure && slices.Contains(r.opt.Fresh, c.Ref)
		if s.Action == "" || s.Action == compose.ContinueOnFailure || ofTheWave {
			s.Err = errors.Join(s.Err, f.error)
		} else {
			s.Undone = errors.Join(s.Undone, f.error)
		}
		r.opt.Failed = append(r.opt.Failed, c.Ref)
		if !slices.Contains(fresh, s) {
			fresh = append(fresh, s)
		}
	}
	return fresh, others
}

// goesOn says whether anything is left to do after a failure, and notes which services have no part in it. What is no
// replacement ends the run, but not with replicas taken away from services whose rollout is under way.
func (r *rollout) goesOn(p plan.Plan, fresh []*setback, others []error) bool {
	for _, err := range others {
		f, ok := errors.AsType[*failure](err)
		if !ok {
			return false
		}
		if _, ok := r.want.Service(f.node.Group); !ok {
			return r.givesUp(err)
		}
		if slices.Contains(r.opt.Left, f.node.Group) {
			return false
		}
		r.opt.Left = append(r.opt.Left, f.node.Group)
		if unhealthy, ok := errors.AsType[*plan.UnhealthyError](f.error); ok {
			r.lost = append(r.lost, unhealthy.Container.Ref)
		}
	}
	return len(fresh) > 0 || slices.ContainsFunc(r.want.Services, func(s compose.Service) bool {
		return p.Rollouts[s.Name] != "" && !slices.Contains(r.opt.Left, s.Name)
	})
}

// givesUp leaves those services with what they have that were to go back, where what they need for it cannot be had.
// It returns whether there are any.
func (r *rollout) givesUp(err error) bool {
	any := false
	for _, s := range r.setbacks {
		if s.Action == compose.RollBackOnFailure && !slices.Contains(r.opt.Held, s.Service) {
			s.Undone, any = errors.Join(s.Undone, err), true
			r.opt.Held = append(r.opt.Held, s.Service)
		}
	}
	r.opt.ImagesReady = true
	return any
}

func (r *rollout) setback(service string) *setback {
	for _, s := range r.setbacks {
		if s.Service == service {
			return s
		}
	}
	s := &setback{RolloutError: plan.RolloutError{Service: service}}
	r.setbacks = append(r.setbacks, s)
	return s
}

// decide makes the failure actions of services the goal of the next plan. A failure on the way back, or of what was to
// stay as it is, leaves the service with what it has.
func (r *rollout) decide(ctx context.Context, fresh []*setback, have plan.Observed) {
	for _, s := range fresh {
		service, _ := r.want.Service(s.Service)
		last := s.Failed[s.answered:]
		s.answered = len(s.Failed)
		failed := len(s.Failed) - s.onTheWay
		allowed := float64(failed) <= service.Rollout.MaxFailureRatio*float64(service.Replicas)
		switch {
		case s.Action == compose.RollBackOnFailure && !slices.Contains(r.opt.Held, s.Service):
			for _, c := range s.Failed[s.onTheWay:] {
				r.opt.Stuck = append(r.opt.Stuck, c.Ref)
			}
			if !allowed && service.Rollout.OnFailure != compose.ContinueOnFailure {
				r.opt.Held = append(r.opt.Held, s.Service)
			}
			continue
		case slices.Contains(r.opt.Held, s.Service):
			for _, c := range last {
				if !r.gives(c, have) {
					r.opt.Left, r.lost = append(r.opt.Left, s.Service), append(r.lost, c.Ref)
				}
			}
			continue
		}
		s.tolerated, s.Action = allowed, service.Rollout.OnFailure
		if allowed {
			s.Action = compose.ContinueOnFailure
		}
		if s.Action == compose.RollBackOnFailure && !r.goBack(ctx, s) {
			s.Action = compose.PauseOnFailure
		}
		switch s.Action {
		case compose.ContinueOnFailure:
		case compose.RollBackOnFailure:
			r.opt.Back, s.onTheWay = append(r.opt.Back, s.Service), len(s.Failed)
		default:
			s.Action = compose.PauseOnFailure
			r.opt.Held = append(r.opt.Held, s.Service)
		}
	}
	r.opt.Wait, r.opt.RemoveOrphans = false, false
}

// gives says whether a failed container can go from a slot that keeps what it has: this run made it, or there is another
// one that ran.
func (r *rollout) gives(c plan.Container, have plan.Observed) bool {
	return slices.Contains(r.opt.Fresh, c.Ref) || r.another(c, have)
}

// isLast says that a container ran when this run began and is all that its slot has: whatever fails with it, it is not set
// aside as a replacement that failed is.
func (r *rollout) isLast(c plan.Container, have plan.Observed) bool {
	ran := func(old plan.Replica) bool { return old.ID == c.ID }
	return len(running(r.before, ran)) > 0 && !r.another(c, have)
}

// another says whether the slot of a container has another one that ran and has not failed.
func (r *rollout) another(c plan.Container, have plan.Observed) bool {
	return slices.ContainsFunc(have.Replicas, func(other plan.Replica) bool {
		return other.Role == compose.RoleReplica && !other.OneOff && !other.SetAside() && other.State != plan.Created &&
			other.Service == c.Ref.Service && other.Slot == c.Ref.Slot && other.Ref != c.Ref && !slices.Contains(r.opt.Failed, other.Ref)
	})
}

// leave holds those services that depend on one which does not become what the files say.
func (r *rollout) leave(p plan.Plan, have plan.Observed) {
	for _, s := range r.want.Services { // in the order of their dependencies
		ended := func(name string) bool {
			return slices.Contains(r.opt.Held, name) || slices.Contains(r.opt.Back, name) || slices.Contains(r.opt.Left, name)
		}
		at := slices.IndexFunc(s.DependsOn, func(d compose.Dependency) bool { return d.Required && ended(d.Service) })
		if at < 0 || ended(s.Name) {
			continue
		}
		ran := func(c plan.Replica) bool { return c.Service == s.Name && c.Role == compose.RoleReplica && !c.OneOff }
		if slices.ContainsFunc(have.Replicas, ran) {
			r.opt.Held = append(r.opt.Held, s.Name)
		} else {
			r.opt.Left = append(r.opt.Left, s.Name)
		}
		if r.run.Warn != nil && slices.ContainsFunc(p.Nodes, func(n plan.Node) bool { return n.Group == s.Name }) {
			r.run.Warn(fmt.Sprintf("%s goes no further, since it depends on %s", s.Name, s.DependsOn[at].Service))
		}
	}
}

// goBack makes a service of the last applied revision the goal; false where it cannot, with the reason in s.Note.
func (r *rollout) goBack(ctx context.Context, s *setback) bool {
	var back compose.Project
	var number int
	var applied bool
	if r.run.Applied != nil {
		var err error
		if back, number, applied, err = r.run.Applied(ctx, s.Service); err != nil {
			s.Note = fmt.Sprintf("the last applied revision cannot be read: %v", err)
			return false
		}
	}
	was, there := back.Service(s.Service)
	if !applied || !there {
		s.Note = "there is no applied revision of " + s.Service + " to go back to"
		return false
	}
	present, _ := r.want.Service(s.Service)
	was.Rollback = present.Rollback
	want := r.want
	want.Services = slices.Clone(want.Services)
	want.Services[slices.IndexFunc(want.Services, func(o compose.Service) bool { return o.Name == s.Service })] = was.Backwards()
	if r.run.System != nil {
		system, err := r.run.System(want)
		if err != nil {
			s.Note = err.Error()
			return false
		}
		r.opt.System = system
	}
	r.want, s.Back = want, number
	r.opt.ImagesReady, r.opt.Pull, r.opt.Build, r.opt.NoBuild = false, "missing", false, true
	return true
}

// name gives the failed containers the names under which a plan keeps them.
func (r *rollout) name(p plan.Plan) {
	for _, s := range r.setbacks {
		for i, c := range s.Failed {
			for _, n := range p.Nodes {
				if kept, ok := n.Step.(plan.Rename); ok && kept.Ref == c.Ref {
					s.Failed[i].ID, s.Failed[i].Name = kept.ID, kept.To
				}
			}
		}
	}
}

// fail notes that the answer to some setbacks could not be done.
func (r *rollout) fail(fresh []*setback, err error) {
	for _, s := range fresh {
		s.Undone = err
	}
}

// errors are the setbacks; one that the file tolerates is only a warning.
func (r *rollout) errors() []error {
	var errs []error
	for _, s := range r.setbacks {
		if !s.tolerated || s.Undone != nil {
			errs = append(errs, &s.RolloutError)
			continue
		}
		if r.run.Warn != nil {
			service, _ := r.want.Service(s.Service)
			r.run.Warn(fmt.Sprintf("%s: %d of %d replicas could not be replaced, which max_failure_ratio allows: %s",
				s.Service, len(s.Failed), service.Replicas, strings.ReplaceAll(s.Err.Error(), "\n", "; ")))
		}
	}
	return errs
}

// apart are errors that were joined.
func apart(err error) []error {
	if list, ok := err.(interface{ Unwrap() []error }); ok {
		return list.Unwrap()
	}
	return []error{err}
}
