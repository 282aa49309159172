package engine

import (
	"os"
	"slices"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// tellElsewhere finds the replicas that were made from other files than the project's which are still there. A file that
// is gone was renamed or moved, or is another machine's: what came from it may well be the project's own.
func tellElsewhere(project compose.Project, replicas []plan.Replica) {
	if len(project.Files) == 0 {
		return
	}
	found := map[string]os.FileInfo{}
	stat := func(path string) os.FileInfo {
		info, known := found[path]
		if !known {
			info, _ = os.Stat(path) // nil where it is not there, or not for us to see
			found[path] = info
		}
		return info
	}
	same := func(a, b string) bool {
		return a == b || stat(a) != nil && stat(b) != nil && os.SameFile(stat(a), stat(b))
	}
	for i, r := range replicas {
		ours := func(file string) bool {
			return slices.ContainsFunc(project.Files, func(other string) bool { return same(file, other) })
		}
		there := func(file string) bool { return stat(file) != nil && stat(file).Mode().IsRegular() }
		switch {
		case slices.ContainsFunc(r.Files, ours) || !slices.ContainsFunc(r.Files, there):
		case same(r.WorkDir, project.Dir):
			replicas[i].Elsewhere = plan.OtherFile
		default:
			replicas[i].Elsewhere = plan.OtherFolder
		}
	}
}
