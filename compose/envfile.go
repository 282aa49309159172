package compose

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/dotenv"
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
