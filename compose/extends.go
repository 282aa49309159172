package compose

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

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

// rings finds services that extend each other, each ring of the document once, at its first name, and what is not there
// to extend.
func (d *document) rings() []rejected {
	var wrong []rejected
	for start := range d.bases {
		section, name, _ := strings.Cut(start, ".")
		first := reference{d, section, name}
		if missing := d.missingBase(first, d.bases[start]); missing != nil {
			wrong = append(wrong, *missing)
			continue
		}
		if ring := first.ring(); ring != nil {
			path := []string{section, name, "extends"}
			best := d.place(path, 0)
			wrong = append(wrong, rejected{d, path, d.errorAt(best.node, path, "the services extend each other: "+
				strings.Join(ring, " -> "), "take one of them out")})
		}
	}
	return wrong
}

// ring is the way from a service back to itself, where it extends itself by others and has the first name of them; or
// the way into such a ring of other files. It is nil where there is none.
func (r reference) ring() []string {
	trail := []reference{r}
	for at := r; ; {
		next, ok := at.doc.bases[at.section+"."+at.name]
		if !ok {
			return nil
		}
		back := slices.IndexFunc(trail, func(passed reference) bool {
			return passed.doc.path == next.doc.path && passed.section == next.section && passed.name == next.name
		})
		trail = append(trail, next)
		if back < 0 {
			at = next
			continue
		}
		for _, passed := range trail[back:] {
			if passed.doc.path == r.doc.path && (back > 0 || passed.name < r.name) {
				return nil // told of the first
			}
		}
		var names []string
		for _, passed := range trail {
			if passed.doc.path == r.doc.path {
				names = append(names, passed.name)
			} else {
				names = append(names, passed.name+" in "+passed.doc.name)
			}
		}
		return names
	}
}

// missingBase is the mistake of extending what the other file does not have.
func (d *document) missingBase(who, base reference) *rejected {
	var names []string
	for _, root := range base.doc.roots {
		if _, include := child(root, "include"); include != nil {
			return nil // it may come from there
		}
		_, services := child(root, base.section)
		for key := range entries(services) {
			names = append(names, key.Value)
		}
	}
	if slices.Contains(names, base.name) {
		return nil
	}
	path := []string{who.section, who.name, "extends"}
	at := d.place(append(path, "service"), 0)
	return &rejected{d, path, d.errorAt(at.node, path, "there is no service "+base.name+" in "+base.doc.name, didYouMean(base.name, names))}
}
