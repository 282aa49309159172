package compose

import (
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// Another image is in all that a service is made, fetched, told and remembered by.
func TestImagesInsteadOfThoseOfTheFiles(t *testing.T) {
	const file = `name: shop
services:
  web:
    image: shop:1
    build: .
    pull_policy: build
    pre_start: [{command: [migrate]}, {image: busybox, command: [chown]}]
  worker: {image: shop:1}
`
	was := mustLoad(t, one(file), LoadOptions{})
	p := mustLoad(t, one(file), LoadOptions{Images: map[string]string{"web": "shop:2", "nosuch": "x"}})
	web, _ := p.Service("web")
	old, _ := was.Service("web")
	assert.Equal(t, web.Body.Image, "shop:2")
	assert.Assert(t, web.Body.Build == nil, "a named image is not built")
	assert.Equal(t, web.Body.PullPolicy, "")
	assert.Equal(t, web.Body.PreStart[0].Image, "shop:2", "a hook on the service's image goes with it")
	assert.Equal(t, web.Body.PreStart[1].Image, "busybox")
	assert.Assert(t, web.Digest.Fields["image"] != old.Digest.Fields["image"])
	worker, _ := p.Service("worker")
	same, _ := was.Service("worker")
	assert.Equal(t, worker.Digest.Hash, same.Digest.Hash)

	text, err := Canonical(p, "yaml")
	assert.NilError(t, err)
	assert.Assert(t, is.Contains(string(text), "shop:2"))
	again := mustLoad(t, one(string(text)), LoadOptions{})
	kept, _ := again.Service("web")
	assert.Equal(t, kept.Digest.Hash, web.Digest.Hash, "a revision of it can be gone back to")
}
