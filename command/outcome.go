package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// say tells the result of a verb.
func (i *invocation) say(text string) {
	if i.settings.progress != "quiet" && i.settings.progress != "json" {
		fmt.Fprintln(i.Out, i.addressed(text))
	}
}

// confirm asks once, on a terminal, where a plan would destroy data. The system's volume has none: what it holds
// is made anew.
func (i *invocation) confirm(next plan.Plan, yes bool) error {
	var lost []string
	for _, n := range next.Nodes {
		if v, ok := n.Step.(plan.RemoveVolume); ok && v.Name != plan.SystemVolume(next.Project) {
			lost = append(lost, v.Name)
		}
	}
	if yes || len(lost) == 0 {
		return nil
	}
	question := fmt.Sprintf("the data of volume %s would be lost", strings.Join(lost, ", "))
	if !isTerminal(i.In) || !isTerminal(i.Err) {
		return &hinted{errors.New(question), "nothing was changed; --yes agrees to it"}
	}
	if err := i.ask(question); err != nil {
		return err
	}
	i.show().expect(next)
	return nil
}

// ask asks on the terminal whether to go on.
func (i *invocation) ask(question string) error {
	i.finishProgress()
	fmt.Fprintf(i.Err, "%s. Go on? [y/N] ", question)
	answer, err := bufio.NewReader(i.In).ReadString('\n')
	if answer = strings.ToLower(strings.TrimSpace(answer)); err == nil && (answer == "y" || answer == "yes") {
		return nil
	}
	return &hinted{errors.New("not agreed to"), "nothing was changed"}
}

// served tells what the host's ports lead to, and which jobs of the file wait.
func (i *invocation) served(project compose.Project, services []string) {
	host := "localhost"
	if i.opened != nil {
		host = addressOf(i.opened.Endpoint())
	}
	for _, line := range servedLines(project, services, host) {
		i.say(line)
	}
	var jobs []string
	for _, j := range project.Jobs {
		jobs = append(jobs, j.Name)
	}
	if len(jobs) > 0 && len(services) == 0 {
		i.say("`up` starts no job: " + strings.Join(jobs, ", ") + " (`hyper-lite cron ls` tells when they run)")
	}
}

// addressOf is the name by which the ports of an engine's host are reached.
func addressOf(endpoint string) string {
	at, err := url.Parse(endpoint)
	if err != nil || (at.Scheme != "ssh" && at.Scheme != "tcp" && at.Scheme != "https") || at.Hostname() == "" {
		return "localhost"
	}
	return at.Hostname()
}

func servedLines(project compose.Project, services []string, host string) []string {
	var lines []string
	for _, s := range project.Services {
		if s.Replicas == 0 || (len(services) > 0 && !slices.Contains(services, s.Name)) {
			continue
		}
		to := fmt.Sprintf(" -> %s (%s)", s.Name, counted(s.Replicas, "replica"))
		for _, r := range s.Routes {
			for _, at := range r.Publish {
				for _, where := range addresses(r, at, host) {
					lines = append(lines, where+to)
				}
			}
		}
		for _, p := range s.Body.Ports {
			if p.Published != "" {
				lines = append(lines, net.JoinHostPort(reachable(p.HostIP, host), p.Published)+to)
			}
		}
	}
	return lines
}

// addresses are the URLs of a route at one address of the host: one for each host name that it answers to.
func addresses(r compose.Route, at compose.HostPort, host string) []string {
	scheme, usual := "", 0
	switch r.Protocol {
	case compose.HTTP:
		scheme, usual = "http://", 80
	case compose.HTTPS, compose.HTTPSTerm:
		scheme, usual = "https://", 443
	}
	names := r.Hosts
	if len(names) == 0 {
		names = []string{reachable(at.IP, host)}
	}
	var all []string
	for _, name := range names {
		if at.Port == usual {
			all = append(all, scheme+name+r.PathPrefix)
			continue
		}
		all = append(all, scheme+net.JoinHostPort(name, strconv.Itoa(at.Port))+r.PathPrefix)
	}
	return all
}

func reachable(ip, host string) string {
	if parsed := net.ParseIP(ip); parsed == nil || parsed.IsUnspecified() {
		return host
	}
	return ip
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// explained adds to failed replicas what their logs say, and what still serves.
func (i *invocation) explained(ctx context.Context, project compose.Project, err error) error {
	if ctx.Err() != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var services, hints []string
	for _, one := range each(err) {
		rollout, rolled := errors.AsType[*plan.RolloutError](one)
		if rolled {
			services, hints = append(services, rollout.Service), append(hints, rollout.Hint())
		}
		unhealthy, ok := errors.AsType[*plan.UnhealthyError](one)
		if !ok {
			continue
		}
		if rolled {
			unhealthy.Container = keptAs(unhealthy.Container, rollout.Failed)
		}
		services = append(services, unhealthy.Container.Ref.Service)
		i.diagnose(ctx, unhealthy)
	}
	if len(services) == 0 {
		return err
	}
	slices.Sort(services)
	hints = append(hints, i.stillServing(ctx, project, slices.Compact(services)))
	return &hinted{err, strings.Join(hints, "\n")}
}

// diagnose adds to a failed replica what its log says, where that is not known yet.
func (i *invocation) diagnose(ctx context.Context, unhealthy *plan.UnhealthyError) {
	if len(unhealthy.LastLog) > 0 || ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	lastLog, health, err := i.opened.Diagnose(ctx, unhealthy.Container.Address())
	if err == nil { // else there is nothing more to tell of it
		unhealthy.LastLog, unhealthy.Health = lastLog, first(unhealthy.Health, health)
	}
}

// keptAs is a failed container under the name that it has now.
func keptAs(c plan.Container, failed []plan.Container) plan.Container {
	for _, kept := range failed {
		if kept.Ref == c.Ref {
			return kept
		}
	}
	return c
}

// stillServing says which replicas of the services the balancer has.
func (i *invocation) stillServing(ctx context.Context, project compose.Project, services []string) string {
	host, err := i.host(ctx, project)
	if err != nil {
		return ""
	}
	have, err := host.Observe(ctx, project)
	if err != nil {
		return ""
	}
	var lines []string
	for _, service := range services {
		wanted, ok := project.Service(service)
		if !ok || len(wanted.Routes) == 0 {
			continue
		}
		line := "nothing serves " + service + " now"
		for _, p := range have.Published {
			if p.Service == service && len(p.Backends) > 0 {
				line = service + " is still served by " + backendNames(p.Backends)
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func backendNames(backends []plan.Ref) string {
	names := make([]string, len(backends))
	for at, b := range backends {
		names[at] = b.String()
	}
	return strings.Join(names, ", ")
}
