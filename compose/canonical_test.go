package compose

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"
)

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

const canonicalFile = `name: shop
x-hyper-lite: {drain: 30s, revisions: "${R:-5}"}
services:
  web:
    image: nginx
    replicas: ${N:-3}
    protocol: http
    session_affinity: "true"
    ports: ["8080:80"]
    health_check: {fall: "${F:-4}"}
    env_file: web.env
    command: echo $$HOME
    secrets: [token]
    depends_on: [db]
  db: {image: postgres, volumes: ["data:/data"], size: s4}
  nightly: {image: x, cron: {schedule: "@daily", retries: "${T:-2}"}}
  debug: {image: x, profiles: [debug]}
jobs:
  report: {image: x, triggers: {schedule: ["0 3 * * *"]}, timeout: 1h}
volumes: {data: {}}
secrets: {token: {environment: TOKEN}}
`

func canonicalFiles() map[string]string {
	return map[string]string{"compose.yaml": canonicalFile, "web.env": "FROM_FILE=1\n"}
}

func TestCanonical(t *testing.T) {
	for _, format := range []string{"yaml", "json"} {
		t.Run(format, func(t *testing.T) {
			p := mustLoad(t, canonicalFiles(), LoadOptions{Env: []string{"TOKEN=hush"}})
			text, err := Canonical(p, format)
			assert.NilError(t, err)
			assert.Assert(t, !bytes.Contains(text, []byte("hush")))
			golden.Assert(t, strings.ReplaceAll(string(text), p.Dir, "DIR"), "canonical."+format)

			again := mustLoad(t, one(string(text)), LoadOptions{Env: []string{"TOKEN=hush"}})
			twice, err := Canonical(again, format)
			assert.NilError(t, err)
			assert.Equal(t, string(twice), string(text))
			assert.Equal(t, len(again.Services), len(p.Services))
			for i, s := range p.Services {
				assert.Equal(t, again.Services[i].Digest.Hash, s.Digest.Hash)
				assert.Equal(t, again.Services[i].Replicas, s.Replicas)
				assert.DeepEqual(t, again.Services[i].Routes, s.Routes)
			}
		})
	}
}

func TestCanonicalWithoutInterpolation(t *testing.T) {
	p := mustLoad(t, canonicalFiles(), LoadOptions{NoInterpolate: true, Env: []string{"TOKEN=hush"}})
	assert.Equal(t, p.Name, "shop")
	text, err := Canonical(p, "yaml")
	assert.NilError(t, err)
	assert.Assert(t, bytes.Contains(text, []byte("replicas: ${N:-3}")), "%s", text)
	assert.Assert(t, !bytes.Contains(text, []byte("hush")))
}

func TestCanonicalFormat(t *testing.T) {
	_, err := Canonical(mustLoad(t, canonicalFiles(), LoadOptions{Env: []string{"TOKEN=hush"}}), "toml")
	assert.ErrorContains(t, err, `yaml or json, not "toml"`)
}

// The schema takes every file that Load takes here, and refuses what Load refuses.
func TestSchema(t *testing.T) {
	text, err := Schema()
	assert.NilError(t, err)
	tree, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	assert.NilError(t, err)
	compiler := jsonschema.NewCompiler()
	assert.NilError(t, compiler.AddResource("schema.json", tree))
	schema, err := compiler.Compile("schema.json")
	assert.NilError(t, err)
	valid := func(text string) error {
		var v any
		assert.NilError(t, yaml.Unmarshal([]byte(text), &v))
		asJSON, err := json.Marshal(v)
		assert.NilError(t, err)
		v, err = jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
		assert.NilError(t, err)
		return schema.Validate(v)
	}
	assert.NilError(t, valid(canonicalFile))
	assert.NilError(t, valid(`services: {web: {image: x, replicas: 3, protocol: "${P:-http}", hosts: [a.b], ssl_cert: {cert: a, key: b}, cron: "@daily", health_check: {fall: 3}, drain: null}}`))
	for _, wrong := range []string{
		"services: {web: {replica: 3}}", "services: {web: {protocol: gopher}}", "services: {web: {x-hyper-lite: {foo: 1}}}",
		"services: {web: {health-check: {fal: 3}}}", "services: {web: {replicas: []}}", "x-hyper-lite: {drains: 3}",
	} {
		assert.Assert(t, valid(wrong) != nil, wrong)
	}
}
