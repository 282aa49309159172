package compose

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"
)

var (
	pathInText    = regexp.MustCompile(`\b(services|jobs|networks|volumes|secrets|configs|models|include)((?:\.[A-Za-z0-9_-]+|\[\d*\]|\.\[\d*\])+)`)
	serviceInText = regexp.MustCompile(`(?:service|job) "?([A-Za-z0-9._-]+)"?`)
	sourceInText  = regexp.MustCompile(`^secret "([^"]+)" must declare either`)
	sectionInText = regexp.MustCompile("^`?([a-z]+)`? must be a (mapping|list)")
	partInText    = regexp.MustCompile(`[A-Za-z0-9_-]+`)
	decodingLine  = regexp.MustCompile(`(?m)^'(services|jobs|networks|volumes|secrets|configs|models)\[([^\]]+)\]\.?([^']*)' (.*)$`)
	numberError   = regexp.MustCompile(`strconv\.[A-Za-z]+: parsing ("[^"]*"): [a-z ]+`)
	afterword     = regexp.MustCompile(`(: (stat|open) .*|: invalid compose project)$`)
	preamble      = regexp.MustCompile(`^(validating [^:]*: |error while interpolating |failed to parse [^:]*: )+`)
)

// located gives an error of Compose's loader, which stops at the first mistake, the place it speaks of.
func (l *loading) located(err error) error {
	if several := unjoined(err); len(several) > 1 {
		var all FieldErrors
		for _, one := range several {
			var found FieldErrors
			if errors.As(l.located(one), &found) {
				all = append(all, found...)
			}
		}
		return all
	}
	text := err.Error()
	for local, doc := range l.from.docs {
		text = strings.ReplaceAll(text, local, doc.name)
	}
	for _, doc := range l.docs {
		if doc.path != "-" {
			text = strings.ReplaceAll(text, doc.path, doc.name)
		}
	}
	switch {
	case strings.Contains(text, "project name must not be empty"):
		return FieldErrors{{Msg: "the project has no name: the folder's name has no letter or digit", Hint: "name it: hyper-lite -p NAME"}}
	case strings.Contains(text, "empty compose file"):
		e := l.places.at(nil, "the file has no services", "")
		e.Line, e.Column = 1, 1
		return FieldErrors{e}
	}
	text = afterword.ReplaceAllString(preamble.ReplaceAllString(text, ""), "")
	text = strings.Replace(text, "failed to cast to expected type: ", "", 1)
	if wrong := l.decoded(text); len(wrong) > 0 {
		return wrong
	}
	text, hint := plainWords(text)
	if m := pathInText.FindStringSubmatch(text); m != nil {
		path := append([]string{m[1]}, partInText.FindAllString(m[2], -1)...)
		e := l.places.at(path, strings.TrimSpace(strings.TrimLeft(strings.Replace(text, m[0], "", 1), ": ")), hint)
		return FieldErrors{e}
	}
	if path := l.envFile(text); path != nil {
		return FieldErrors{l.places.at(path, text, "")}
	}
	if m := sourceInText.FindStringSubmatch(text); m != nil {
		return FieldErrors{l.places.at([]string{"secrets", m[1]}, "says nowhere what it holds", "add file or environment")}
	}
	if m := sectionInText.FindStringSubmatch(text); m != nil {
		return FieldErrors{l.places.at([]string{m[1]}, "must be a "+m[2], "")}
	}
	if path := l.portByVariable(); path != nil && strings.Contains(text, "ort") {
		return FieldErrors{l.places.at(path, text, "")}
	}
	if m := serviceInText.FindStringSubmatch(text); m != nil {
		for _, section := range []string{"services", "jobs"} {
			if e := l.places.at([]string{section, m[1]}, text, hint); e.Line > 0 {
				return FieldErrors{e}
			}
		}
	}
	return FieldErrors{l.quoted(text, hint)}
}

// decoded reads the list of mistakes that comes when a tree does not fit Compose's types.
func (l *loading) decoded(text string) FieldErrors {
	var errs FieldErrors
	for _, m := range decodingLine.FindAllStringSubmatch(text, -1) {
		path := append([]string{m[1], m[2]}, partInText.FindAllString(m[3], -1)...)
		msg, hint := plainWords(m[4])
		errs = append(errs, l.places.at(path, msg, hint))
	}
	return errs
}

// plainWords says what Go's standard library and Compose's loader mean.
func plainWords(text string) (msg, hint string) {
	if m := numberError.FindStringSubmatch(text); m != nil {
		return strings.Replace(text, m[0], m[1]+" is not a number", 1), ""
	}
	if _, rest, ok := strings.Cut(text, "You may need to escape any $ with another $."); ok {
		path := pathInText.FindString(text)
		return strings.TrimSpace(path + " not a variable: " + strings.TrimSpace(rest)), "write $$ for a dollar sign"
	}
	for _, w := range otherWords {
		if w.said.MatchString(text) {
			return w.said.ReplaceAllString(text, w.meant), w.hint
		}
	}
	return text, ""
}

// otherWords are what Compose's loader says, and what that means.
var otherWords = []struct {
	said        *regexp.Regexp
	meant, hint string
}{
	{regexp.MustCompile(`cannot parse value as '[a-z0-9]+': (\S+) overflows uint`), "must be 0 or more, not $1", ""},
	{regexp.MustCompile(`expected type 'u?int[0-9]*', got unconvertible type 'string'`), "must be a whole number, not a text", ""},
	{regexp.MustCompile(`one of file\|environment(\|content)? must be set`), "says nowhere what it holds", "add file or environment"},
	{regexp.MustCompile(`file\|environment(\|content)? attributes are mutually exclusive`), "says more than once what it holds", "keep one of file, environment and content"},
	{regexp.MustCompile(`declares mutualy exclusive dockerfile and dockerfile_inline`), "has a dockerfile and a dockerfile_inline", "keep one of them"},
}

// quoted finds the value that an error text repeats. The longest one is meant.
func (l *loading) quoted(text, hint string) *FieldError {
	e := l.places.at(nil, text, hint)
	longest := 2
	for _, doc := range l.places.docs {
		for _, root := range doc.roots {
			walk(root, nil, func(n *yaml.Node, path []string) {
				if n.Kind == yaml.ScalarNode && len(n.Value) > longest && strings.Contains(text, n.Value) {
					longest = len(n.Value)
					e = doc.errorAt(n, path, text, hint)
				}
			})
		}
	}
	return e
}

func walk(n *yaml.Node, path []string, visit func(n *yaml.Node, path []string)) {
	visit(n, path)
	if n.Kind == yaml.SequenceNode {
		for i, item := range n.Content {
			walk(item, append(slices.Clone(path), itoa(i)), visit)
		}
		return
	}
	for key, value := range entries(n) {
		walk(value, append(slices.Clone(path), key.Value), visit)
	}
}

// portByVariable is the path of the first published port that is none once its variables are replaced.
func (l *loading) portByVariable() []string {
	var found []string
	for _, doc := range l.places.docs {
		for _, root := range doc.roots {
			walk(root, nil, func(n *yaml.Node, path []string) {
				if found != nil || len(path) != 4 || path[2] != "ports" || n.Kind != yaml.ScalarNode || !l.pending(n.Value) {
					return
				}
				if _, err := types.ParsePortConfig(l.from.peek(n.Value, scope{env: l.chosen.env})); err != nil {
					found = path
				}
			})
		}
	}
	return found
}

// envFile is the path of the env_file or label_file entry that an error text speaks of.
func (l *loading) envFile(text string) []string {
	for _, doc := range l.places.docs {
		for _, root := range doc.roots {
			_, services := child(root, "services")
			for name, service := range entries(services) {
				for _, key := range []string{"env_file", "label_file"} {
					if at := entryOf(service, key, text); at != nil {
						return append([]string{"services", name.Value}, at...)
					}
				}
			}
		}
	}
	return nil
}

// filePath is the path of an entry of a list of files, as the files have it that make the project: they may say it in
// several lists, or without one.
func (l *loading) filePath(path []string, file string) []string {
	key := len(path) - 2
	for _, doc := range slices.Backward(l.places.docs) {
		for _, root := range doc.roots {
			if _, holder, matched := find(root, path[:max(key, 0)]); key > 0 && matched == key {
				if at := entryOf(holder, path[key], file); at != nil {
					return append(slices.Clone(path[:key]), at...)
				}
			}
		}
	}
	return path
}

// entryOf is the entry of a list of files, or the single file, that a text names.
func entryOf(holder *yaml.Node, key, text string) []string {
	_, value := child(holder, key)
	if value == nil {
		return nil
	}
	files := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		files = value.Content
	}
	for i, file := range files {
		if _, path := child(file, "path"); path != nil {
			file = path
		}
		clean := strings.TrimPrefix(file.Value, "./")
		if clean == "" || !strings.Contains(text, clean) {
			continue
		}
		if value.Kind == yaml.SequenceNode {
			return []string{key, itoa(i)}
		}
		return []string{key}
	}
	return nil
}
