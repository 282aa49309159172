package compose

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// write lays files out in a new folder called shop and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	for name, text := range files {
		path := filepath.Join(dir, name)
		assert.NilError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		assert.NilError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

// mustLoad loads files that are right.
func mustLoad(t *testing.T, files map[string]string, opt LoadOptions) Project {
	t.Helper()
	opt.WorkDir = write(t, files)
	p, _, err := Load(t.Context(), opt)
	assert.NilError(t, err)
	return p
}

func one(text string) map[string]string { return map[string]string{"compose.yaml": text} }

// mistakes loads files that are wrong and returns what is said of them.
func mistakes(t *testing.T, files map[string]string, opt LoadOptions) string {
	t.Helper()
	opt.WorkDir = write(t, files)
	_, _, err := Load(t.Context(), opt)
	assert.Assert(t, err != nil, "loaded without an error")
	return strings.ReplaceAll(err.Error(), opt.WorkDir, "DIR")
}

func service(t *testing.T, p Project, name string) Service {
	t.Helper()
	s, ok := p.Service(name)
	assert.Assert(t, ok, "no service %s", name)
	return s
}

// Every way in which our keys can reach a service: each must give web three replicas and a drain of 20s.
func TestOurKeysComeInEveryWay(t *testing.T) {
	cases := map[string]struct {
		files map[string]string
		opt   LoadOptions
	}{
		"bare":                         {files: one("services: {web: {image: x, replicas: 3, drain: 20s}}")},
		"nested":                       {files: one("services: {web: {image: x, x-hyper-lite: {replicas: 3, drain: 20}}}")},
		"bare and nested":              {files: one("services: {web: {image: x, replicas: 3, x-hyper-lite: {drain: 20s}}}")},
		"the same twice":               {files: one("services: {web: {image: x, replicas: 3, drain: 20s, x-hyper-lite: {replicas: 3}}}")},
		"interpolation with a default": {files: one("services: {web: {image: x, replicas: '${N:-3}', drain: '${D:-20s}'}}")},
		"interpolation": {
			files: one("services: {web: {image: x, replicas: $N, x-hyper-lite: {drain: $D}}}"),
			opt:   LoadOptions{Env: []string{"N=3", "D=20"}},
		},
		"deploy.replicas":  {files: one("services: {web: {image: x, deploy: {replicas: 3}, drain: 20s}}")},
		"scale":            {files: one("services: {web: {image: x, scale: 3, drain: 20s}}")},
		"all three agree":  {files: one("services: {web: {image: x, scale: 3, replicas: 3, deploy: {replicas: 3}, drain: 20s}}")},
		"alias":            {files: one("x-web: &web {image: x, replicas: 3, drain: 20s}\nservices: {web: *web}")},
		"merge key":        {files: one("x-web: &web {image: x, replicas: 3, drain: 5s}\nservices: {web: {<<: *web, drain: 20s}}")},
		"merge key list":   {files: one("x-a: &a {replicas: 3}\nx-b: &b {replicas: 9, drain: 20s, image: x}\nservices: {web: {<<: [*a, *b]}}")},
		"merged extension": {files: one("x-a: &a {replicas: 3, drain: 1s}\nservices: {web: {image: x, x-hyper-lite: {<<: *a, drain: 20s}}}")},
		"two documents":    {files: one("services: {web: {image: x, replicas: 2, drain: 20s}}\n---\nservices: {web: {replicas: 3}}")},
		"override file": {files: map[string]string{
			"compose.yaml":          "services: {web: {image: x, replicas: 2, x-hyper-lite: {drain: 20s}}}",
			"compose.override.yaml": "services: {web: {x-hyper-lite: {replicas: 3}}}",
		}},
		"override file, bare over nested": {files: map[string]string{
			"a.yaml": "services: {web: {image: x, x-hyper-lite: {replicas: 2, drain: 1s}}}",
			"b.yaml": "services: {web: {replicas: 3, drain: 20s}}",
		}, opt: LoadOptions{Files: []string{"a.yaml", "b.yaml"}}},
		"override file, nested over bare": {files: map[string]string{
			"a.yaml": "services: {web: {image: x, replicas: 2, drain: 1s}}",
			"b.yaml": "services: {web: {x-hyper-lite: {replicas: 3, drain: 20s}}}",
		}, opt: LoadOptions{Files: []string{"a.yaml", "b.yaml"}}},
		"extends in one file": {files: one("services: {base: {image: x, replicas: 2, drain: 20s}, web: {extends: base, replicas: 3}}")},
		"extends another file": {files: map[string]string{
			"compose.yaml":  "services: {web: {extends: {file: sub/base.yaml, service: b}, x-hyper-lite: {replicas: 3}}}",
			"sub/base.yaml": "services: {b: {image: x, replicas: 2, drain: 20s}}",
		}},
		"extends over two files, mixed spellings": {files: map[string]string{
			"compose.yaml":       "services: {web: {extends: {file: sub/middle.yaml, service: m}}}",
			"sub/middle.yaml":    "services: {m: {extends: {file: deep/base.yaml, service: b}, replicas: 3}}",
			"sub/deep/base.yaml": "services: {b: {image: x, x-hyper-lite: {replicas: 2, drain: 20s}}}",
		}},
		"extends a file by a variable": {files: map[string]string{
			"compose.yaml": "services: {web: {extends: {file: '${WHERE}/b.yaml', service: b}}}",
			"sub/b.yaml":   "services: {b: {image: x, replicas: 3, drain: 20s}}",
		}, opt: LoadOptions{Env: []string{"WHERE=sub"}}},
		"extends its own file by name": {files: one("services: {b: {image: x, replicas: 3, drain: 20s}, web: {extends: {file: compose.yaml, service: b}}}")},
		"include": {files: map[string]string{
			"compose.yaml":     "include: [sub/compose.yaml]\nservices: {other: {image: y}}",
			"sub/compose.yaml": "services: {web: {image: x, replicas: 3, drain: 20s}}",
		}},
		"include and override": {files: map[string]string{
			"compose.yaml":     "include: [sub/compose.yaml]\nservices: {web: {replicas: 3}}",
			"sub/compose.yaml": "services: {web: {image: x, x-hyper-lite: {replicas: 2, drain: 20s}}}",
		}},
		"include with its own .env": {files: map[string]string{
			"compose.yaml":     "include: [sub/compose.yaml]",
			"sub/compose.yaml": "services: {web: {image: x, replicas: $N, drain: 20s}}",
			"sub/.env":         "N=3",
			".env":             "M=9",
		}},
		"include with a named env file and folder": {files: map[string]string{
			"compose.yaml":     "include: [{path: sub/compose.yaml, env_file: my.env, project_directory: .}]",
			"sub/compose.yaml": "services: {web: {extends: {file: '${FROM}', service: b}, replicas: $N}}",
			"my.env":           "N=3\nFROM=base.yaml", "base.yaml": "services: {b: {image: x, drain: 20s}}",
		}},
		"include in an include": {files: map[string]string{
			"compose.yaml":     "include: [a/compose.yaml]",
			"a/compose.yaml":   "include: [b/compose.yaml]",
			"a/b/compose.yaml": "services: {web: {image: x, extends: {file: c/c.yaml, service: c}}}",
			"a/b/c/c.yaml":     "services: {c: {replicas: 3, drain: 20s}}",
		}},
		"include with two paths": {files: map[string]string{
			"compose.yaml":   "include: [{path: [a/compose.yaml, a/more.yaml]}]",
			"a/compose.yaml": "services: {web: {image: x, replicas: 1, drain: 20s}}",
			"a/more.yaml":    "services: {web: {replicas: 3}}",
		}},
		"!override": {files: map[string]string{
			"a.yaml": "services: {web: {image: x, replicas: 2, drain: 20s}}",
			"b.yaml": "services: {web: {replicas: !override 3}}",
		}, opt: LoadOptions{Files: []string{"a.yaml", "b.yaml"}}},
		"!reset of the extension beside a bare key": {files: map[string]string{
			"a.yaml": "services: {web: {image: x, replicas: 2, size: s1, drain: 1s}}",
			"b.yaml": "services: {web: {x-hyper-lite: !reset null, replicas: 3, drain: 20s}}",
		}, opt: LoadOptions{Files: []string{"a.yaml", "b.yaml"}}},
		"!reset of our key beside Compose's": {files: map[string]string{
			"a.yaml": "services: {web: {image: x, replicas: 2, drain: 20s}}",
			"b.yaml": "services: {web: {replicas: !reset null, deploy: {replicas: 3}}}",
		}, opt: LoadOptions{Files: []string{"a.yaml", "b.yaml"}}},
		"project-wide drain": {files: one("x-hyper-lite: {drain: 20s}\nservices: {web: {image: x, replicas: 3}}")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			web := service(t, mustLoad(t, c.files, c.opt), "web")
			assert.Equal(t, web.Replicas, 3)
			assert.Equal(t, web.Rollout.Drain, 20*time.Second)
			assert.Equal(t, web.Body.Image, "x")
		})
	}
}

func TestHostsAndHealthCheckHaveTwoForms(t *testing.T) {
	p := mustLoad(t, map[string]string{
		"compose.yaml": `services:
  web: {image: x, protocol: http, hosts: a.example.com, health_check: {interval: 3, path: /up, fall: 5}}`,
		"compose.override.yaml": `services:
  web: {hosts: [b.example.com], health-check: {rise: 7}}`,
	}, LoadOptions{})
	web := service(t, p, "web")
	assert.DeepEqual(t, web.Routes[0].Hosts, []string{"a.example.com", "b.example.com"})
	assert.DeepEqual(t, *web.Probe, Probe{
		Port: 80, Path: "/up", Interval: 3 * time.Second, StartInterval: 250 * time.Millisecond,
		Timeout: 2 * time.Second, Fall: 5, Rise: 7,
	})
}

func TestRelativePathsStartAtTheirOwnFile(t *testing.T) {
	p := mustLoad(t, map[string]string{
		"compose.yaml":   "include: [a/compose.yaml]\nservices: {web: {extends: {file: b/base.yaml, service: s}}}",
		"a/compose.yaml": "services: {inner: {image: x, volumes: ['./data:/data'], env_file: x.env}}",
		"a/x.env":        "FROM=a",
		"b/base.yaml":    "services: {s: {image: x, volumes: ['./data:/data'], env_file: [x.env]}}",
		"b/x.env":        "FROM=b",
	}, LoadOptions{})
	assert.Equal(t, service(t, p, "inner").Body.Volumes[0].Source, filepath.Join(p.Dir, "a", "data"))
	assert.Equal(t, *service(t, p, "inner").Body.Environment["FROM"], "a")
	assert.Equal(t, service(t, p, "web").Body.Volumes[0].Source, filepath.Join(p.Dir, "b", "data"))
	assert.Equal(t, *service(t, p, "web").Body.Environment["FROM"], "b")
}

func TestServicesStandInDependencyOrder(t *testing.T) {
	p := mustLoad(t, one(`services:
  a: {image: x, depends_on: {z: {condition: service_healthy, restart: true}, off: {condition: service_started, required: false}}}
  b: {image: x}
  c: {image: x, links: [d], network_mode: "service:e"}
  d: {image: x, volumes_from: [z]}
  e: {image: x, depends_on: {init: {condition: service_completed_successfully}}}
  init: {image: x}
  z: {image: x, restart: on-failure}
  off: {image: x, profiles: [debug]}`), LoadOptions{})
	var names []string
	for _, s := range p.Services {
		names = append(names, s.Name)
	}
	assert.DeepEqual(t, names, []string{"b", "init", "e", "z", "a", "d", "c"})
	assert.DeepEqual(t, p.Disabled, []string{"off"})
	assert.DeepEqual(t, service(t, p, "a").DependsOn, []Dependency{{"z", "service_healthy", true, true}})
	assert.DeepEqual(t, service(t, p, "c").DependsOn, []Dependency{
		{"d", "service_started", true, true}, {"e", "service_started", true, true},
	})
	assert.Assert(t, service(t, p, "init").OneShot && service(t, p, "z").OneShot)
	assert.Assert(t, !service(t, p, "a").OneShot)
}

func TestProfiles(t *testing.T) {
	files := one("services: {a: {image: x}, b: {image: x, profiles: [dev]}, c: {image: x, profiles: [dev]}}")
	assert.DeepEqual(t, mustLoad(t, files, LoadOptions{}).Disabled, []string{"b", "c"})
	assert.Equal(t, len(mustLoad(t, files, LoadOptions{Profiles: []string{"dev"}}).Services), 3)
	assert.Equal(t, len(mustLoad(t, files, LoadOptions{Env: []string{"COMPOSE_PROFILES=dev"}}).Services), 3)
	assert.Equal(t, len(mustLoad(t, files, LoadOptions{Services: []string{"b"}}).Services), 3)
	assert.Equal(t, len(mustLoad(t, files, LoadOptions{Services: []string{"a"}}).Services), 1)
}

func TestProjectName(t *testing.T) {
	plain, named := one("services: {a: {image: x}}"), one("name: ${WHO:-file}\nservices: {a: {image: x}}")
	dotenv := map[string]string{"compose.yaml": named["compose.yaml"], ".env": "COMPOSE_PROJECT_NAME=dotenv"}
	cases := map[string]struct {
		files map[string]string
		opt   LoadOptions
		want  string
	}{
		"folder":             {plain, LoadOptions{}, "shop"},
		"name":               {named, LoadOptions{}, "file"},
		"name by a variable": {named, LoadOptions{Env: []string{"WHO=me"}}, "me"},
		".env":               {dotenv, LoadOptions{}, "dotenv"},
		"environment":        {dotenv, LoadOptions{Env: []string{"COMPOSE_PROJECT_NAME=env"}}, "env"},
		"flag":               {dotenv, LoadOptions{ProjectName: "flag", Env: []string{"COMPOSE_PROJECT_NAME=env"}}, "flag"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := mustLoad(t, c.files, c.opt)
			assert.Equal(t, p.Name, c.want)
			assert.Equal(t, p.Services[0].Project, c.want)
		})
	}
	assert.Assert(t, is.Contains(mistakes(t, plain, LoadOptions{ProjectName: "Not Good"}), `invalid project name "Not Good"`))
}

func TestFilesAreFoundAsComposeFindsThem(t *testing.T) {
	text := "services: {a: {image: x}}"
	cases := map[string]struct {
		files map[string]string
		opt   LoadOptions
		want  []string
	}{
		"first name wins":       {map[string]string{"compose.yaml": text, "docker-compose.yml": text}, LoadOptions{}, []string{"compose.yaml"}},
		"hyper-compose is last": {map[string]string{"hyper-compose.yml": text}, LoadOptions{}, []string{"hyper-compose.yml"}},
		"override": {
			map[string]string{"docker-compose.yml": text, "docker-compose.override.yml": text},
			LoadOptions{},
			[]string{"docker-compose.yml", "docker-compose.override.yml"},
		},
		"-f": {map[string]string{"a.yml": text, "sub/b.yml": text}, LoadOptions{Files: []string{"sub/b.yml", "a.yml"}}, []string{"sub/b.yml", "a.yml"}},
		"COMPOSE_FILE": {
			map[string]string{"a.yml": text, "b.yml": text},
			LoadOptions{Env: []string{"COMPOSE_FILE=a.yml,b.yml", "COMPOSE_PATH_SEPARATOR=,"}},
			[]string{"a.yml", "b.yml"},
		},
		"COMPOSE_FILE in .env": {map[string]string{"a.yml": text, ".env": "COMPOSE_FILE=a.yml"}, LoadOptions{}, []string{"a.yml"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := write(t, c.files)
			c.opt.WorkDir = dir
			p, _, err := Load(t.Context(), c.opt)
			assert.NilError(t, err)
			var want []string
			for _, f := range c.want {
				want = append(want, filepath.Join(dir, f))
			}
			assert.DeepEqual(t, p.Files, want)
			assert.Equal(t, p.Dir, filepath.Dir(want[0]))
		})
	}
	t.Run("a folder above", func(t *testing.T) {
		dir := write(t, map[string]string{"compose.yaml": text, "deep/er/x": ""})
		p, _, err := Load(t.Context(), LoadOptions{WorkDir: filepath.Join(dir, "deep/er")})
		assert.NilError(t, err)
		assert.Equal(t, p.Dir, dir)
	})
	t.Run("standard input", func(t *testing.T) {
		p := mustLoad(t, nil, LoadOptions{Files: []string{"-"}, Stdin: strings.NewReader(text), ProjectName: "in"})
		assert.Equal(t, p.Services[0].Name, "a")
	})
	t.Run("project folder", func(t *testing.T) {
		p := mustLoad(t, map[string]string{"etc/c.yml": "services: {a: {image: x, volumes: ['.:/v']}}", "there/x": ""},
			LoadOptions{Files: []string{"etc/c.yml"}, ProjectDir: "there"})
		assert.Equal(t, filepath.Base(p.Dir), "there")
		assert.Equal(t, p.Services[0].Body.Volumes[0].Source, p.Dir)
	})
}

func TestNoFile(t *testing.T) {
	dir := t.TempDir()
	for name, opt := range map[string]LoadOptions{
		"none found":   {WorkDir: dir},
		"-f":           {WorkDir: dir, Files: []string{"nope.yml"}},
		"COMPOSE_FILE": {WorkDir: dir, Env: []string{"COMPOSE_FILE=nope.yml"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Load(t.Context(), opt)
			assert.Assert(t, errors.Is(err, ErrNoFile))
		})
	}
	_, _, err := Load(t.Context(), LoadOptions{WorkDir: dir})
	assert.ErrorContains(t, err, dir)
	assert.ErrorContains(t, err, "-f FILE")
}

func TestVariablesOfFilesComeInOrder(t *testing.T) {
	files := map[string]string{"compose.yaml": "services: {a: {image: 'i:${V}'}}", ".env": "V=dotenv", "a.env": "V=a", "b.env": "V=b"}
	cases := map[string]struct {
		opt  LoadOptions
		want string
	}{
		".env":                     {LoadOptions{}, "i:dotenv"},
		"process":                  {LoadOptions{Env: []string{"V=process"}}, "i:process"},
		"--env-file, last wins":    {LoadOptions{EnvFiles: []string{"a.env", "b.env"}}, "i:b"},
		"COMPOSE_ENV_FILES":        {LoadOptions{Env: []string{"COMPOSE_ENV_FILES=b.env,a.env"}}, "i:a"},
		"COMPOSE_DISABLE_ENV_FILE": {LoadOptions{Env: []string{"COMPOSE_DISABLE_ENV_FILE=1"}}, "i:"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, mustLoad(t, files, c.opt).Services[0].Body.Image, c.want)
		})
	}
	files[".env"] = "COMPOSE_ENV_FILES=b.env"
	assert.Equal(t, mustLoad(t, files, LoadOptions{}).Services[0].Body.Image, "i:b")
}

func TestWarningsAreValues(t *testing.T) {
	dir := write(t, one("version: '3'\nservices: {a: {image: 'x:${UNSET}', command: '$UNSET'}}"))
	for range 2 { // each time, not once a process
		_, warnings, err := Load(t.Context(), LoadOptions{WorkDir: dir})
		assert.NilError(t, err)
		assert.DeepEqual(t, warnings, []string{
			"compose.yaml: `version` is obsolete and has no effect; take it out",
			`The "UNSET" variable is not set. Defaulting to a blank string.`,
		})
	}
}

func TestCopiesAreTakenAway(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	mustLoad(t, map[string]string{"compose.yaml": "include: [a.yaml]", "a.yaml": "services: {web: {image: x}}"}, LoadOptions{})
	entries, err := filepath.Glob(filepath.Join(temp, "hyper-lite-*"))
	assert.NilError(t, err)
	assert.Equal(t, len(entries), 0)
}

func TestSize(t *testing.T) {
	limits := service(t, mustLoad(t, one("services: {a: {image: x, size: m2}}"), LoadOptions{}), "a").Body.Deploy.Resources.Limits
	assert.Equal(t, float32(limits.NanoCPUs), float32(2))
	assert.Equal(t, int64(limits.MemoryBytes), int64(2<<30))
}

func TestSettings(t *testing.T) {
	p := mustLoad(t, one(`x-hyper-lite:
  balancer: {image: "traefik:v3", options: [--log.level=DEBUG]}
  drain: 30s
  sidecar: {memory: 64m, cpus: "${C:-0.5}"}
  revisions: 0
services: {a: {image: x}}`), LoadOptions{})
	assert.DeepEqual(t, p.Settings, Settings{
		BalancerImage: "traefik:v3", BalancerOptions: []string{"--log.level=DEBUG"},
		Drain: 30 * time.Second, SidecarMemory: 64 << 20, SidecarCPUs: 0.5,
	})
	p = mustLoad(t, one("services: {a: {image: x}}"), LoadOptions{})
	assert.DeepEqual(t, p.Settings, Settings{BalancerImage: DefaultBalancerImage, Drain: 10 * time.Second, Revisions: 10})
}

func TestServicesKnowWhatTheFileLeavesOut(t *testing.T) {
	files := map[string]string{
		"compose.yaml": "name: shop\nservices: {web: {build: .}, named: {image: 'i:1', build: .}}\njobs: {tidy: {build: ., triggers: {manual: true}}}",
		"more.yaml":    "services: {web: {init: true}}",
	}
	p := mustLoad(t, files, LoadOptions{Files: []string{"compose.yaml", "more.yaml"}})
	web, _ := p.Service("web")
	named, _ := p.Service("named")
	assert.Equal(t, web.Body.Image, "shop-web")
	assert.Equal(t, named.Body.Image, "i:1")
	assert.Equal(t, p.Jobs[0].Service.Body.Image, "shop-tidy")
	assert.Equal(t, p.Model.Services["web"].Image, "") // and `config` leaves it out, too

	origins := map[string]string{
		"com.docker.compose.project.working_dir":  p.Dir,
		"com.docker.compose.project.config_files": strings.Join(p.Files, ","),
	}
	assert.DeepEqual(t, map[string]string(web.Body.CustomLabels), origins)
	moved := mustLoad(t, map[string]string{"renamed.yaml": files["compose.yaml"], "more.yaml": files["more.yaml"]},
		LoadOptions{Files: []string{"renamed.yaml", "more.yaml"}})
	elsewhere, _ := moved.Service("web")
	assert.Equal(t, elsewhere.Digest.Hash, web.Digest.Hash)
}

// What the variable asks for is done on Windows alone: elsewhere no path begins with a drive.
func TestWindowsPathsAreAskedFor(t *testing.T) {
	for value, want := range map[string]bool{"1": true, "true": true, "True": true, "0": false, "": false} {
		l := &loading{chosen: selection{env: types.Mapping{"COMPOSE_CONVERT_WINDOWS_PATHS": value}}}
		var o loader.Options
		for _, set := range l.options() {
			set(&o)
		}
		assert.Equal(t, o.ConvertWindowsPaths, want, value)
	}
}

func TestRemoteFilesAreNamedAsSuch(t *testing.T) {
	for _, name := range []string{"oci://example.com/shop:1", "https://example.com/shop.git", "git@example.com:shop.git"} {
		_, _, err := Load(t.Context(), LoadOptions{Files: []string{name}, WorkDir: t.TempDir()})
		assert.ErrorIs(t, err, ErrNoFile)
		assert.ErrorContains(t, err, name+": a remote file cannot be read")
	}
}

// A hook's own network_mode stands in place of the networks that it would have from its service.
func TestHookWithANetworkModeOfItsOwn(t *testing.T) {
	dir := write(t, map[string]string{"compose.yaml": `
services:
  web:
    image: web
    networks: [back]
    pre_start: [{command: alone, network_mode: none}, {command: beside}]
networks: {back: {}}
`})
	p, _, err := Load(t.Context(), LoadOptions{WorkDir: dir})
	assert.NilError(t, err)
	hooks := p.Services[0].PreStart
	assert.Equal(t, hooks[0].Service.Body.NetworkMode, "none")
	assert.Equal(t, len(hooks[0].Service.Body.Networks), 0)
	assert.Equal(t, len(hooks[0].Service.Networks), 0)
	assert.Equal(t, len(hooks[1].Service.Body.Networks), 1)
}

// Each COMPOSE_* variable that decides what is read counts in the process's environment and in .env; where both have it,
// the environment wins.
func TestVariablesOfComposeItself(t *testing.T) {
	files := map[string]string{
		"compose.yaml": "services: {a: {image: x}, b: {image: x, profiles: [dev]}}",
		"one.yaml":     "services: {c: {image: x}}",
		"other.env":    "COMPOSE_PROFILES=dev\n",
	}
	names := func(p Project) string {
		var all []string
		for _, s := range p.Services {
			all = append(all, s.Name)
		}
		return p.Name + ": " + strings.Join(all, " ")
	}
	for name, c := range map[string]struct{ set, want string }{
		"COMPOSE_PROJECT_NAME":   {"COMPOSE_PROJECT_NAME=named", "named: a"},
		"COMPOSE_FILE":           {"COMPOSE_FILE=one.yaml", "shop: c"},
		"COMPOSE_FILE, several":  {"COMPOSE_FILE=one.yaml:compose.yaml", "shop: a c"},
		"COMPOSE_PATH_SEPARATOR": {"COMPOSE_FILE=one.yaml;compose.yaml\nCOMPOSE_PATH_SEPARATOR=;", "shop: a c"},
		"COMPOSE_PROFILES":       {"COMPOSE_PROFILES=x, dev", "shop: a b"},
		"COMPOSE_PROFILES, all":  {"COMPOSE_PROFILES=*", "shop: a b"},
		"COMPOSE_ENV_FILES":      {"COMPOSE_ENV_FILES=other.env", "shop: a b"},
	} {
		t.Run(name+" in the environment", func(t *testing.T) {
			assert.Equal(t, names(mustLoad(t, files, LoadOptions{Env: strings.Split(c.set, "\n")})), c.want)
		})
		t.Run(name+" in .env", func(t *testing.T) {
			with := maps.Clone(files)
			with[".env"] = c.set + "\n"
			assert.Equal(t, names(mustLoad(t, with, LoadOptions{})), c.want)
		})
	}
	files[".env"] = "COMPOSE_PROJECT_NAME=named\nCOMPOSE_PROFILES=dev\nCOMPOSE_FILE=one.yaml\n"
	assert.Equal(t, names(mustLoad(t, files, LoadOptions{Env: []string{"COMPOSE_PROJECT_NAME=other", "COMPOSE_FILE=compose.yaml"}})), "other: a b")
	assert.Equal(t, names(mustLoad(t, files, LoadOptions{Env: []string{"COMPOSE_DISABLE_ENV_FILE=true"}})), "shop: a")
}
