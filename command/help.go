package command

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// A verb's Description holds its examples, one a line, its UsageText what else must be known of it, and its ArgsUsage
// its arguments.

// printHelp prints the help of a verb, or of the program where path is empty: what it is, how it is typed, examples,
// then everything there is.
func (p *program) printHelp(path []*cli.Command) error {
	var b strings.Builder
	if len(path) == 0 {
		p.programHelp(&b)
	} else {
		p.verbHelp(&b, path)
	}
	_, err := fmt.Fprint(p.Out, p.addressed(b.String()))
	return err
}

const programUsage = programName + " [flags] COMMAND [flags] [arguments]"

const programExamples = `hyper-lite up                        bring ./compose.yaml to life and follow its logs
hyper-lite up -d --wait              the same in the background, done when all is healthy
hyper-lite plan                      what up would do, and why
hyper-lite ps                        what runs
hyper-lite scale web=5               five replicas behind one port
hyper-lite down                      take it down, volumes stay`

func (p *program) programHelp(b *strings.Builder) {
	fmt.Fprintf(b, "hyper-lite: %s\n\nUsage: %s\n\n", p.app.Usage, programUsage)
	examples(b, programExamples)
	b.WriteString("\nCommands:\n")
	verbs(b, p.app.Commands)
	b.WriteString("\nFlags of every command:\n")
	flags(b, p.app.Flags)
	b.WriteString("\nExit codes:\n")
	for _, e := range exitCodes {
		fmt.Fprintf(b, "  %-3d  %s\n", e.code, e.meaning)
	}
	b.WriteString("\n`hyper-lite COMMAND --help` shows a command's flags.\n")
}

func (p *program) verbHelp(b *strings.Builder, path []*cli.Command) {
	verb := path[len(path)-1]
	fmt.Fprintf(b, "%s %s: %s\n\nUsage: %s\n", programName, words(path), verb.Usage, usageLine(path))
	if verb.Description != "" {
		b.WriteString("\n")
		examples(b, verb.Description)
	}
	if verb.UsageText != "" {
		b.WriteString("\n" + verb.UsageText + "\n")
	}
	if len(verb.Subcommands) > 0 {
		b.WriteString("\nCommands:\n")
		verbs(b, verb.Subcommands)
	}
	if len(verb.Flags) > 0 {
		b.WriteString("\nFlags:\n")
		flags(b, verb.Flags)
	}
	b.WriteString("\n`hyper-lite --help` shows the flags of every command.\n")
}

// usageLine is how a verb is typed.
func usageLine(path []*cli.Command) string {
	verb := path[len(path)-1]
	line := programName + " " + words(path)
	if groups(verb) {
		line += " COMMAND"
	}
	if len(verb.Flags) > 0 {
		line += " [flags]"
	}
	if verb.ArgsUsage != "" {
		line += " " + verb.ArgsUsage
	}
	return line
}

// groups says that a verb does nothing itself: it only holds others.
func groups(verb *cli.Command) bool { return verb.Action == nil && len(verb.Subcommands) > 0 }

func examples(b *strings.Builder, lines string) {
	b.WriteString("Examples:\n")
	for line := range strings.SplitSeq(strings.TrimSpace(lines), "\n") {
		b.WriteString("  " + strings.TrimSpace(line) + "\n")
	}
}

func verbs(b *strings.Builder, commands []*cli.Command) {
	width := 12
	for _, c := range commands {
		width = max(width, len(c.Name))
	}
	for _, c := range commands {
		if !c.Hidden {
			fmt.Fprintf(b, "  %-*s %s\n", width, c.Name, c.Usage)
		}
	}
}

func flags(b *strings.Builder, all []cli.Flag) {
	names := make([]string, len(all))
	width := 0
	for i, f := range all {
		names[i] = flagName(f)
		width = max(width, len(names[i]))
	}
	for i, f := range all {
		if names[i] != "" {
			fmt.Fprintf(b, "  %-*s  %s\n", width, names[i], flagText(f))
		}
	}
}

// flagName is "-f, --file FILE", or "" for a hidden flag.
func flagName(f cli.Flag) string {
	if v, ok := f.(cli.VisibleFlag); ok && !v.IsVisible() {
		return ""
	}
	long, short := "", "    "
	for _, name := range f.Names() {
		if len(name) == 1 {
			short = "-" + name + ", "
		} else if long == "" {
			long = "--" + name
		}
	}
	if long == "" {
		return strings.TrimSuffix(short, ", ")
	}
	if !takesValue(f) {
		return short + long
	}
	value := strings.ToUpper(strings.TrimLeft(long, "-"))
	if parts := strings.Split(usageOf(f), "`"); len(parts) == 3 {
		value = parts[1]
	}
	return short + long + " " + value
}

// flagText is what a flag does, with its default where the words do not tell it.
func flagText(f cli.Flag) string {
	text := strings.ReplaceAll(usageOf(f), "`", "")
	d, ok := f.(cli.DocGenerationFlag)
	if !ok || strings.Contains(text, "default") || slices.Contains([]string{"", "0", "false", "[]"}, d.GetValue()) {
		return text
	}
	return text + " (default: " + d.GetValue() + ")"
}

func usageOf(f cli.Flag) string {
	if d, ok := f.(cli.DocGenerationFlag); ok {
		return d.GetUsage()
	}
	return ""
}

func quoted(word string) string { return strconv.Quote(word) }

func allowedHint(near string, allowed []string) string {
	list := "allowed: " + strings.Join(allowed, ", ")
	if near == "" {
		return list
	}
	return fmt.Sprintf("did you mean `%s`? %s", near, list)
}
