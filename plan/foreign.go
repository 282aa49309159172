package plan

import (
	"fmt"
	"slices"
	"strings"

	"hyper-lite/compose"
)

// composed are the containers that docker compose made for the services of a project, by name.
func composed(project string, foreign []Foreign) []string {
	var names []string
	for _, f := range foreign {
		if f.Service != "" && f.Project == project {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return names
}

// ComposedText says of containers that docker compose made for a project that they are left alone, and how the project
// is taken over; "" where there are none.
func ComposedText(project string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("project %s has containers that docker compose made, and hyper-lite leaves them alone: %s; "+
		"to take the project over, `docker compose -p %s down` (volumes stay), then `hyper-lite up`",
		project, strings.Join(names, ", "), project)
}

// composedWarnings is ComposedText of one look, where it says something.
func composedWarnings(project string, have Observed) []string {
	if text := ComposedText(project, composed(project, have.Foreign)); text != "" {
		return []string{text}
	}
	return nil
}

// claimService notes a conflict where docker compose made containers of the service that a container called name is for:
// ours would work on the same volumes beside them. Where one has the very name, claimName tells of it.
func (b *builder) claimService(name string, s compose.Service) {
	if s.Role != compose.RoleReplica {
		return
	}
	for _, f := range b.have.Foreign {
		if f.Project == b.want.Name && f.Service == s.Name && f.Name != name {
			b.conflicts("service "+s.Name, f.holder(), takeOver(b.want.Name))
		}
	}
}

// takeOver is what gives a project of docker compose into our hands.
func takeOver(project string) string {
	return "docker compose made it: `docker compose -p " + project + " down` in its folder (volumes stay), then `hyper-lite up`; " +
		"or give this project another name with -p"
}
