package compose

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	composeschema "github.com/compose-spec/compose-go/v2/schema"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"go.yaml.in/yaml/v4"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// standard is Compose's own schema, as text, as a tree and compiled.
var standard = sync.OnceValues(func() (schemaSet, error) {
	tree, err := jsonschema.UnmarshalJSON(strings.NewReader(composeschema.Schema))
	if err != nil {
		return schemaSet{}, fmt.Errorf("read the compose schema: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.RegisterFormat(&jsonschema.Format{Name: "duration", Validate: checkDuration})
	compiler.AssertFormat()
	if err := compiler.AddResource("compose-spec.json", tree); err != nil {
		return schemaSet{}, fmt.Errorf("add the compose schema: %w", err)
	}
	compiled, err := compiler.Compile("compose-spec.json")
	if err != nil {
		return schemaSet{}, fmt.Errorf("compile the compose schema: %w", err)
	}
	return schemaSet{tree: asMap(tree), compiled: compiled}, nil
})

type schemaSet struct {
	tree     map[string]any
	compiled *jsonschema.Schema
}

func checkDuration(v any) error {
	s, ok := v.(string)
	if !ok {
		return nil
	}
	if _, ok := asDuration(s); !ok {
		return errors.New("want a duration such as 1m30s")
	}
	return nil
}

// properties are the keys that the schema at a pointer ("/$defs/healthcheck") allows, those of its parts included.
func (s schemaSet) properties(pointer string) []string {
	var node any = s.tree
	for part := range strings.SplitSeq(strings.Trim(pointer, "/"), "/") {
		if part == "" {
			continue
		}
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch n := node.(type) {
		case map[string]any:
			node = n[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(n) {
				return nil
			}
			node = n[i]
		}
	}
	return s.keysOf(asMap(node))
}

func (s schemaSet) keysOf(node map[string]any) []string {
	keys := slices.Collect(maps.Keys(asMap(node["properties"])))
	if ref, ok := node["$ref"].(string); ok {
		keys = append(keys, s.properties(strings.TrimPrefix(ref, "#"))...)
	}
	parts, _ := node["allOf"].([]any)
	for _, part := range parts {
		keys = append(keys, s.keysOf(asMap(part))...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// shape checks one document against Compose's schema and our keys. only, if given, is the one service
// or job that counts ("services.web"): of an extended file Compose reads no more.
type shape struct {
	doc     *document
	first   bool // the project's first file: later ones may be partial
	pending func(string) bool
	only    []string
	schema  schemaSet
	wrong   []rejected
}

// rejected is a part of a document that is wrong.
type rejected struct {
	doc   *document
	path  []string
	error *FieldError
}

func (s *shape) check() {
	for _, root := range s.doc.roots {
		value := asMap(plain(root))
		s.ours(value)
		err := s.schema.compiled.Validate(value)
		var invalid *jsonschema.ValidationError
		if !errors.As(err, &invalid) {
			continue
		}
		for _, leaf := range leaves(invalid) {
			s.leaf(root, leaf)
		}
	}
}

func (s *shape) ours(root map[string]any) {
	c := checker{pending: s.pending, report: func(path []string, onKey bool, msg, hint string) { s.report(path, onKey, msg, hint) }}
	for _, section := range []string{"services", "jobs"} {
		for name, service := range asMap(root[section]) {
			s.timesOf([]string{section, name}, asMap(service))
			keys, ok := asMap(service)[extension]
			if !ok || keys == nil {
				continue
			}
			path := []string{section, name, extension}
			if m := asMap(keys); m != nil {
				c.mapping(path, m, sectionFields(section))
			}
		}
	}
	if v, ok := root[extension]; ok && v != nil {
		if m := asMap(v); m != nil {
			c.mapping([]string{extension}, m, projectFields)
		} else {
			s.report([]string{extension}, false, "must be a mapping of "+strings.Join(fieldNames(projectFields), ", "), "")
		}
	}
}

// report notes a mistake at a path of this document; the place is the key where the key is wrong.
func (s *shape) report(path []string, onKey bool, msg, hint string) {
	if s.only != nil && (len(path) < 2 || path[0] != s.only[0] || path[1] != s.only[1]) {
		return
	}
	for _, root := range s.doc.roots {
		key, value, matched := find(root, path)
		if matched < len(path) {
			continue
		}
		at := value
		if onKey || value.Kind != yaml.ScalarNode {
			at = key
		}
		e := s.doc.errorAt(at, path, msg, hint)
		if onKey {
			e.Path = strings.Join(path, ".")
		}
		s.wrong = append(s.wrong, rejected{s.doc, path, e})
		return
	}
}

// leaf turns one error of the schema into ours.
func (s *shape) leaf(root *yaml.Node, err *jsonschema.ValidationError) {
	path := err.InstanceLocation
	_, value, _ := find(root, path)
	if value != nil && value.Kind == yaml.ScalarNode && s.pending(value.Value) {
		return // judged after interpolation
	}
	_, pointer, _ := strings.Cut(err.SchemaURL, "#")
	switch k := err.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			s.unknown(append(slices.Clone(path), name), s.schema.properties(pointer))
		}
	case *kind.FalseSchema:
		s.falseSchema(path)
	case *kind.Required:
		if s.first && !s.partial(path) {
			s.report(path, false, "needs "+strings.Join(k.Missing, ", "), "")
		}
	case *kind.Type:
		if k.Got != "null" || s.first {
			s.report(path, false, "must be "+kinds(k.Want)+", not "+kinds([]string{k.Got}), "")
		}
	default:
		s.report(path, false, sentence(err.ErrorKind), valueHint(err.ErrorKind))
	}
}

// partial says that another file or service completes the one that a path leads into.
func (s *shape) partial(path []string) bool {
	return len(path) >= 2 && s.doc.bases[path[0]+"."+path[1]].doc != nil || s.only != nil
}

// falseSchema is how the schema refuses an unknown key of a service or job. It refuses known ones
// too where something below them is wrong.
func (s *shape) falseSchema(path []string) {
	if len(path) == 0 {
		return
	}
	allowed := s.schema.properties("/$defs/service")
	if path[0] == "jobs" {
		allowed = s.schema.properties("/$defs/job")
	}
	if !slices.Contains(allowed, path[len(path)-1]) {
		s.unknown(path, allowed)
	}
}

func (s *shape) unknown(path []string, allowed []string) {
	name := path[len(path)-1]
	if len(path) == 3 && (path[0] == "services" || path[0] == "jobs") {
		allowed = slices.Concat(allowed, keyNames(path[0]))
	}
	if len(path) == 2 && slices.Contains([]string{"services", "jobs", "networks", "volumes", "secrets", "configs", "models"}, path[0]) {
		s.report(path, true, "a name is made of letters, digits, dots, dashes and underscores", "")
		return
	}
	msg := "unknown key"
	if n := len(allowed); n > 0 && n <= 12 {
		msg += "; allowed are " + strings.Join(allowed, ", ")
	}
	s.report(path, true, msg, didYouMean(name, allowed))
}

// leaves are the errors worth telling. Of alternatives it is the one whose form fits the value.
func leaves(err *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(err.Causes) == 0 {
		return []*jsonschema.ValidationError{err}
	}
	var all []*jsonschema.ValidationError
	_, any := err.ErrorKind.(*kind.AnyOf)
	_, one := err.ErrorKind.(*kind.OneOf)
	if !any && !one {
		for _, cause := range err.Causes {
			all = append(all, leaves(cause)...)
		}
		return all
	}
	var want []string
	got := ""
	for _, cause := range err.Causes {
		branch := leaves(cause)
		mismatch := slices.IndexFunc(branch, func(l *jsonschema.ValidationError) bool {
			_, ok := l.ErrorKind.(*kind.Type)
			return ok && len(l.InstanceLocation) == len(err.InstanceLocation)
		})
		if mismatch < 0 {
			return branch
		}
		k := branch[mismatch].ErrorKind.(*kind.Type)
		want, got = append(want, k.Want...), k.Got
	}
	return []*jsonschema.ValidationError{{
		SchemaURL: err.SchemaURL, InstanceLocation: err.InstanceLocation, ErrorKind: &kind.Type{Got: got, Want: want},
	}}
}

func kinds(names []string) string {
	words := map[string]string{"object": "a mapping", "array": "a list", "string": "a text", "number": "a number",
		"integer": "a whole number", "boolean": "true or false", "null": "empty"}
	var said []string
	for _, n := range names {
		if w := words[n]; !slices.Contains(said, w) {
			said = append(said, w)
		}
	}
	if len(said) == 1 {
		return said[0]
	}
	return strings.Join(said[:len(said)-1], ", ") + " or " + said[len(said)-1]
}

func sentence(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Enum:
		return "must be one of " + strings.Join(words(k.Want), ", ")
	case *kind.Format:
		return fmt.Sprintf("%v is not a valid %s", k.Got, k.Want)
	case *kind.Minimum:
		return "must be " + k.Want.RatString() + " or more"
	case *kind.Maximum:
		return "must be " + k.Want.RatString() + " or less"
	case *kind.UniqueItems:
		return fmt.Sprintf("the entries %d and %d are the same", k.Duplicates[0]+1, k.Duplicates[1]+1)
	case *kind.OneOf:
		return "fits more than one form; write it in one"
	}
	return k.LocalizedString(message.NewPrinter(language.English))
}

func words(values []any) []string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return texts
}

func valueHint(k jsonschema.ErrorKind) string {
	if e, ok := k.(*kind.Enum); ok {
		if got, ok := e.Got.(string); ok {
			return didYouMean(got, words(e.Want))
		}
	}
	return ""
}

// plain is a tree as JSON would hold it. What `!reset` takes away is not there.
func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for k, v := range entries(n) {
			if v.Tag != tagReset {
				m[k.Value] = plain(v)
			}
		}
		return m
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			if item.Tag != tagReset {
				list = append(list, plain(item))
			}
		}
		return list
	}
	return scalar(n)
}

func scalar(n *yaml.Node) any {
	c := *n
	if c.Tag == tagReplace {
		c.Tag = ""
	}
	var v any
	if err := c.Decode(&v); err != nil {
		return n.Value
	}
	switch v := v.(type) {
	case nil, bool, string, int, float64:
		return v
	case int64:
		return float64(v)
	case uint64:
		return float64(v)
	case time.Time:
		return n.Value
	}
	return json.Number(n.Value)
}
