package plan_test

import (
	"errors"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
	"gotest.tools/v3/golden"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func TestPullAlwaysIsAboutTheFilesServices(t *testing.T) {
	want := shop(routed(service("web", 1, "v1:aaaa"), 8080))
	h := running(t, want)
	pulled := func(asked string) []string {
		p, err := plan.Make(want, h.observe(), plan.Options{Pull: asked, System: system(want)})
		assert.NilError(t, err)
		var images []string
		for _, n := range p.Images().Nodes {
			images = append(images, n.Step.Subject()+": "+n.Why)
		}
		return images
	}
	assert.DeepEqual(t, pulled("always"), []string{"image app: pull policy always"})
	assert.DeepEqual(t, pulled("missing"), []string(nil))
	delete(h.images, "traefik")
	assert.DeepEqual(t, pulled("always"), []string{"image app: pull policy always", "image traefik: not found"})
}

// How old an image is, the caller knows.
func TestAPolicyByAgeFetchesWhatIsTooOld(t *testing.T) {
	web := service("web", 1, "v1:aaaa")
	web.Body.PullPolicy = "daily"
	h := newHost("shop")
	fetched := func(opt plan.Options) []string {
		p, err := plan.Make(shop(web), h.observe(), opt)
		assert.NilError(t, err)
		assert.Equal(t, len(p.Warnings), 0)
		var why []string
		for _, n := range p.Images().Nodes {
			why = append(why, n.Why)
		}
		return why
	}
	old := map[string]string{"app": "fetched 25h ago"}
	assert.DeepEqual(t, fetched(plan.Options{}), []string(nil))
	assert.DeepEqual(t, fetched(plan.Options{Aged: map[string]string{"tool": "fetched 25h ago"}}), []string(nil))
	assert.DeepEqual(t, fetched(plan.Options{Aged: old}), []string{"fetched 25h ago"})
	assert.DeepEqual(t, fetched(plan.Options{Aged: old, Pull: "missing"}), []string(nil))
	assert.DeepEqual(t, fetched(plan.Options{Aged: old, Pull: "policy"}), []string{"fetched 25h ago"})
	p, err := plan.Make(shop(web), h.observe(), plan.Options{Aged: old})
	assert.NilError(t, err)
	assert.Assert(t, p.Nodes[0].Optional && p.Nodes[0].Step.(plan.Pull).There, "a registry that is away stops nobody who has the image")
	delete(h.images, "app")
	assert.DeepEqual(t, fetched(plan.Options{}), []string{"not found"})
}

// An image is built after those it is made of, which are built even where nobody runs them.
func TestBasesAreBuiltFirst(t *testing.T) {
	built := func(name string, bases ...compose.Service) compose.Service {
		s := service(name, 1, "v1:aaaa")
		s.Body.Image, s.Body.Build, s.Bases = name, &types.BuildConfig{Context: "/" + name}, bases
		return s
	}
	root := built("root")
	web := built("web", root, built("tools", root))
	text := func(there []string, opt plan.Options) string {
		h := newHost("shop")
		for _, name := range there {
			h.images[name] = plan.Image{ID: "sha256:" + name}
		}
		p, err := plan.Make(shop(web, root), h.observe(), opt)
		assert.NilError(t, err)
		return p.Images().String()
	}
	golden.Assert(t, text(nil, plan.Options{Services: []string{"web"}})+
		text([]string{"root", "tools"}, plan.Options{Services: []string{"web"}})+
		text([]string{"web"}, plan.Options{Services: []string{"web"}})+
		text([]string{"web", "root", "tools"}, plan.Options{Services: []string{"web"}, Build: true}), "bases.golden")
}

// A service that goes back to the very image that it ran is neither pulled nor built, whatever its tag means by now.
func TestAPinnedServiceIsMadeFromItsImage(t *testing.T) {
	const old, new = "sha256:0123456789abcdef", "sha256:fedcba9876543210"
	web := routed(service("web", 2, "v1:aaaa"), 8080)
	h := newHost("shop")
	h.images["app"] = plan.Image{ID: old}
	perform(t, h, must(t, shop(web), h, plan.Options{}))
	h.images["app"], h.images[old] = plan.Image{ID: new}, plan.Image{ID: old}
	perform(t, h, must(t, shop(web), h, plan.Options{}))
	assert.DeepEqual(t, imagesOf(h, "web"), []string{new, new})

	pinned := web
	pinned.ImageID, pinned.Body.Build, pinned.Body.PullPolicy = old, &types.BuildConfig{Context: "/web"}, types.PullPolicyBuild
	for _, opt := range []plan.Options{{}, {Pull: "always"}, {Build: true}} {
		p := must(t, shop(pinned), h, opt)
		assert.Equal(t, len(p.Warnings), 0, "%v", p.Warnings)
		for _, n := range p.Images().Nodes {
			assert.Assert(t, n.Step.Subject() != "image app", "%s", p)
		}
	}
	p := must(t, shop(pinned), h, plan.Options{})
	golden.Assert(t, p.String(), "pinned.golden")
	perform(t, h, p)
	assert.DeepEqual(t, imagesOf(h, "web"), []string{old, old})
	assert.Assert(t, must(t, shop(pinned), h, plan.Options{}).Empty())
	assert.Assert(t, is.Contains(must(t, shop(web), h, plan.Options{}).String(), "image digest changed 0123->fedc"))
}

func TestAPinnedImageThatIsGoneIsToldAndReplacedByItsReference(t *testing.T) {
	web := service("web", 1, "v1:aaaa")
	h := running(t, shop(web))
	want := shop(web)
	want.Services[0].ImageID = "sha256:0123456789abcdef"
	p := must(t, want, h, plan.Options{})
	assert.Assert(t, p.Empty(), "%s", p)
	gone := "the engine has no longer the image 0123456789ab that service web ran then: app is used, whatever it means now"
	assert.DeepEqual(t, p.Warnings, []string{gone})
	assert.Equal(t, want.Services[0].ImageID, "sha256:0123456789abcdef", "the project is not changed")

	delete(h.images, "app")
	p = must(t, want, h, plan.Options{})
	assert.Equal(t, p.Images().String(), "plan for shop: 1 step\nimages\n  #1  image app  pull  not found\n")
	assert.DeepEqual(t, p.Warnings, []string{gone})
}

func imagesOf(h *host, service string) []string {
	var ids []string
	for _, r := range h.replicas {
		if r.Service == service {
			ids = append(ids, r.ImageID)
		}
	}
	return ids
}

// An image that is there for another platform is fetched or built.
func TestAnImageForAnotherPlatformIsNotThere(t *testing.T) {
	for _, c := range []struct {
		has, wants string
		fits       bool
	}{
		{"linux/amd64", "linux/amd64", true},
		{"linux/amd64", "", true},
		{"", "linux/arm64", true}, // nobody knows
		{"linux/amd64", "linux", true},
		{"linux/amd64", "amd64", true},
		{"linux/amd64", "linux/x86_64", true},
		{"linux/arm64", "Linux/aarch64", true},
		{"linux/arm64/v8", "linux/arm64", true},
		{"linux/arm64", "linux/arm64/v8", true},
		{"linux/arm/v6", "linux/arm/v7", true}, // an earlier variant runs on a later one
		{"linux/arm/v5", "linux/arm", true},
		{"linux/arm", "linux/arm/v6", true},
		{"linux/arm/v7", "linux/arm/v6", false},
		{"linux/arm/v8", "linux/arm", false}, // which is v7
		{"linux/arm/v7", "linux/armhf", true},
		{"linux/arm/v7", "armhf", true},
		{"linux/arm/v7", "linux/armel", false},
		{"linux/arm/v6", "linux/armel", true},
		{"linux/386", "linux/i386", true},
		{"linux/amd64", "linux/i386", false},
		{"linux/amd64/v2", "linux/amd64/v3", true},
		{"linux/amd64/v3", "linux/amd64", false},
		{"linux/amd64/v1", "linux/amd64", true},
		{"linux/arm64/v8", "linux/arm64/v9", true},
		{"linux/arm64/v9.2", "linux/arm64/v9", false},
		{"linux/riscv64/rva20u64", "linux/riscv64", true},
		{"linux/riscv64/rva22u64", "linux/riscv64/rva20u64", false}, // no order is known
		{"linux/amd64", "linux/arm64", false},
		{"linux/amd64", "arm64", false},
		{"linux/amd64", "windows", false},
	} {
		fetched, built := service("fetched", 1, "v1:aaaa"), service("built", 1, "v1:aaaa")
		fetched.Body.Platform, built.Body.Platform, built.Body.Image = c.wants, c.wants, "shop-built"
		built.Body.Build = &types.BuildConfig{}
		have := plan.Observed{Images: map[string]plan.Image{
			"app": {ID: "sha256:app", Platform: c.has}, "shop-built": {ID: "sha256:built", Platform: c.has},
		}}
		p, err := plan.Make(shop(fetched, built), have, plan.Options{})
		assert.NilError(t, err)
		assert.Equal(t, len(p.Images().Nodes) == 0, c.fits, "%q %q: %s", c.has, c.wants, p)
		if !c.fits {
			assert.Check(t, is.Contains(p.String(), "image app             pull"))
			assert.Check(t, is.Contains(p.String(), "image shop-built      build"))
		}
	}
}

// What is there for another platform is told as that, and not as missing.
func TestAnImageForAnotherPlatformIsTold(t *testing.T) {
	web, built := service("web", 1, "v1:aaaa"), service("built", 1, "v1:aaaa")
	web.Body.Platform, built.Body.Platform, built.Body.Image = "linux/arm64", "linux/arm64", "shop-built"
	built.Body.Build = &types.BuildConfig{}
	have := plan.Observed{Images: map[string]plan.Image{
		"app": {ID: "sha256:app", Platform: "linux/amd64"}, "shop-built": {ID: "sha256:built", Platform: "linux/amd64"},
	}}
	p, err := plan.Make(shop(web, built), have, plan.Options{})
	assert.NilError(t, err)
	assert.Equal(t, p.Images().String(), `plan for shop: 2 steps
images
  #1  image shop-built  build  is for linux/amd64, not linux/arm64
  #2  image app         pull   is for linux/amd64, not linux/arm64
`)
	asked, err := plan.PullAll(shop(web), have, plan.ImageOptions{Policy: "missing"})
	assert.NilError(t, err)
	assert.Check(t, is.Contains(asked.String(), "is for linux/amd64, not linux/arm64"))

	web.Body.PullPolicy = types.PullPolicyNever
	_, err = plan.Make(shop(web), have, plan.Options{})
	assert.Error(t, err, "image app of service web is for linux/amd64, not linux/arm64")
	missing, _ := errors.AsType[*plan.MissingError](err)
	assert.Check(t, is.Contains(missing.Hint, "for that platform"))
}

// A container is held against the image that its reference means, for whatever platform that is; not while another one is
// about to be fetched.
func TestAnImageForAnotherPlatformIsRolledOut(t *testing.T) {
	web := service("web", 1, "v1:aaaa")
	web.Body.Platform = "linux/amd64"
	h := newHost("shop")
	h.images["app"] = plan.Image{ID: "sha256:aaaa", Platform: "linux/386"}
	perform(t, h, must(t, shop(web), h, plan.Options{ImagesReady: true}))
	assert.Assert(t, must(t, shop(web), h, plan.Options{ImagesReady: true}).Empty())

	h.images["app"] = plan.Image{ID: "sha256:bbbb", Platform: "linux/386"}
	p := must(t, shop(web), h, plan.Options{})
	assert.Equal(t, p.String(), "plan for shop: 1 step\nimages\n  #1  image app  pull  is for linux/386, not linux/amd64\n")
	p = must(t, shop(web), h, plan.Options{ImagesReady: true})
	assert.Check(t, is.Contains(p.String(), "image digest changed aaaa->bbbb"))
	perform(t, h, p)
	assert.DeepEqual(t, imagesOf(h, "web"), []string{"sha256:bbbb"})
}
