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

func TestMistakesOverSeveralFiles(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a ring over two files": {
			map[string]string{
				"compose.yaml": "services:\n  web:\n    extends: {file: o.yaml, service: base}\n",
				"o.yaml":       "services:\n  base: {extends: {file: compose.yaml, service: web}}\n",
			},
			"compose.yaml:3:5: services.web.extends: the services extend each other: web -> base in o.yaml -> web (take one of them out)",
		},
		"a way into a ring of other files": {
			map[string]string{
				"compose.yaml": "services:\n  web:\n    extends: {file: o.yaml, service: a}\n",
				"o.yaml":       "services:\n  a: {extends: b}\n  b: {extends: a}\n",
			},
			"compose.yaml:3:5: services.web.extends: the services extend each other: web -> a in o.yaml -> b in o.yaml -> a in o.yaml (take one of them out)",
		},
		"a service of another file that is not there": {
			map[string]string{"compose.yaml": "services:\n  web: {extends: {file: o.yaml, service: bsae}}\n", "o.yaml": "services:\n  base: {image: x}\n"},
			"compose.yaml:2:42: services.web.extends: there is no service bsae in o.yaml (did you mean `base`?)",
		},
		"an include of itself": {
			map[string]string{"compose.yaml": "include: [sub/c.yaml]\n", "sub/c.yaml": "include:\n  - ../compose.yaml\n"},
			"sub/c.yaml:2:5: include[0]: the files include each other: DIR/compose.yaml -> DIR/sub/c.yaml -> DIR/compose.yaml (take one include out)",
		},
		"an include of a folder and of nothing": {
			map[string]string{"compose.yaml": "include:\n  - sub\n  - nowhere.yaml\n  - {path: o.yaml, env_file: no.env}\n", "sub/x": "", "o.yaml": "services: {b: {image: x}}"},
			"compose.yaml:2:5: include[0]: read the included file: DIR/sub: is a directory\n" +
				"compose.yaml:3:5: include[1]: read the included file: DIR/nowhere.yaml: no such file or directory\n" +
				"compose.yaml:4:5: include[2]: couldn't find env file: DIR/no.env",
		},
		"an included file that is no YAML": {
			map[string]string{"compose.yaml": "include: [o.yaml]\n", "o.yaml": "services:\n\tweb: {}\n"},
			"o.yaml:2:1: invalid YAML: a tab cannot indent (use spaces)",
		},
		"an env file of an included file": {
			map[string]string{"compose.yaml": "include: [sub/c.yaml]\n", "sub/c.yaml": "services:\n  web:\n    image: x\n    env_file: ['a.env']\n"},
			"sub/c.yaml:4:16: services.web.env_file[0]: there is no file DIR/sub/a.env (say required: false where it may be missing)",
		},
		"an env file that is a folder": {
			map[string]string{"compose.yaml": "services:\n  web:\n    image: x\n    env_file: sub\n", "sub/x": ""},
			"compose.yaml:4:15: services.web.env_file: DIR/sub is a folder",
		},
		"an env file with a mistake": {
			map[string]string{"compose.yaml": "services:\n  web:\n    image: x\n    env_file: [a.env, b.env]\n", "a.env": "A=1\n", "b.env": "B=2\nA B=3\n"},
			"compose.yaml:4:23: services.web.env_file[1]: failed to read DIR/b.env: line 2: key cannot contain a space",
		},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, mistakes(t, c.files, LoadOptions{}), c.want) })
	}
}

// Texts that are not what they should be: the place is that of the first byte that is wrong.
func TestTextsThatAreNoYAML(t *testing.T) {
	const web = "services:\n  web: {image: x}\n"
	for name, c := range map[string]struct{ text, want string }{
		"nothing":              {"", "compose.yaml:1:1: the file has no services"},
		"a comment":            {"# later\n", "compose.yaml:1:1: the file has no services"},
		"null":                 {"~\n", "compose.yaml:1:1: the file has no services"},
		"a word":               {"hello\n", "compose.yaml:1:1: a compose file is a mapping with `services:` at its top"},
		"Latin-1":              {"services:\n  web: {image: caf\xe9}\n", "compose.yaml:2:19: the byte 0xe9 is no UTF-8 (save the file as UTF-8)"},
		"a NUL":                {"services:\n  web: {image: \"a\x00b\"}\n", "compose.yaml:2:18: the byte 0x00 is a control character, which no compose file holds (save the file as UTF-8)"},
		"UTF-16 without a BOM": {"s\x00e\x00", "compose.yaml:1:2: the byte 0x00 is a control character, which no compose file holds (save the file as UTF-8)"},
		"an executable":        {"\x7fELF\x02\x01", "compose.yaml:1:1: the byte 0x7f is a control character, which no compose file holds (save the file as UTF-8)"},
		"JSON cut off":         {"{\"services\": {\"web\": {", "compose.yaml:2:1: invalid YAML: did not find expected node content"},
		"too deep": {
			"services: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
			"compose.yaml:1:1: services: must be a mapping, not a list\n" +
				"compose.yaml:1:211: services: the file is too large: more than 100000 values or 200 levels once aliases are expanded",
		},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, mistakes(t, one(c.text), LoadOptions{}), c.want) })
	}
	utf16 := func(order string, text string) string {
		out := map[string]string{"little": "\xff\xfe", "big": "\xfe\xff"}[order]
		for _, b := range []byte(text) {
			out += map[string]string{"little": string([]byte{b, 0}), "big": string([]byte{0, b})}[order]
		}
		return out
	}
	for name, text := range map[string]string{
		"BOM": "\ufeff" + web, "CRLF": strings.ReplaceAll(web, "\n", "\r\n"), "CR": strings.ReplaceAll(web, "\n", "\r"),
		"UTF-16 LE": utf16("little", web), "UTF-16 BE": utf16("big", web), "JSON": `{"services": {"web": {"image": "x"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, service(t, mustLoad(t, one(text), LoadOptions{ProjectName: "p"}), "web").Body.Image, "x")
		})
	}
}

// A file that cannot be read has no line: the message says which and why.
func TestFilesThatCannotBeRead(t *testing.T) {
	dir := write(t, map[string]string{"folder/x": "", "compose.yaml": "services: {a: {image: x}}"})
	for name, c := range map[string]struct {
		opt  LoadOptions
		want string
	}{
		"a folder":    {LoadOptions{Files: []string{"folder"}}, "read the compose file: read DIR/folder: is a directory"},
		"nothing":     {LoadOptions{Files: []string{"nowhere.yaml"}}, "no compose file found: DIR/nowhere.yaml does not exist; name another with -f"},
		"no env file": {LoadOptions{EnvFiles: []string{"nowhere.env"}}, "there is no env file DIR/nowhere.env"},
		"a name":      {LoadOptions{ProjectName: "No!"}, `invalid project name "No!": ` + ProjectNames},
	} {
		t.Run(name, func(t *testing.T) {
			c.opt.WorkDir = dir
			_, _, err := Load(t.Context(), c.opt)
			assert.Equal(t, strings.ReplaceAll(err.Error(), dir, "DIR"), c.want)
		})
	}
}

func TestDatesAreTexts(t *testing.T) {
	p := mustLoad(t, one("services: {web: {image: x, environment: {D: 2001-02-03}, labels: {d: 2001-02-03T04:05:06Z}, command: [echo, 2001-02-03]}}"), LoadOptions{})
	web := service(t, p, "web")
	assert.Equal(t, *web.Body.Environment["D"]+" "+web.Body.Labels["d"]+" "+web.Body.Command[1], "2001-02-03 2001-02-03T04:05:06Z 2001-02-03")
}
