package compose

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/format"
	"github.com/compose-spec/compose-go/v2/types"
)

// mountsOf checks the volumes of a service in a file. Two entries of one list at one place are a mistake: which one is
// meant? An entry of a later file replaces one of an earlier file.
func (s *shape) mountsOf(at []string, service map[string]any) {
	list, _ := service["volumes"].([]any)
	mounted := map[string]int{}
	for i, item := range list {
		here := slices.Concat(at, []string{"volumes", itoa(i)})
		target := ""
		switch entry := item.(type) {
		case string:
			if s.pending(entry) {
				continue
			}
			v, err := format.ParseVolume(entry)
			if err != nil {
				s.report(here, false, "must be [SOURCE:]TARGET[:MODE], such as data:/var/lib/data:ro", "")
				continue
			}
			target = v.Target
		case map[string]any:
			target, _ = entry["target"].(string)
			source, said := entry["source"]
			if s.pending(target) {
				continue
			}
			if target == "" {
				s.report(here, false, "needs a target: the path in the container", "")
			}
			if entry["type"] == types.VolumeTypeBind && (!said || source == "") {
				s.report(here, false, "a bind mount needs a source: the path on the host", "")
			}
		}
		if target == "" {
			continue
		}
		clean := path.Clean(target)
		if first, ok := mounted[clean]; ok {
			s.report(here, false, fmt.Sprintf("is mounted at %s, as volumes[%d] is", target, first), "keep one of them")
			continue
		}
		mounted[clean] = i
	}
}

// mounts refuses places in a container that no engine mounts anything at.
func (r *reading) mounts() {
	for i, v := range r.body.Volumes {
		if path.IsAbs(v.Target) || v.Target == "" {
			continue
		}
		hint := ""
		if drive, rest, ok := strings.Cut(v.Target, ":"); ok && len(drive) == 1 && path.IsAbs(rest) {
			hint = "a name of one letter is taken for a drive of Windows: give the volume a longer one"
		}
		r.reportAt(r.volumeAt(i, v.Target), fmt.Sprintf("the place in the container is %q, which is no absolute path", v.Target), hint)
	}
	for i, t := range r.body.Tmpfs {
		if target, _, _ := strings.Cut(t, ":"); !path.IsAbs(target) {
			r.reportAt([]string{"tmpfs", itoa(i)}, fmt.Sprintf("the place in the container is %q, which is no absolute path", target), "")
		}
	}
}

// volumeAt is where the i-th volume of the merged model stands: the lists of several files are one list.
func (r *reading) volumeAt(i int, target string) []string {
	for _, doc := range slices.Backward(r.l.places.docs) {
		for _, root := range slices.Backward(doc.roots) {
			_, list, matched := find(root, []string{r.section, r.name, "volumes"})
			if matched < 3 {
				continue
			}
			for n, entry := range list.Content {
				v, err := format.ParseVolume(entry.Value)
				if _, long := child(entry, "target"); long != nil {
					v.Target, err = long.Value, nil
				}
				if err == nil && v.Target == target {
					return []string{"volumes", itoa(n)}
				}
			}
		}
	}
	return []string{"volumes", itoa(i)}
}
