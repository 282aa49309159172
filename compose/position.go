package compose

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// errorAt is a mistake at a node of this document.
func (d *document) errorAt(n *yaml.Node, path []string, msg, hint string) *FieldError {
	return &FieldError{File: d.name, Line: n.Line, Column: n.Column, Path: dotted(path), Msg: msg, Hint: hint}
}

// dotted is a path as messages show it: list indexes in brackets, our own mapping of a service left out.
func dotted(path []string) string {
	var b strings.Builder
	for i, part := range path {
		if part == extension && i == 2 && len(path) > 3 {
			continue
		}
		if _, err := strconv.Atoi(part); err == nil && (i > 2 || path[0] == "include") {
			b.WriteString("[" + part + "]")
			continue
		}
		if i > 0 {
			b.WriteString(".")
		}
		b.WriteString(part)
	}
	return b.String()
}

// places finds where the files say something. Documents stand in order of precedence, lowest first.
type places struct {
	docs []*document
}

// at is a mistake at a path of the merged model: its place is the last file that has the path, or else
// as much of it as any file has. A service that extends another is looked up in that one too.
func (p places) at(path []string, msg, hint string) *FieldError {
	e := &FieldError{Path: dotted(path), Msg: msg, Hint: hint}
	if best := p.best(path); best.node != nil {
		e.File, e.Line, e.Column = best.doc.name, best.node.Line, best.node.Column
	} else if len(p.docs) > 0 {
		e.File = p.docs[0].name
	}
	return e
}

type place struct {
	doc     *document
	node    *yaml.Node
	matched int
}

func (p places) best(path []string) place {
	var best place
	for i := len(p.docs) - 1; i >= 0; i-- {
		best = deeper(best, p.docs[i].place(path, 0))
	}
	return best
}

func (d *document) place(path []string, hops int) place {
	var best place
	for i := len(d.roots) - 1; i >= 0; i-- {
		key, value, matched := find(d.roots[i], path)
		found := place{d, value, matched}
		if matched < len(path) || value.Kind != yaml.ScalarNode {
			found.node = key
		}
		if matched > 0 {
			best = deeper(best, found)
		}
	}
	if best.matched == len(path) || len(path) < 2 || hops > 20 {
		return best
	}
	if base, ok := d.bases[path[0]+"."+path[1]]; ok {
		best = deeper(best, base.doc.place(append([]string{base.section, base.name}, path[2:]...), hops+1))
	}
	return best
}

func deeper(a, b place) place {
	if b.node != nil && b.matched > a.matched {
		return b
	}
	return a
}

// sortErrors puts errors in the order of files and lines and drops repetitions.
func (p places) sortErrors(errs FieldErrors) FieldErrors {
	order := map[string]int{}
	for _, d := range p.docs {
		if _, ok := order[d.name]; !ok {
			order[d.name] = len(order)
		}
	}
	rank := func(file string) int {
		if i, ok := order[file]; ok {
			return i
		}
		return len(order) // an extended file
	}
	slices.SortStableFunc(errs, func(a, b *FieldError) int {
		return cmp.Or(
			cmp.Compare(rank(a.File), rank(b.File)), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Msg, b.Msg))
	})
	return slices.CompactFunc(errs, func(a, b *FieldError) bool { return *a == *b })
}
