package compose

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

var (
	pathInText    = regexp.MustCompile(`\b(services|jobs|networks|volumes|secrets|configs|models|include)((?:\.[A-Za-z0-9_-]+|\[\d*\]|\.\[\d*\])+)`)
	serviceInText = regexp.MustCompile(`(?:service|job) "?([A-Za-z0-9._-]+)"?`)
	partInText    = regexp.MustCompile(`[A-Za-z0-9_-]+`)
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
	if m := pathInText.FindStringSubmatch(text); m != nil {
		path := append([]string{m[1]}, partInText.FindAllString(m[2], -1)...)
		e := l.places.at(path, strings.TrimSpace(strings.TrimLeft(strings.Replace(text, m[0], "", 1), ": ")), "")
		return FieldErrors{e}
	}
	if path := l.envFile(text); path != nil {
		return FieldErrors{l.places.at(path, text, "")}
	}
	if m := serviceInText.FindStringSubmatch(text); m != nil {
		for _, section := range []string{"services", "jobs"} {
			if e := l.places.at([]string{section, m[1]}, text, ""); e.Line > 0 {
				return FieldErrors{e}
			}
		}
	}
	return FieldErrors{l.places.at(nil, text, "")}
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
					for i, file := range scalars(value) {
						clean := strings.TrimPrefix(file, "./")
						if clean == "" || !strings.Contains(text, clean) {
							continue
						}
						path := []string{"services", name.Value, key}
						if value.Kind == yaml.SequenceNode && i < len(value.Content) {
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
