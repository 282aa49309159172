package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hyper-lite/compose"
)

// hostPort is a fixed port of the host, on any of its addresses.
type hostPort struct {
	Port     int
	Protocol string
}

func (p hostPort) String() string { return fmt.Sprintf("%d/%s", p.Port, p.Protocol) }

// publication is a fixed port on one address of the host, "" for all of them.
type publication struct {
	hostPort
	address string
}

// taken says whether a container's port is in its way.
func (p publication) taken(by Port) bool {
	return by.Host == p.Port && by.Protocol == p.Protocol && compose.SameAddress(p.address, by.HostIP)
}

// fixedPorts are the host ports that a container of s publishes itself. Ranges and ports that the engine
// chooses are left out: they cannot stand in anybody's way.
func fixedPorts(s compose.Service) []publication {
	var fixed []publication
	for _, p := range s.Body.Ports {
		port, err := strconv.Atoi(p.Published)
		if err != nil || port == 0 {
			continue
		}
		protocol := p.Protocol
		if protocol == "" {
			protocol = "tcp"
		}
		fixed = append(fixed, publication{hostPort{port, protocol}, p.HostIP})
	}
	return fixed
}

// handOverPorts stops replicas of the chosen services that hold a host port which another one of them, or the
// balancer, now publishes. They are replaced anyway; they only have to go first. A replica that stays is a conflict.
func (b *builder) handOverPorts(chosen []compose.Service) {
	type claim struct {
		publication
		by compose.Service
	}
	var claims []claim
	for _, s := range slices.Concat(chosen, b.concerned(chosen)) {
		for _, p := range fixedPorts(s) {
			claims = append(claims, claim{p, s})
		}
	}
	replicas := make([]Replica, len(b.have.Replicas))
	copy(replicas, b.have.Replicas)
	b.have.Replicas = replicas
	for i, r := range replicas {
		if r.Role != compose.RoleReplica || r.State != Running {
			continue
		}
		for _, p := range r.Ports {
			next := slices.IndexFunc(claims, func(c claim) bool {
				return p.Host != 0 && c.taken(p) && (c.by.Name != r.Service || c.by.Role != r.Role)
			})
			if next < 0 {
				continue
			}
			port, holder := claims[next].hostPort, claims[next].by
			if _, leaves := b.left[r.ID]; leaves {
				break
			}
			if !slices.ContainsFunc(chosen, func(s compose.Service) bool { return s.Name == r.Service }) {
				b.conflicts("port "+port.String(), "service "+r.Service+" of this project", b.wayOut(r))
				break
			}
			step := Stop{Container: b.container(r), Timeout: b.opt.Timeout}
			id := b.add(r.Service, step, fmt.Sprintf("host port %s moves to %s", port, holder.Name))
			b.freed[port] = append(b.freed[port], id)
			replicas[i].State = Exited
			break
		}
	}
}

// frees notes that a container's host ports are free once a node is done.
func (b *builder) frees(r Replica, id int) {
	for _, p := range r.Ports {
		if p.Host != 0 {
			port := hostPort{p.Host, p.Protocol}
			b.freed[port] = append(b.freed[port], id)
		}
	}
}

// claim returns the nodes after which the host ports of s are free, and notes a conflict with what is not ours.
func (b *builder) claim(s compose.Service) []int {
	var after []int
	for _, port := range fixedPorts(s) {
		after = append(after, b.freed[port.hostPort]...)
		for _, f := range b.have.Foreign {
			if !f.Running {
				continue
			}
			if slices.ContainsFunc(f.Ports, port.taken) {
				b.conflicts("port "+port.String(), f.holder(), "stop it, or give "+b.publishers(s, port)+" another port")
			}
		}
	}
	return after
}

// publishers names who wants a host port: of the balancer's, those whose routes it is for.
func (b *builder) publishers(s compose.Service, port publication) string {
	if s.Role != compose.RoleBalancer {
		return "service " + s.Name
	}
	var names []string
	for _, r := range b.want.Routes() {
		if slices.ContainsFunc(r.Publish, func(at compose.HostPort) bool { return at.Port == port.Port }) {
			names = append(names, r.Service)
		}
	}
	return "service " + strings.Join(slices.Compact(names), ", ")
}

// holder names a container of others.
func (f Foreign) holder() string {
	if f.Project != "" {
		return "container " + f.Name + " of project " + f.Project
	}
	return "container " + f.Name
}

// conflicts notes that something is taken, once.
func (b *builder) conflicts(what, holder, hint string) {
	for _, c := range b.conflict {
		if c.What == what && c.Holder == holder {
			return
		}
	}
	b.conflict = append(b.conflict, &ConflictError{What: what, Holder: holder, Hint: hint})
}
