package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// The program is also a plugin of the docker CLI, by its name or where it is asked for its metadata: `docker hyper up` is
// `hyper-lite up` (docker/cli, "CLI plugins"). A plugin's name has no dash, so it is called hyper.
const (
	pluginFile     = "docker-hyper"
	pluginWord     = "hyper"
	pluginMetadata = "docker-cli-plugin-metadata"
)

// isPlugin says whether the docker CLI calls. args are the program's name and its command line.
func isPlugin(args []string) bool {
	if len(args) > 1 && args[1] == pluginMetadata {
		return true
	}
	return len(args) > 0 && strings.TrimSuffix(filepath.Base(args[0]), ".exe") == pluginFile
}

// printMetadata is how the docker CLI gets to know a plugin.
func printMetadata(out io.Writer, version, about string) error {
	return json.NewEncoder(out).Encode(map[string]string{
		"SchemaVersion": "0.1.0", "Vendor": "hyper-lite", "Version": version,
		"ShortDescription": strings.ToUpper(about[:1]) + about[1:],
	})
}

// pluginLine is what the docker CLI was told, as a command line of ours: its own flags come before the word that it knows
// us by. set gives variables to what is called after.
func pluginLine(argv []string, set func(name, value string) error) ([]string, error) {
	var ours []string
	for at := 0; at < len(argv); at++ {
		word := argv[at]
		if word == pluginWord {
			return append(ours, argv[at+1:]...), nil
		}
		if !strings.HasPrefix(word, "-") || word == "--" {
			ours = append(ours, word) // help, or the request to complete
			continue
		}
		name, value, inline := strings.Cut(strings.TrimLeft(word, "-"), "=")
		flag, known := dockerFlags[name]
		if !known {
			return argv, nil // not from the docker CLI: it has understood its flags
		}
		if flag.value && !inline {
			if at++; at >= len(argv) {
				return nil, usagef("docker's flag %s needs a value", word)
			}
			value = argv[at]
		}
		if flag.refused != "" {
			return nil, &usageError{msg: fmt.Sprintf("docker's flag --%s is not supported here", name), hint: flag.refused}
		}
		if flag.variable != "" {
			if !flag.value {
				value = map[bool]string{true: "1", false: ""}[!inline || truthy(value)]
			}
			if err := set(flag.variable, value); err != nil {
				return nil, err
			}
		}
		if flag.ours != "" {
			ours = append(ours, flag.ours+"="+value)
		}
	}
	return argv, nil // called by its name, without the docker CLI
}

// dockerFlag is what becomes of a flag of docker's own.
type dockerFlag struct {
	value    bool   // it takes one
	ours     string // our flag in its place
	variable string // or a variable that says the same
	refused  string // or what to do instead
}

var dockerFlags = map[string]dockerFlag{
	"H": {value: true, ours: "--host"}, "host": {value: true, ours: "--host"},
	"c": {value: true, ours: "--context"}, "context": {value: true, ours: "--context"},
	"config": {value: true, variable: "DOCKER_CONFIG"},
	"tls":    {variable: "DOCKER_TLS"}, "tlsverify": {variable: "DOCKER_TLS_VERIFY"},
	"tlscacert": {value: true, refused: certPath}, "tlscert": {value: true, refused: certPath}, "tlskey": {value: true, refused: certPath},
	"D": {}, "debug": {}, "l": {value: true}, "log-level": {value: true}, // of docker's own messages
}

const certPath = "put ca.pem, cert.pem and key.pem into one folder and name it in DOCKER_CERT_PATH, or use a docker context"

// runPlugin is Run where the docker CLI calls.
func (p *program) runPlugin(ctx context.Context, argv []string) int {
	if len(argv) > 0 && argv[0] == pluginMetadata {
		return exitCode(printMetadata(p.Out, p.version, p.tree().Usage))
	}
	p.plugin, p.app = true, p.tree()
	argv, err := pluginLine(argv, func(name, value string) error {
		p.env[name] = value
		return os.Setenv(name, value) // for the engine's room and for programs that are called
	})
	if err != nil {
		p.fails(palette(coloured("", p.Err, p.env)), err)
		return exitCode(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if address := p.env["DOCKER_CLI_PLUGIN_SOCKET"]; address != "" {
		onHangUp(address, cancel)
	}
	if len(argv) > 0 && argv[0] == completionVerb {
		return p.completeForDocker(ctx, argv[1:])
	}
	return p.run(ctx, argv)
}

// addressed is a text in which commands stand as whoever reads it types them: a plugin may be installed without the program.
func (p *program) addressed(text string) string {
	if !p.plugin {
		return text
	}
	return commandLine.ReplaceAllStringFunc(text, func(line string) string {
		word := strings.TrimPrefix(line, programName+" ")
		named := slices.ContainsFunc(p.app.Commands, func(c *cli.Command) bool { return c.Name == word })
		if !named && !strings.HasPrefix(word, "-") && word != "COMMAND" && word != "[flags]" {
			return line
		}
		return "docker " + pluginWord + " " + word
	})
}

// commandLine is how a command line of ours begins.
var commandLine = regexp.MustCompile(programName + ` (-|COMMAND|\[flags\]|[a-z]+)`)

// onHangUp calls do once the docker CLI ends its end of a socket: so it tells of signals where there is no terminal that
// would tell us, too.
func onHangUp(address string, do func()) {
	conn, err := net.Dial("unix", address)
	if err != nil {
		return // an older docker CLI, or one that is gone: a signal comes by itself
	}
	go func() {
		defer conn.Close() //nolint:errcheck // nothing was written
		if _, err := io.Copy(io.Discard, conn); err == nil || errors.Is(err, io.EOF) {
			do()
		}
	}()
}

// completeForDocker completes as the docker CLI's scripts read it: a last line says whether names of files fit, too.
func (p *program) completeForDocker(ctx context.Context, argv []string) int {
	var found strings.Builder
	shown := *p
	shown.Out = &found
	shown.complete(ctx, argv)
	words := strings.Split(strings.TrimSuffix(found.String(), "\n"), "\n")
	directive := 4 // no names of files
	if slices.Contains(words, completeFiles) {
		directive = 0
	}
	for _, word := range words {
		if word != "" && word != completeFiles {
			fmt.Fprintln(p.Out, word)
		}
	}
	fmt.Fprintf(p.Out, ":%d\n", directive)
	return exitDone
}
