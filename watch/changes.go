package watch

import (
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
)

// Copy is a file, and where it is in a container. A file that is not there any more is removed there.
type Copy struct{ From, To string }

// Changes are what follows from changed files, by service. What concerns a service is done in the order of the fields.
type Changes struct {
	Rebuild []string // services, sorted
	Sync    map[string][]Copy
	Restart []string
	Exec    map[string][]types.ServiceHook
}

// Empty says that nothing follows.
func (c Changes) Empty() bool { return len(c.Rebuild)+len(c.Sync)+len(c.Restart)+len(c.Exec) == 0 }

// Services are those that something follows for, sorted.
func (c Changes) Services() []string {
	names := slices.Concat(c.Rebuild, c.Restart, slices.Collect(maps.Keys(c.Sync)), slices.Collect(maps.Keys(c.Exec)))
	slices.Sort(names)
	return slices.Compact(names)
}

// Decide says what follows from changed files. A command is run once, however many files it is run for.
func Decide(rules []Rule, files []string) Changes {
	c := Changes{Sync: map[string][]Copy{}, Exec: map[string][]types.ServiceHook{}}
	files = slices.Clone(files)
	slices.Sort(files)
	for _, r := range rules {
		touched := false
		for _, file := range slices.Compact(files) {
			target, ok := r.match(file)
			if !ok {
				continue
			}
			touched = true
			if copies(r.Action) {
				c.Sync[r.Service] = append(c.Sync[r.Service], Copy{file, target})
			}
		}
		if !touched {
			continue
		}
		switch r.Action {
		case types.WatchActionRebuild:
			c.Rebuild = append(c.Rebuild, r.Service)
		case types.WatchActionRestart, types.WatchActionSyncRestart:
			c.Restart = append(c.Restart, r.Service)
		case types.WatchActionSyncExec:
			c.Exec[r.Service] = append(c.Exec[r.Service], r.Exec)
		}
	}
	slices.Sort(c.Rebuild)
	slices.Sort(c.Restart)
	c.Rebuild, c.Restart = slices.Compact(c.Rebuild), slices.Compact(c.Restart)
	c.Restart = slices.DeleteFunc(c.Restart, func(name string) bool { return slices.Contains(c.Rebuild, name) }) // it is started anew
	return c
}

// Initial are the files that services have from the beginning: those of rules with initial_sync, or of all copying rules
// for a service that is in all, whose containers are new.
func Initial(rules []Rule, services []string, all bool) (map[string][]Copy, error) {
	found := map[string][]Copy{}
	for _, r := range rules {
		if !slices.Contains(services, r.Service) || !copies(r.Action) || !(r.Initial || all) {
			continue
		}
		err := filepath.WalkDir(r.Path, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() && r.passes(path) {
				return filepath.SkipDir
			}
			if target, ok := r.match(path); ok && (path != r.Path || !entry.IsDir()) {
				found[r.Service] = append(found[r.Service], Copy{path, target})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
