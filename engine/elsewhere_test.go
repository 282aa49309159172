package engine

import (
	"os"
	"path/filepath"
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

func TestElsewhereIsWhatOtherFilesThatAreStillThereMade(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"shop/compose.yaml", "shop/test.yaml", "blog/compose.yaml"} {
		assert.NilError(t, os.MkdirAll(filepath.Dir(at(name)), 0o755))
		assert.NilError(t, os.WriteFile(at(name), nil, 0o600))
	}
	assert.NilError(t, os.Symlink(at("shop"), at("current")))
	for name, c := range map[string]struct {
		files   []string
		workDir string
		want    plan.Elsewhere
	}{
		"the project's own file":        {[]string{at("shop/compose.yaml")}, at("shop"), ""},
		"one of several":                {[]string{at("shop/test.yaml"), at("shop/compose.yaml")}, at("shop"), ""},
		"the same by another path":      {[]string{at("current/compose.yaml")}, at("current"), ""},
		"a file that was renamed":       {[]string{at("shop/docker-compose.yml")}, at("shop"), ""},
		"a folder that is gone":         {[]string{at("moved/compose.yaml")}, at("moved"), ""},
		"no file that is known":         {nil, "", ""},
		"another file of the folder":    {[]string{at("shop/test.yaml")}, at("shop"), plan.OtherFile},
		"that, by another path":         {[]string{at("current/test.yaml")}, at("current"), plan.OtherFile},
		"a file of another folder":      {[]string{at("blog/compose.yaml")}, at("blog"), plan.OtherFolder},
		"another folder's, partly gone": {[]string{at("blog/gone.yaml"), at("blog/compose.yaml")}, at("blog"), plan.OtherFolder},
	} {
		replicas := []plan.Replica{{Files: c.files, WorkDir: c.workDir}}
		tellElsewhere(compose.Project{Dir: at("shop"), Files: []string{at("shop/compose.yaml")}}, replicas)
		assert.Equal(t, replicas[0].Elsewhere, c.want, name)
		tellElsewhere(compose.Project{Dir: at("shop")}, replicas)
	}
}
