package command

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// standIn is a hyper-lite that completes what a shell must ask word by word: what was typed, what is offered.
const standIn = `#!/bin/sh
asked=$(printf '[%s]' "$@")
case $asked in
'[` + completionVerb + `][]') printf 'up\ndown\n' ;;
'[` + completionVerb + `][logs][w]') printf 'web\nweb-api\n' ;;
'[` + completionVerb + `][logs][web][]') echo db ;;
'[` + completionVerb + `][scale][d]') echo db= ;;
'[` + completionVerb + `][logs][--fo]') echo --follow ;;
'[` + completionVerb + `][-f][a]') echo :files ;;
'[` + completionVerb + `][--file=a]') echo :files ;;
'[` + completionVerb + `][--pull=m]') echo --pull=missing ;;
'[` + completionVerb + `][cp][w]') echo web: ;;
'[` + completionVerb + `][cp][web:/a][b]') echo base ;;
*) echo "asked-for-$asked" ;;
esac
`

// The scripts are tried in the shells themselves, each by a driver in testdata/completion, where these are installed.
func TestShellsOfferWhatTheScriptsFind(t *testing.T) {
	t.Parallel()
	programs, home := t.TempDir(), t.TempDir()
	assert.NilError(t, os.WriteFile(filepath.Join(programs, "hyper-lite"), []byte(standIn), 0o700))
	assert.NilError(t, os.WriteFile(filepath.Join(home, "a file"), nil, 0o600))
	cases := map[string]string{
		"": "down|up", "logs w": "web|web-api", "logs web ": "db", "scale d": "db=", "logs --fo": "--follow", "-f a": "a file",
		"cp w": "web:", "cp web:/a b": "base", "--pull=m": "--pull=missing",
	}
	broken := map[string]string{"--pull=m": "missing", "--file=a": "a file"} // bash replaces what stands after = only
	for _, shell := range []struct {
		name      string
		variables string
		arguments []string
	}{
		{name: "bash", arguments: []string{"--norc"}},
		{name: "fish", arguments: []string{"--no-config"}},
		{name: "zsh", variables: "ZSH_LOAD=source", arguments: []string{"-f"}},
		{name: "zsh", variables: "ZSH_LOAD=fpath", arguments: []string{"-f"}},
	} {
		t.Run(strings.TrimSpace(shell.name+" "+shell.variables), func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(shell.name); err != nil {
				t.Skip(shell.name + " is not installed: its completion script was not tried")
			}
			driver, err := filepath.Abs("testdata/completion/" + shell.name)
			assert.NilError(t, err)
			asked := maps.Clone(cases)
			if shell.name == "bash" {
				maps.Copy(asked, broken)
			}
			for typed, want := range asked {
				if shell.variables == "ZSH_LOAD=fpath" && typed != "logs w" {
					continue // only how it is loaded differs
				}
				words := strings.Split(typed, " ")
				if shell.name != "bash" { // it alone is told its words; the others split a line
					words = []string{typed}
				}
				command := exec.CommandContext(t.Context(), shell.name, append(append(shell.arguments, driver), words...)...)
				command.Dir = home
				command.Env = append(os.Environ(), "PATH="+programs+":"+os.Getenv("PATH"), "HOME="+home, shell.variables)
				command.Stdin = strings.NewReader(completionScripts[shell.name])
				out, err := command.CombinedOutput()
				assert.NilError(t, err, "%s", out)
				offered := strings.Split(strings.TrimSpace(string(out)), "\n")
				assert.Equal(t, strings.Join(sorted(offered), "|"), want, typed)
			}
		})
	}
}

func sorted(words []string) []string {
	for i := range words {
		words[i] = strings.TrimSpace(words[i])
	}
	slices.Sort(words)
	return words
}
