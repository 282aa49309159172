//go:build engine

package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

func TestEveryMistakeOfAFileIsToldAtOnceWithItsPlace(t *testing.T) {
	t.Parallel()
	p := newProject(t, `services:
  web:
    image: hyper-lite-demo
    replicsa: 2
    protocol: htpt
    service_port: 99999
    health-check: {path: healthz}
  db:
    image: hyper-lite-demo
    algorithm: fastest
`)
	for _, verb := range []string{"up -d", "plan", "config"} {
		r := p.exits(1, strings.Fields(verb)...)
		for _, place := range []string{"4:5", "5:15", "6:19", "7:26", "10:16"} {
			says(t, r.err, "compose.yaml:"+place)
		}
		says(t, r.err, "replicas", "http", "did you mean")
		assert.Equal(t, strings.Count(r.err, "error:"), 5, r.err)
		assert.Equal(t, r.out, "")
	}
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	_, err := os.Stat(filepath.Join(p.dir, ".hyper-lite"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestWrongWordsAreToldWithWhatWasMeant(t *testing.T) {
	t.Parallel()
	p := newProject(t, "services: {web: {image: hyper-lite-demo}}\n")
	for _, c := range []struct {
		line string
		code int
		says []string
	}{
		{"upp", 2, []string{`"upp"`, "did you mean `up`"}},
		{"up --detatch", 2, []string{"--detatch", "did you mean `--detach`"}},
		{"up -d wbe", 1, []string{"wbe", "did you mean `web`"}},
		{"logs wbe", 1, []string{"wbe", "did you mean `web`"}},
		{"scale wbe=2", 1, []string{"wbe", "did you mean `web`"}},
		{"restart wbe", 1, []string{"wbe", "did you mean `web`"}},
		{"down wbe", 1, []string{"wbe", "did you mean `web`"}},
		{"scale web=many", 2, []string{"web=many", "SERVICE=NUMBER"}},
		{"up --pull alwasy", 2, []string{"alwasy", "always"}},
		{"up --wait-timeout soon", 2, []string{"soon", "seconds"}},
		{"-f none.yaml up", 1, []string{"none.yaml"}},
	} {
		says(t, p.exits(c.code, strings.Fields(c.line)...).err, append(c.says, "error:")...)
	}
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	assert.NilError(t, os.Remove(filepath.Join(p.dir, "compose.yaml")))
	says(t, p.exits(1, "up", "-d").err, p.dir, "compose.yaml", "-f FILE")
	p.write("compose.yaml", "services: {web: {image: hyper-lite-demo}}\n")
}
