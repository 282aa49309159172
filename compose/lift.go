package compose

import (
	"slices"

	"go.yaml.in/yaml/v4"
)

// lift moves our bare keys of every service and job into its extension mapping, where Compose's schema
// lets them pass, and gives every key its one spelling. It takes the obsolete `version` out.
func (d *document) lift() (wrong []rejected, obsolete bool) {
	for _, root := range d.roots {
		if key, _ := child(root, "version"); key != nil {
			obsolete = true
			remove(root, "version")
		}
		for _, section := range []string{"services", "jobs"} {
			_, services := child(root, section)
			for name, service := range entries(services) {
				if service.Kind == yaml.MappingNode {
					if _, pid := child(service, "pid"); pid != nil && isNull(pid) {
						remove(service, "pid") // Compose's schema allows it, and its loader does not bear it
					}
					wrong = append(wrong, d.liftOne([]string{section, name.Value}, service)...)
				}
			}
		}
	}
	return wrong, obsolete
}

func (d *document) liftOne(path []string, service *yaml.Node) []rejected {
	l := lifter{doc: d, path: path}
	names := keyNames(path[0])
	key, nested := child(service, extension)
	var kept []*yaml.Node
	var lifted [][2]*yaml.Node
	for k, v := range entries(service) {
		if slices.Contains(names, spelling(k.Value)) {
			lifted = append(lifted, [2]*yaml.Node{k, v})
			continue
		}
		kept = append(kept, k, v)
	}
	if nested != nil && nested.Kind == yaml.MappingNode {
		l.respell(nested)
	}
	if len(lifted) == 0 {
		return l.wrong
	}
	if nested == nil || nested.Kind != yaml.MappingNode {
		nested = l.mapping(nested, lifted[0][0])
		if key == nil {
			key = textNode(lifted[0][0], extension)
			kept = append(kept, key, nested)
		} else {
			kept[slices.Index(kept, key)+1] = nested
		}
	}
	for _, pair := range lifted {
		l.add(nested, pair[0], pair[1])
	}
	service.Content = kept
	return l.wrong
}

type lifter struct {
	doc   *document
	path  []string
	wrong []rejected
}

// mapping makes the extension mapping of a service that has none. A reset one becomes one that replaces.
func (l *lifter) mapping(old, at *yaml.Node) *yaml.Node {
	m := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: at.Line, Column: at.Column}
	switch {
	case old == nil || isNull(old):
	case old.Tag == tagReset:
		m.Tag, m.Style = tagReplace, yaml.TaggedStyle
	default:
		at := append(slices.Clone(l.path), extension)
		l.wrong = append(l.wrong, rejected{l.doc, at, l.doc.errorAt(old, at, "must be a mapping", "")})
	}
	return m
}

// respell gives the keys that stand in the extension mapping their one spelling.
func (l *lifter) respell(nested *yaml.Node) {
	old := nested.Content
	nested.Content = nil
	for i := 0; i+1 < len(old); i += 2 {
		l.add(nested, old[i], old[i+1])
	}
}

// add puts one key into the extension mapping. Said twice with one value it stands once.
func (l *lifter) add(nested, key, value *yaml.Node) {
	name := spelling(key.Value)
	first, existing := child(nested, name)
	if existing == nil {
		k := textNode(key, name)
		nested.Content = append(nested.Content, k, listed(name, value))
		return
	}
	if !sameNode(existing, listed(name, value)) {
		e := l.doc.errorAt(key, append(slices.Clone(l.path), name), "stands twice with different values",
			"the other one is in line "+itoa(first.Line)+"; keep one")
		l.wrong = append(l.wrong, rejected{l.doc, append(slices.Clone(l.path), extension, name), e})
	}
}

// listed makes a list of a single host, so that files merge whichever form they use.
func listed(name string, value *yaml.Node) *yaml.Node {
	if name != "hosts" || value.Kind != yaml.ScalarNode || value.ShortTag() != "!!str" {
		return value
	}
	return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: value.Line, Column: value.Column, Content: []*yaml.Node{value}}
}

func sameNode(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Tag != b.Tag || a.Value != b.Value || len(a.Content) != len(b.Content) {
		return false
	}
	for i := range a.Content {
		if !sameNode(a.Content[i], b.Content[i]) {
			return false
		}
	}
	return true
}

// spelling is the one spelling of a key that has two.
func spelling(key string) string {
	if key == "health_check" {
		return "health-check"
	}
	return key
}
