package plan

import (
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"hyper-lite/compose"
)

// ImageOptions is what the user asked of one run that is about images alone.
type ImageOptions struct {
	Services     []string // only these; empty: all, and those of the jobs
	Dependencies bool     // what they depend on, too
	Ignore       bool     // a failure is a warning

	Policy    string // of a pull: always, missing, or "": that of the file, and where it has none, always
	Buildable bool   // a pull: those that can be built, too

	There bool // a push: only images that the engine has; the others are warned of

	Build Build // of a build: Pull, NoCache, Builder, Memory and Check for each image
	Push  bool  // a build: push each image that it made
}

// about returns the services that a run is about, each with an image of its own.
func about(want compose.Project, opt ImageOptions) (*builder, []compose.Service, error) {
	want.Services, want.Jobs = want.Templates(), nil
	b := newBuilder(want, Observed{}, Options{Services: opt.Services, NoDeps: !opt.Dependencies, Build: true})
	chosen, err := b.choose()
	return b, chosen, err
}

// named says that the file names the service's image: one that it does not name is in no registry.
func named(s compose.Service) bool {
	return s.Body.Image != "" && (s.Body.Build == nil || s.Body.Image != s.Project+"-"+s.Name)
}

// PullAll fetches the images of services anew. Where a service can be built instead, its failure is a warning.
func PullAll(want compose.Project, have Observed, opt ImageOptions) (Plan, error) {
	b, chosen, err := about(want, opt)
	if err != nil {
		return Plan{}, err
	}
	b.have = have
	pulled := map[string]int{}
	for _, s := range slices.Concat(chosen, hooksApart(chosen)) {
		why, wanted := b.refresh(s, opt)
		if !wanted {
			continue
		}
		id, again := pulled[s.Body.Image]
		if !again {
			id = b.add("images", Pull{Image: s.Body.Image, Platform: s.Body.Platform, Services: b.users(s.Body.Image)}, why)
			pulled[s.Body.Image] = id
			b.nodes[id-1].Optional = true
		}
		if s.Body.Build == nil && !opt.Ignore {
			b.nodes[id-1].Optional = false
		}
	}
	return b.asked()
}

// refresh says whether and why a pull that the user asked for fetches a service's image. Unlike that of `up`, it looks
// again for an image that is there, unless a policy is against it.
func (b *builder) refresh(s compose.Service, opt ImageOptions) (why string, wanted bool) {
	policy := s.Body.PullPolicy
	if opt.Policy != "" {
		policy = opt.Policy
	}
	lacks := b.lacks(s)
	switch {
	case !named(s), s.Body.Build != nil && !opt.Buildable:
		return "", false
	case policy == types.PullPolicyNever, policy == types.PullPolicyBuild:
		return "", false
	case lacks != "":
		return lacks, true
	case policy == types.PullPolicyMissing, policy == types.PullPolicyIfNotPresent:
		return "", false
	}
	return "", true
}

// BuildAll builds the images of services, and where asked for pushes them.
func BuildAll(want compose.Project, opt ImageOptions) (Plan, error) {
	b, chosen, err := about(want, opt)
	if err != nil {
		return Plan{}, err
	}
	for _, s := range chosen {
		if s.Body.Build == nil {
			continue
		}
		b.build(s)
		if opt.Push && named(s) {
			b.push(s, opt.Ignore, b.base["image "+s.Body.Image]...)
		}
	}
	for at, n := range b.nodes {
		if step, ok := n.Step.(Build); ok {
			step.Pull, step.NoCache = opt.Build.Pull, opt.Build.NoCache
			step.Builder, step.Memory, step.Check = opt.Build.Builder, opt.Build.Memory, opt.Build.Check
			b.nodes[at].Step, b.nodes[at].Why = step, ""
		}
	}
	return b.asked()
}

// PushAll pushes the images of services that are built here and that the file names.
func PushAll(want compose.Project, have Observed, opt ImageOptions) (Plan, error) {
	b, chosen, err := about(want, opt)
	if err != nil {
		return Plan{}, err
	}
	if opt.There {
		b.skipMissing(chosen, have)
	}
	for _, s := range chosen {
		if s.Body.Build != nil && named(s) {
			b.push(s, opt.Ignore)
		}
	}
	return b.asked()
}

// skipMissing counts images that the engine does not have as pushed, and says so.
func (b *builder) skipMissing(chosen []compose.Service, have Observed) {
	for _, s := range chosen {
		if s.Body.Build == nil || !named(s) {
			continue
		}
		for _, image := range append([]string{s.Body.Image}, s.Body.Build.Tags...) {
			if _, there := have.Images[image]; !there && len(b.base["push "+image]) == 0 {
				b.warn("image %s is not here, and is not pushed: `hyper-lite build %s` makes it", image, s.Name)
				b.base["push "+image] = []int{0}
			}
		}
	}
}

// push plans the images that a build made, each once: the service's and those of build.tags.
func (b *builder) push(s compose.Service, optional bool, after ...int) {
	for _, image := range append([]string{s.Body.Image}, s.Body.Build.Tags...) {
		if len(b.base["push "+image]) > 0 {
			continue
		}
		id := b.add("images", Push{Image: image, Services: []string{s.Name}}, "", after...)
		b.nodes[id-1].Optional = optional
		b.base["push "+image] = []int{id}
	}
}

// asked is the plan of a run that is about images alone.
func (b *builder) asked() (Plan, error) {
	return Plan{Project: b.want.Name, Nodes: b.nodes, Warnings: b.warnings}, nil
}
