package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// line is a command line, understood: which verb, and what belongs to whom.
type line struct {
	path    []*cli.Command // the verb, and the verb inside it; empty for the program alone
	globals []string       // flags of the program
	flags   []string       // flags of the verb
	args    []string
	help    bool
}

// argv is the line in the one order that the parser takes: it stops at the first argument.
func (l line) argv(program string) []string {
	argv := append([]string{program}, l.globals...)
	for _, c := range l.path {
		argv = append(argv, c.Name)
	}
	argv = append(argv, l.flags...)
	if len(l.path) == 0 {
		return argv
	}
	return append(append(argv, "--"), l.args...)
}

// typed is the line as history shows it, without the program's own flags.
func (l line) typed() string {
	return strings.Join(slices.Concat(strings.Fields(words(l.path)), l.flags, l.args), " ")
}

// readLine understands argv without the program's name. Flags of the program may stand before or after the verb, flags
// of a verb before or after its arguments; `--` ends the flags. Errors are *usageError.
func readLine(app *cli.App, argv []string) (line, error) {
	r := reader{app: app, rest: argv}
	for len(r.rest) > 0 {
		token := r.rest[0]
		r.rest = r.rest[1:]
		if verb := r.verb(); verb != nil && passesOn(verb) && len(r.line.args) == 1 {
			r.others(token)
			continue
		}
		switch {
		case token == "--":
			r.line.args = append(r.line.args, r.rest...)
			r.rest = nil
		case strings.HasPrefix(token, "--"):
			if err := r.long(token); err != nil {
				return line{}, err
			}
		case strings.HasPrefix(token, "-") && token != "-":
			if err := r.short(token); err != nil {
				return line{}, err
			}
		default:
			if err := r.word(token); err != nil {
				return line{}, err
			}
		}
	}
	if verb := r.verb(); verb != nil && verb.ArgsUsage == "" && len(r.line.args) > 0 && !r.line.help {
		return line{}, &usageError{
			msg:  fmt.Sprintf("%s takes no argument: %q", words(r.line.path), r.line.args[0]),
			hint: helpShows(r.line.path),
		}
	}
	return r.line, nil
}

type reader struct {
	app  *cli.App
	rest []string
	line line
}

// verb is the innermost verb so far, or nil.
func (r *reader) verb() *cli.Command {
	if len(r.line.path) == 0 {
		return nil
	}
	return r.line.path[len(r.line.path)-1]
}

// passesOn says that all that follows a verb's first argument belongs to a command in a container, flags too.
func passesOn(verb *cli.Command) bool { return strings.HasSuffix(verb.ArgsUsage, "[ARG...]") }

// others takes the rest of the line as it is. A `--` before the command is for whoever is used to it.
func (r *reader) others(token string) {
	if token != "--" {
		r.line.args = append(r.line.args, token)
	}
	r.line.args = append(r.line.args, r.rest...)
	r.rest = nil
}

// word takes a verb, or an argument where the verb is complete.
func (r *reader) word(token string) error {
	verb := r.verb()
	if verb == nil && token == "help" {
		r.line.help = true
		return nil
	}
	inner := r.app.Commands
	if verb != nil {
		inner = verb.Subcommands
	}
	if next := named(inner, token); next != nil && len(r.line.args) == 0 {
		r.line.path = append(r.line.path, next)
		return nil
	}
	if verb == nil || len(inner) > 0 {
		return unknownVerb(r.line.path, inner, token)
	}
	r.line.args = append(r.line.args, token)
	return nil
}

// long takes --name, --name=value or --name value.
func (r *reader) long(token string) error {
	name, value, inline := strings.Cut(strings.TrimPrefix(token, "--"), "=")
	if name == "help" {
		r.line.help = true
		return nil
	}
	flag, global := r.flag(name)
	if flag == nil || len(name) == 1 {
		return r.unknownFlag("--" + name)
	}
	switch {
	case inline:
		r.add(global, "--"+name+"="+value)
	case takesValue(flag):
		if len(r.rest) == 0 {
			return &usageError{msg: "flag --" + name + " needs a value", hint: helpShows(r.line.path)}
		}
		r.add(global, "--"+name+"="+r.rest[0])
		r.rest = r.rest[1:]
	default:
		r.add(global, "--"+name)
	}
	return nil
}

// short takes -a, -abc, -n5, -n=5 or -n 5.
func (r *reader) short(token string) error {
	letters := token[1:]
	for at, letter := range letters {
		name := string(letter)
		flag, global := r.flag(name)
		if flag == nil && name == "h" {
			r.line.help = true
			continue
		}
		if long, _, _ := strings.Cut(letters, "="); flag == nil && len(long) > 2 {
			return r.unknownFlag("-" + long) // -detach for --detach
		}
		if flag == nil {
			return r.unknownFlag("-" + name)
		}
		after := letters[at+len(name):]
		if !takesValue(flag) {
			if value, inline := strings.CutPrefix(after, "="); inline {
				r.add(global, "-"+name+"="+value)
				return nil
			}
			r.add(global, "-"+name)
			continue
		}
		if after == "" {
			if len(r.rest) == 0 {
				return &usageError{msg: "flag -" + name + " needs a value", hint: helpShows(r.line.path)}
			}
			after, r.rest = r.rest[0], r.rest[1:]
		} else {
			after = strings.TrimPrefix(after, "=")
		}
		r.add(global, "-"+name+"="+after)
		return nil
	}
	return nil
}

// add takes a flag down. The parser wants one form of a flag throughout: the one that was typed first.
func (r *reader) add(global bool, flag string) {
	typed, _, _ := strings.Cut(flag, "=")
	known, _ := r.flag(strings.TrimLeft(typed, "-"))
	for _, earlier := range slices.Concat(r.line.globals, r.line.flags) {
		form, _, _ := strings.Cut(earlier, "=")
		if other, ofProgram := r.flag(strings.TrimLeft(form, "-")); other == known && ofProgram == global {
			flag = form + strings.TrimPrefix(flag, typed)
			break
		}
	}
	if global {
		r.line.globals = append(r.line.globals, flag)
		return
	}
	r.line.flags = append(r.line.flags, flag)
}

// flag looks a name up, the innermost verb first: -f follows after `logs` and names a file elsewhere.
func (r *reader) flag(name string) (flag cli.Flag, global bool) {
	if verb := r.verb(); verb != nil {
		for _, f := range verb.Flags {
			if slices.Contains(f.Names(), name) {
				return f, false
			}
		}
	}
	for _, f := range r.app.Flags {
		if slices.Contains(f.Names(), name) && (r.verb() == nil || f.Names()[0] != "version") {
			return f, true
		}
	}
	return nil, false
}

func takesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
}

func named(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

func (r *reader) unknownFlag(flag string) error {
	var known []string
	flags := r.app.Flags
	if verb := r.verb(); verb != nil {
		flags = append(slices.Clone(verb.Flags), flags...)
	}
	for _, f := range flags {
		if flagName(f) == "" {
			continue // out of sight: perhaps refused
		}
		for _, name := range f.Names() {
			if len(name) > 1 {
				known = append(known, "--"+name)
			}
		}
	}
	near := ""
	if name := strings.TrimLeft(flag, "-"); len(name) > 1 { // a single letter is near to everything
		near = nearest("--"+name, known)
	}
	return &usageError{msg: "unknown flag " + flag, hint: orHelp(near, r.line.path)}
}

func unknownVerb(path, inner []*cli.Command, token string) error {
	if instead, ok := elsewhere[token]; ok && len(path) == 0 {
		return &usageError{msg: fmt.Sprintf("there is no command %q here", token), hint: instead}
	}
	var known []string
	for _, c := range inner {
		if !c.Hidden {
			known = append(known, c.Names()...)
		}
	}
	return &usageError{
		msg:  fmt.Sprintf("unknown command %q", strings.TrimPrefix(words(path)+" "+token, " ")),
		hint: orHelp(nearest(token, known), path),
	}
}

// orHelp is what to type next.
func orHelp(near string, path []*cli.Command) string {
	help := strings.Join(strings.Fields(programName+" "+words(path)+" --help"), " ")
	if near == "" {
		return fmt.Sprintf("`%s` lists them", help)
	}
	return fmt.Sprintf("did you mean `%s`? `%s` lists them", near, help)
}

func words(path []*cli.Command) string {
	names := make([]string, len(path))
	for i, c := range path {
		names[i] = c.Name
	}
	return strings.Join(names, " ")
}
