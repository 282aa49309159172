package engine

import (
	"os"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	assert.NilError(t, os.WriteFile(path, []byte(text), 0o600))
}

const everythingOfABuild = `
services:
  web:
    image: shop/web
    platform: linux/arm64
    build:
      context: .
      dockerfile: docker/Dockerfile
      args: {VERSION: "1", FROM_ENVIRONMENT: }
      ssh: [default, "key=/home/me/.ssh/id"]
      secrets: [token, {source: file, target: other}]
      labels: {team: shop}
      cache_from: ["type=registry,ref=shop/cache"]
      cache_to: ["type=inline"]
      no_cache: true
      no_cache_filter: [stage]
      additional_contexts: {assets: ./assets}
      pull: true
      extra_hosts: ["b.test=10.0.0.2", "a.test=10.0.0.1"]
      network: host
      target: final
      shm_size: 64m
      tags: ["shop/web:v1"]
      ulimits: {nofile: {soft: 10, hard: 20}}
      platforms: [linux/amd64, linux/arm64]
      privileged: true
      entitlements: [network.host]
      provenance: "false"
      sbom: "true"
secrets:
  token: {environment: TOKEN}
  file: {file: /project/secret.txt}
`

func TestBuildxArguments(t *testing.T) {
	service := loadService(t, everythingOfABuild)
	token := service.Secrets["token"]
	token.Content = "t0k3n"
	service.Secrets["token"] = token
	arguments, inline, environment, err := buildxArguments(plan.Build{Service: service, Image: "shop/web"})
	assert.NilError(t, err)
	assert.Equal(t, inline, "")
	assert.DeepEqual(t, environment, []string{"HYPER_LITE_BUILD_SECRET_0=t0k3n"})
	text := strings.ReplaceAll(strings.Join(arguments, "\n"), "\n--", "\x00--")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\n", " "), "\x00", "\n")
	assert.Assert(t, !strings.Contains(text, "t0k3n"))
	golden.Assert(t, text+"\n", "buildx.golden")
}

func TestWhatTheEnginesOwnBuilderCannotDoIsRefused(t *testing.T) {
	service := loadService(t, everythingOfABuild)
	var text strings.Builder
	for _, err := range needsBuildx(service.Body.Build) {
		text.WriteString(err.Error() + "\n")
	}
	golden.Assert(t, text.String(), "needs-buildx.golden")
}

func TestABuildIsForOnePlatform(t *testing.T) {
	for _, test := range []struct {
		platform  string
		platforms []string
		want      []string
	}{
		{"", nil, nil},
		{"linux/arm64", nil, []string{"linux/arm64"}},
		{"", []string{"linux/amd64"}, []string{"linux/amd64"}},
		{"linux/arm64", []string{"linux/amd64", "linux/arm64"}, []string{"linux/arm64"}},
		{"", []string{"linux/amd64", "linux/arm64"}, nil},
	} {
		service := compose.Service{}
		service.Body.Platform = test.platform
		service.Body.Build = &types.BuildConfig{Platforms: test.platforms}
		assert.DeepEqual(t, buildPlatforms(service), test.want)
	}
}
