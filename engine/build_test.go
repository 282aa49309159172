package engine

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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

// An image that is built again of the same files must be the same image, unless somebody asks for attestations.
func TestABuildHasNoAttestationsOfItsOwn(t *testing.T) {
	programs := t.TempDir()
	assert.NilError(t, os.WriteFile(filepath.Join(programs, "docker"), []byte("#!/bin/sh\n/usr/bin/env >&2\n"), 0o700))
	t.Setenv("PATH", programs)
	service := loadService(t, "services: {web: {image: shop/web, build: .}}")
	said := func() (value string) {
		e := &Engine{options: Options{Progress: func(_ plan.Step, p Progress) {
			if after, ok := strings.CutPrefix(p.Text, "BUILDX_NO_DEFAULT_ATTESTATIONS="); ok {
				value = after
			}
		}}}
		assert.NilError(t, e.buildByBuildx(t.Context(), plan.Build{Service: service, Image: "shop/web"}))
		return value
	}
	assert.Equal(t, said(), "1")
	t.Setenv("BUILDX_NO_DEFAULT_ATTESTATIONS", "0")
	assert.Equal(t, said(), "0")
}

// buildx reads a secret as a line of CSV.
func TestABuildSecretMayHaveACommaInItsPath(t *testing.T) {
	assert.Equal(t, fields("id=a", "type=file", `src=/one, "two"`), `id=a,type=file,"src=/one, ""two"""`)
}

func TestFlagsOfABuildReachBuildx(t *testing.T) {
	step := plan.Build{Service: loadService(t, "services: {web: {build: .}}"), Image: "shop-web", Builder: "far", Check: true, Pull: true, NoCache: true}
	arguments, _, _, err := buildxArguments(step)
	assert.NilError(t, err)
	text := strings.Join(arguments, " ")
	assert.Assert(t, strings.HasPrefix(text, "buildx build --progress plain --builder far --check --file "), text)
	assert.Assert(t, strings.Contains(text, " --pull --no-cache ") && !strings.Contains(text, "--load"), text)
	step.Memory = 1 << 20
	_, _, _, err = buildxArguments(step)
	assert.ErrorContains(t, err, "--memory")
}

func TestWhatTheEnginesOwnBuilderCannotDoIsRefused(t *testing.T) {
	service := loadService(t, everythingOfABuild)
	var text strings.Builder
	for _, err := range NeedsBuildx(plan.Build{Service: service, Builder: "far", Check: true}) {
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

// The engine's own builder takes layers from its cache that are for another platform, and heeds a Dockerfile that asks for
// another one: the former is made good, the latter told.
func TestABuildForAnotherPlatform(t *testing.T) {
	for _, c := range []struct {
		noCache bool
		makes   []string // by build, what the image is for
		fails   bool
	}{
		{makes: []string{"arm64"}},
		{makes: []string{"amd64", "arm64"}},
		{makes: []string{"amd64", "amd64"}, fails: true},
		{noCache: true, makes: []string{"amd64"}, fails: true},
	} {
		clearEnvironment(t)
		var builds []string // whether each is without cache
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Api-Version", "1.41")
			switch {
			case strings.HasSuffix(r.URL.Path, "/build"):
				_, _ = io.Copy(io.Discard, r.Body)
				builds = append(builds, r.URL.Query().Get("nocache"))
				fmt.Fprint(w, `{"stream":"built"}`)
			case strings.Contains(r.URL.Path, "/images/"):
				fmt.Fprintf(w, `{"Id":"sha256:made","Os":"linux","Architecture":%q}`, c.makes[len(builds)-1])
			}
		}))
		e, err := Open(t.Context(), Options{Host: "tcp://" + server.Listener.Addr().String()})
		assert.NilError(t, err)
		service := compose.Service{Project: "shop", Name: "web"}
		service.Body.Platform = "linux/arm64"
		service.Body.Build = &types.BuildConfig{Context: t.TempDir(), DockerfileInline: "FROM scratch\n", NoCache: c.noCache}
		err = e.buildByEngine(t.Context(), plan.Build{Service: service, Image: "shop-web"})
		assert.Equal(t, len(builds), len(c.makes))
		assert.Equal(t, builds[len(builds)-1] == "1", c.noCache || len(c.makes) > 1)
		failed, told := errors.AsType[*PlatformError](err)
		assert.Equal(t, told, c.fails, "%v", err)
		if told {
			assert.Error(t, err, "what was built is for linux/amd64, not linux/arm64")
			assert.Assert(t, strings.Contains(failed.Hint(), "give service web platform: linux/amd64"))
		} else {
			assert.NilError(t, err)
		}
		assert.NilError(t, e.Close())
		server.Close()
	}
}
