package command

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"hyper-lite/engine"
)

func TestWhoCalls(t *testing.T) {
	for typed, want := range map[string]bool{
		"hyper-lite up": false, "/usr/bin/hyper-lite": false, "docker-hyper up": true, "/x/cli-plugins/docker-hyper": true,
		"docker-hyper.exe ps": true, "hyper-lite docker-cli-plugin-metadata": true, "hyper-lite up docker-cli-plugin-metadata": false,
	} {
		assert.Equal(t, isPlugin(strings.Fields(typed)), want, typed)
	}
}

func TestWhatTheDockerCLIWasToldIsALineOfOurs(t *testing.T) {
	for typed, want := range map[string]string{
		"hyper up -d":                            "up -d",
		"--context far hyper ps":                 "--context=far ps",
		"-c far -H tcp://h:1 hyper -f x up":      "--context=far --host=tcp://h:1 -f x up",
		"--host=tcp://h:1 hyper ps":              "--host=tcp://h:1 ps",
		"--config /c --tls --tlsverify hyper ps": "ps | DOCKER_CONFIG=/c DOCKER_TLS=1 DOCKER_TLS_VERIFY=1",
		"--tlsverify=false hyper ps":             "ps | DOCKER_TLS_VERIFY=",
		"-D -l debug hyper ps":                   "ps",
		"help hyper":                             "help",
		"help hyper up":                          "help up",
		"hyper --help":                           "--help",
		"hyper run hyper":                        "run hyper",
		"__complete hyper lo":                    "__complete lo",
		"__complete --context x hyper logs w":    "__complete --context=x logs w",
		"ps -a":                                  "ps -a", // by its name alone
		"-f compose.yaml up":                     "-f compose.yaml up",
		"":                                       "",
	} {
		var variables []string
		line, err := pluginLine(strings.Fields(typed), func(name, value string) error {
			variables = append(variables, name+"="+value)
			return nil
		})
		assert.NilError(t, err, typed)
		got := strings.Join(line, " ")
		if len(variables) > 0 {
			got += " | " + strings.Join(variables, " ")
		}
		assert.Equal(t, got, want, typed)
	}
	for _, typed := range []string{"--tlscacert x hyper ps", "--context"} {
		_, err := pluginLine(strings.Fields(typed), nil)
		assert.Assert(t, errors.As(err, new(*usageError)), typed)
	}
}

func TestMetadata(t *testing.T) {
	var out lockedBuffer
	p := &program{IO: IO{Out: &out}, version: "1.2.3"}
	assert.Equal(t, p.runPlugin(t.Context(), []string{pluginMetadata}), 0)
	var told map[string]string
	assert.NilError(t, json.Unmarshal([]byte(out.String()), &told))
	assert.Equal(t, told["SchemaVersion"]+" "+told["Version"], "0.1.0 1.2.3")
	assert.Assert(t, told["Vendor"] != "" && strings.HasPrefix(told["ShortDescription"], "Run compose files"))
}

func TestTheDockerCLIsScriptsAreCompleted(t *testing.T) {
	s := newShell(t, shop)
	for typed, want := range map[string]string{"__complete hyper lo": "logs\n:4\n", "__complete hyper -f ": ":0\n", "__complete hyper logs w": "web\n:4\n"} {
		var out lockedBuffer
		p := &program{IO: IO{Out: &out}, env: map[string]string{"COMPOSE_FILE": filepath.Join(s.dir, "compose.yaml")}}
		assert.Equal(t, p.runPlugin(t.Context(), strings.Split(typed, " ")), 0)
		assert.Equal(t, out.String(), want, typed)
	}
}

// What a plugin says to type begins with docker hyper: hyper-lite need not be there.
func TestAPluginSaysWhatToType(t *testing.T) {
	s := newShell(t, shop)
	for typed, want := range map[string]string{
		"hyper exec db sh": "error: service \"db\" is not running\n hint: `docker hyper up -d db` starts it\n",
		"hyper bogus":      "error: unknown command \"bogus\"\n hint: `docker hyper --help` lists them\n",
	} {
		var out, bad lockedBuffer
		p := &program{IO: IO{Out: &out, Err: &bad}, env: map[string]string{"COMPOSE_FILE": filepath.Join(s.dir, "compose.yaml")}}
		p.openEngine = func(context.Context, engine.Options) (Engine, error) { return s.engine, nil }
		assert.Assert(t, p.runPlugin(t.Context(), strings.Fields(typed)) != 0)
		assert.Equal(t, bad.String(), want, typed)
	}
	var out lockedBuffer
	p := &program{IO: IO{Out: &out, Err: &out}, env: map[string]string{"COMPOSE_FILE": filepath.Join(s.dir, "compose.yaml")}}
	p.openEngine = func(context.Context, engine.Options) (Engine, error) { return s.engine, nil }
	assert.Equal(t, p.runPlugin(t.Context(), strings.Fields("hyper cron create --name tidy --hour 2 x")), 0)
	assert.Equal(t, out.String(), "tidy is made; project shop has no sidecar that runs: the next `docker hyper up` registers it\n")
	for _, typed := range []string{"hyper --help", "hyper up --help", "hyper cron --help"} {
		assert.Equal(t, p.runPlugin(t.Context(), strings.Fields(typed)), 0)
	}
	left := strings.ReplaceAll(out.String(), "hyper-lite: run compose files", "")
	assert.Assert(t, !strings.Contains(left, "hyper-lite "), left)
	assert.Assert(t, strings.Contains(out.String(), "Usage: docker hyper up [flags] [SERVICE...]"))
}

func TestTheDockerCLIHangsUp(t *testing.T) {
	address := filepath.Join(t.TempDir(), "socket")
	listener, err := net.Listen("unix", address)
	assert.NilError(t, err)
	defer listener.Close()
	ended := make(chan struct{})
	onHangUp(address, func() { close(ended) })
	conn, err := listener.Accept()
	assert.NilError(t, err)
	select {
	case <-ended:
		t.Fatal("ended before the end")
	default:
	}
	assert.NilError(t, conn.Close())
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the end was not seen")
	}
	onHangUp(filepath.Join(t.TempDir(), "none"), func() { t.Error("called without a socket") })
}
