package command

import (
	"context"
	"fmt"
	"slices"
	"strings"

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
source <(hyper-lite completion zsh)         in ~/.zshrc, after compinit
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
	if value, asked := p.flagValue(before); asked {
		return p.values(ctx, value)
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
	if name, _, ok := strings.Cut(word, "="); ok && strings.HasPrefix(name, "--") {
		var whole []string
		for _, v := range p.values(ctx, strings.TrimPrefix(name, "--")) {
			whole = append(whole, name+"="+v)
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
	return p.arguments(ctx, verb)
}

// flagValue is the long name of the flag whose value the next word is.
func (p *program) flagValue(before []string) (name string, asked bool) {
	if len(before) == 0 {
		return "", false
	}
	last := before[len(before)-1]
	if !strings.HasPrefix(last, "-") || strings.Contains(last, "=") {
		return "", false
	}
	line, err := readLine(p.app, before[:len(before)-1])
	if err != nil {
		return "", false
	}
	r := reader{app: p.app, line: line}
	flag, _ := r.flag(strings.TrimLeft(last, "-"))
	if flag == nil || !takesValue(flag) {
		return "", false
	}
	return flag.Names()[0], true
}

// values are what a flag takes.
func (p *program) values(ctx context.Context, flag string) []string {
	switch flag {
	case "file", "env-file", "project-directory", "output":
		return []string{completeFiles}
	case "progress":
		return []string{"auto", "tty", "plain", "json", "quiet"}
	case "ansi":
		return []string{"auto", "never", "always"}
	case "pull":
		return []string{"always", "missing", "never", "policy"}
	case "rmi":
		return []string{"all", "local"}
	case "format":
		return []string{"json", "table", "text", "yaml"}
	case "status":
		return []string{"created", "running", "paused", "restarting", "exited", "dead", "removing"}
	case "hash":
		return p.services(ctx)
	case "scale":
		return p.scaleWords(ctx)
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
func (p *program) arguments(ctx context.Context, verb *cli.Command) []string {
	switch {
	case verb.Name == "completion":
		return sortedKeys(completionScripts)
	case verb.Name == "scale":
		return p.scaleWords(ctx)
	case strings.Contains(verb.ArgsUsage, "SERVICE"):
		return p.services(ctx)
	}
	return nil
}

func (p *program) scaleWords(ctx context.Context) []string {
	var words []string
	for _, name := range p.services(ctx) {
		words = append(words, name+"=")
	}
	return words
}

// services are those of the files that are found without any flag.
func (p *program) services(ctx context.Context) []string {
	i := &invocation{program: p}
	project, _, err := compose.Load(ctx, i.loadOptions())
	if err != nil {
		return nil
	}
	return serviceNames(project, nil)
}

var completionScripts = map[string]string{
	"bash": `# bash completion of hyper-lite
_hyper_lite() {
    local IFS=$'\n' word=${COMP_WORDS[COMP_CWORD]}
    local -a words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    if type _get_comp_words_by_ref >/dev/null 2>&1; then
        local cur cword
        local -a all
        _get_comp_words_by_ref -n =: -c cur -w all -i cword
        words=("${all[@]:1:cword}")
        word=$cur
    fi
    COMPREPLY=($(hyper-lite ` + completionVerb + ` "${words[@]}" 2>/dev/null))
    if [[ ${COMPREPLY[0]} == "` + completeFiles + `" ]]; then
        COMPREPLY=($(compgen -f -- "$word"))
        compopt -o filenames 2>/dev/null
    elif [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace 2>/dev/null
    fi
    if type __ltrim_colon_completions >/dev/null 2>&1; then
        __ltrim_colon_completions "$word"
    fi
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
    local -a open=(${(M)found:#*=}) closed=(${found:#*=})
    (( ${#open} )) && compadd -S '' -- $open
    (( ${#closed} )) && compadd -- $closed
}
if [[ ${funcstack[1]} == _hyper_lite ]]; then
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
