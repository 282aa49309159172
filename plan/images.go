package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"hyper-lite/compose"
)

// MissingError says that something which hyper-lite may not make is not there, or not as it must be.
type MissingError struct {
	What string // "network public"
	Is   string // what it is instead: "is for linux/amd64, not linux/arm64"; "" where it is not there
	Hint string // how to make it
}

func (e *MissingError) Error() string { return e.What + " " + cmp.Or(e.Is, "does not exist") }

// images plans what must be pulled, built or imported before containers can be made.
func (b *builder) images(chosen []compose.Service) error {
	if b.opt.ImagesReady {
		return nil
	}
	for _, s := range chosen {
		if s.Replicas > 0 && s.Body.Build != nil && s.ImageID == "" {
			b.build(s)
		}
	}
	services := slices.Clone(chosen)
	services = append(services, hooksApart(chosen)...)
	for _, s := range b.concerned(chosen) {
		if s.Role == compose.RoleBalancer {
			services = append(services, s)
		}
	}
	for _, s := range services {
		if s.Replicas == 0 || s.ImageID != "" || b.fetches(s) {
			continue
		}
		if err := b.pull(s); err != nil {
			return err
		}
	}
	return nil
}

// releasePins lets go of the very images that the engine has no more: their references stand in for them.
func (b *builder) releasePins() {
	services := slices.Clone(b.want.Services)
	for i, s := range services {
		if _, there := b.have.Images[s.ImageID]; s.ImageID == "" || there {
			continue
		}
		services[i].ImageID = ""
		b.warn("the engine has no longer the image %s that service %s ran then: %s is used, whatever it means now",
			short12(s.ImageID), s.Name, s.Body.Image)
	}
	b.want.Services = services
}

// short12 is an ID as docker shows it.
func short12(id string) string {
	_, digits, _ := strings.Cut(id, ":")
	return digits[:min(12, len(digits))]
}

// imageOf is the ID of the image that a service's containers are to be made from, for whatever platform it is. ok is
// false where the engine does not have it.
func (b *builder) imageOf(s compose.Service) (id string, ok bool) {
	if s.ImageID != "" {
		return s.ImageID, true
	}
	image, ok := b.have.Images[s.Body.Image]
	return image.ID, ok
}

const notFound = "not found"

// lacks says why the image of a service must be fetched or built, or "" where the engine has one that fits.
func (b *builder) lacks(s compose.Service) string {
	image, there := b.have.Images[s.Body.Image]
	switch {
	case s.ImageID != "":
		return ""
	case !there:
		return notFound
	case !image.Fits(s.Body.Platform):
		return fmt.Sprintf("is for %s, not %s", image.Platform, s.Body.Platform)
	}
	return ""
}

// fetches says that this plan fetches or builds the image of a service.
func (b *builder) fetches(s compose.Service) bool { return len(b.base["image "+s.Body.Image]) > 0 }

// build plans a service's image, and before it the images that this one is made of.
func (b *builder) build(s compose.Service) {
	why := b.lacks(s)
	switch {
	case b.opt.NoBuild || b.fetches(s):
		return
	case b.opt.Build:
		why = "--build"
	case s.Body.PullPolicy == types.PullPolicyBuild:
		why = "pull_policy build"
	case why == "":
		return
	}
	var after []int
	for _, base := range s.Bases {
		b.build(base)
		after = append(after, b.base["image "+base.Body.Image]...)
	}
	step := Build{Service: s, Image: s.Body.Image, Pull: b.opt.Pull == types.PullPolicyAlways}
	b.base["image "+s.Body.Image] = []int{b.add("images", step, why, after...)}
}

func (b *builder) pull(s compose.Service) error {
	why := b.lacks(s)
	policy := b.pullPolicy(s)
	if s.Body.Build != nil && (why == "" || policy == types.PullPolicyBuild) {
		return nil
	}
	aged := false
	switch policy {
	case types.PullPolicyAlways:
		why = "pull policy always"
	case types.PullPolicyNever:
		missing := MissingError{
			What: fmt.Sprintf("image %s of service %s", s.Body.Image, s.Name),
			Hint: "its pull policy is never: build or load the image, or set another pull_policy",
		}
		switch why {
		case "":
			return nil
		case notFound:
		default:
			missing.Is = why
			missing.Hint = "its pull policy is never: build or load the image for that platform, or set another pull_policy or platform"
		}
		return &missing
	case "", types.PullPolicyMissing, types.PullPolicyIfNotPresent, types.PullPolicyBuild:
	default: // by age: daily, weekly, every_..., refresh
		if why == "" {
			why, aged = b.opt.Aged[s.Body.Image], true
		}
	}
	if why == "" {
		return nil
	}
	step := Pull{Image: s.Body.Image, Platform: s.Body.Platform, Services: b.users(s.Body.Image), There: aged}
	id := b.add("images", step, why)
	b.nodes[id-1].Optional = aged // a registry that is away stops nobody who has the image
	b.base["image "+s.Body.Image] = []int{id}
	return nil
}

// pullPolicy is when the image of a service is fetched. That the user wants the newest images is said of the
// files' services; the balancer's is replaced only where the files name another one.
func (b *builder) pullPolicy(s compose.Service) string {
	asked := b.opt.Pull
	if asked == "" || asked == "policy" || (asked == types.PullPolicyAlways && s.Role == compose.RoleBalancer) {
		return s.Body.PullPolicy
	}
	return asked
}

// users are the services and jobs of an image, in the order of the project.
func (b *builder) users(image string) []string {
	var names []string
	for _, s := range b.want.Templates() {
		uses := func(hook compose.Hook) bool { return hook.Service.Body.Image == image }
		if s.Body.Image == image || slices.ContainsFunc(s.PreStart, uses) {
			names = append(names, s.Name)
		}
	}
	if s := b.opt.System.Balancer; s != nil && s.Body.Image == image {
		names = append(names, s.Name)
	}
	return names
}
