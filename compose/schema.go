package compose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"

	composeschema "github.com/compose-spec/compose-go/v2/schema"
)

// Schema is a JSON Schema of the files for editors: Compose's own and our keys.
func Schema() ([]byte, error) {
	var root map[string]any
	if err := json.Unmarshal([]byte(composeschema.Schema), &root); err != nil {
		return nil, fmt.Errorf("read the compose schema: %w", err)
	}
	definitions := asMap(root["$defs"])
	extend := func(name string, fields []field) {
		properties := asMap(asMap(definitions[name])["properties"])
		maps.Copy(properties, schemaProperties(fields))
		if check, ok := properties["health-check"]; ok {
			properties["health_check"] = check
		}
		properties[extension] = nullable(objectSchema("What hyper-lite adds to the Compose file.", fields))
	}
	extend("service", serviceFields)
	extend("job", jobFields)
	asMap(root["properties"])[extension] = nullable(objectSchema("What holds for the whole project.", projectFields))
	root["title"] = "Compose file with the keys of hyper-lite"
	delete(root, "$id")
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(root); err != nil {
		return nil, fmt.Errorf("print the schema: %w", err)
	}
	return out.Bytes(), nil
}

func schemaProperties(fields []field) map[string]any {
	properties := map[string]any{}
	for _, f := range fields {
		properties[f.name] = fieldSchema(f)
	}
	return properties
}

func objectSchema(meaning string, fields []field) map[string]any {
	properties := schemaProperties(fields)
	if check, ok := properties["health-check"]; ok {
		properties["health_check"] = check
	}
	return map[string]any{
		"type": "object", "description": meaning, "properties": properties,
		"additionalProperties": false, "patternProperties": map[string]any{"^x-": map[string]any{}},
	}
}

func fieldSchema(f field) map[string]any {
	said := map[string]any{"description": f.meaning + ": " + f.allowed}
	switch {
	case f.items != nil:
		item := fieldSchema(*f.items)
		said["anyOf"] = []any{item, map[string]any{"type": "array", "items": item}, map[string]any{"type": "null"}}
	case f.fields != nil && f.or != nil:
		short := f.schema
		if short == nil {
			short = map[string]any{"type": "string"}
		}
		said["anyOf"] = []any{nullable(short), objectSchema(f.meaning, f.fields)}
	case f.fields != nil:
		maps.Copy(said, nullable(objectSchema(f.meaning, f.fields)))
	default:
		maps.Copy(said, nullable(f.schema))
	}
	return said
}

// nullable lets a key stand without a value, which is as if it were absent.
func nullable(schema map[string]any) map[string]any {
	with := maps.Clone(schema)
	switch t := with["type"].(type) {
	case string:
		with["type"] = []any{t, "null"}
	case []any:
		with["type"] = append(append([]any{}, t...), "null")
	}
	if alternatives, ok := with["anyOf"].([]any); ok {
		with["anyOf"] = append(append([]any{}, alternatives...), map[string]any{"type": "null"})
	}
	return with
}
