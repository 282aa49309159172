package command

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mattn/go-shellwords"
	"github.com/urfave/cli/v2"
	"gotest.tools/v3/assert"
)

// everyVerb calls visit for each verb of a tree, those inside others too.
func everyVerb(app *cli.App, visit func(path []*cli.Command)) {
	var walk func(path, inner []*cli.Command)
	walk = func(path, inner []*cli.Command) {
		for _, c := range inner {
			below := append(slices.Clone(path), c)
			visit(below)
			walk(below, c.Subcommands)
		}
	}
	walk(nil, app.Commands)
}

// unhelpful is what is wrong with the help of a verb: a stranger reads one line of what it is and one of how it is typed,
// then examples, then the rest, in which no flag is without a word.
func unhelpful(path []*cli.Command) []string {
	verb := path[len(path)-1]
	var wrong []string
	complain := func(format string, args ...any) {
		wrong = append(wrong, words(path)+": "+fmt.Sprintf(format, args...))
	}
	if verb.Usage == "" || strings.Contains(verb.Usage, "\n") || strings.HasSuffix(verb.Usage, ".") {
		complain("its usage must be one line without a full stop, and is %q", verb.Usage)
	}
	if strings.TrimSpace(verb.Description) == "" {
		complain("it has no examples")
	}
	for _, f := range verb.Flags {
		if name := strings.TrimSpace(flagName(f)); name != "" && strings.TrimSpace(usageOf(f)) == "" {
			complain("nothing is said of %s", name)
		}
	}
	return wrong
}

func TestEveryHelpBeginsWithExamples(t *testing.T) {
	s := newShell(t, "")
	app := (&program{}).tree()
	everyVerb(app, func(path []*cli.Command) {
		for _, wrong := range unhelpful(path) {
			t.Error(wrong)
		}
		r := s.run(append(strings.Fields(words(path)), "--help")...)
		assert.Equal(t, r.code, 0, r.err)
		lines := strings.Split(r.out, "\n")
		head := []string{programName + " " + words(path) + ": " + path[len(path)-1].Usage, "", "Usage: " + usageLine(path), "", "Examples:"}
		assert.DeepEqual(t, lines[:len(head)], head)
	})
	for _, f := range app.Flags {
		assert.Check(t, flagName(f) == "" || usageOf(f) != "", "nothing is said of %s", f.Names())
	}
	assert.Assert(t, strings.Index(s.run("--help").out, "Examples:") < strings.Index(s.run("--help").out, "Commands:"))
}

func TestHelpThatSaysNothingIsFound(t *testing.T) {
	wrong := unhelpful([]*cli.Command{{
		Name: "go", Usage: "Goes.", Flags: []cli.Flag{&cli.BoolFlag{Name: "fast"}, &cli.BoolFlag{Name: "unseen", Hidden: true}},
	}})
	assert.DeepEqual(t, wrong, []string{
		`go: its usage must be one line without a full stop, and is "Goes."`, "go: it has no examples", "go: nothing is said of --fast",
	})
}

// calls are the command lines of hyper-lite in one line of examples, without its name. What stands behind two spaces is
// an explanation.
func calls(t *testing.T, example string) [][]string {
	t.Helper()
	var found [][]string
	for rest, _, _ := strings.Cut(example, "  "); ; {
		before, after, ok := strings.Cut(rest, programName+" ")
		if !ok {
			return found
		}
		typed := after
		if strings.HasSuffix(before, "(") { // $(hyper-lite ...)
			typed, _, _ = strings.Cut(after, ")")
		}
		argv, err := shellwords.NewParser().Parse(typed) // up to a pipe or the like
		assert.NilError(t, err, "%s", example)
		found = append(found, argv)
		rest = after
	}
}

// inert is a tree that understands command lines and does nothing.
func inert() *cli.App {
	app := (&program{IO: IO{Out: io.Discard, Err: io.Discard}}).tree()
	nothing := func(*cli.Context) error { return nil }
	app.Action = nothing
	everyVerb(app, func(path []*cli.Command) {
		if c := path[len(path)-1]; c.Action != nil {
			c.Action = nothing
		}
	})
	return app
}

// understood is the error with which the parser turns a command line down, if any.
func understood(t *testing.T, argv []string) error {
	t.Helper()
	app := inert()
	line, err := readLine(app, argv)
	if err != nil {
		return err
	}
	return app.RunContext(t.Context(), line.argv(programName))
}

func TestExamplesAreUnderstood(t *testing.T) {
	seen := 0
	check := func(of, lines string) {
		for line := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
			called := calls(t, line)
			assert.Check(t, len(called) > 0, "%s: no call in: %s", of, line)
			for _, argv := range called {
				seen++
				assert.Check(t, understood(t, argv), "%s: %s", of, line)
			}
		}
	}
	check("the program", programExamples)
	own := map[string]bool{}
	everyVerb((&program{}).tree(), func(path []*cli.Command) {
		verb := path[len(path)-1]
		check(words(path), verb.Description)
		own[words(path)] = strings.Contains(verb.Description, programName+" "+words(path))
	})
	for name, ok := range own {
		assert.Check(t, ok, "%s: no example shows it", name)
	}
	assert.Assert(t, seen > 100, "only %d examples were found", seen)
}

func TestExamplesThatAreWrongAreFound(t *testing.T) {
	for example, want := range map[string]string{
		"hyper-lite up --detatch":                     "unknown flag --detatch",
		"hyper-lite upp":                              `unknown command "upp"`,
		"hyper-lite logs --index one web":             "it takes a whole number",
		"hyper-lite pause --all":                      "unknown flag --all",
		"hyper-lite config | hyper-lite confg":        `unknown command "confg"`,
		"x=$(hyper-lite ps -q) && hyper-lite port -x": "unknown flag -x",
		"hyper-lite up -d                and --more":  "",
	} {
		var err error
		for _, argv := range calls(t, example) {
			if wrong := understood(t, argv); wrong != nil {
				err = wrong
			}
		}
		if want == "" {
			assert.NilError(t, err, example)
			continue
		}
		assert.ErrorContains(t, err, want, example)
	}
}

// A flag that is defined and never asked for is one that is taken and ignored.
func TestEveryFlagIsAskedFor(t *testing.T) {
	asked := askedFor(t)
	check := func(of string, flags []cli.Flag) {
		for _, f := range flags {
			assert.Check(t, asked[f.Names()[0]], "%s --%s is defined, and no code asks for it", of, f.Names()[0])
		}
	}
	app := (&program{}).tree()
	check(programName, app.Flags)
	everyVerb(app, func(path []*cli.Command) { check(words(path), path[len(path)-1].Flags) })
}

// askedFor are the words that stand in the code of this room, but for the names in definitions of flags.
func askedFor(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*.go")
	assert.NilError(t, err)
	found := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || name == "completion.go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		assert.NilError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if pair, ok := n.(*ast.KeyValueExpr); ok {
				if key, ok := pair.Key.(*ast.Ident); ok && (key.Name == "Name" || key.Name == "Usage" || key.Name == "Aliases") {
					return false
				}
			}
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, err := strconv.Unquote(literal.Value)
				assert.NilError(t, err)
				found[text] = true
			}
			return true
		})
	}
	return found
}
