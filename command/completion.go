package command

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"hyper-lite/compose"
)

// completionVerb is the hidden verb that the shells' scripts call: its arguments are the words of the command
// line, the last one unfinished.
const completionVerb = "__complete"

// completeFiles tells a script to complete names of files.
const completeFiles = ":files"

func (p *program) completion() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a script that completes commands, flags and services in a shell",
		ArgsUsage: "bash|zsh|fish|powershell",
		Description: `source <(hyper-lite completion bash)        in ~/.bashrc
source <(hyper-lite completion zsh)         in ~/.zshrc, after compinit; or a file _hyper-lite in a folder of fpath
hyper-lite completion fish > ~/.config/fish/completions/hyper-lite.fish
hyper-lite completion powershell | Out-String | Invoke-Expression`,
		Action: func(c *cli.Context) error {
			shells := sortedKeys(completionScripts)
			if c.NArg() != 1 {
				return &usageError{msg: "completion needs a shell", hint: "one of " + strings.Join(shells, ", ")}
			}
			script, ok := completionScripts[c.Args().First()]
			if !ok {
				return oneOf("completion", c.Args().First(), shells...)
			}
			_, err := fmt.Fprint(p.Out, script)
			return err
		},
	}
}

// complete prints what the last word may become, one a line. It never fails: a shell has no use for an error.
func (p *program) complete(ctx context.Context, argv []string) {
	if len(argv) == 0 {
		argv = []string{""}
	}
	before, word := argv[:len(argv)-1], argv[len(argv)-1]
	for _, candidate := range p.candidates(ctx, before, word) {
		if candidate == completeFiles || strings.HasPrefix(candidate, word) {
			fmt.Fprintln(p.Out, candidate)
		}
	}
}

func (p *program) candidates(ctx context.Context, before []string, word string) []string {
	if slices.Contains(before, "--") {
		return nil
	}
	if value, line, asked := p.flagValue(before); asked {
		return p.values(ctx, line, value)
	}
	line, err := readLine(p.app, before)
	if err != nil {
		return nil
	}
	inner := p.app.Commands
	var verb *cli.Command
	if len(line.path) > 0 {
		verb = line.path[len(line.path)-1]
		inner = verb.Subcommands
	}
	if verb != nil && passesOn(verb) && len(line.args) > 0 {
		return nil // what a container has is not known here
	}
	if verb != nil && verb.Name == "cp" && !strings.HasPrefix(word, "-") {
		return p.copyWords(ctx, line, word)
	}
	if name, _, ok := strings.Cut(word, "="); ok && strings.HasPrefix(name, "--") {
		var whole []string
		for _, v := range p.values(ctx, line, strings.TrimPrefix(name, "--")) {
			if v != completeFiles {
				v = name + "=" + v
			}
			whole = append(whole, v)
		}
		return whole
	}
	if strings.HasPrefix(word, "-") {
		return p.flagNames(verb)
	}
	if len(inner) > 0 {
		var names []string
		for _, c := range inner {
			if !c.Hidden {
				names = append(names, c.Name)
			}
		}
		return names
	}
	return p.arguments(ctx, line, verb)
}

// flagValue is the long name of the flag whose value the next word is, and the line before that flag.
func (p *program) flagValue(before []string) (name string, line line, asked bool) {
	if len(before) == 0 {
		return "", line, false
	}
	last := before[len(before)-1]
	if !strings.HasPrefix(last, "-") || strings.Contains(last, "=") {
		return "", line, false
	}
	line, err := readLine(p.app, before[:len(before)-1])
	if err != nil {
		return "", line, false
	}
	r := reader{app: p.app, line: line}
	flag, _ := r.flag(strings.TrimLeft(last, "-"))
	if flag == nil || !takesValue(flag) {
		return "", line, false
	}
	return flag.Names()[0], line, true
}

// values are what a flag takes.
func (p *program) values(ctx context.Context, line line, flag string) []string {
	switch flag {
	case "file", "env-file", "env-from-file", "project-directory", "output", "label-file":
		return []string{completeFiles}
	case "progress":
		return []string{"auto", "tty", "plain", "json", "quiet"}
	case "ansi":
		return []string{"auto", "never", "always"}
	case "pull":
		return []string{"always", "missing", "never", "policy"}
	case "protocol":
		return []string{"tcp", "udp"}
	case "signal":
		return []string{"SIGHUP", "SIGINT", "SIGKILL", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"}
	case "policy":
		return []string{"always", "missing"}
	case "rmi":
		return []string{"all", "local"}
	case "format":
		return []string{"json", "table", "text", "yaml"}
	case "concurrency":
		return []string{"forbid", "queue", "allow", "replace"}
	case "missed-fires":
		return []string{"one", "skip"}
	case "mail":
		return []string{"on-failure", "on-success", "all"}
	case "size":
		return []string{"s1", "s2", "s3", "s4", "m1", "m2", "m3", "l1", "l2", "l3"}
	case "status":
		return []string{"created", "running", "paused", "restarting", "exited", "dead", "removing"}
	case "hash", "attach", "no-attach", "exit-code-from":
		return p.services(ctx, line)
	case "scale":
		return p.scaleWords(ctx, line)
	}
	return nil
}

func (p *program) flagNames(verb *cli.Command) []string {
	flags := p.app.Flags
	if verb != nil {
		flags = append(slices.Clone(verb.Flags), flags...)
	}
	names := []string{"--help"}
	for _, f := range flags {
		if flagName(f) == "" {
			continue
		}
		for _, name := range f.Names() {
			if len(name) > 1 {
				names = append(names, "--"+name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// arguments are what a verb takes.
func (p *program) arguments(ctx context.Context, line line, verb *cli.Command) []string {
	switch {
	case verb.Name == "completion":
		return sortedKeys(completionScripts)
	case verb.Name == "scale":
		return p.scaleWords(ctx, line)
	case verb.Name == "rollback":
		return p.revisions(ctx, line)
	case strings.Contains(verb.ArgsUsage, "SERVICE"):
		return p.services(ctx, line)
	case strings.Contains(verb.ArgsUsage, "RUN") && len(line.args) == 1:
		return p.runs(ctx, line)
	case strings.Contains(verb.ArgsUsage, "MADE"):
		return p.readFiles(ctx, line).Added
	case strings.Contains(verb.ArgsUsage, "JOB"):
		return p.jobs(ctx, line)
	}
	return nil
}

// copyWords are the services at whose files cp may begin, and files of this machine where the word can be none of them.
func (p *program) copyWords(ctx context.Context, line line, word string) []string {
	var words []string
	for _, name := range p.services(ctx, line) {
		if strings.HasPrefix(name+":", word) {
			words = append(words, name+":")
		}
	}
	if len(words) == 0 && !strings.Contains(word, ":") {
		return []string{completeFiles}
	}
	return words
}

func (p *program) scaleWords(ctx context.Context, line line) []string {
	var words []string
	for _, name := range p.services(ctx, line) {
		words = append(words, name+"=")
	}
	return words
}

// revisions are those that can be gone back to.
func (p *program) revisions(ctx context.Context, line line) []string {
	i, err := p.asTyped(ctx, line)
	if err != nil || slices.Contains(i.files, "-") { // the terminal is the shell's
		return nil
	}
	place, err := i.place(ctx)
	if err != nil {
		return nil
	}
	document, err := place.read()
	if err != nil {
		return nil
	}
	return numbersOf(document.Revisions)
}

// asTyped is an invocation with the program's flags of the line.
func (p *program) asTyped(ctx context.Context, line line) (*invocation, error) {
	i := &invocation{program: p}
	app := p.tree()
	app.Action = func(c *cli.Context) (err error) {
		i.settings, err = p.settings(c)
		return err
	}
	return i, app.RunContext(ctx, append([]string{programName}, line.globals...))
}

// services are those of the files that the line names, or that are found without it.
func (p *program) services(ctx context.Context, line line) []string {
	return serviceNames(p.readFiles(ctx, line), nil)
}

func (p *program) jobs(ctx context.Context, line line) []string {
	var names []string
	for _, j := range p.readFiles(ctx, line).Jobs {
		names = append(names, j.Name)
	}
	return names
}

// runs are those of a job whose containers are there, the latest first.
func (p *program) runs(ctx context.Context, line line) []string {
	i, err := p.asTyped(ctx, line)
	if err != nil {
		return nil
	}
	defer i.close() //nolint:errcheck // a shell has no use for an error
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	host, err := i.engine(ctx)
	if err != nil {
		return nil
	}
	project := p.readFiles(ctx, line)
	containers, err := host.Listing(ctx, project.Name)
	if err != nil {
		return nil
	}
	var names []string
	for _, c := range runsAmong(containers) {
		if c.Service == line.args[0] {
			names = append(names, c.Name)
		}
	}
	slices.Reverse(names)
	return names
}

// readFiles reads those that the line names, or that are found without it; an empty project where they are wrong.
func (p *program) readFiles(ctx context.Context, line line) compose.Project {
	i, err := p.asTyped(ctx, line)
	if err != nil {
		return compose.Project{}
	}
	options := i.lookOptions()
	options.Stdin = strings.NewReader("") // the terminal is the shell's
	project, _, err := loadWithJobs(ctx, options)
	if err != nil {
		return compose.Project{}
	}
	return project
}

var completionScripts = map[string]string{
	"bash": `# bash completion of hyper-lite
_hyper_lite() {
    local IFS=$'\n' rest=${COMP_LINE:0:COMP_POINT} part word="" breaks="" keep=""
    local -a words=()
    for part in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do # the shell breaks words at = and :, the line does not
        if [[ ${#words[@]} -eq 0 || $rest == [[:space:]]* ]]; then
            rest=${rest#"${rest%%[![:space:]]*}"}
            words+=("")
        fi
        word=${words[${#words[@]}-1]}${rest:0:${#part}}
        words[${#words[@]}-1]=$word
        rest=${rest:${#part}}
    done
    [[ $COMP_WORDBREAKS == *=* ]] && breaks+="="
    [[ $COMP_WORDBREAKS == *:* ]] && breaks+=":"
    [[ -n $breaks ]] && keep=${word%"${word##*[$breaks]}"} # stands on the line already
    COMPREPLY=($(hyper-lite ` + completionVerb + ` "${words[@]:1}" 2>/dev/null))
    if [[ ${COMPREPLY[0]} == "` + completeFiles + `" ]]; then
        [[ $word == --*=* ]] && part=${word%%=*}= || part=""
        COMPREPLY=($(compgen -P "$part" -f -- "${word#"$part"}"))
        compopt -o filenames 2>/dev/null
    elif [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=:] ]]; then
        compopt -o nospace 2>/dev/null
    fi
    COMPREPLY=("${COMPREPLY[@]#"$keep"}")
}
complete -F _hyper_lite hyper-lite
`,
	"zsh": `#compdef hyper-lite
# zsh completion of hyper-lite
_hyper_lite() {
    local -a found
    found=("${(@f)$(hyper-lite ` + completionVerb + ` "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ ${found[1]} == "` + completeFiles + `" ]]; then
        _files
        return
    fi
    found=(${found:#})
    local -a open=(${(M)found:#*[=:]}) closed=(${found:#*[=:]})
    (( ${#open} )) && compadd -S '' -- $open
    (( ${#closed} )) && compadd -- $closed
}
if [[ ${funcstack[1]} == _hyper[_-]lite ]]; then
    _hyper_lite "$@"
else
    compdef _hyper_lite hyper-lite
fi
`,
	"fish": `# fish completion of hyper-lite
function __hyper_lite
    set -l words (commandline -opc) (commandline -ct)
    set -l found (hyper-lite ` + completionVerb + ` $words[2..-1] 2>/dev/null)
    if test "$found[1]" = "` + completeFiles + `"
        __fish_complete_path (commandline -ct)
    else
        printf '%s\n' $found
    end
end
complete -c hyper-lite -f -a '(__hyper_lite)'
`,
	"powershell": `# PowerShell completion of hyper-lite
Register-ArgumentCompleter -Native -CommandName hyper-lite -ScriptBlock {
    param($word, $line, $position)
    $words = @($line.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $position } | ForEach-Object { $_.ToString() })
    $words += "$word"
    if ("$word" -eq '') { $words[-1] = '""' }
    hyper-lite ` + completionVerb + ` @words 2>$null | ForEach-Object {
        if ($_ -eq '` + completeFiles + `') {
            Get-ChildItem -Path "$word*" -Name
        } else {
            [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
        }
    }
}
`,
}
