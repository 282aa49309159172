package plan_test

import (
	"testing"

	"gotest.tools/v3/assert"

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

// What the engine cannot tell is not passed over in silence.
func TestAPolicyByAgeIsWarnedOf(t *testing.T) {
	web := service("web", 1, "v1:aaaa")
	web.Body.PullPolicy = "daily"
	h := newHost("shop")
	p, err := plan.Make(shop(web), h.observe(), plan.Options{})
	assert.NilError(t, err)
	assert.Equal(t, len(p.Images().Nodes), 0)
	assert.DeepEqual(t, p.Warnings, []string{
		"pull_policy daily of service web: image app is there and is not looked for again; --pull always does that",
	})
}
