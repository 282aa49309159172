package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

const (
	extension  = "x-hyper-lite" // the mapping that plain Docker Compose ignores
	maxNodes   = 100_000        // of one file, its aliases and merge keys expanded; as docker compose bounds it
	maxDepth   = 200
	tagReset   = "!reset"
	tagReplace = "!override"
)

// document is one file as its author wrote it: trees of nodes that know their place, with aliases and
// merge keys expanded and our bare keys moved into the extension mapping.
type document struct {
	name  string // as the user named it
	path  string // absolute; "-" is the standard input
	roots []*yaml.Node
	bases map[string]reference // by "services.web": what it extends
}

// reference is a service or job of a document.
type reference struct {
	doc     *document
	section string
	name    string
}

// parse reads every YAML document of a file. What it cannot read is returned as FieldErrors.
func parse(name, path string, content []byte) (*document, FieldErrors) {
	doc := &document{name: name, path: path, bases: map[string]reference{}}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	x := &expander{file: name, open: map[*yaml.Node]bool{}}
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return doc, x.errs
		}
		if err != nil {
			return doc, append(x.errs, syntaxError(name, content, err))
		}
		if node.Kind != yaml.DocumentNode || len(node.Content) == 0 || isNull(node.Content[0]) {
			continue
		}
		root := x.expand(node.Content[0], 0)
		if root.Kind != yaml.MappingNode {
			x.report(root, "a compose file is a mapping with `services:` at its top")
			continue
		}
		doc.roots = append(doc.roots, root)
	}
}

// syntaxError says where and why a text is no YAML.
func syntaxError(name string, content []byte, err error) *FieldError {
	if e := strangeByte(content); e != nil {
		e.File = name
		return e
	}
	e := &FieldError{File: name, Line: 1, Column: 1, Msg: "invalid YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	var load *yaml.LoadError
	var many *yaml.LoadErrors
	if errors.As(err, &many) && len(many.Errors) > 0 {
		load = many.Errors[0]
	}
	if load != nil || errors.As(err, &load) {
		e.Line, e.Column, e.Msg = max(load.Mark.Line, 1), max(load.Mark.Column, 1), "invalid YAML: "+load.Message
	}
	lines := bytes.Split(content, []byte("\n"))
	if e.Line <= len(lines) {
		if line := lines[e.Line-1]; e.Column <= len(line) && line[e.Column-1] == '\t' && strings.Contains(e.Msg, "cannot start any token") {
			e.Msg, e.Hint = "invalid YAML: a tab cannot indent", "use spaces"
		}
	}
	e.Msg = strings.ReplaceAll(e.Msg, "\n", " ")
	return e
}

// strangeByte finds what no text holds: bytes that are no UTF-8, and control characters. Of a text in UTF-16, which YAML
// allows, it says nothing.
func strangeByte(content []byte) *FieldError {
	if bytes.HasPrefix(content, []byte("\xff\xfe")) || bytes.HasPrefix(content, []byte("\xfe\xff")) {
		return nil
	}
	line, column := 1, 1
	for rest := content; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		e := &FieldError{Line: line, Column: column, Hint: "save the file as UTF-8"}
		switch {
		case r == utf8.RuneError && size == 1:
			e.Msg = fmt.Sprintf("the byte 0x%02x is no UTF-8", rest[0])
			return e
		case r == 0x7f || r < ' ' && r != '\t' && r != '\n' && r != '\r':
			e.Msg = fmt.Sprintf("the byte 0x%02x is a control character, which no compose file holds", r)
			return e
		}
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
		rest = rest[size:]
	}
	return nil
}

// expander copies a tree with its aliases and merge keys written out. Copies keep their line and column.
type expander struct {
	file  string
	nodes int
	open  map[*yaml.Node]bool // aliases on the way down
	path  []string            // of the mapping at hand
	full  bool
	errs  FieldErrors
}

func (x *expander) report(at *yaml.Node, format string, args ...any) {
	x.errs = append(x.errs, &FieldError{
		File: x.file, Line: at.Line, Column: at.Column,
		Path: dotted(x.path), Msg: fmt.Sprintf(format, args...),
	})
}

func (x *expander) expand(n *yaml.Node, depth int) *yaml.Node {
	x.nodes++
	if (x.nodes > maxNodes || depth > maxDepth) && !x.full {
		x.full = true
		x.report(n, "the file is too large: more than %d values or %d levels once aliases are expanded", maxNodes, maxDepth)
	}
	if x.full {
		return nullNode(n)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return x.alias(n, depth)
	case yaml.MappingNode:
		return x.mapping(n, depth)
	case yaml.SequenceNode:
		list := bare(n)
		for _, item := range n.Content {
			list.Content = append(list.Content, x.expand(item, depth+1))
		}
		return list
	default:
		return bare(n)
	}
}

func (x *expander) alias(n *yaml.Node, depth int) *yaml.Node {
	if n.Alias == nil || x.open[n.Alias] {
		x.report(n, "the alias *%s contains itself", n.Value)
		return nullNode(n)
	}
	x.open[n.Alias] = true
	defer delete(x.open, n.Alias)
	return x.expand(n.Alias, depth+1)
}

func (x *expander) mapping(n *yaml.Node, depth int) *yaml.Node {
	mapping := bare(n)
	seen := map[string]int{}
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode && key.Alias != nil {
			key = key.Alias
		}
		if key.Kind == yaml.ScalarNode && (key.Tag == "!!merge" || key.Value == "<<" && key.Style == 0) {
			merges = append(merges, value)
			continue
		}
		if key.Kind != yaml.ScalarNode {
			x.report(key, "a key must be a string, and no list or mapping")
			continue
		}
		if key.ShortTag() != "!!str" {
			x.report(key, "a key must be a string: put %q in quotes", key.Value)
			continue
		}
		if key.Value == "" && (len(x.path) == 0 || !strings.HasPrefix(x.path[0], "x-")) {
			x.report(key, "a key must not be empty")
			continue
		}
		if line, ok := seen[key.Value]; ok {
			x.report(key, "the key %s stands twice, first in line %d", key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		x.path = append(x.path, key.Value)
		mapping.Content = append(mapping.Content, bare(key), x.expand(value, depth+1))
		x.path = x.path[:len(x.path)-1]
	}
	for _, source := range merges {
		x.merge(mapping, seen, x.expand(source, depth+1))
	}
	return mapping
}

// merge adds the pairs of a merge key's value that the mapping does not have itself (YAML, "merge key").
func (x *expander) merge(mapping *yaml.Node, seen map[string]int, source *yaml.Node) {
	switch source.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(source.Content); i += 2 {
			key := source.Content[i]
			if _, ok := seen[key.Value]; ok {
				continue
			}
			seen[key.Value] = key.Line
			mapping.Content = append(mapping.Content, key, source.Content[i+1])
		}
	case yaml.SequenceNode:
		for _, item := range source.Content {
			x.merge(mapping, seen, item)
		}
	default:
		if !x.full {
			x.report(source, "`<<` takes a mapping or a list of mappings")
		}
	}
}

// bare copies a node without children, comments and anchors. Strings become quoted, so that writing
// them again can never change what they are; and dates are texts, which stay as they were written.
func bare(n *yaml.Node) *yaml.Node {
	c := &yaml.Node{Kind: n.Kind, Tag: n.Tag, Value: n.Value, Line: n.Line, Column: n.Column, Style: n.Style & yaml.TaggedStyle}
	date := n.ShortTag() == "!!timestamp" && n.Style&yaml.TaggedStyle == 0
	if n.Kind == yaml.ScalarNode && (n.ShortTag() == "!!str" || date) {
		c.Tag, c.Style = "!!str", yaml.DoubleQuotedStyle
	}
	return c
}

func nullNode(at *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null", Line: at.Line, Column: at.Column}
}

func textNode(at *yaml.Node, text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: yaml.DoubleQuotedStyle, Line: at.Line, Column: at.Column}
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// child returns the key and value nodes of a mapping's entry.
func child(mapping *yaml.Node, name string) (key, value *yaml.Node) {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i], mapping.Content[i+1]
		}
	}
	return nil, nil
}

// entries yields the pairs of a mapping that are mappings themselves.
func entries(mapping *yaml.Node) func(func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if mapping == nil || mapping.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(mapping.Content); i += 2 {
			if !yield(mapping.Content[i], mapping.Content[i+1]) {
				return
			}
		}
	}
}

func remove(mapping *yaml.Node, name string) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			mapping.Content = append(mapping.Content[:i:i], mapping.Content[i+2:]...)
			return
		}
	}
}

// step goes one level down, by key, by list index or by the text of a list entry.
func step(n *yaml.Node, part string) (key, value *yaml.Node) {
	if n != nil && n.Kind == yaml.SequenceNode {
		i, err := strconv.Atoi(part)
		if err != nil {
			i = slices.IndexFunc(n.Content, func(item *yaml.Node) bool { return item.Value == part })
		}
		if i < 0 || i >= len(n.Content) {
			return nil, nil
		}
		return n.Content[i], n.Content[i]
	}
	return child(n, part)
}

// find goes down a path as far as it exists: matched is how many parts do.
func find(root *yaml.Node, path []string) (key, value *yaml.Node, matched int) {
	key, value = root, root
	for i, part := range path {
		k, v := step(value, part)
		if k == nil {
			return key, value, i
		}
		key, value = k, v
	}
	return key, value, len(path)
}

// entry is the path of what goes with a wrong part: of a list the whole entry, which makes no sense without it.
func (d *document) entry(path []string) []string {
	for _, root := range d.roots {
		for at := 3; at < len(path); at++ {
			if _, parent, matched := find(root, path[:at]); matched == at && parent.Kind == yaml.SequenceNode {
				return path[:at+1]
			}
		}
	}
	return path
}

// prune takes the entry of a path out of every tree of the document. Of a list, the last entries go first.
func (d *document) prune(path []string) {
	if len(path) == 0 {
		return
	}
	last := path[len(path)-1]
	for _, root := range d.roots {
		_, parent, matched := find(root, path[:len(path)-1])
		if matched < len(path)-1 {
			continue
		}
		if parent.Kind == yaml.MappingNode {
			remove(parent, last)
			continue
		}
		if i, err := strconv.Atoi(last); err == nil && parent.Kind == yaml.SequenceNode && i < len(parent.Content) {
			parent.Content = append(parent.Content[:i:i], parent.Content[i+1:]...)
		}
	}
}

// encode writes the trees as YAML again.
func (d *document) encode() ([]byte, error) {
	if len(d.roots) == 0 {
		return []byte("{}\n"), nil
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	for _, root := range d.roots {
		if err := encoder.Encode(root); err != nil {
			return nil, fmt.Errorf("encode %s: %w", d.name, err)
		}
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("encode %s: %w", d.name, err)
	}
	return out.Bytes(), nil
}
