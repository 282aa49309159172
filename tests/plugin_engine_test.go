//go:build engine

package tests

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

// asPlugin makes `docker hyper` out of the binary, for the docker CLI of this machine.
func (p *project) asPlugin() (config string) {
	p.t.Helper()
	if _, err := exec.LookPath("docker"); err != nil {
		p.t.Skip("there is no docker CLI")
	}
	config = filepath.Join(p.dir, "docker")
	from, err := os.Open(binary)
	assert.NilError(p.t, err)
	defer from.Close()
	p.write("docker/cli-plugins/docker-hyper", "")
	path := filepath.Join(config, "cli-plugins", "docker-hyper")
	to, err := os.OpenFile(path, os.O_WRONLY, 0o755)
	assert.NilError(p.t, err)
	_, err = io.Copy(to, from)
	assert.NilError(p.t, errors.Join(err, to.Close(), os.Chmod(path, 0o755)))
	return config
}

// throughDocker runs the docker CLI in the project folder.
func (p *project) throughDocker(config string, args ...string) result {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var out, errs bytes.Buffer
	c := exec.CommandContext(ctx, "docker", args...)
	c.Dir, c.Env = p.dir, append(append(os.Environ(), p.env...), "DOCKER_CONFIG="+config)
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	exit, exited := errors.AsType[*exec.ExitError](err)
	if err != nil && !exited {
		p.t.Fatalf("docker %s: %v", strings.Join(args, " "), err)
	}
	if exited {
		return result{exit.ExitCode(), out.String(), errs.String()}
	}
	return result{0, out.String(), errs.String()}
}

func TestTheDockerCLIHasItAsAPlugin(t *testing.T) {
	t.Parallel()
	p := newProject(t, "services: {web: {image: hyper-lite-demo, deploy: {replicas: 2}, stop_grace_period: 1s}}\n")
	config := p.asPlugin()
	says(t, p.throughDocker(config, "--help").out, "hyper* ", "Run compose files")
	up := p.throughDocker(config, "hyper", "up", "-d")
	assert.Equal(t, up.code, 0, up.err)
	assert.Equal(t, len(p.running("web")), 2)
	assert.Equal(t, p.throughDocker(config, "hyper", "ps", "--services").out, "web\n")
	says(t, p.throughDocker(config, "hyper", "--help").out, "Usage: docker hyper ")
	says(t, p.throughDocker(config, "help", "hyper").out, "Usage: docker hyper ")

	// exit codes, streams and docker's own flags come through
	assert.Equal(t, p.throughDocker(config, "hyper", "ps", "--nonsense").code, 2)
	far := p.throughDocker(config, "-H", "unix:///nowhere.sock", "hyper", "ps")
	assert.Equal(t, far.code, 4)
	says(t, far.err, "/nowhere.sock")
	none := p.throughDocker(config, "--context", "nosuch", "hyper", "ps")
	assert.Equal(t, none.code, 1)
	says(t, none.err, "nosuch")
	here := p.throughDocker(config, "-H", docker.DaemonHost(), "hyper", "ps", "-q")
	assert.Equal(t, strings.Count(here.out, "\n"), 2, here.err)
	p.at("DOCKER_CONTEXT=nosuch", func() { assert.Equal(t, p.throughDocker(config, "hyper", "ps").code, 1) })
	assert.Equal(t, p.throughDocker(config, "__complete", "hyper", "logs", "w").out, "web\n:4\n")

	// a signal to the docker CLI alone ends the plugin, too
	c := exec.Command("docker", "hyper", "logs", "-f")
	c.Dir, c.Env = p.dir, append(append(os.Environ(), p.env...), "DOCKER_CONFIG="+config)
	b := &begun{Cmd: c, t: t}
	b.Stdout, b.Stderr = &b.out, &b.err
	assert.NilError(t, b.Start())
	b.says("web-2  | demo: ")
	assert.NilError(t, b.Process.Signal(os.Interrupt))
	assert.Equal(t, b.ends(), 130)

	assert.Equal(t, p.throughDocker(config, "hyper", "down", "-t", "1").code, 0)
	assert.Equal(t, len(p.containers("")), 0)
}
