package compose

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

var (
	pathInText    = regexp.MustCompile(`\b(services|jobs|networks|volumes|secrets|configs|models|include)((?:\.[A-Za-z0-9_-]+|\[\d*\]|\.\[\d*\])+)`)
	serviceInText = regexp.MustCompile(`(?:service|job) "?([A-Za-z0-9._-]+)"?`)
	partInText    = regexp.MustCompile(`[A-Za-z0-9_-]+`)
	decodingLine  = regexp.MustCompile(`(?m)^'(services|jobs|networks|volumes|secrets|configs|models)\[([^\]]+)\]\.?([^']*)' (.*)$`)
	numberError   = regexp.MustCompile(`strconv\.[A-Za-z]+: parsing ("[^"]*"): [a-z ]+`)
	afterword     = regexp.MustCompile(`(: (stat|open) .*|: invalid compose project)$`)
	preamble      = regexp.MustCompile(`^(validating [^:]*: |error while interpolating |failed to parse [^:]*: )+`)
)

// located gives an error of Compose's loader, which stops at the first mistake, the place it speaks of.
func (l *loading) located(err error) error {
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
		return &FieldError{Msg: "the project has no name: the folder's name has no letter or digit", Hint: "name it: hyper-lite -p NAME"}
	case strings.Contains(text, "empty compose file"):
		e := l.places.at(nil, "the file has no services", "")
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
	return text, ""
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

// envFile is the path of the env_file or label_file entry that an error text speaks of.
func (l *loading) envFile(text string) []string {
	for _, doc := range l.places.docs {
		for _, root := range doc.roots {
			_, services := child(root, "services")
			for name, service := range entries(services) {
				for _, key := range []string{"env_file", "label_file"} {
					_, value := child(service, key)
					if value == nil {
						continue
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
						path := []string{"services", name.Value, key}
						if value.Kind == yaml.SequenceNode {
							path = append(path, itoa(i))
						}
						return path
					}
				}
			}
		}
	}
	return nil
}
