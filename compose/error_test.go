package compose

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"
)

// Each file of testdata/errors is wrong; beside it stands what is said of it. Refresh with -update.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.yaml")
	assert.NilError(t, err)
	assert.Assert(t, len(files) > 10)
	for _, f := range files {
		name := filepath.Base(f)
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(f)
			assert.NilError(t, err)
			dir := write(t, map[string]string{name: string(text)})
			_, _, err = Load(t.Context(), LoadOptions{
				WorkDir: dir, Files: []string{name},
				Env: []string{"MANY=many", "PROTOCOL=gopher", "PORT=port", "T=t"},
			})
			var wrong FieldErrors
			assert.Assert(t, errors.As(err, &wrong), "%v", err)
			golden.Assert(t, strings.ReplaceAll(err.Error(), dir, "DIR")+"\n", "errors/"+strings.TrimSuffix(name, ".yaml")+".golden")
		})
	}
}

func TestMistakesNameTheFileTheyStandIn(t *testing.T) {
	files := map[string]string{
		"compose.yaml":          "include: [inc/compose.yaml]\nservices:\n  web:\n    extends: {file: base.yaml, service: b}\n    depends_on: [nobody]\n",
		"compose.override.yaml": "services:\n  web:\n    replicas: 2\n    ports: ['53:53/udp']\n",
		"base.yaml":             "services:\n  b:\n    image: x\n    container_name: one\n  unused:\n    whatever: 3\n",
		"inc/compose.yaml":      "services:\n  inner:\n    image: x\n    health-check: {fall: 3}\n",
	}
	assert.Equal(t, mistakes(t, files, LoadOptions{}), strings.TrimSpace(`
inc/compose.yaml:4:5: services.inner.health-check: is the balancer's check, and nothing of this service is routed (give it a protocol, or use Compose's healthcheck)
compose.yaml:5:18: services.web.depends_on.nobody: there is no service nobody
compose.override.yaml:4:13: services.web.ports[0]: 53/udp cannot be published by more than one replica: they cannot hold one port, and the balancer does tcp only (use one replica, or leave the host port out)
base.yaml:4:21: services.web.container_name: cannot be the name of 2 replicas (take container_name out, or use one replica)`))
}

func TestMistakesInExtendedAndIncludedFiles(t *testing.T) {
	files := map[string]string{
		"compose.yaml":     "include: [inc/compose.yaml]\nservices: {web: {extends: {file: base.yaml, service: b}}}",
		"base.yaml":        "services:\n  b:\n    image: x\n    replics: 2\n  unused:\n    whatever: 3\n",
		"inc/compose.yaml": "services:\n  inner:\n    image: x\n    protocol: tpc\n",
	}
	assert.Equal(t, mistakes(t, files, LoadOptions{}), strings.TrimSpace(`
inc/compose.yaml:4:15: services.inner.protocol: must be one of http, https, tcp, httpsTerm (did you mean `+"`tcp`?)"+`
base.yaml:4:5: services.b.replics: unknown key (did you mean `+"`replicas`?)"))
}

func TestIncludesThatIncludeEachOther(t *testing.T) {
	files := map[string]string{"compose.yaml": "include: [a.yaml]", "a.yaml": "include: [b.yaml]", "b.yaml": "include: [a.yaml]"}
	assert.Equal(t, mistakes(t, files, LoadOptions{}), "b.yaml:1:11: include[0]: the files include each other: DIR/a.yaml -> DIR/b.yaml -> DIR/a.yaml (take one include out)")
}

func TestAliasBombs(t *testing.T) {
	text := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 12 {
		text += "x-a" + itoa(i+1) + ": &a" + itoa(i+1) + " [" + strings.TrimSuffix(strings.Repeat("*a"+itoa(i)+", ", 10), ", ") + "]\n"
	}
	assert.ErrorContains(t, errors.New(mistakes(t, one(text), LoadOptions{})), "the file is too large")
}

func TestDidYouMean(t *testing.T) {
	for word, want := range map[string]string{
		"replica": "did you mean `replicas`?", "protcol": "did you mean `protocol`?",
		"hsots": "did you mean `hosts`?", "entirely": "", "x": "",
	} {
		assert.Equal(t, didYouMean(word, []string{"replicas", "protocol", "hosts", "cron"}), want, word)
	}
}
