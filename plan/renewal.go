package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"hyper-lite/compose"
)

// cutShort is the exit code that a plan takes a container to have that it stops: not done, whatever it was doing.
const cutShort = 137

// renewNetworks makes networks anew that differ from the files. Services in one stop before, so that connections end and do not
// hang, join the new one, and start again as the rest of the plan has it. Whatever else is in it, a run or an orphan, joins
// the new one as it runs. Nothing more begins before that.
func (b *builder) renewNetworks(chosen []compose.Service) {
	o := b.opt
	if o.NoRecreate || o.NoStart || len(o.Failed)+len(o.Held)+len(o.Back)+len(o.Left) > 0 {
		b.keepNetworks() // what a run goes back to may want another network than what stays
		return
	}
	var networks []CreateNetwork
	for _, n := range b.differing {
		if why := b.holdsNetwork(n.Key, n.Name, chosen); why != "" {
			b.warn("network %s differs from the file and stays as it is, %s", n.Name, why)
			continue
		}
		networks = append(networks, n)
	}
	if len(networks) == 0 {
		return
	}
	renewed := func(r Replica) string {
		for _, n := range networks {
			if slices.Contains(r.Networks, n.Name) {
				return fmt.Sprintf("network %s is made anew", n.Name)
			}
		}
		return ""
	}
	ceased := b.cease(chosen, renewed)
	var made []int
	for _, n := range networks {
		step := RecreateNetwork{CreateNetwork: n}
		for _, r := range b.have.Replicas {
			if slices.Contains(r.Networks, n.Name) && r.State != Dead && r.State != Removing { // those are in none any more
				step.Members = append(step.Members, b.container(r))
			}
		}
		slices.SortFunc(step.Members, func(a, c Container) int { return strings.Compare(a.Name, c.Name) })
		if len(ceased) > 0 {
			b.warn("network %s is made anew: what is in it stops, and starts again with another address", n.Name)
		}
		made = append(made, b.add("networks", step, "differs from the file", ceased...))
	}
	b.barrier = made
}

// keepNetworks warns of networks that differ from the files.
func (b *builder) keepNetworks() {
	for _, n := range b.differing {
		b.warn("network %s differs from the file and stays as it is: `hyper-lite up` makes it anew", n.Name)
	}
}

// holdsNetwork says what keeps a network from being made anew, "" where nothing does: a container of others, a fixed MAC address,
// which no engine tells of a container that stands still, or that this run is about some services only, while others may be
// in it.
func (b *builder) holdsNetwork(key, network string, chosen []compose.Service) string {
	if len(b.opt.Services) > 0 {
		return "since this is about some services only: `hyper-lite up` makes it anew"
	}
	for _, f := range b.have.Foreign {
		if slices.Contains(f.Networks, network) {
			return fmt.Sprintf("since %s is in it, too", f.holder())
		}
	}
	for _, s := range chosen {
		if joins := s.Body.Networks[key]; s.Body.MacAddress != "" || joins != nil && joins.MacAddress != "" {
			return fmt.Sprintf("since %s has a mac_address: `hyper-lite down` and `hyper-lite up` make it anew", s.Name)
		}
	}
	return ""
}

// cease stops services whose replicas have a cause, dependents first, withdrawn and drained before, and
// then the balancer; where nothing can be withdrawn, since the sidecar does not run, the balancer before. From then on the
// plan takes them for stopped. It returns the nodes after which they are.
func (b *builder) cease(services []compose.Service, cause func(Replica) string) []int {
	b.have.Replicas, b.have.Published = slices.Clone(b.have.Replicas), slices.Clone(b.have.Published)
	serves := b.have.Serves()
	var first, all []int
	if !serves {
		first = b.ceaseRole(compose.RoleBalancer, func(Replica) string { return "nothing can be withdrawn from it" }, nil)
	}
	stops := map[string][]int{}
	for _, s := range slices.Backward(services) {
		after := first
		for _, dependent := range services {
			if slices.ContainsFunc(dependent.DependsOn, func(d compose.Dependency) bool { return d.Service == s.Name }) {
				after = slices.Concat(after, stops[dependent.Name])
			}
		}
		stops[s.Name] = b.ceaseService(s, cause, serves, after)
		all = append(all, stops[s.Name]...)
	}
	if serves {
		all = append(all, b.ceaseRole(compose.RoleBalancer, cause, all)...)
	}
	return slices.Concat(first, all)
}

// ceaseService is cease for one service: all of its replicas, where any has a cause. Else the nodes to wait for are those before.
func (b *builder) ceaseService(s compose.Service, cause func(Replica) string, serves bool, after []int) []int {
	why := ""
	var places []int // among the replicas
	for i, r := range b.have.Replicas {
		if r.Service == s.Name && r.Role == compose.RoleReplica && !r.OneOff && isRunning(r) {
			places = append(places, i)
			why = cmp.Or(why, cause(r))
		}
	}
	if why == "" {
		return after
	}
	at := slices.IndexFunc(b.have.Published, func(p Published) bool { return p.Service == s.Name })
	switch {
	case !serves:
		s.Rollout.Drain = 0 // nothing is open to it
	case at >= 0 && len(s.Routes) > 0:
		step := Route{Service: s.Name, Routes: s.Routes, Probe: s.Probe, Digest: RoutesDigest(s.Routes, s.Probe)}
		after = []int{b.add(s.Name, step, why, after...)}
		b.have.Published[at] = Published{Service: s.Name, Digest: step.Digest}
	case at >= 0:
		after = []int{b.add(s.Name, Route{Service: s.Name}, why, after...)}
		b.have.Published = slices.Delete(b.have.Published, at, at+1)
	}
	var stopped []int
	for _, i := range places {
		r := &b.have.Replicas[i]
		stopped = append(stopped, b.takeForStopped(r, why, b.stop(s.Name, *r, why, &s, after)))
	}
	return stopped
}

// ceaseRole stops what runs of the balancer or the sidecar.
func (b *builder) ceaseRole(role compose.Role, cause func(Replica) string, after []int) []int {
	var stopped []int
	for i := range b.have.Replicas {
		r := &b.have.Replicas[i]
		if why := cause(*r); r.Role == role && isRunning(*r) && why != "" {
			stop := b.add("balancer", Stop{Container: b.container(*r), Timeout: b.opt.Timeout}, why, after...)
			stopped = append(stopped, b.takeForStopped(r, why, stop))
		}
	}
	return stopped
}

func (b *builder) takeForStopped(r *Replica, why string, stop int) int {
	b.ceased[r.ID] = why
	r.State, r.ExitCode = Exited, cutShort
	return stop
}
