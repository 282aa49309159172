package compose

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// A job that stands in no file is one of the project, uses what the files define, and is printed nowhere.
func TestAJobBesideTheFiles(t *testing.T) {
	dir := t.TempDir()
	files := "name: shop\nservices: {web: {image: shop:1}}\nvolumes: {data: {name: elsewhere}}\nnetworks: {default: {name: custom}}\n"
	added := map[string][]byte{"tidy": []byte(`{"services": {"tidy": {"image": "shop:1", "command": ["echo", "$$HOME"],
		"volumes": ["data:/data", "more:/more"], "cron": {"schedule": "@daily", "keep": 1}}}, "volumes": {"data": {}, "more": {}}}`)}
	opt := LoadOptions{Files: []string{"-"}, ProjectDir: dir, Stdin: strings.NewReader(files), Added: added}
	project, warnings, err := Load(t.Context(), opt)
	assert.NilError(t, err)
	assert.Equal(t, len(warnings), 0)
	assert.DeepEqual(t, project.Added, []string{"tidy"})
	assert.DeepEqual(t, project.Files, []string{"-"})
	tidy := project.Jobs[0]
	assert.Equal(t, tidy.Name+" "+tidy.Schedules[0].Cron, "tidy @daily")
	assert.DeepEqual(t, []string(tidy.Body.Command), []string{"echo", "$HOME"})
	assert.Equal(t, tidy.Networks["default"].Name, "custom")
	assert.Equal(t, tidy.Volumes["data"].Name+" "+tidy.Volumes["more"].Name, "elsewhere shop_more")

	opt.Stdin, opt.Added = strings.NewReader(files), nil
	alone, _, err := Load(t.Context(), opt)
	assert.NilError(t, err)
	web, _ := project.Service("web")
	same, _ := alone.Service("web")
	assert.Equal(t, web.Digest.Hash, same.Digest.Hash)
	text, err := Canonical(project, "json")
	assert.NilError(t, err)
	assert.Assert(t, !strings.Contains(string(text), "tidy"), string(text))

	// going back to what was recorded takes no such job away
	restored, _, err := Restore(t.Context(), text, RestoreOptions{Name: "revision 1", Dir: dir, Added: added})
	assert.NilError(t, err)
	assert.Equal(t, restored.Jobs[0].Name, "tidy")
	recorded := strings.Replace(string(text), `"services": {`, `"services": {"tidy": {"image": "old"},`, 1)
	restored, _, err = Restore(t.Context(), []byte(recorded), RestoreOptions{Name: "revision 1", Dir: dir, Added: added})
	assert.NilError(t, err)
	assert.Equal(t, len(restored.Jobs), 0)
}
