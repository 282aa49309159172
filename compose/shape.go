package compose

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"go.yaml.in/yaml/v4"
)

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
			s.portsOf([]string{section, name}, asMap(service))
			s.mountsOf([]string{section, name}, asMap(service))
			s.triggersOf([]string{section, name}, asMap(service))
			keys, ok := asMap(service)[extension]
			if !ok || keys == nil {
				continue
			}
			path := []string{section, name, extension}
			if m := asMap(keys); m != nil {
				c.mapping(path, m, sectionFields(section))
			} else {
				s.report(path, false, "must be a mapping of "+strings.Join(keyNames(section), ", "), "")
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
