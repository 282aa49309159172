package compose

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
	if isRemote(text) {
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

// isRemote says that a file is named as docker compose names one of another machine.
func isRemote(name string) bool {
	return strings.Contains(name, "://") || strings.HasPrefix(name, "oci:") || strings.HasPrefix(name, "git@")
}
