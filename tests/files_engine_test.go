//go:build engine

package tests

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
)

// held is a file as a container sees it.
type held struct {
	content  string
	uid, gid int
	mode     int64
}

// file reads one file of a container, by its name without the project, and says whether it is there.
func (p *project) file(in, name string) (held, bool) {
	p.t.Helper()
	stream, _, err := docker.CopyFromContainer(p.t.Context(), p.name+"-"+in, name)
	if errdefs.IsNotFound(err) {
		return held{}, false
	}
	assert.NilError(p.t, err)
	defer stream.Close()
	archive := tar.NewReader(stream)
	header, err := archive.Next()
	assert.NilError(p.t, err)
	content, err := io.ReadAll(archive)
	assert.NilError(p.t, err)
	return held{string(content), header.Uid, header.Gid, header.Mode & 0o777}, true
}

// put writes a file into a container, as an application would.
func (p *project) put(in, name, content string) {
	p.t.Helper()
	reader, writer := io.Pipe()
	go func() {
		archive := tar.NewWriter(writer)
		err := archive.WriteHeader(&tar.Header{Name: path.Base(name), Mode: 0o644, Size: int64(len(content))})
		if err == nil {
			_, err = io.WriteString(archive, content)
		}
		writer.CloseWithError(errors.Join(err, archive.Close()))
	}()
	assert.NilError(p.t, docker.CopyToContainer(p.t.Context(), p.name+"-"+in, path.Dir(name), reader, container.CopyToContainerOptions{}))
}

func TestConfigsAndSecretsArriveWithTheirOwnerAndMode(t *testing.T) {
	t.Parallel()
	const file = `
services:
  plain: &app
    image: hyper-lite-demo
    configs:
      - settings
      - {source: inline, target: /etc/app/inline.conf, uid: "7", gid: "8", mode: 0440}
      - {source: fromenv, target: /etc/app/env.conf}
    secrets:
      - token
      - {source: word, target: other-word, uid: "9", gid: "10", mode: 0400}
      - {source: word, target: /somewhere/else}
  locked:
    <<: *app
    read_only: true
configs:
  settings: {file: settings.conf}
  inline: {content: "level=${LEVEL}\n"}
  fromenv: {environment: FROM_ENVIRONMENT}
secrets:
  token: {file: token.txt}
  word: {environment: WORD}
`
	p := newProject(t, file)
	p.env = append(p.env, "LEVEL=high", "FROM_ENVIRONMENT=from env", "WORD=open sesame")
	p.write("settings.conf", "a=1\n")
	p.write("token.txt", "t0ken\n")
	p.must("up", "-d")
	for _, replica := range []string{"plain-1", "locked-1"} {
		for name, want := range map[string]held{
			"/settings":               {"a=1\n", 0, 0, 0o444},
			"/etc/app/inline.conf":    {"level=high\n", 7, 8, 0o440},
			"/etc/app/env.conf":       {"from env", 0, 0, 0o444},
			"/run/secrets/token":      {"t0ken\n", 0, 0, 0o444},
			"/run/secrets/other-word": {"open sesame", 9, 10, 0o400},
			"/somewhere/else":         {"open sesame", 0, 0, 0o444},
		} {
			got, found := p.file(replica, name)
			assert.Assert(t, found, "%s is not in %s", name, replica)
			if want.mode == 0o444 && got.mode != 0o444 { // from a file: Compose leaves its mode
				want.mode = got.mode
			}
			assert.Equal(t, got, want, "%s of %s", name, replica)
		}
	}
	assert.Assert(t, p.inspect("locked-1").HostConfig.ReadonlyRootfs)
	says(t, p.must("up", "-d").out, "nothing to change")

	p.write("settings.conf", "a=2\n") // what is in a config is part of the specification
	says(t, p.must("plan").out, "plain.1", "locked.1", "configs")
	p.must("up", "-d")
	got, _ := p.file("locked-1", "/settings")
	assert.Equal(t, got.content, "a=2\n")
}

func TestASecretThatIsNotThereStopsBeforeAnythingIsMade(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  first: {image: hyper-lite-demo}
  second: {image: hyper-lite-demo, depends_on: [first], secrets: [token]}
secrets: {token: {file: none.txt}}
`)
	for _, verb := range []string{"plan", "up -d"} {
		says(t, p.exits(1, strings.Fields(verb)...).err, "token", "none.txt")
		assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	}
}

func TestWhatTheEngineCannotDoStopsBeforeAnythingIsMade(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  first: {image: hyper-lite-demo}
  second: {image: hyper-lite-demo, depends_on: [first], umask: "022"}
  third:
    image: hyper-lite-demo
    depends_on: [first]
    provider: {type: cloud}
`)
	for _, verb := range []string{"plan", "up -d", "up --dry-run", "scale second=2 third=1"} {
		r := p.exits(1, strings.Fields(verb)...)
		says(t, r.err, "services.second.umask", "services.third.provider")
		assert.Equal(t, r.out, "")
		assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	}
	p.must("up", "-d", "first") // what is not asked for stands in nobody's way
	assert.Equal(t, len(p.running("first")), 1)
}

// environment is a container's variables, without PATH and those that are switched off.
func (p *project) environment(of string) []string {
	p.t.Helper()
	env := slices.Clone(p.inspect(of).Config.Env)
	slices.Sort(env)
	return slices.DeleteFunc(env, func(pair string) bool { return strings.HasPrefix(pair, "PATH=") || !strings.Contains(pair, "=") })
}

func TestTheEnvironmentComesTogetherInComposesOrder(t *testing.T) {
	t.Parallel()
	const file = `
services:
  web:
    image: hyper-lite-demo
    env_file:
      - one.env
      - {path: two.env}
      - {path: none.env, required: false}
    environment:
      - IN_FILE=of the file
      - INTERPOLATED=${FROM_DOTENV}-${FROM_SHELL}-${UNSET:-default}
      - PASSED
      - NOT_SET_ANYWHERE
`
	p := newProject(t, file)
	p.write("one.env", "IN_FILE=of one\nIN_BOTH=of one\nIN_ONE=\"a b\" # remark\n")
	p.write("two.env", "IN_BOTH=of two\nUSES=${FROM_DOTENV}\n")
	p.write(".env", "FROM_DOTENV=dotenv\nFROM_SHELL=dotenv\nPASSED=dotenv\n")
	p.write("other.env", "FROM_DOTENV=other\n")
	p.env = append(p.env, "FROM_SHELL=shell")
	want := func(value, passed string) []string {
		all := []string{
			"IN_BOTH=of two", "IN_FILE=of the file", "IN_ONE=a b", "USES=" + value,
			fmt.Sprintf("INTERPOLATED=%s-shell-default", value),
		}
		if passed != "" {
			all = append(all, "PASSED="+passed)
		}
		slices.Sort(all)
		return all
	}
	p.must("up", "-d", "--no-start")
	assert.DeepEqual(t, p.environment("web-1"), want("dotenv", "dotenv"))
	p.must("--env-file", "other.env", "up", "-d", "--no-start")
	assert.DeepEqual(t, p.environment("web-1"), want("other", ""))
	p.at("COMPOSE_ENV_FILES=.env,other.env", func() { p.must("up", "-d", "--no-start") })
	assert.DeepEqual(t, p.environment("web-1"), want("other", "dotenv"))
	assert.Equal(t, len(p.running("web")), 0)
}
