package compose

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	composeschema "github.com/compose-spec/compose-go/v2/schema"
	"github.com/santhosh-tekuri/jsonschema/v6"
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
