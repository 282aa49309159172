package command

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
	"gotest.tools/v3/assert"
)

// TestCompatibilityIsCurrent holds docs/compatibility.md to what the program does with each verb, flag, variable and key
// of docker compose: what the page says of them was seen here. With -update, which is `make docs`, it writes the page.
func TestCompatibilityIsCurrent(t *testing.T) {
	var b strings.Builder
	b.WriteString(strings.Replace(pageNote, "from the definitions that `--help` prints. Change those", "from what was seen of the program. Change that", 1))
	b.WriteString("# What of docker compose works\n\n" +
		"Every command and flag of docker compose 5.7.0, every variable `COMPOSE_*`, and every key of the Compose specification.\n" +
		"A test tries each: where this page is wrong, it fails. What is different on purpose, and why: [compose.md](compose.md).\n\n" +
		"| word | |\n|---|---|\n" +
		"| works | as in docker compose |\n" +
		"| works … | with what is said, or within it |\n" +
		"| no effect | is taken, and does nothing, for the reason that is said |\n" +
		"| refused | an error names it, and says this |\n\n")
	b.WriteString("## Commands and flags\n\nFlags may stand before or after the command and its arguments.\n\n")
	verbTable(t, &b)
	b.WriteString("\n## Variables\n\nThey count where they stand in `.env`, too, but for those that say where `.env` is.\n\n")
	variableTable(t, &b)
	b.WriteString("\n## Keys\n\n")
	keyTables(t, &b)
	currentFile(t, filepath.Join(docs, "compatibility.md"), b.String())
}

// theirs is a command of docker compose, with its flags.
type theirs struct {
	verb  string // "" is the program
	flags []theirFlag
}

type theirFlag struct {
	name, letter string
	value        bool // it takes one
}

// dockerCompose are the commands of docker compose, as testdata has them.
func dockerCompose(t *testing.T) []theirs {
	t.Helper()
	text, err := os.ReadFile("testdata/docker-compose.txt")
	assert.NilError(t, err)
	var all []theirs
	for line := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var one theirs
		for word := range strings.FieldsSeq(line) {
			word = strings.Trim(word, "()")
			name, isFlag := strings.CutPrefix(word, "--")
			switch {
			case isFlag:
				name, value := strings.CutSuffix(name, "=")
				name, letter, _ := strings.Cut(name, ",")
				one.flags = append(one.flags, theirFlag{name, letter, value})
			case word != "-":
				one.verb = strings.TrimSpace(one.verb + " " + word)
			}
		}
		all = append(all, one)
	}
	assert.Assert(t, len(all) > 40, "only %d commands were read", len(all))
	return all
}

// notes say how what is here differs from docker compose's, by "verb" or "verb --flag".
var notes = map[string]string{
	" --dry-run":          "works, and prints the plan",
	" --no-ansi":          "works, as `--ansi never`",
	" --parallel":         "works, and counts steps: 8 where nothing is said",
	" --workdir":          "works, as `--project-directory`",
	"build --builder":     "works, where buildx is; refused by name without it",
	"build --check":       "works, where buildx is; refused by name without it",
	"build --memory":      "works, where buildx is not; refused by name with it",
	"build --parallel":    "works, and takes the number of steps at once: a switch in docker compose, and obsolete there",
	"build --provenance":  "works, where buildx is; refused by name without it",
	"build --sbom":        "works, where buildx is; refused by name without it",
	"build --ssh":         "works, where buildx is; refused by name without it",
	"down":                "works, and removes containers of profiles that are off, too",
	"exec --interactive":  "works",
	"exec --tty":          "works",
	"images --format":     "works; json is one object a line",
	"kill":                "works; what is balanced is withdrawn first",
	"pause":               "works; the balancer has none of them meanwhile",
	"pull --parallel":     "works, and takes the number of steps at once: a switch in docker compose, and obsolete there",
	"restart":             "works; what is balanced is restarted wave by wave, withdrawn before",
	"rm --all":            "no effect, as in docker compose",
	"run --tty":           "works",
	"scale":               "works; the next `up` goes back to the file, as in docker compose",
	"stop":                "works; what is balanced is withdrawn first",
	"up":                  "works; replaces one replica after the other, and exits with 3 where one does not become healthy",
	"up --force-recreate": "works, one replica after the other",
	"watch":               "works; files go into all replicas",
	"config --hash":       "works; the hash is that of hyper-lite's own labels",
	"port":                "works; knows the balancer's ports, too",
	"ps --format":         "works; json is one object a line",
	"cp --index":          "works; without it into all replicas, out of the first",
}

// verdict is what the program does with a flag of docker compose, as a row of the page; an error where it neither has it
// nor refuses it.
func verdict(t *testing.T, verb string, f theirFlag) (string, error) {
	t.Helper()
	ours, found := ourFlag(verb, f.name)
	if !found {
		return "", fmt.Errorf("%s --%s is neither there nor refused with a reason", verb, f.name)
	}
	if flagName(ours) == "" { // out of sight
		if refusal, refused := refusedOnTheHost(t, verb, f); refused {
			return refusal, nil
		}
	}
	note := notes[verb+" --"+f.name]
	if takesValue(ours) != f.value && note == "" {
		return "", fmt.Errorf("%s --%s takes a value in one and none in the other", verb, f.name)
	}
	if f.letter != "" && !slices.Contains(ours.Names(), f.letter) {
		return "", fmt.Errorf("%s --%s has no letter -%s", verb, f.name, f.letter)
	}
	argv := slices.Concat(strings.Fields(verb), []string{"--" + f.name + sample(ours)})
	if err := understood(t, argv); err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
	}
	if note == "" && flagName(ours) == "" {
		return "", fmt.Errorf("%s --%s is out of sight, and nothing says what becomes of it", verb, f.name)
	}
	if note == "" {
		note = "works"
	}
	return note, nil
}

// ourFlag finds a flag where a user types it: that of the verb, or one of every command.
func ourFlag(verb, name string) (cli.Flag, bool) {
	app := (&program{}).tree()
	path, inner := []*cli.Command(nil), app.Commands
	for word := range strings.FieldsSeq(verb) {
		c := named(inner, word)
		if c == nil {
			return nil, false
		}
		path, inner = append(path, c), c.Subcommands
	}
	r := reader{app: app, line: line{path: path}}
	flag, _ := r.flag(name)
	return flag, flag != nil
}

// sample is a value that a flag understands, with its =.
func sample(f cli.Flag) string {
	switch {
	case !takesValue(f):
		return ""
	case slices.Contains([]string{"parallel", "timeout", "wait-timeout", "index"}, f.Names()[0]):
		return "=1"
	}
	return "=x"
}

// refusedOnTheHost runs a command with a flag on a host in memory, and returns what it says of the flag: that it is refused,
// or that it has no effect.
func refusedOnTheHost(t *testing.T, verb string, f theirFlag) (string, bool) {
	t.Helper()
	argv := slices.Concat(strings.Fields(verb), []string{"--" + f.name})
	if verb == "" {
		argv = append(argv, "config")
	}
	if f.value {
		argv[slices.Index(argv, "--"+f.name)] += "=x"
	}
	r := newShell(t, shop).run(argv...)
	if reason, ok := strings.CutPrefix(r.err, "error: --"+f.name+": "); ok {
		assert.Equal(t, r.code, exitUsage, "%s: %s", argv, r.err)
		return "refused: " + inOneLine(reason), true
	}
	if _, after, ok := strings.Cut(r.err, "warning: --"+f.name+" has no effect: "); ok {
		reason, _, _ := strings.Cut(after, "\n")
		return "no effect: " + reason, true
	}
	return "", false
}

// inOneLine is an error with its hint as the page has it.
func inOneLine(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), " hint: ", "; ")
}

func verbTable(t *testing.T, b *strings.Builder) {
	t.Helper()
	b.WriteString("| | |\n|---|---|\n")
	row := func(name, text string) { fmt.Fprintf(b, "| `%s` | %s |\n", name, strings.ReplaceAll(text, "|", `\|`)) }
	used := map[string]bool{}
	refused := map[string]bool{}
	for _, c := range dockerCompose(t) {
		outer, _, inner := strings.Cut(c.verb, " ")
		if inner && refused[outer] {
			continue
		}
		if c.verb != "" && named((&program{}).tree().Commands, outer) == nil {
			refused[outer] = true
			row(c.verb, refusedVerb(t, c.verb))
			continue
		}
		if c.verb != "" {
			used[c.verb] = true
			row(c.verb, first(notes[c.verb], "works"))
		}
		for _, f := range c.flags {
			text, err := verdict(t, c.verb, f)
			assert.Check(t, err)
			used[c.verb+" --"+f.name] = true
			row(strings.TrimSpace(c.verb+" "+f.typed()), text)
		}
	}
	for name := range notes {
		assert.Check(t, used[name], "the note on %q is of nothing that docker compose has", name)
	}
}

func (f theirFlag) typed() string {
	if f.letter != "" {
		return "-" + f.letter + ", --" + f.name
	}
	return "--" + f.name
}

// refusedVerb is what the program says of a command that it does not have.
func refusedVerb(t *testing.T, verb string) string {
	t.Helper()
	r := newShell(t, shop).run(verb, "--and-whatever")
	assert.Check(t, r.code == exitUsage, "%s: %s", verb, r.err)
	_, reason, ok := strings.Cut(r.err, "hint: ")
	assert.Check(t, ok && strings.HasPrefix(r.err, "error: there is no command "), "nothing says what becomes of %s: %s", verb, r.err)
	return "refused: " + strings.TrimSpace(reason)
}

func TestFlagsThatAreMissingAreFound(t *testing.T) {
	for _, c := range []struct {
		verb string
		flag theirFlag
		want string
	}{
		{"up", theirFlag{name: "nonsense"}, "neither there nor refused"},
		{"up", theirFlag{name: "detach", letter: "d", value: true}, "takes a value in one"},
		{"up", theirFlag{name: "detach", letter: "z"}, "has no letter -z"},
		{"no verb", theirFlag{name: "detach"}, "neither there nor refused"},
	} {
		_, err := verdict(t, c.verb, c.flag)
		assert.ErrorContains(t, err, c.want)
	}
}
