package compose

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
)

// Compose's loader knows the format of .env alone; the other one is the caller's to bring.
func init() { dotenv.RegisterFormat("raw", readRaw) }

// readRaw reads an env file with `format: raw` (Compose spec, "env_file"): NAME=value a line, the value as it stands,
// quotes, dollar signs and trailing spaces included. A name alone takes its value from lookup, or is left out.
func readRaw(r io.Reader, name string, variables map[string]string, lookup func(string) (string, bool)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimLeft(lines.Text(), " \t")
		if n == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, given := strings.Cut(line, "=")
		switch {
		case !utf8.ValidString(line):
			return fmt.Errorf("env file %s: line %d is no UTF-8", name, n)
		case key == "":
			return fmt.Errorf("env file %s: line %d has no name before the =", name, n)
		case strings.ContainsAny(key, " \t"):
			return fmt.Errorf("env file %s: line %d: a name has no spaces: %q", name, n, key)
		case !given && lookup != nil:
			value, given = lookup(key)
		}
		if given {
			variables[key] = value
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read env file %s: %w", name, err)
	}
	return nil
}

// fromFiles fills a container's environment and labels in from its env and label files, and so those of its hooks.
func fromFiles(body types.ServiceConfig, env types.Mapping) (types.ServiceConfig, error) {
	alone := types.Project{Environment: env, Services: types.Services{body.Name: body}}
	filled, err := alone.WithServicesEnvironmentResolved(false)
	if err == nil {
		filled, err = filled.WithServicesLabelsResolved(false)
	}
	if err != nil {
		return body, err
	}
	return filled.Services[body.Name], nil
}

// filledIn is fromFiles for a service or job of the project. Each file that cannot be read is missing; what can be said
// without it is returned all the same.
func (c *conversion) filledIn(section string, body types.ServiceConfig) types.ServiceConfig {
	filled, err := fromFiles(body, c.typed.Environment)
	if err == nil {
		return filled
	}
	tell := func(below []string, path string, err error) {
		msg, hint := afterword.ReplaceAllString(err.Error(), ""), ""
		if errors.Is(err, fs.ErrNotExist) {
			msg, hint = "there is no file "+path, "say required: false where it may be missing"
			if !slices.Contains(below, "env_file") {
				hint = ""
			}
		}
		c.missing(body.Name, c.l.filePath(append([]string{section, body.Name}, below...), path), msg, hint)
	}
	whole := c.wrongFiles(body.ContainerSpec, nil, tell)
	without := body
	without.EnvFiles, without.LabelFiles, without.PreStart = nil, nil, slices.Clone(body.PreStart)
	for i, hook := range body.PreStart {
		own := hook.ContainerSpec
		own.EnvFiles = slices.DeleteFunc(slices.Clone(own.EnvFiles), func(f types.EnvFile) bool { return slices.Contains(body.EnvFiles, f) })
		own.LabelFiles = slices.DeleteFunc(slices.Clone(own.LabelFiles), func(f string) bool { return slices.Contains(body.LabelFiles, f) })
		whole = c.wrongFiles(own, []string{"pre_start", itoa(i)}, tell) && whole
		without.PreStart[i].EnvFiles, without.PreStart[i].LabelFiles = nil, nil
	}
	if whole { // none by itself: they are wrong together
		tell([]string{"env_file"}, "", err)
	}
	if filled, err = fromFiles(without, c.typed.Environment); err != nil {
		c.report([]string{section, body.Name}, err.Error(), "")
	}
	return filled
}

// wrongFiles tells of each env and label file of a container that cannot be read. It returns whether there is none.
func (c *conversion) wrongFiles(spec types.ContainerSpec, below []string, tell func(below []string, path string, err error)) bool {
	whole := true
	try := func(key string, i int, path string, one types.ContainerSpec) {
		_, err := fromFiles(types.ServiceConfig{Name: "one", ContainerSpec: one}, c.typed.Environment)
		if err == nil {
			return
		}
		whole = false
		if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
			err = errors.New(path + " is a folder")
		}
		tell(append(slices.Clone(below), key, itoa(i)), path, err)
	}
	for i, f := range spec.EnvFiles {
		try("env_file", i, f.Path, types.ContainerSpec{EnvFiles: []types.EnvFile{f}})
	}
	for i, f := range spec.LabelFiles {
		try("label_file", i, f, types.ContainerSpec{LabelFiles: []string{f}})
	}
	return whole
}
