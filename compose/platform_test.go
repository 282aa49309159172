package compose

import (
	"maps"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

const withPlatforms = `services:
  web: {image: x, pre_start: [{command: a}]}
  own: {image: x, platform: linux/arm/v7}
  built: {build: .}
  mine: {build: ., platform: linux/arm/v7}
  several: {build: {context: ., platforms: [linux/amd64, linux/s390x]}}
  nightly: {image: x, cron: "@daily"}
jobs: {tidy: {build: {context: .}, triggers: {manual: true}}}
`

// The default platform is that of the services and builds that name none, from the environment or the project's env file. As
// with docker compose it makes only those containers anew whose images are built here.
func TestDefaultPlatform(t *testing.T) {
	platforms := func(p Project) (found map[string]string, hashes map[string]string) {
		found, hashes = map[string]string{}, map[string]string{}
		for _, s := range p.Templates() {
			found[s.Name], hashes[s.Name] = s.Body.Platform, s.Digest.Hash
			for _, hook := range s.PreStart {
				found["hook of "+s.Name] = hook.Service.Body.Platform
			}
		}
		return found, hashes
	}
	none, before := platforms(mustLoad(t, one(withPlatforms), LoadOptions{}))
	assert.DeepEqual(t, none, map[string]string{
		"web": "", "hook of web": "", "own": "linux/arm/v7", "built": "", "mine": "linux/arm/v7", "several": "", "nightly": "", "tidy": "",
	})
	files := maps.Clone(one(withPlatforms))
	files[".env"] = platformVariable + "=linux/s390x\n"
	for _, p := range []Project{
		mustLoad(t, one(withPlatforms), LoadOptions{Env: []string{platformVariable + "=linux/s390x"}}),
		mustLoad(t, files, LoadOptions{}),
	} {
		found, hashes := platforms(p)
		const said = "linux/s390x"
		assert.DeepEqual(t, found, map[string]string{
			"web": said, "hook of web": said, "own": "linux/arm/v7", "built": said, "mine": "linux/arm/v7", "several": said, "nightly": said, "tidy": said,
		})
		for name, hash := range hashes {
			built := name == "built" || name == "several" || name == "tidy"
			assert.Check(t, (hash != before[name]) == built, name)
		}
		text, err := Canonical(p, "yaml")
		assert.NilError(t, err)
		assert.Assert(t, !strings.Contains(string(text), said+"\n    r"), "%s", text) // what the files say is printed, no more
	}

	for value, want := range map[string]string{
		"linux/arm64": "compose.yaml:6:33: services.several.build.platforms: has no linux/arm64, which DOCKER_DEFAULT_PLATFORM asks for",
		"a/b/c/d":     `DOCKER_DEFAULT_PLATFORM: "a/b/c/d" is no platform: it takes OS/ARCHITECTURE, as in linux/amd64`,
	} {
		opt := LoadOptions{Env: []string{platformVariable + "=" + value}}
		assert.Check(t, is.Contains(mistakes(t, one(withPlatforms), opt), want))
		opt.Looking = true
		mustLoad(t, one(withPlatforms), opt)
	}
	mustLoad(t, one(withPlatforms), LoadOptions{Env: []string{platformVariable + "="}})
	mustLoad(t, one(withPlatforms), LoadOptions{Env: []string{platformVariable + "=linux/arm64"}, Only: []string{"built"}})
}
