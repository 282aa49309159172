//go:build engine

package tests

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"gotest.tools/v3/assert"
)

func TestImagesArePinnedByWhatTheirRegistrySays(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	name := r.publish("app:v1")
	p := newProject(t, "services: {web: {image: \""+name+"\", environment: {A: \"1\"}}}\n")
	want := name + "@" + r.digest("app:v1")
	says(t, p.must("config", "--resolve-image-digests").out, "image: "+want, "A: \"1\"")
	locked := p.must("config", "--lock-image-digests").out
	assert.Equal(t, locked, "services:\n  web:\n    image: "+want+"\n")
	assert.Equal(t, len(r.local()), 0) // nothing was fetched

	p.write("locked.yaml", locked)
	r.publish("app:v1") // the name means another image now
	assert.Assert(t, !strings.HasSuffix(want, r.digest("app:v1")))
	p.must("-f", "compose.yaml", "-f", "locked.yaml", "pull", "-q")
	found, err := docker.ImageInspect(t.Context(), want)
	assert.NilError(t, err)
	assert.Assert(t, contains(found.RepoDigests, strings.Replace(want, ":v1@", "@", 1)), "%v", found.RepoDigests)
	says(t, p.exits(1, "-f", "nosuch.yaml", "config").err, "nosuch.yaml")
	r.close()
	says(t, p.exits(1, "config", "--resolve-image-digests").err, "ask for the digest of image "+name)
}

// digest is what a name means in the registry now.
func (r *registry) digest(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return digest.FromBytes(r.manifests[name].content).String()
}
