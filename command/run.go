// Package command is the command line: it turns flags into one call of another room and prints what comes
// back. It is the only room that prints. It decides nothing about the host and touches nothing itself.
package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
)

// programName is what the program is called in its own words.
const programName = "hyper-lite"

// Run is the program: args are its name and the command line. It returns the exit code. A context that is
// cancelled means that the user interrupted it.
func Run(ctx context.Context, args []string, stdio IO, version string) int {
	if len(args) > 1 && args[1] == "sidecar" {
		return runSidecar(ctx, args[2:], stdio) // no command tree: it must start fast and stay small
	}
	p := &program{IO: stdio, version: version, env: environment(os.Environ()), openEngine: openEngine}
	if isPlugin(args) {
		return p.runPlugin(ctx, args[1:])
	}
	return p.run(ctx, args[1:])
}

// program is one call of hyper-lite: its streams and the world it was called in.
type program struct {
	IO
	version    string
	env        map[string]string
	openEngine engineOpener
	app        *cli.App
	dotenv     map[string]string // what the project's env file says, beside env
	typed      string            // the verb with its flags and arguments: "scale web=5"
	plugin     bool              // the docker CLI calls
}

func (p *program) run(ctx context.Context, argv []string) int {
	p.app = p.tree()
	if len(argv) > 0 && argv[0] == completionVerb {
		p.complete(ctx, argv[1:])
		return exitDone
	}
	err := p.dispatch(ctx, argv)
	if err != nil && ctx.Err() != nil && !errors.As(err, new(codeError)) {
		err = errors.Join(errInterrupted, err)
	}
	p.fails(palette(coloured(p.ansiMode(argv), p.Err, p.env)), err)
	return exitCode(err)
}

// fails prints an error in the words that its reader would type. The exit code tells of it where nobody reads that, too.
func (p *program) fails(paint palette, err error) {
	if err == nil {
		return
	}
	defer heedPipes()()
	var b strings.Builder
	printError(&b, paint, err)
	fmt.Fprint(p.Err, p.addressed(b.String()))
}

func (p *program) dispatch(ctx context.Context, argv []string) error {
	line, err := readLine(p.app, argv)
	if err != nil {
		return err
	}
	p.typed = line.typed()
	bare := len(line.path) == 0 && len(line.globals) == 0
	if line.help || bare || (len(line.path) > 0 && groups(line.path[len(line.path)-1])) {
		return p.printHelp(line.path)
	}
	err = p.app.RunContext(ctx, line.argv(programName))
	if wrong, ok := errors.AsType[*usageError](err); ok && wrong.hint == "" {
		wrong.hint = helpShows(line.path)
	}
	return err
}

// helpShows is what to type where it is not clear what a verb takes.
func helpShows(path []*cli.Command) string {
	return fmt.Sprintf("`%s --help` shows what it takes", strings.Join(strings.Fields(programName+" "+words(path)), " "))
}

// ansiMode finds --ansi before the command line is understood, since its errors are painted too.
func (p *program) ansiMode(argv []string) string {
	for i, word := range argv {
		if word == "--" {
			break
		}
		if value, ok := strings.CutPrefix(word, "--ansi="); ok {
			return value
		}
		if word == "--ansi" && i+1 < len(argv) {
			return argv[i+1]
		}
		if word == "--no-ansi" {
			return "never"
		}
	}
	return p.env["COMPOSE_ANSI"]
}

func environment(pairs []string) map[string]string {
	env := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		if name, value, ok := strings.Cut(pair, "="); ok && name != "" {
			env[name] = value
		}
	}
	return env
}
