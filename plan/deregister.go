package plan

import (
	"fmt"
	"slices"

	"hyper-lite/compose"
)

// Deregister plans that jobs are no longer registered, and all others stay as they are. Their runs that are under way go
// on, which is said. It returns ConflictErrors where something that is not ours stands in the way.
func Deregister(project string, have Observed, jobs []string) (Plan, error) {
	b := newBuilder(compose.Project{Name: project}, have, Options{})
	b.deregister(jobs, "it was taken away")
	for _, r := range have.Replicas {
		if slices.Contains(jobs, r.Service) && r.Role == compose.RoleRun && isRunning(r) {
			b.warnings = append(b.warnings, fmt.Sprintf("%s goes on to its end: job %s was taken away", r.Name, r.Service))
		}
	}
	return b.plan()
}

// deregister plans that some jobs are no longer registered. Where none of them is, nothing changes.
func (b *builder) deregister(jobs []string, why string) {
	gone := map[string]string{}
	for name := range RegisteredJobs(b.have.Replicas) {
		if slices.Contains(jobs, name) {
			gone[name] = why
		}
	}
	if len(gone) > 0 {
		b.register(nil, gone)
	}
}
