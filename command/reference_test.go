package command

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/urfave/cli/v2"
	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"
)

// docs is where the pages stand, seen from this folder.
const docs = "../docs"

// pageNote heads every page that is made here.
const pageNote = "<!-- Made by `make docs` from the definitions that `--help` prints. Change those. -->\n"

// TestReferenceIsCurrent holds docs/reference and docs/man to the definitions of the commands: with -update, which is
// `make docs`, it writes them.
func TestReferenceIsCurrent(t *testing.T) {
	app := (&program{}).tree()
	current(t, filepath.Join(docs, "reference"), referencePages(app))
	current(t, filepath.Join(docs, "man"), manPages(app))
}

// current holds a folder to the files that it should have, and no others.
func current(t *testing.T, folder string, want map[string]string) {
	t.Helper()
	there, err := filepath.Glob(filepath.Join(folder, "*"))
	assert.NilError(t, err)
	for _, path := range there {
		if _, wanted := want[filepath.Base(path)]; wanted {
			continue
		}
		if golden.FlagUpdate() {
			assert.NilError(t, os.Remove(path))
			continue
		}
		t.Errorf("%s is of a command that is not there: run make docs", path)
	}
	for _, name := range sortedKeys(want) {
		currentFile(t, filepath.Join(folder, name), want[name])
	}
}

// currentFile holds a file to its text.
func currentFile(t *testing.T, path, want string) {
	t.Helper()
	if golden.FlagUpdate() {
		assert.NilError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		assert.NilError(t, os.WriteFile(path, []byte(want), 0o644))
		return
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("%v: run make docs", err)
		return
	}
	if wrong := firstDifference(string(have), want); wrong != "" {
		t.Errorf("%s is not current: run make docs\n%s", path, wrong)
	}
}

// firstDifference is the first line that is another one, or "".
func firstDifference(have, want string) string {
	if have == want {
		return ""
	}
	haves, wants := strings.Split(have, "\n"), strings.Split(want, "\n")
	for at := range min(len(haves), len(wants)) {
		if haves[at] != wants[at] {
			return fmt.Sprintf("line %d is: %s\nand should be: %s", at+1, haves[at], wants[at])
		}
	}
	return fmt.Sprintf("it has %d lines and should have %d", len(haves), len(wants))
}

// referencePages are the Markdown pages by file name: one a command of the program, with the commands inside it, and an
// index.
func referencePages(app *cli.App) map[string]string {
	pages := map[string]string{"README.md": indexPage(app)}
	for _, c := range visible(app.Commands) {
		var b strings.Builder
		b.WriteString(pageNote)
		referenceSection(&b, "#", []*cli.Command{c})
		b.WriteString("\nBefore or after these stand the [flags of every command](README.md#flags-of-every-command).\n")
		pages[c.Name+".md"] = b.String()
	}
	return pages
}

func indexPage(app *cli.App) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s# Commands\n\n", pageNote)
	blocks(&b, programUsage, programExamples)
	b.WriteString("\n| command | |\n|---|---|\n")
	for _, c := range visible(app.Commands) {
		fmt.Fprintf(&b, "| [%s](%s.md) | %s |\n", c.Name, c.Name, markdown(c.Usage))
		for _, inner := range visible(c.Subcommands) {
			name := c.Name + " " + inner.Name
			fmt.Fprintf(&b, "| [%s](%s.md#%s) | %s |\n", name, c.Name, strings.ReplaceAll(programName+" "+name, " ", "-"), markdown(inner.Usage))
		}
	}
	b.WriteString("\n## Flags of every command\n\n")
	flagTable(&b, app.Flags)
	b.WriteString("\n## Exit codes\n\n| | |\n|---|---|\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "| %d | %s |\n", e.code, markdown(e.meaning))
	}
	return b.String()
}

// referenceSection is a command, and below it those inside it.
func referenceSection(b *strings.Builder, heading string, path []*cli.Command) {
	verb := path[len(path)-1]
	fmt.Fprintf(b, "%s %s %s\n\n%s\n\n", heading, programName, words(path), markdown(sentence(verb.Usage)))
	blocks(b, usageLine(path), verb.Description)
	if verb.UsageText != "" {
		b.WriteString("\n" + markdown(verb.UsageText) + "\n")
	}
	if len(verb.Flags) > 0 {
		b.WriteString("\n")
		flagTable(b, verb.Flags)
	}
	for _, inner := range visible(verb.Subcommands) {
		b.WriteString("\n")
		referenceSection(b, heading+"#", append(slices.Clone(path), inner))
	}
}

// blocks are how a command is typed, and its examples.
func blocks(b *strings.Builder, usage, lines string) {
	fmt.Fprintf(b, "```\n%s\n```\n\nExamples:\n\n```\n", usage)
	for line := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	b.WriteString("```\n")
}

func manualExamples(b *strings.Builder, lines string) {
	for line := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
		b.WriteString("    " + strings.TrimSpace(line) + "\n")
	}
}

func flagTable(b *strings.Builder, all []cli.Flag) {
	b.WriteString("| flag | |\n|---|---|\n")
	for _, f := range all {
		if name := strings.TrimSpace(flagName(f)); name != "" {
			fmt.Fprintf(b, "| `%s` | %s |\n", name, markdown(flagText(f)))
		}
	}
}

// manPages are the man pages by file name: one a command, as `man hyper-lite-cron-ls` asks for it.
func manPages(app *cli.App) map[string]string {
	pages := map[string]string{programName + ".1": manPage("", programManual(app))}
	var add func(path []*cli.Command)
	add = func(path []*cli.Command) {
		name := manName(path)
		pages[name+".1"] = manPage(" "+words(path), verbManual(path))
		for _, inner := range visible(path[len(path)-1].Subcommands) {
			add(append(slices.Clone(path), inner))
		}
	}
	for _, c := range visible(app.Commands) {
		add([]*cli.Command{c})
	}
	return pages
}

// manName is the name of a command's page.
func manName(path []*cli.Command) string {
	return strings.ReplaceAll(programName+" "+words(path), " ", "-")
}

// manPage turns Markdown into a page of section 1. It has no date: the same definitions make the same page.
func manPage(of, text string) string {
	title := strings.ToUpper(strings.ReplaceAll(programName+of, " ", "-"))
	page := md2man.Render([]byte("% \"" + title + "\" \"1\" \"\" \"" + programName + "\" \"\"\n\n" + text))
	return string(bytes.TrimSpace(page)) + "\n"
}

func programManual(app *cli.App) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# NAME\n\n%s - %s\n\n# SYNOPSIS\n\n    %s\n\n# EXAMPLES\n\n", programName, markdown(app.Usage), programUsage)
	manualExamples(&b, programExamples)
	b.WriteString("\n# COMMANDS\n")
	manualCommands(&b, nil, app.Commands)
	b.WriteString("\n# FLAGS OF EVERY COMMAND\n")
	manualFlags(&b, app.Flags)
	b.WriteString("\n# EXIT STATUS\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "\n**%d**\n: %s\n", e.code, markdown(e.meaning))
	}
	return b.String()
}

func verbManual(path []*cli.Command) string {
	verb := path[len(path)-1]
	var b strings.Builder
	fmt.Fprintf(&b, "# NAME\n\n%s - %s\n\n# SYNOPSIS\n\n    %s\n\n# EXAMPLES\n\n", manName(path), markdown(verb.Usage), usageLine(path))
	manualExamples(&b, verb.Description)
	if verb.UsageText != "" {
		b.WriteString("\n# DESCRIPTION\n\n" + markdown(verb.UsageText) + "\n")
	}
	if len(verb.Subcommands) > 0 {
		b.WriteString("\n# COMMANDS\n")
		manualCommands(&b, path, verb.Subcommands)
	}
	if len(verb.Flags) > 0 {
		b.WriteString("\n# OPTIONS\n")
		manualFlags(&b, verb.Flags)
	}
	b.WriteString("\n# SEE ALSO\n\n**" + programName + "**(1) has the flags of every command and the exit codes")
	if len(path) > 1 {
		b.WriteString("; **" + manName(path[:len(path)-1]) + "**(1) the commands beside this one")
	}
	return b.String() + ".\n"
}

func manualCommands(b *strings.Builder, path, commands []*cli.Command) {
	for _, c := range visible(commands) {
		fmt.Fprintf(b, "\n**%s**(1)\n: %s\n", manName(append(slices.Clone(path), c)), markdown(c.Usage))
	}
}

func manualFlags(b *strings.Builder, all []cli.Flag) {
	for _, f := range all {
		if name := strings.TrimSpace(flagName(f)); name != "" {
			fmt.Fprintf(b, "\n`%s`\n: %s\n", name, markdown(flagText(f)))
		}
	}
}

// visible are the commands that help shows.
func visible(commands []*cli.Command) []*cli.Command {
	return slices.DeleteFunc(slices.Clone(commands), func(c *cli.Command) bool { return c.Hidden })
}

// markdown keeps a text of help from being read as markup, but for what stands in backticks.
func markdown(text string) string {
	var b strings.Builder
	code := false
	for _, r := range text {
		switch {
		case r == '`':
			code = !code
		case r == '|', !code && strings.ContainsRune(`\*_<>[]#~`, r):
			b.WriteRune('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// sentence begins with a capital letter and ends with a full stop.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

// Where a page and the definitions part, that is told with the line.
func TestReferenceThatIsNotCurrentIsFound(t *testing.T) {
	app := (&program{}).tree()
	before := referencePages(app)
	assert.Equal(t, firstDifference(before["up.md"], referencePages((&program{}).tree())["up.md"]), "", "the same definitions make the same page")
	named(app.Commands, "up").Flags[0].(*cli.BoolFlag).Usage = "something else"
	assert.Assert(t, strings.Contains(firstDifference(before["up.md"], referencePages(app)["up.md"]), "something else"))
	assert.Assert(t, before["README.md"] != "" && before["cron.md"] != "" && before["cron-ls.md"] == "")
	_, ok := manPages(app)["hyper-lite-cron-ls.1"]
	assert.Assert(t, ok)
}
