package plan

import (
	"slices"

	"hyper-lite/compose"
)

// ServiceState is what a service is as a whole, in Docker Cloud's words. It is computed from what the host shows, never
// kept.
type ServiceState string

const (
	ServiceNotRunning    ServiceState = "Not running"    // no container, or none that ever ran
	ServiceStarting      ServiceState = "Starting"       // nothing serves yet
	ServiceRunning       ServiceState = "Running"        // every replica runs and is well
	ServicePartlyRunning ServiceState = "Partly running" // some replicas are missing, stopped or not well
	ServiceScaling       ServiceState = "Scaling"        // a command changes the number of replicas
	ServiceRedeploying   ServiceState = "Redeploying"    // a command replaces replicas
	ServiceStopping      ServiceState = "Stopping"       // a command stops them
	ServiceStopped       ServiceState = "Stopped"        // its containers are there, and none runs
	ServiceTerminating   ServiceState = "Terminating"    // a command removes them
)

// Operation is what a command does to a project at this moment. The zero value is nothing.
type Operation struct {
	Verb     string   // "up", "service redeploy"
	Services []string // what it is about; empty: all
}

func (o Operation) concerns(service string) bool {
	return o.Verb != "" && (len(o.Services) == 0 || slices.Contains(o.Services, service))
}

// StateOf is the state of a service. s is what the files say of it, nil where they are unknown or do not have it.
// replicas are those of the project, and published what the balancer serves, nil where that is not known. A slot in
// which one container makes room for another counts once.
func StateOf(name string, s *compose.Service, replicas []Replica, published []Published, op Operation) ServiceState {
	c := censusOf(name, s, replicas, published)
	if op.concerns(name) {
		if state := c.during(op.Verb); state != "" {
			return state
		}
	}
	return c.atRest()
}

// census counts the slots of a service by the best that is in each.
type census struct {
	wanted  int  // that the files ask for, or else all there are; without those that are done
	up      int  // well, and served where it is routed
	coming  int  // about to be well, by the engine's own doing
	unwell  int  // runs, and is not well
	halted  int  // does not run, and has something left to do
	done    int  // a one-shot that has finished
	fresh   int  // of those: never started
	doubled bool // two containers share a slot
	changed bool // a container is not what the files say
}

func (c census) slots() int   { return c.up + c.coming + c.unwell + c.halted }
func (c census) running() int { return c.up + c.coming + c.unwell }

const (
	isHalted = iota
	isUnwell
	isComing
	isUp
)

func censusOf(name string, s *compose.Service, replicas []Replica, published []Published) census {
	slots := map[int][]Replica{}
	for _, r := range replicas {
		if r.Service == name && r.Role == compose.RoleReplica && !r.OneOff && !r.SetAside() && r.State != Removing {
			slots[r.Slot] = append(slots[r.Slot], r)
		}
	}
	c := census{wanted: len(slots)}
	if s != nil {
		c.wanted = s.Replicas
	}
	for _, there := range slots {
		best, fresh, finished := isHalted, true, false
		for _, r := range there {
			best = max(best, wellness(s, r, published))
			fresh = fresh && r.State == Created
			finished = finished || s != nil && done(*s, r)
			c.changed = c.changed || s != nil && s.Digest.IsKnown() && r.Digest.Hash != s.Digest.Hash
		}
		c.doubled = c.doubled || len(there) > 1
		switch {
		case best == isUp:
			c.up++
		case best == isComing:
			c.coming++
		case best == isUnwell:
			c.unwell++
		case finished:
			c.done++
			c.wanted = max(c.wanted-1, 0)
		default:
			c.halted++
			if fresh {
				c.fresh++
			}
		}
	}
	return c
}

func wellness(s *compose.Service, r Replica, published []Published) int {
	switch {
	case r.State == Restarting || r.State == Running && r.Health == Starting:
		return isComing
	case r.State != Running:
		return isHalted
	case r.Health == Unhealthy:
		return isUnwell
	case s == nil || len(s.Routes) == 0 || published == nil:
		return isUp
	}
	serves := slices.ContainsFunc(published, func(p Published) bool {
		return p.Service == s.Name && slices.Contains(p.Backends, r.Ref)
	})
	if !serves {
		return isUnwell
	}
	return isUp
}

// atRest is the state where no command works on the service.
func (c census) atRest() ServiceState {
	switch {
	case c.done == 0 && c.fresh == c.slots(): // also where there is none
		return ServiceNotRunning
	case c.up > 0 && c.up >= c.wanted:
		return ServiceRunning
	case c.up > 0:
		return ServicePartlyRunning
	case c.coming > 0:
		return ServiceStarting
	case c.unwell > 0:
		return ServicePartlyRunning
	}
	return ServiceStopped
}

// during is the state while a command works on the service, "" where that makes no difference.
func (c census) during(verb string) ServiceState {
	switch verb {
	case "down":
		if c.slots()+c.done > 0 {
			return ServiceTerminating
		}
	case "rm":
		if c.halted+c.done > 0 && c.running() == 0 {
			return ServiceTerminating
		}
	case "stop", "kill":
		if c.running() > 0 {
			return ServiceStopping
		}
	case "start", "restart", "unpause":
		if c.up < c.slots() {
			return ServiceStarting
		}
	case "scale":
		return ServiceScaling
	case "service rolling-update", "service redeploy":
		return ServiceRedeploying
	case "rollback":
		if c.doubled || c.up < c.wanted {
			return ServiceRedeploying
		}
	case "up":
		return c.duringUp()
	}
	return ""
}

func (c census) duringUp() ServiceState {
	switch {
	case c.running() == 0 && c.wanted > 0:
		return ServiceStarting
	case c.doubled || c.changed:
		return ServiceRedeploying
	case c.slots() > 0 && c.slots() != c.wanted && c.running() > 0:
		return ServiceScaling
	case c.up < c.wanted:
		return ServiceStarting
	}
	return ""
}
