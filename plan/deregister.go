package plan

import (
	"fmt"
	"slices"

	"hyper-lite/compose"
)

// Deregister plans that jobs are no longer registered. Their runs that are under way go on, which is said.
func Deregister(project string, have Observed, jobs []string) Plan {
	p := Plan{Project: project}
	for _, r := range have.Replicas {
		if !slices.Contains(jobs, r.Service) {
			continue
		}
		switch {
		case r.Role == compose.RoleJob && r.State != Removing:
			p.Nodes = append(p.Nodes, Node{
				ID: len(p.Nodes) + 1, Group: r.Service, Why: "the job was taken away",
				Step: Remove{Container: containerOf(r), Volumes: true},
			})
		case r.Role == compose.RoleRun && isRunning(r):
			p.Warnings = append(p.Warnings, fmt.Sprintf("%s goes on to its end: job %s was taken away", r.Name, r.Service))
		}
	}
	return p
}
