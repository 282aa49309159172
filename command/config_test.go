package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

const everythingShown = `name: shop
services:
  web:
    image: shop:${TAG:-1}
    env_file: [web.env]
    environment: {MODE: "${MODE-dev}", NEED: "${NEED:?must be set}"}
    volumes: [./data:/data, used:/used, {type: image, source: other, target: /o}]
    networks: [front]
    secrets: [token]
  built:
    build: .
    profiles: [tools]
jobs:
  tidy: {image: job:1, volumes: [tidied:/t], triggers: {manual: true}}
networks: {front: {}, back: {}}
volumes: {used: {}, unused: {}, tidied: {}}
secrets: {token: {environment: NEED}, certificate: {environment: NEED}, unused: {environment: NEED}}
models: {llm: {model: ai/small}}
`

func TestConfigShowsWhatIsUsed(t *testing.T) {
	s := newShell(t, everythingShown)
	assert.NilError(t, os.WriteFile(filepath.Join(s.dir, "web.env"), []byte("FROM_FILE=yes\n"), 0o600))
	s.env["NEED"] = "x$y"
	for typed, want := range map[string]string{
		"--volumes":                                "tidied\nused\n",
		"--all-resources --volumes":                "tidied\nunused\nused\n",
		"--networks":                               "default\nfront\n",
		"--models":                                 "",
		"--all-resources --models":                 "llm\n",
		"--services":                               "web\n",
		"--services --profile tools":               "built\nweb\n",
		"--services --no-interpolate":              "built\nweb\n",
		"--volumes --no-interpolate":               "tidied\nunused\nused\n",
		"--services --no-normalize":                "web\n",
		"--images --profile tools":                 "job:1\nshop-built\nshop:1\n",
		"--images --no-normalize":                  "shop:1\n",
		"--profiles":                               "tools\n",
		"--environment --no-consistency":           "COMPOSE_PROJECT_NAME=shop\nNEED=x$y\nPWD=",
		"--variables":                              "NAME   REQUIRED   DEFAULT VALUE   ALTERNATE VALUE\nMODE   false      dev\nNEED   true\nTAG    false      1\n",
		"--no-interpolate --format json":           `"image": "shop:${TAG:-1}"`,
		"--no-normalize":                           "source: " + s.dir + "/data",
		"--no-path-resolution --no-env-resolution": "source: ./data\n",
		"--no-env-resolution":                      "env_file:\n      - path: " + s.dir + "/web.env\n",
		"--no-consistency":                         "FROM_FILE: \"yes\"",
		"--lock-image-digests":                     "/shop:1@sha256:0000",
		"--resolve-image-digests":                  "/shop:1@sha256:0000",
		"--resolve-image-digests --quiet":          "",
	} {
		r := s.run(append([]string{"config"}, strings.Fields(typed)...)...)
		assert.Equal(t, r.code, 0, "%s: %s", typed, r.err)
		if want == "" || strings.HasSuffix(typed, "s") && !strings.HasPrefix(want, " ") && strings.HasSuffix(want, "\n") {
			assert.Equal(t, r.out, want, typed)
			continue
		}
		assert.Assert(t, is.Contains(r.out, want), typed)
	}
	for typed, without := range map[string]string{
		"--no-normalize": "shop_front", "--no-env-resolution": "FROM_FILE", "--lock-image-digests": "environment", "": "llm", "--format json": "certificate",
	} {
		assert.Assert(t, !strings.Contains(s.run(append([]string{"config"}, strings.Fields(typed)...)...).out, without), typed)
	}
	hooked := newShell(t, `
name: shop
services:
  web: {image: a, pre_start: [{image: b, command: [x]}]}
  tidy: {image: c, cron: "@daily", pre_start: [{image: d, command: [x], networks: [side]}]}
networks: {side: {}, unused: {}}
`)
	assert.Equal(t, hooked.run("config", "--images").out, "a\nb\nc\nd\n")
	assert.Equal(t, hooked.run("config", "--networks").out, "default\nside\n")
	assert.Assert(t, is.Contains(s.run("config", "--variables", "--format", "json").out, "\"MODE\": {\n    \"Name\": \"MODE\",\n    \"DefaultValue\": \"dev\""))
	assert.Equal(t, strings.Count(s.run("config", "--hash", "web,tidy").out, " v1:"), 2)
	for _, typed := range []string{"--no-interpolate --resolve-image-digests", "--images --no-interpolate", "--environment --no-interpolate"} {
		assert.Equal(t, s.run(append([]string{"config"}, strings.Fields(typed)...)...).code, 2, typed)
	}
}

func TestConfigWithoutConsistency(t *testing.T) {
	s := newShell(t, "services: {web: {image: shop, depends_on: [gone], volumes: [gone:/v]}}\n")
	assert.Equal(t, s.run("config").code, 1)
	r := s.run("config", "--no-consistency")
	assert.Equal(t, r.code, 0, r.err)
	assert.Assert(t, is.Contains(r.out, "gone:"))
}
