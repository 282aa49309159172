package compose

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

func TestAnEnvFileCanBeRaw(t *testing.T) {
	p := mustLoad(t, map[string]string{
		"compose.yaml": "services: {web: {image: x, env_file: [first.env, {path: raw.env, format: raw}]}}\n" +
			"jobs: {tidy: {image: x, env_file: [{path: raw.env, format: raw}], triggers: {manual: true}}}",
		"first.env": "A=first\nB='quoted'\n",
		"raw.env":   "\ufeff# a note\n\n  A=$HOME \"q\" # kept \nC='x'\nGIVEN\nUNSET\nEMPTY=\nE=a=b\n",
	}, LoadOptions{Env: []string{"GIVEN=here"}})
	got := map[string]string{}
	for name, value := range service(t, p, "web").Body.Environment {
		got[name] = *value
	}
	assert.DeepEqual(t, got, map[string]string{
		"A": `$HOME "q" # kept `, "B": "quoted", "C": "'x'", "GIVEN": "here", "EMPTY": "", "E": "a=b",
	})
	assert.Equal(t, *p.Jobs[0].Service.Body.Environment["C"], "'x'")
}

func TestMistakesInARawEnvFile(t *testing.T) {
	for content, want := range map[string]string{
		"A=1\n=2\n":    "line 2 has no name before the =",
		"A B=1\n":      `line 1: a name has no spaces: "A B"`,
		"A=\xff\xfe\n": "line 1 is no UTF-8",
	} {
		said := mistakes(t, map[string]string{
			"compose.yaml": "services:\n  web:\n    image: x\n    env_file:\n      - {path: none.env, required: false}\n      - {format: raw, path: raw.env}\n",
			"raw.env":      content,
		}, LoadOptions{})
		assert.Assert(t, strings.Contains(said, want), said)
		assert.Assert(t, strings.HasPrefix(said, "compose.yaml:6:9: services.web.env_file[1]: "), said)
	}
}
