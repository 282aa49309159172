package engine

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"hyper-lite/compose"
)

// loadService reads a Compose file as the loader does, so that the tests speak Compose and not Go.
func loadService(t *testing.T, text string) compose.Service {
	t.Helper()
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  "/project",
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: []byte(text)}},
		Environment: types.Mapping{},
	}, func(o *loader.Options) { o.SetProjectName("shop", true) })
	assert.NilError(t, err)
	return compose.Service{
		Project: "shop", Name: "web", Role: compose.RoleReplica,
		Body:     project.Services["web"],
		Networks: project.Networks, Volumes: project.Volumes, Configs: project.Configs, Secrets: project.Secrets,
	}
}

// TestTranslate holds, for each file of testdata/translate, what becomes of it on the oldest and on a new
// engine. The expectation is the engine's own JSON, or the errors.
func TestTranslate(t *testing.T) {
	files, err := filepath.Glob("testdata/translate/*.yaml")
	assert.NilError(t, err)
	assert.Assert(t, len(files) > 0)
	for _, file := range files {
		text, err := os.ReadFile(file)
		assert.NilError(t, err)
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		for _, api := range []string{"1.41", "1.51"} {
			t.Run(name+" on "+api, func(t *testing.T) {
				golden.Assert(t, translated(t, loadService(t, string(text)), api), "translate/"+name+"-"+api+".golden")
			})
		}
	}
}

func translated(t *testing.T, service compose.Service, api string) string {
	t.Helper()
	spec, errs := translate(service, api)
	var text strings.Builder
	for _, err := range errs {
		text.WriteString("error: " + err.Error() + "\n")
	}
	type attached struct {
		Network  string
		Endpoint any
	}
	var networks []attached
	for _, n := range spec.networks {
		networks = append(networks, attached{n.name, n.endpoint})
	}
	encoded, err := json.Marshal(map[string]any{
		"Config": spec.config, "HostConfig": spec.host, "Networks": networks, "Platform": spec.platform,
	})
	assert.NilError(t, err)
	var tree any
	assert.NilError(t, json.Unmarshal(encoded, &tree))
	short, err := json.MarshalIndent(withoutZeros(tree), "", "  ")
	assert.NilError(t, err)
	return text.String() + string(short) + "\n"
}

// withoutZeros leaves out what is not set, so that a golden file shows what a key did. An empty list that
// clears something stays.
func withoutZeros(tree any) any {
	node, ok := tree.(map[string]any)
	if !ok {
		if list, ok := tree.([]any); ok {
			for i := range list {
				list[i] = withoutZeros(list[i])
			}
		}
		return tree
	}
	for name, value := range node {
		if name == "ExposedPorts" { // a set: its values are always empty
			continue
		}
		value = withoutZeros(value)
		inner, isMap := value.(map[string]any)
		if value == nil || value == "" || value == 0.0 || value == false || isMap && len(inner) == 0 {
			delete(node, name)
			continue
		}
		node[name] = value
	}
	return node
}

// elsewhere are the keys of a service that say nothing of its containers, or that other rooms, other
// steps or the loader deal with.
var elsewhere = map[string]string{
	"name":                   "a label",
	"profiles":               "chooses services",
	"deploy.mode":            "replicas",
	"deploy.replicas":        "replicas",
	"deploy.labels":          "labels of a service, not of its containers",
	"deploy.update_config":   "rollout",
	"deploy.rollback_config": "rollout",
	"deploy.placement":       "there is one host",
	"deploy.endpoint_mode":   "the balancer",
	"develop":                "nothing is watched",
	"scale":                  "replicas",
	"attach":                 "logs",
	"container_name":         "the name is the step's",
	"extends":                "the loader",
	"pre_start":              "hook steps",
	"post_start":             "hook steps",
	"pre_stop":               "hook steps",
	"build":                  "build steps",
	"depends_on":             "order and a label",
	"configs":                "copied in",
	"secrets":                "copied in",
	"env_file":               "the loader",
	"label_file":             "the loader",
	"pull_policy":            "pull steps",
	"pull_refresh_after":     "pull steps",
	"image":                  "the image of the step",
}

// Every key that Compose knows of a service is in the table, or is said to be elsewhere: a key that a new
// version of the loader brings fails here until somebody decides.
func TestNoKeyIsDroppedSilently(t *testing.T) {
	known := map[string]bool{}
	for _, k := range keys {
		known[k.name] = true
	}
	for name := range elsewhere {
		assert.Check(t, !known[name], "%s is in the table and elsewhere", name)
		known[name] = true
	}
	var missing []string
	for _, name := range yamlKeys(reflect.TypeFor[types.ServiceConfig]()) {
		if name == "deploy" {
			for _, inner := range yamlKeys(reflect.TypeFor[types.DeployConfig]()) {
				if !known["deploy."+inner] {
					missing = append(missing, "deploy."+inner)
				}
			}
			continue
		}
		if !known[name] {
			missing = append(missing, name)
		}
	}
	assert.DeepEqual(t, missing, []string(nil))
}

func yamlKeys(of reflect.Type) []string {
	var names []string
	for i := range of.NumField() {
		field := of.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case field.Anonymous && strings.Contains(options, "inline"):
			names = append(names, yamlKeys(field.Type)...)
		case name != "" && name != "-" && !strings.HasPrefix(name, "#"):
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestEveryRefusalSaysWhy(t *testing.T) {
	for _, k := range keys {
		if k.apply == nil {
			assert.Check(t, k.why != "" && k.set != nil, k.name)
		}
	}
}

func TestSecurityProfilesAreRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "profile.json")
	assert.NilError(t, os.WriteFile(path, []byte("{\n  \"defaultAction\": \"SCMP_ACT_ALLOW\"\n}"), 0o600))
	service := compose.Service{Name: "web", Body: types.ServiceConfig{}}
	service.Body.SecurityOpt = []string{"seccomp:" + path, "seccomp=unconfined", "no-new-privileges:true", "label:disable"}
	spec, errs := translate(service, "1.41")
	assert.Equal(t, len(errs), 0)
	assert.DeepEqual(t, spec.host.SecurityOpt, []string{
		`seccomp={"defaultAction":"SCMP_ACT_ALLOW"}`, "seccomp=unconfined", "no-new-privileges:true", "label:disable",
	})
	service.Body.SecurityOpt = []string{"seccomp=" + path + ".missing"}
	assert.Assert(t, len(Check(service, "1.41")) == 1)
}

func TestTranslationLeavesTheServiceAlone(t *testing.T) {
	service := loadService(t, "services: {web: {image: web, networks: {back: {driver_opts: {a: b}, interface_name: eth7}}}}\nnetworks: {back: }")
	before, err := json.Marshal(service)
	assert.NilError(t, err)
	_, errs := translate(service, "1.51")
	assert.Equal(t, len(errs), 0)
	after, err := json.Marshal(service)
	assert.NilError(t, err)
	assert.Equal(t, string(after), string(before))
	assert.Assert(t, regexp.MustCompile("eth7").Match(after))
}

func TestCheckReadsConfigsAndSecrets(t *testing.T) {
	service := loadService(t, `
services:
  web: {image: web, configs: [missing, far], secrets: [fine, {source: owned, uid: root}]}
configs:
  missing: {file: /nowhere/app.conf}
  far: {external: true}
secrets:
  fine: {file: /dev/null}
  owned: {file: /dev/null}
`)
	var text []string
	for _, err := range Check(service, "1.41") {
		text = append(text, err.Error())
	}
	assert.DeepEqual(t, text, []string{
		"services.web: read config missing: open /nowhere/app.conf: no such file or directory",
		"services.web: config far is external, which needs a Swarm: use file, environment or content",
		`services.web: secret owned: uid "root" is not a number`,
	})
}

// Whether a variable is set is decided where the files are read: .env counts there, and an empty value does.
func TestASecretOfAVariableMayBeEmpty(t *testing.T) {
	service := loadService(t, "services: {web: {image: web, secrets: [none]}}\nsecrets: {none: {environment: HL_TEST_SET_NOWHERE}}")
	files, err := filesOf(service)
	assert.NilError(t, err)
	assert.Equal(t, files[0].target, "/run/secrets/none")
	assert.Equal(t, len(files[0].content), 0)
}
