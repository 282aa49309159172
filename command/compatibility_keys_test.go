package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	composeschema "github.com/compose-spec/compose-go/v2/schema"
	"go.yaml.in/yaml/v4"
	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/engine"
	"hyper-lite/plan"
)

// specKey is a key of the Compose specification, by its way through the file: "services.*.ports[].target". * is any
// name, and [] any entry of a list.
type specKey struct {
	way   []string
	types []string // what its value may be: "string", "array"
	fixed bool     // a mapping of it has the keys that the schema names, and no others
}

func (k specKey) String() string {
	return strings.ReplaceAll(strings.Join(k.way, "."), ".[]", "[]")
}

// specKeys are all keys of the schema that compose-go has in it, sorted.
func specKeys(t *testing.T) []specKey {
	t.Helper()
	var root map[string]any
	assert.NilError(t, json.Unmarshal([]byte(composeschema.Schema), &root))
	found := map[string]specKey{}
	var walk func(node map[string]any, way []string, seen []string)
	walk = func(node map[string]any, way, seen []string) {
		if ref, ok := node["$ref"].(string); ok && !slices.Contains(seen, ref) {
			name := strings.TrimPrefix(ref, "#/$defs/")
			walk(root["$defs"].(map[string]any)[name].(map[string]any), way, append(slices.Clone(seen), ref))
		}
		if key, known := found[specKey{way: way}.String()]; known {
			switch kind := node["type"].(type) {
			case string:
				key.types = append(key.types, kind)
			case []any:
				for _, one := range kind {
					key.types = append(key.types, one.(string))
				}
			}
			key.fixed = key.fixed || node["properties"] != nil
			found[key.String()] = key
		}
		for _, parts := range []string{"allOf", "oneOf", "anyOf"} {
			list, _ := node[parts].([]any)
			for _, part := range list {
				walk(part.(map[string]any), way, seen)
			}
		}
		if items, ok := node["items"].(map[string]any); ok {
			walk(items, append(slices.Clone(way), "[]"), seen)
		}
		properties, _ := node["properties"].(map[string]any)
		for name, below := range properties {
			key := specKey{way: append(slices.Clone(way), name)}
			if _, known := found[key.String()]; !known {
				found[key.String()] = key
			}
			walk(below.(map[string]any), key.way, seen)
		}
		patterns, _ := node["patternProperties"].(map[string]any)
		for pattern, below := range patterns {
			if inner, ok := below.(map[string]any); ok && pattern != "^x-" {
				walk(inner, append(slices.Clone(way), "*"), seen)
			}
		}
	}
	walk(root, nil, nil)
	var all []specKey
	for _, name := range sortedKeys(found) {
		all = append(all, found[name])
	}
	assert.Assert(t, len(all) > 600, "only %d keys were found", len(all))
	return all
}

// keySamples is testdata/compose-keys.yaml, which says what its parts are.
type keySamples struct {
	Values  map[string]any
	Beside  map[string]map[string]any
	Alone   []string
	With    map[string]map[string]any
	Refused []string
	Notes   map[string]string
}

func readSamples(t *testing.T) keySamples {
	t.Helper()
	text, err := os.ReadFile("testdata/compose-keys.yaml")
	assert.NilError(t, err)
	var s keySamples
	assert.NilError(t, yaml.Unmarshal(text, &s))
	return s
}

// value is one that a key takes.
func (s keySamples) value(k specKey) any {
	if v, ok := s.Values[k.ofService().String()]; ok {
		return v
	}
	for at := range k.way {
		if v, ok := s.Values[specKey{way: k.way[at:]}.String()]; ok {
			return v
		}
	}
	if k.fixed {
		return map[string]any{}
	}
	for _, sample := range []struct {
		kind  string
		value any
	}{{"string", "x"}, {"boolean", true}, {"integer", 1}, {"number", 1}, {"object", map[string]any{"x": "y"}}, {"array", []any{"x"}}} {
		if slices.Contains(k.types, sample.kind) && (sample.kind != "string" || !slices.Contains(k.types, "boolean") && !slices.Contains(k.types, "integer") && !slices.Contains(k.types, "number")) {
			return sample.value
		}
	}
	return map[string]any{}
}

// file is the smallest one that has a key.
func (s keySamples) file(k specKey) map[string]any {
	value := s.value(k)
	for at := len(k.way) - 1; at >= 0; at-- {
		switch k.way[at] {
		case "[]":
			value = []any{value}
		case "*":
			value = map[string]any{nameIn(k.way[:at]): value}
		default:
			value = merged(map[string]any{k.way[at]: value}, s.beside(k.way[:at], k.way[at]))
		}
	}
	root := merged(value.(map[string]any), s.Beside["."])
	for at := range k.way {
		way := specKey{way: k.way[:at+1]}
		root = merged(root, s.With[way.String()])
		root = merged(root, s.With[way.ofService().String()])
	}
	return root
}

// beside is what stands beside a key of a mapping.
func (s keySamples) beside(way []string, key string) map[string]any {
	for _, mapping := range []specKey{{way: way}, specKey{way: way}.ofService()} {
		name := mapping.String()
		if slices.Contains(s.Alone, name+"."+key) {
			return nil
		}
		if company, ok := s.Beside[name+" "+key]; ok {
			return company
		}
		if company, ok := s.Beside[name]; ok {
			return company
		}
	}
	return nil
}

// ofService is the key of a service that a key of a job or of a pre_start hook repeats; any other one is itself.
func (k specKey) ofService() specKey {
	switch {
	case len(k.way) >= 2 && k.way[0] == "jobs":
		return specKey{way: append([]string{"services", "*"}, k.way[2:]...), types: k.types}
	case len(k.way) >= 4 && k.way[2] == "pre_start":
		return specKey{way: append([]string{"services", "*"}, k.way[4:]...), types: k.types}
	}
	return k
}

// nameIn is what stands for * in a file.
func nameIn(way []string) string {
	switch way[len(way)-1] {
	case "services":
		return "web"
	case "jobs":
		return "nightly"
	case "ulimits":
		return "nofile"
	}
	return "x"
}

// merged is a mapping with what another one has besides.
func merged(have, more map[string]any) map[string]any {
	all := maps.Clone(have)
	for name, value := range more {
		there, known := all[name]
		inner, isMap := there.(map[string]any)
		other, alsoMap := value.(map[string]any)
		switch {
		case isMap && alsoMap:
			all[name] = merged(inner, other)
		case !known:
			all[name] = value
		}
	}
	return all
}

// The engines that are asked: the oldest that is supported, and those that brought something.
var engines = []struct{ api, version string }{
	{"1.41", "20.10"},
	{"1.42", "23.0"},
	{"1.43", "24.0"},
	{"1.44", "25.0"},
	{"1.45", "26.0"},
	{"1.46", "27.0"},
	{"1.47", "27.2"},
	{"1.48", "28.0"},
	{"1.49", "28.1"},
	{"1.50", "28.2"},
	{"1.51", "28.3"},
}

// verdict is what the program does with a key: it reads the smallest file that has it, as `up` would.
func (s keySamples) verdict(t *testing.T, k specKey) string {
	t.Helper()
	text, err := yaml.Marshal(s.file(k))
	assert.NilError(t, err)
	dir := t.TempDir()
	for name, content := range map[string]string{
		"compose.yaml": string(text), "x": "X=y\n", "base.yaml": "services: {base: {image: base}}\n", "inc.yaml": "services: {inc: {image: inc}}\n", "Dockerfile": "FROM scratch\n",
	} {
		assert.NilError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	project, warnings, err := compose.Load(t.Context(), compose.LoadOptions{
		ProjectDir: dir, WorkDir: dir, Env: []string{"PATH=/bin", "HOME=" + dir},
	})
	var mistakes compose.FieldErrors
	if errors.As(err, &mistakes) {
		return "refused: " + mistakes[0].Msg
	}
	assert.Check(t, err, "%s:\n%s", k, text)
	if err != nil {
		return ""
	}
	for _, e := range engines {
		if err = impossible(project, e.api); err == nil {
			return worksFrom(e.api, e.version, project, warnings)
		}
	}
	reason, _, _ := strings.Cut(err.Error(), "\n")
	return "refused: " + placeOfKey.ReplaceAllString(reason, "")
}

// placeOfKey is where an error says that the key stands.
var placeOfKey = regexp.MustCompile(`^((services|jobs)\.[^ ]+: )+`)

func worksFrom(api, version string, project compose.Project, warnings []string) string {
	var buildx []error
	for _, service := range project.Templates() {
		if service.Body.Build != nil {
			buildx = append(buildx, engine.NeedsBuildx(plan.Build{Service: service})...)
		}
	}
	switch {
	case len(warnings) > 0:
		return "warned of: " + warnings[0]
	case api != engines[0].api:
		return "works from engine " + version + " (API " + api + ") on"
	case len(buildx) > 0:
		return "works, where buildx is; refused by name without it"
	}
	return "works"
}

// impossible is why an engine cannot have a project, if so.
func impossible(project compose.Project, api string) error {
	var errs []error
	for _, service := range project.Templates() {
		errs = append(errs, engine.Check(service, api)...)
	}
	for key, network := range project.Networks {
		errs = append(errs, engine.CheckNetwork(plan.CreateNetwork{Key: key, Config: network}, api))
	}
	return errors.Join(errs...)
}

// keyTables are the tables of keys. Jobs and pre_start hooks have the keys of a service: what differs is told.
func keyTables(t *testing.T, b *strings.Builder) {
	t.Helper()
	samples := readSamples(t)
	verdicts := map[string]string{}
	keys := specKeys(t)
	for _, k := range keys {
		verdicts[k.String()] = samples.judged(t, k)
	}
	sections := map[string][]row{}
	for _, k := range keys {
		text := verdicts[k.String()]
		section, below := sectionOf(k.String())
		if of, known := verdicts[k.ofService().String()]; known && of == text && k.ofService().String() != k.String() {
			continue
		}
		sections[section] = append(sections[section], row{below, text})
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(samples.Notes)), samples.Refused) {
		assert.Check(t, verdicts[name] != "", "testdata names %s, which is no key", name)
	}
	printSections(b, sections)
}

// judged is the verdict on a key, with the note on it. A key of a job or hook that is refused as a service's is needs no
// word of its own.
func (s keySamples) judged(t *testing.T, k specKey) string {
	t.Helper()
	name, like := k.String(), k.ofService().String()
	text := s.verdict(t, k)
	isRefused := strings.HasPrefix(text, "refused")
	expected := slices.Contains(s.Refused, name) || slices.Contains(s.Refused, like)
	assert.Check(t, isRefused == expected, "%s: the page has it among those that are refused: %v; it is %s", name, expected, text)
	note, own := s.Notes[name]
	if !own {
		note = s.Notes[like]
	}
	assert.Check(t, !own || !isRefused, "%s has the note %q, and is %s", name, note, text)
	if note != "" && !isRefused {
		return note
	}
	assert.Check(t, !strings.HasPrefix(text, "warned of"), "%s is %s: what does that mean? say it in a note", name, text)
	return text
}

type row struct{ key, text string }

// sectionOf splits "networks.*.driver" into "networks.*" and "driver"; the keys of the file itself are of "".
func sectionOf(name string) (section, below string) {
	if rest, ok := strings.CutPrefix(name, "services.*.pre_start[]."); ok {
		return "services.*.pre_start[]", rest
	}
	if top, rest, ok := strings.Cut(name, ".*."); ok {
		return top + ".*", rest
	}
	if top, rest, ok := strings.Cut(name, "[]."); ok {
		return top + "[]", rest
	}
	return "", name
}

func printSections(b *strings.Builder, sections map[string][]row) {
	said := map[string]string{
		"":                       "### The file itself",
		"jobs.*":                 "### `jobs.*`\n\nThe keys of a service, with the same answers, and:",
		"services.*.pre_start[]": "### `services.*.pre_start[]`\n\nThe keys of a service that say what a container is, with the same answers, and:",
	}
	b.WriteString("`*` is any name, `[]` any entry of a list. What a line lists behind a key stands below it in the file.\n")
	for _, section := range sortedKeys(sections) {
		heading := said[section]
		if heading == "" {
			heading = "### `" + section + "`"
		}
		fmt.Fprintf(b, "\n%s\n\n| key | |\n|---|---|\n", heading)
		printRows(b, sections[section])
	}
}

// printRows prints one line for all that stands below a key and has one answer.
func printRows(b *strings.Builder, rows []row) {
	type group struct{ top, text string }
	var order []group
	below := map[group][]string{}
	for _, r := range rows {
		top, rest := r.key, ""
		if at := strings.IndexAny(r.key, ".["); at > 0 {
			top, rest = r.key[:at], strings.TrimPrefix(r.key[at:], ".")
		}
		g := group{top, r.text}
		if _, known := below[g]; !known {
			order = append(order, g)
			below[g] = nil
		}
		if rest != "" {
			below[g] = append(below[g], "`"+rest+"`")
		} else {
			below[g] = append(below[g], "")
		}
	}
	for _, g := range order {
		own := slices.Contains(below[g], "")
		inner := slices.DeleteFunc(slices.Clone(below[g]), func(s string) bool { return s == "" })
		name := "`" + g.top + "`"
		switch {
		case own && len(inner) > 0:
			name += ", and in it " + strings.Join(inner, " ")
		case len(inner) > 0:
			name = "in `" + g.top + "`: " + strings.Join(inner, " ")
		}
		fmt.Fprintf(b, "| %s | %s |\n", name, strings.ReplaceAll(g.text, "|", `\|`))
	}
}

// The verdicts are seen, not written down: these are known from elsewhere.
func TestVerdictsOnKeys(t *testing.T) {
	samples := readSamples(t)
	keys := map[string]specKey{}
	for _, k := range specKeys(t) {
		keys[k.String()] = k
	}
	for name, want := range map[string]string{
		"services.*.image":                              "works",
		"services.*.umask":                              "refused: the engine's API has no such setting: set it in the entrypoint",
		"services.*.pre_start[].umask":                  "refused: the engine's API has no such setting: set it in the entrypoint",
		"jobs.*.ports":                                  "refused: cannot be published by a job",
		"services.*.annotations":                        "works from engine 24.0 (API 1.43) on",
		"services.*.networks.*.gw_priority":             "works from engine 28.0 (API 1.48) on",
		"networks.*.enable_ipv4":                        "works from engine 27.2 (API 1.47) on",
		"services.*.build.secrets[].source":             "works, where buildx is; refused by name without it",
		"services.*.volumes[].volume.subpath":           "works from engine 26.0 (API 1.45) on",
		"services.*.deploy.update_config.order":         "works",
		"services.*.credential_spec.config":             "refused: config needs a Swarm: use file or registry",
		"version":                                       "warned of: compose.yaml: `version` is obsolete and has no effect; take it out",
		"services.*.healthcheck.disable":                "works",
		"services.*.develop.watch[].exec.command":       "works",
		"services.*.blkio_config.weight_device[]":       "",
		"services.*.ports[].published":                  "works",
		"jobs.*.triggers.schedule[].missed_fires":       "works",
		"services.*.depends_on.*.condition":             "works",
		"services.*.build.additional_contexts":          "works, where buildx is; refused by name without it",
		"services.*.volumes[].image.subpath":            "works from engine 28.0 (API 1.48) on",
		"services.*.healthcheck.start_interval":         "works from engine 25.0 (API 1.44) on",
		"services.*.networks.*.interface_name":          "works from engine 28.1 (API 1.49) on",
		"services.*.pre_start[].networks.*.mac_address": "works from engine 25.0 (API 1.44) on",
	} {
		k, known := keys[name]
		assert.Equal(t, known, want != "", name)
		if known {
			assert.Check(t, samples.verdict(t, k) == want, "%s: %s", name, samples.verdict(t, k))
		}
	}
	unknown := keys["services.*.image"]
	unknown.way = []string{"services", "*", "imagine"}
	assert.Assert(t, strings.HasPrefix(samples.verdict(t, unknown), "refused: unknown key"))
}
