package compose

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"go.yaml.in/yaml/v4"
)

// include points one entry of `include` at copies, with an explicit project folder.
func (o *origin) include(doc *document, list *yaml.Node, index int, in scope) {
	entry := list.Content[index]
	at := []string{"include", itoa(index)}
	if entry.Kind == yaml.ScalarNode {
		entry = &yaml.Node{
			Kind: yaml.MappingNode, Tag: "!!map", Line: entry.Line, Column: entry.Column,
			Content: []*yaml.Node{textNode(entry, "path"), entry},
		}
	}
	_, paths := child(entry, "path")
	if paths == nil || isNull(paths) {
		return // the schema says so
	}
	files := []*yaml.Node{paths}
	if paths.Kind == yaml.SequenceNode {
		files = paths.Content
	}
	resolved := make([]string, len(files))
	for i, file := range files {
		var ok bool
		if resolved[i], ok = o.path(doc, at, file, in); !ok {
			return
		}
	}
	if len(files) == 0 {
		return
	}
	inner, ok := o.includeScope(doc, at, entry, resolved[0], in)
	if !ok {
		return
	}
	for i, file := range files {
		if !o.included(doc, at, file, resolved[i], inner) {
			return
		}
	}
	remove(entry, "project_directory")
	entry.Content = append(entry.Content, textNode(entry, "project_directory"), textNode(entry, o.escape(inner.dir)))
	list.Content[index] = entry
}

// includeScope is the folder and the environment of an included file (Compose spec, "include").
func (o *origin) includeScope(doc *document, at []string, entry *yaml.Node, first string, in scope) (scope, bool) {
	inner := scope{dir: filepath.Dir(first), stack: in.stack}
	if _, dir := child(entry, "project_directory"); dir != nil && dir.Kind == yaml.ScalarNode && dir.Value != "" {
		path, ok := o.path(doc, at, dir, in)
		if !ok {
			return scope{}, false
		}
		inner.dir = path
	}
	var files []string
	_, listed := child(entry, "env_file")
	switch {
	case listed == nil || isNull(listed):
		if f := filepath.Join(inner.dir, ".env"); isFile(f) {
			files = []string{f}
		}
	default:
		nodes := []*yaml.Node{listed}
		if listed.Kind == yaml.SequenceNode {
			nodes = listed.Content
		}
		for _, n := range nodes {
			path, ok := o.path(doc, at, n, in)
			if !ok {
				return scope{}, false
			}
			if path != "/dev/null" {
				files = append(files, path)
			}
		}
	}
	env, err := dotenv.GetEnvFromFile(in.env, files)
	if err != nil {
		o.errs = append(o.errs, doc.errorAt(entry, at, err.Error(), ""))
		return scope{}, false
	}
	inner.env = in.env.Clone().Merge(env)
	inner.key = strings.Join(append([]string{in.key, inner.dir}, files...), "\x00")
	return inner, true
}

func (o *origin) included(doc *document, at []string, file *yaml.Node, path string, in scope) bool {
	if i := slices.Index(in.stack, path); i >= 0 {
		o.errs = append(o.errs, doc.errorAt(file, at, "the files include each other: "+
			strings.Join(append(slices.Clone(in.stack[i:]), path), " -> "), "take one include out"))
		return false
	}
	key := "include\x00" + path + "\x00" + in.key
	if local, ok := o.copies[key]; ok {
		file.Value = o.escape(local)
		return true
	}
	content, err := os.ReadFile(path)
	if err != nil {
		o.errs = append(o.errs, doc.errorAt(file, at, "read the included file: "+reason(err), ""))
		return false
	}
	local, ok := o.reserve(doc, at, file, key)
	if !ok {
		return false
	}
	sub := o.read(o.show(doc, path), path, content, in, false)
	o.docs[local] = sub
	o.order = append(o.order, sub)
	o.write(sub, local)
	file.Value = o.escape(local)
	return true
}
