package compose

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"
)

const maxFiles = 2000 // reached through include and extends

// origin reads the files that the named ones refer to, and points these at lifted copies: Compose's
// loader would read the originals with our keys still bare.
type origin struct {
	literal bool // no interpolation
	temp    string
	copies  map[string]string    // by original, folder and environment: the copy
	docs    map[string]*document // by copy
	order   []*document          // files reached, an including one after those it includes
	errs    FieldErrors          // files that could not be read
	wrong   []rejected           // what is wrong in those that could
	dated   []string             // files that carry `version`
}

// scope is what relative paths and variables of a file are resolved with.
type scope struct {
	dir   string
	env   types.Mapping
	key   string // tells scopes apart
	stack []string
}

func newOrigin(literal bool) *origin {
	return &origin{literal: literal, copies: map[string]string{}, docs: map[string]*document{}}
}

// close removes the copies.
func (o *origin) close() error {
	if o.temp == "" {
		return nil
	}
	return os.RemoveAll(o.temp)
}

// read parses and lifts one file and follows its references.
func (o *origin) read(name, path string, content []byte, in scope, extended bool) *document {
	doc, errs := parse(name, path, content)
	lifted, obsolete := doc.lift()
	o.errs, o.wrong = append(o.errs, errs...), append(o.wrong, lifted...)
	if obsolete && !extended && !slices.Contains(o.dated, name) {
		o.dated = append(o.dated, name)
	}
	if len(errs) > 0 {
		return doc
	}
	if len(in.stack) > 0 {
		o.anchorCertificates(doc, in.dir)
	}
	in.stack = append(slices.Clone(in.stack), path)
	for _, root := range doc.roots {
		if _, include := child(root, "include"); include != nil && include.Kind == yaml.SequenceNode && !extended {
			for i := range include.Content {
				o.include(doc, include, i, in)
			}
		}
		for _, section := range []string{"services", "jobs"} {
			_, services := child(root, section)
			for key, service := range entries(services) {
				o.extends(doc, reference{doc, section, key.Value}, service, in, extended)
			}
		}
	}
	return doc
}

// extends notes what a service extends and points it at a copy.
func (o *origin) extends(doc *document, who reference, service *yaml.Node, in scope, extended bool) {
	_, value := child(service, "extends")
	if value == nil || value.Tag == tagReset {
		return
	}
	name := value
	var file *yaml.Node
	if value.Kind == yaml.MappingNode {
		_, name = child(value, "service")
		_, file = child(value, "file")
	}
	if name == nil || name.Kind != yaml.ScalarNode {
		return // the schema says so
	}
	base := reference{doc, who.section, o.peek(name.Value, in)}
	if file != nil && file.Kind == yaml.ScalarNode && !isNull(file) {
		base.section = "services"
		base.doc = o.extendedFile(doc, who, file, in, extended)
	}
	if base.doc != nil {
		doc.bases[who.section+"."+who.name] = base
	}
}

func (o *origin) extendedFile(doc *document, who reference, file *yaml.Node, in scope, quiet bool) *document {
	at := []string{who.section, who.name, "extends", "file"}
	path, ok := o.path(doc, at, file, in)
	if !ok {
		return nil
	}
	file.Value = o.escape(path)
	key := "extends\x00" + path + "\x00" + in.key
	if local, ok := o.copies[key]; ok {
		file.Value = o.escape(local)
		return o.docs[local]
	}
	content, err := os.ReadFile(path)
	if err != nil {
		if !quiet { // of an extended file only the wanted service counts
			o.errs = append(o.errs, doc.errorAt(file, at, "read the extended file: "+reason(err), ""))
		}
		return nil
	}
	local, ok := o.reserve(doc, at, file, key)
	if !ok {
		return nil
	}
	inner := scope{dir: filepath.Dir(path), env: in.env, key: in.key, stack: in.stack}
	base := &document{}
	o.docs[local] = base
	*base = *o.read(o.show(doc, path), path, content, inner, true)
	for name, ref := range base.bases { // what extends within the same file
		if ref.doc.path == base.path {
			base.bases[name] = reference{base, ref.section, ref.name}
		}
	}
	o.write(base, local)
	file.Value = o.escape(local)
	return base
}

// include points one entry of `include` at copies, with an explicit project folder.
func (o *origin) include(doc *document, list *yaml.Node, index int, in scope) {
	entry := list.Content[index]
	at := []string{"include", itoa(index)}
	if entry.Kind == yaml.ScalarNode {
		entry = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: entry.Line, Column: entry.Column,
			Content: []*yaml.Node{textNode(entry, "path"), entry}}
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

// reserve names the copy of a file before it is read, so that files may refer to each other.
func (o *origin) reserve(doc *document, at []string, node *yaml.Node, key string) (string, bool) {
	if len(o.copies) >= maxFiles {
		o.errs = append(o.errs, doc.errorAt(node, at, fmt.Sprintf("more than %d files are included or extended", maxFiles), ""))
		return "", false
	}
	if o.temp == "" {
		temp, err := os.MkdirTemp("", "hyper-lite-")
		if err != nil {
			o.errs = append(o.errs, doc.errorAt(node, at, "make a folder for copies: "+reason(err), ""))
			return "", false
		}
		o.temp = temp
	}
	local := filepath.Join(o.temp, fmt.Sprintf("%04d.yaml", len(o.copies)))
	o.copies[key] = local
	return local, true
}

// write stores a lifted copy. The folder is the user's alone.
func (o *origin) write(doc *document, local string) {
	content, err := doc.encode()
	if err == nil {
		err = os.WriteFile(local, content, 0o600)
	}
	if err != nil {
		o.errs = append(o.errs, &FieldError{File: doc.name, Msg: "write a copy: " + reason(err)})
	}
}

// path resolves a text of a file to an absolute path.
func (o *origin) path(doc *document, at []string, n *yaml.Node, in scope) (string, bool) {
	text := n.Value
	if !o.literal {
		replaced, err := template.Substitute(text, in.env.Resolve)
		if err != nil {
			o.errs = append(o.errs, doc.errorAt(n, at, err.Error(), ""))
			return "", false
		}
		text = replaced
	}
	if strings.Contains(text, "://") || strings.HasPrefix(text, "oci:") || strings.HasPrefix(text, "git@") {
		o.errs = append(o.errs, doc.errorAt(n, at, "a remote file cannot be read", "fetch it first and name the local copy"))
		return "", false
	}
	if n.Kind != yaml.ScalarNode || text == "" {
		o.errs = append(o.errs, doc.errorAt(n, at, "must be the path of a file", ""))
		return "", false
	}
	if home, err := os.UserHomeDir(); err == nil && strings.HasPrefix(text, "~/") {
		text = filepath.Join(home, text[2:])
	}
	if !filepath.IsAbs(text) {
		text = filepath.Join(in.dir, text)
	}
	return filepath.Clean(text), true
}

// peek interpolates a text; one that cannot be stays as it is.
func (o *origin) peek(text string, in scope) string {
	if o.literal {
		return text
	}
	if replaced, err := template.Substitute(text, in.env.Resolve); err == nil {
		return replaced
	}
	return text
}

// escape makes interpolation give a text back unchanged.
func (o *origin) escape(text string) string {
	if o.literal {
		return text
	}
	return strings.ReplaceAll(text, "$", "$$")
}

// show names a file beside one that the user named.
func (o *origin) show(beside *document, path string) string {
	if filepath.IsAbs(beside.name) || beside.path == "-" {
		return path
	}
	if rel, err := filepath.Rel(filepath.Dir(beside.path), path); err == nil {
		return filepath.Join(filepath.Dir(beside.name), rel)
	}
	return path
}

func reason(err error) string {
	if p, ok := err.(*os.PathError); ok { //nolint:errorlint // the outermost carries the path
		return p.Path + ": " + p.Err.Error()
	}
	return err.Error()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// Accept, Load and Dir make origin the loader of extended copies: paths in a copy start at its original.

func (o *origin) Accept(path string) bool {
	_, ok := o.docs[path]
	return ok
}

func (o *origin) Load(_ context.Context, path string) (string, error) { return path, nil }

func (o *origin) Dir(path string) string { return filepath.Dir(o.docs[path].path) }

// anchorCertificates makes the certificate files of an included or extended document absolute: their
// paths start at its own folder. What is no file there may be a secret's name and stays.
func (o *origin) anchorCertificates(doc *document, dir string) {
	for _, root := range doc.roots {
		_, services := child(root, "services")
		for _, service := range entries(services) {
			_, keys := child(service, extension)
			_, cert := child(keys, "ssl_cert")
			files := []*yaml.Node{cert}
			if cert != nil && cert.Kind == yaml.MappingNode {
				_, chain := child(cert, "cert")
				_, key := child(cert, "key")
				files = []*yaml.Node{chain, key}
			}
			for _, f := range files {
				if f != nil && f.Kind == yaml.ScalarNode && !filepath.IsAbs(f.Value) && isFile(filepath.Join(dir, f.Value)) {
					f.Value = o.escape(dir) + string(filepath.Separator) + f.Value
				}
			}
		}
	}
}

// rings finds services that extend each other. Each ring is told once, at its first name.
func (d *document) rings() []rejected {
	var wrong []rejected
	for start := range d.bases {
		section, name, _ := strings.Cut(start, ".")
		first := reference{d, section, name}
		trail := []string{name}
		for at := d.bases[start]; ; {
			if at == first {
				if slices.Min(trail) == name {
					path := []string{section, name, "extends"}
					best := d.place(path, 0)
					wrong = append(wrong, rejected{d, path, d.errorAt(best.node, path, "the services extend each other: "+
						strings.Join(append(trail, name), " -> "), "take one of them out")})
				}
				break
			}
			trail = append(trail, at.name)
			next, ok := at.doc.bases[at.section+"."+at.name]
			if !ok || len(trail) > maxDepth {
				break
			}
			at = next
		}
	}
	return wrong
}
