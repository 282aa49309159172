package plan

import (
	"fmt"

	"github.com/compose-spec/compose-go/v2/types"

	"hyper-lite/compose"
)

// MissingError says that something which hyper-lite may not make is not there.
type MissingError struct {
	What string // "network public"
	Hint string // how to make it
}

func (e *MissingError) Error() string { return e.What + " does not exist" }

// images plans what must be pulled, built or imported before containers can be made.
func (b *builder) images(chosen []compose.Service) error {
	if b.opt.ImagesReady {
		return nil
	}
	for _, s := range chosen {
		if s.Replicas > 0 && s.Body.Build != nil {
			b.build(s)
		}
	}
	services := chosen
	if b.opt.System.Balancer != nil && b.systemConcerns(chosen) {
		services = append(services[:len(services):len(services)], *b.opt.System.Balancer)
	}
	for _, s := range services {
		if s.Replicas == 0 || len(b.base["image "+s.Body.Image]) > 0 {
			continue
		}
		if err := b.pull(s); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) build(s compose.Service) {
	_, there := b.have.Images[s.Body.Image]
	var why string
	switch {
	case b.opt.NoBuild || len(b.base["image "+s.Body.Image]) > 0:
		return
	case b.opt.Build:
		why = "--build"
	case s.Body.PullPolicy == types.PullPolicyBuild:
		why = "pull_policy build"
	case !there:
		why = "not found"
	default:
		return
	}
	step := Build{Service: s, Image: s.Body.Image, Pull: b.opt.Pull == types.PullPolicyAlways}
	b.base["image "+s.Body.Image] = []int{b.add("images", step, why)}
}

func (b *builder) pull(s compose.Service) error {
	_, there := b.have.Images[s.Body.Image]
	policy := b.pullPolicy(s)
	if s.Body.Build != nil && (there || policy == types.PullPolicyBuild) {
		return nil
	}
	why := "not found"
	switch policy {
	case types.PullPolicyAlways:
		why = "pull policy always"
	case types.PullPolicyNever:
		if there {
			return nil
		}
		return &MissingError{
			What: fmt.Sprintf("image %s of service %s", s.Body.Image, s.Name),
			Hint: "its pull policy is never: build or load the image, or set another pull_policy",
		}
	case "", types.PullPolicyMissing, types.PullPolicyIfNotPresent, types.PullPolicyBuild:
		if there {
			return nil
		}
	default: // daily, weekly, every_..., refresh: the engine does not say when an image was fetched
		if there {
			b.warn("pull_policy %s of service %s: image %s is there and is not looked for again; --pull always does that",
				policy, s.Name, s.Body.Image)
			return nil
		}
	}
	step := Pull{Image: s.Body.Image, Platform: s.Body.Platform, Services: b.users(s.Body.Image)}
	b.base["image "+s.Body.Image] = []int{b.add("images", step, why)}
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

// users are the services of an image, in the order of the project.
func (b *builder) users(image string) []string {
	var names []string
	for _, s := range b.want.Services {
		if s.Body.Image == image {
			names = append(names, s.Name)
		}
	}
	if s := b.opt.System.Balancer; s != nil && s.Body.Image == image {
		names = append(names, s.Name)
	}
	return names
}
