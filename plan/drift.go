package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"hyper-lite/compose"
)

// differs says why a container is not what s wants, or "" where it is.
func (b *builder) differs(s compose.Service, r Replica) string {
	replica := s.Role == compose.RoleReplica && !b.goesBack(s.Name)
	switch {
	case r.State == Dead || r.State == Removing:
		return string(r.State)
	case replica && b.opt.NoRecreate && !(b.opt.MovePorts && r.Digest.Fields["ports"] != s.Digest.Fields["ports"]):
		return ""
	case replica && b.opt.RecreateDeps && !b.named(s) && !slices.Contains(b.opt.Fresh, r.Ref):
		return "--always-recreate-deps"
	case replica && b.opt.ForceRecreate && b.named(s) && !slices.Contains(b.opt.Fresh, r.Ref):
		return cmp.Or(b.opt.Cause, "--force-recreate")
	}
	return b.drifted(s, r)
}

// drifted is differs by the files and the host alone, whatever the user asked of this run.
func (b *builder) drifted(s compose.Service, r Replica) string {
	for _, name := range sharesWith(s) {
		if b.changed[name] {
			return "shares a namespace or volumes with " + name + ", which is replaced"
		}
	}
	if slices.ContainsFunc(r.Shares, b.isGone) {
		return "the container is gone whose namespace or volumes it shares"
	}
	if r.Digest.Hash != s.Digest.Hash {
		return fmt.Sprintf("spec hash %s->%s%s", short(r.Digest.Hash), short(s.Digest.Hash), fieldDrift(r.Digest.Fields, s.Digest.Fields))
	}
	if lost := b.detached(s, r); lost != "" {
		return "it is not in network " + lost
	}
	if s.Role == compose.RoleSidecar {
		return "" // its image's tag is the digest of the executable: two projects that import it at once move the ID only
	}
	if b.lacks(s) != "" && b.fetches(s) {
		return "" // by what image that one is replaced is not known yet
	}
	if id, there := b.imageOf(s); there && r.ImageID != "" && id != r.ImageID {
		return fmt.Sprintf("image digest changed %s->%s", short(r.ImageID), short(id))
	}
	return ""
}

// detached is the first of the networks of s that a container is not in, "" where it is in all of them: somebody took it
// out, or removed the network. One that has no more to do needs none.
func (b *builder) detached(s compose.Service, r Replica) string {
	if done(s, r) {
		return ""
	}
	for _, key := range slices.Sorted(maps.Keys(s.Networks)) {
		if name := s.Networks[key].Name; !slices.Contains(r.Networks, name) {
			return name
		}
	}
	return ""
}

// named says whether a run is about a service itself, and not about it as a dependency.
func (b *builder) named(s compose.Service) bool {
	return len(b.opt.Services) == 0 || slices.Contains(b.opt.Services, s.Name)
}

// short is the first four digits of a hash, without its version or algorithm.
func short(hash string) string {
	if _, digits, ok := strings.Cut(hash, ":"); ok {
		hash = digits
	}
	if hash == "" {
		return "none"
	}
	return hash[:min(4, len(hash))]
}

// fieldDrift names the fields that changed, were added or removed: three at most.
func fieldDrift(old, new map[string]string) string {
	var drift []string
	for field, digest := range new {
		was, there := old[field]
		switch {
		case !there:
			drift = append(drift, field+" added")
		case was != digest:
			drift = append(drift, field+" changed")
		}
	}
	for field := range old {
		if _, there := new[field]; !there {
			drift = append(drift, field+" removed")
		}
	}
	if len(drift) == 0 {
		return ""
	}
	sort.Strings(drift)
	if len(drift) > 3 {
		drift = append(drift[:3:3], fmt.Sprintf("%d more", len(drift)-3))
	}
	return " (" + strings.Join(drift, ", ") + ")"
}

// isGone says that a container of the project is there no more, or only as one that failed.
func (b *builder) isGone(id string) bool {
	return !slices.ContainsFunc(b.have.Replicas, func(r Replica) bool { return r.ID == id && !r.SetAside() })
}

// sharesWith are the services whose containers a container of s is bound to by ID.
func sharesWith(s compose.Service) []string { return s.SharesWith() }

// standing is the cause of starting a container that does not run.
func standing(r Replica) string {
	switch r.State {
	case Exited:
		return fmt.Sprintf("exited (%d)", r.ExitCode)
	case Created:
		return "created, never started"
	}
	return string(r.State)
}

// done says that a one-shot has finished: it is not started again.
func done(s compose.Service, r Replica) bool {
	return s.OneShot && r.State == Exited && r.ExitCode == 0
}
