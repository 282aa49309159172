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
