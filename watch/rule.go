// Package watch tells which files of a service changed, and what follows from that: which to copy into its containers,
// what to run there, and whether to restart or rebuild it (Compose spec, "develop.watch"). It knows neither Docker nor
// plans, and prints nothing.
package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/patternmatcher/ignorefile"

	"hyper-lite/compose"
)

// Rule is one entry of develop.watch.
type Rule struct {
	Service string
	Action  types.WatchAction
	Path    string // absolute: a file or a folder
	Target  string // where it is in the containers; "" where the action copies nothing
	Exec    types.ServiceHook
	Initial bool // copy everything at the beginning

	included *patterns // nil includes all
	ignored  []*patterns
}

// Rules are those of a service. Warnings tell of rules that are left out.
func Rules(service compose.Service) (rules []Rule, warnings []string, err error) {
	if service.Body.Develop == nil {
		return nil, nil, nil
	}
	left, err := leftOut(service.Body.Build)
	if err != nil {
		return nil, nil, fmt.Errorf("watch service %s: %w", service.Name, err)
	}
	for at, t := range service.Body.Develop.Watch {
		if copies(t.Action) && mounted(t.Path, service.Body.Volumes) {
			warnings = append(warnings, fmt.Sprintf("%s is bound into the containers of %s already: it is not copied there", t.Path, service.Name))
			continue
		}
		r := Rule{
			Service: service.Name, Action: t.Action, Path: real(t.Path), Target: t.Target, Exec: t.Exec,
			Initial: t.InitialSync && copies(t.Action), ignored: slices.Clone(left),
		}
		err := r.read(t, service.Body.Build != nil)
		if err != nil {
			return nil, nil, fmt.Errorf("services.%s.develop.watch[%d]: %w", service.Name, at, err)
		}
		rules = append(rules, r)
	}
	return rules, warnings, nil
}

func (r *Rule) read(t types.Trigger, built bool) error {
	if t.Action == types.WatchActionRebuild && !built {
		return errors.New("rebuild needs a service with a build section")
	}
	own, err := newPatterns(r.Path, t.Ignore)
	if err != nil {
		return fmt.Errorf("ignore: %w", err)
	}
	r.ignored = append(r.ignored, own)
	if len(t.Include) > 0 {
		if r.included, err = newPatterns(r.Path, t.Include); err != nil {
			return fmt.Errorf("include: %w", err)
		}
	}
	return nil
}

// copies says whether an action copies files.
func copies(action types.WatchAction) bool {
	return action == types.WatchActionSync || action == types.WatchActionSyncRestart || action == types.WatchActionSyncExec
}

// mounted says that the containers see the path itself.
func mounted(path string, volumes []types.ServiceVolumeConfig) bool {
	return slices.ContainsFunc(volumes, func(v types.ServiceVolumeConfig) bool {
		return v.Type == types.VolumeTypeBind && within(v.Source, path)
	})
}

// within says whether a path is a folder or below it.
func within(folder, path string) bool {
	relative, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(relative)
}

// real is a path without links, as far as it is there: the system tells of changes by such paths.
func real(path string) string {
	if found, err := filepath.EvalSymlinks(path); err == nil {
		return found
	}
	return filepath.Clean(path)
}

// match says whether a changed file is this rule's, and where it is in the containers.
func (r Rule) match(file string) (target string, ok bool) {
	if !within(r.Path, file) || r.ignores(file) || (r.included != nil && !r.included.match(file)) {
		return "", false
	}
	if r.Target == "" {
		return "", true
	}
	relative, err := filepath.Rel(r.Path, file)
	if err != nil {
		return "", false
	}
	return path.Join(r.Target, filepath.ToSlash(relative)), true
}

func (r Rule) ignores(file string) bool {
	return r.passing(file) || slices.ContainsFunc(r.ignored, func(p *patterns) bool { return p.match(file) })
}

// passes says that nothing in a folder can ever be this rule's.
func (r Rule) passes(folder string) bool {
	if !within(r.Path, folder) {
		return !within(folder, r.Path)
	}
	return r.passing(folder) || slices.ContainsFunc(r.ignored, func(p *patterns) bool { return p.matchWhole(folder) })
}

// passing are names that no service is made of: git's own, and files that editors and compilers make for a moment.
var passing = []string{
	".git", ".idea", "*___jb_old___", "*___jb_tmp___", // JetBrains
	".#*", "#*#", // Emacs
	"4913", "*~", ".*.swp", ".*.swx", ".*.swo", ".*.swn", // Vim
	".*.kate-swp", "*-go-tmp-umask",
}

// passing says whether a file, or a folder above it up to the rule's path, has such a name.
func (r Rule) passing(file string) bool {
	relative, err := filepath.Rel(r.Path, file)
	if err != nil || relative == "." {
		return false
	}
	for name := range strings.SplitSeq(relative, string(filepath.Separator)) {
		for _, pattern := range passing {
			if matched, err := filepath.Match(pattern, name); err == nil && matched {
				return true
			}
		}
	}
	return false
}

// leftOut are what the service's build leaves out: the patterns of the Dockerfile's own ignore file, or else of the
// context's.
func leftOut(build *types.BuildConfig) ([]*patterns, error) {
	if build == nil || build.Context == "" {
		return nil, nil
	}
	for _, name := range []string{build.Dockerfile + ".dockerignore", ".dockerignore"} {
		file, err := os.Open(filepath.Join(build.Context, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		defer file.Close()
		lines, err := ignorefile.ReadAll(file)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file.Name(), err)
		}
		left, err := newPatterns(real(build.Context), lines)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file.Name(), err)
		}
		return []*patterns{left}, nil
	}
	return nil, nil
}

// Describe is a rule in one line, for people.
func (r Rule) Describe() string {
	text := fmt.Sprintf("%s: %s %s", r.Service, r.Action, r.Path)
	if r.Target != "" {
		text += " -> " + r.Target
	}
	if len(r.Exec.Command) > 0 {
		text += ", then " + strings.Join(r.Exec.Command, " ")
	}
	return text
}
