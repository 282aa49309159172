package compose

import (
	"testing"

	"gotest.tools/v3/assert"
)

func TestABuildHasItsSecretsAndTheServicesThatItIsMadeOf(t *testing.T) {
	p := mustLoad(t, one(`services:
  web:
    build:
      context: .
      secrets: [token]
      additional_contexts: {base: "service:base", assets: ./assets}
  base: {profiles: [never], build: {context: base, additional_contexts: {root: "service:root"}, secrets: [file]}}
  root: {image: "shop/root:1", build: root}
secrets: {token: {environment: TOKEN}, file: {file: ./secret}}`), LoadOptions{ProjectName: "shop", Env: []string{"TOKEN=t"}})
	web := service(t, p, "web")
	assert.Equal(t, web.Secrets["token"].Environment, "TOKEN")
	assert.DeepEqual(t, map[string]string(web.Body.Build.AdditionalContexts), map[string]string{
		"assets": p.Dir + "/assets", "base": "docker-image://shop-base",
	})
	assert.Equal(t, len(web.Bases), 1)
	base := web.Bases[0]
	assert.Equal(t, base.Name+" "+base.Body.Image, "base shop-base")
	assert.Equal(t, base.Secrets["file"].File, p.Dir+"/secret")
	assert.Equal(t, base.Body.Build.AdditionalContexts["root"], "docker-image://shop/root:1")
	assert.Equal(t, base.Bases[0].Body.Image, "shop/root:1")
	assert.DeepEqual(t, p.Disabled, []string{"base"})
	assert.Equal(t, p.Model.Services["web"].Build.AdditionalContexts["base"], "service:base") // as the file says it
}

func TestABuiltImageCarriesComposesLabels(t *testing.T) {
	p := mustLoad(t, one(`services:
  worker: {image: "shop:1", build: .}
  web: {image: "shop:1", build: {context: ., labels: {team: a}}}
  app: {image: "shop:1"}
  alone: {build: .}`), LoadOptions{ProjectName: "shop"})
	labels := func(name, service string) map[string]string {
		return map[string]string{
			"com.docker.compose.project": name, "com.docker.compose.service": service, "com.docker.compose.version": LabelsVersion,
		}
	}
	alone, web, worker := service(t, p, "alone"), service(t, p, "web"), service(t, p, "worker")
	assert.DeepEqual(t, map[string]string(alone.Body.Build.Labels), labels("shop", "alone"))
	assert.DeepEqual(t, map[string]string(worker.Body.Build.Labels), labels("shop", "web")) // one image, whoever it is built for
	assert.Equal(t, web.Body.Build.Labels["team"], "a")
	assert.Equal(t, p.Model.Services["web"].Build.Labels["com.docker.compose.project"], "") // as the file says it
}
