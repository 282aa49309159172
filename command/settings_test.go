package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// What docker compose reads from .env stands in for flags here, too; the environment wins, and flags win over both.
func TestVariablesOfTheEnvFileStandInForFlags(t *testing.T) {
	for name, c := range map[string]struct {
		file, typed string
		env         map[string]string
		code        int
		says        string // on stderr
	}{
		"progress":                 {"COMPOSE_PROGRESS=json", "up -d", nil, 0, `{"format":1}`},
		"the environment wins":     {"COMPOSE_PROGRESS=json", "up -d", map[string]string{"COMPOSE_PROGRESS": "plain"}, 0, "container shop-db-1  "},
		"a flag wins":              {"COMPOSE_PROGRESS=json", "--progress plain up -d", nil, 0, "container shop-db-1  "},
		"a wrong one is told":      {"COMPOSE_PROGRESS=loud", "ps", nil, 2, `--progress: "loud" is not allowed`},
		"ansi":                     {"COMPOSE_ANSI=always", "up -d --nonsense", nil, 2, "unknown flag"},
		"ansi, wrong":              {"COMPOSE_ANSI=blue", "ps", nil, 2, `--ansi: "blue"`},
		"parallel":                 {"COMPOSE_PARALLEL_LIMIT=0", "ps", nil, 2, `--parallel: "0"`},
		"compatibility":            {"COMPOSE_COMPATIBILITY=1", "ps", nil, 2, "--compatibility: "},
		"compatibility as a flag":  {"", "ps --compatibility", nil, 2, "--compatibility: "},
		"compatibility, off":       {"COMPOSE_COMPATIBILITY=0", "ps", nil, 0, ""},
		"orphans, both ways":       {"COMPOSE_IGNORE_ORPHANS=1", "up -d --remove-orphans", nil, 2, "exclude each other"},
		"another env file":         {"COMPOSE_PROGRESS=loud", "--env-file other.env ps", nil, 0, ""},
		"without env file":         {"COMPOSE_PROGRESS=loud", "ps", map[string]string{"COMPOSE_DISABLE_ENV_FILE": "1"}, 0, ""},
		"the project's name":       {"COMPOSE_PROJECT_NAME=Shop!", "config -q", nil, 1, "Shop!"},
		"where there is no engine": {"COMPOSE_PROGRESS=loud", "ls", nil, 2, "--progress"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShell(t, strings.TrimPrefix(shop, "name: shop\n"))
			assert.NilError(t, os.WriteFile(filepath.Join(s.dir, ".env"), []byte("COMPOSE_PROJECT_NAME=shop\n"+c.file+"\n"), 0o600))
			assert.NilError(t, os.WriteFile(filepath.Join(s.dir, "other.env"), []byte("COMPOSE_PROJECT_NAME=shop\n"), 0o600))
			for name, value := range c.env {
				s.env[name] = value
			}
			s.env["COMPOSE_FILE"] = filepath.Join(s.dir, "compose.yaml")
			r := s.run(strings.Fields(strings.ReplaceAll(c.typed, "other.env", filepath.Join(s.dir, "other.env")))...)
			assert.Equal(t, r.code, c.code, r.err)
			assert.Assert(t, is.Contains(r.err, c.says))
		})
	}
}

func TestOrphansAreIgnoredWhereTheEnvironmentSaysSo(t *testing.T) {
	s := newShell(t, shop)
	s.run("up", "-d")
	assert.NilError(t, os.WriteFile(filepath.Join(s.dir, "compose.yaml"), []byte("name: shop\nservices: {web: {image: shop:1}}\n"), 0o600))
	assert.Assert(t, is.Contains(s.run("up", "-d").err, "orphan containers shop-db-1"))
	s.env["COMPOSE_IGNORE_ORPHANS"] = "true"
	assert.Assert(t, !strings.Contains(s.run("up", "-d").err, "orphan"))
}

func TestStatusGoesToStdoutWhereTheEnvironmentSaysSo(t *testing.T) {
	s := newShell(t, shop)
	s.env["COMPOSE_STATUS_STDOUT"] = "1"
	r := s.run("up", "-d")
	assert.Assert(t, is.Contains(r.out, "container shop-db-1  "))
	assert.Equal(t, r.err, "")
}

func TestAllResources(t *testing.T) {
	s := newShell(t, shop+"networks: {spare: {}}\nvolumes: {spare: {}}\n")
	assert.Assert(t, !strings.Contains(s.run("plan").out, "spare"))
	made := s.run("plan", "--all-resources").out
	assert.Assert(t, is.Contains(made, "network shop_spare"))
	assert.Assert(t, is.Contains(made, "volume shop_spare"))
}
