package command

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// indexFlag chooses one replica of a service.
func indexFlag() cli.Flag {
	return &cli.IntFlag{Name: "index", Usage: "replica `NUMBER` of the service (default: the first that runs)"}
}

func readIndex(c *cli.Context) (int, error) {
	if c.IsSet("index") && c.Int("index") < 1 {
		return 0, usagef("--index: replicas are numbered from 1")
	}
	return c.Int("index"), nil
}

// containersOf are a service's containers: replicas by number, the newest of a number first, then one-offs.
func containersOf(replicas []plan.Replica, service string, index int) []plan.Replica {
	var all []plan.Replica
	for _, r := range replicas {
		one := r.Role == compose.RoleReplica || r.Role == compose.RoleRun
		if one && r.Service == service && (index == 0 || r.Slot == index && !r.OneOff) {
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b plan.Replica) int {
		if a.OneOff != b.OneOff {
			return map[bool]int{false: -1, true: 1}[a.OneOff]
		}
		return cmp.Or(cmp.Compare(a.Slot, b.Slot), cmp.Compare(b.Generation, a.Generation), cmp.Compare(a.Name, b.Name))
	})
	return all
}

func isUp(r plan.Replica) bool {
	return r.State == plan.Running || r.State == plan.Paused || r.State == plan.Restarting
}

// target is the container of a service that runs: replica index, or the first where index is 0.
func target(project compose.Project, replicas []plan.Replica, service string, index int) (plan.Replica, error) {
	all := containersOf(replicas, service, 0)
	if len(all) == 0 {
		if err := noSuchService([]string{service}, serviceNames(project, replicas)); err != nil {
			return plan.Replica{}, err
		}
	}
	for _, is := range []func(plan.Replica) bool{
		func(r plan.Replica) bool { return r.State == plan.Running && !r.OneOff },
		func(r plan.Replica) bool { return isUp(r) && !r.OneOff }, // paused or about to run again: no one-off stands in for it
		isUp,
	} {
		if all := containersOf(replicas, service, index); slices.ContainsFunc(all, is) {
			return all[slices.IndexFunc(all, is)], nil
		}
	}
	if index > 0 {
		return plan.Replica{}, &hinted{
			fmt.Errorf("service %q has no replica %d that runs", service, index), "`" + programName + " ps -a " + service + "` lists its containers",
		}
	}
	return plan.Replica{}, &hinted{fmt.Errorf("service %q is not running", service), "`" + programName + " up -d " + service + "` starts it"}
}
