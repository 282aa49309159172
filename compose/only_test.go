package compose

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

const withUnread = `services:
  web: {image: x, env_file: [web.env], depends_on: [db]}
  db: {image: x}
  hooked: {image: x, pre_start: [{command: a, env_file: [hook.env]}]}
  labelled: {image: x, label_file: web.labels, network_mode: "service:web"}
  held: {image: x, configs: [conf], secrets: [token]}
  built: {build: {context: ., secrets: [token]}}
  nightly: {image: x, cron: "@daily", env_file: [job.env]}
jobs:
  tidy: {image: x, env_file: [job.env], depends_on: [web], triggers: {manual: true}}
configs: {conf: {file: ./conf}}
secrets: {token: {environment: TOKEN}}
`

// What others hold than what a run is about may be missing: then their digests are not known. What it is about is whole, or a
// mistake with its place.
func TestOnlyWhatARunIsAboutMustBeWhole(t *testing.T) {
	const token = "compose.yaml:12:32: secrets.token.environment: the variable TOKEN is not set"
	for _, c := range []struct {
		opt   LoadOptions
		wrong []string
	}{
		{opt: LoadOptions{Only: []string{"db"}}},
		{opt: LoadOptions{Only: []string{"nobody"}}},
		{opt: LoadOptions{Looking: true}},
		{opt: LoadOptions{Only: []string{"web"}}, wrong: []string{"compose.yaml:2:30: services.web.env_file[0]: there is no file"}},
		{opt: LoadOptions{Only: []string{"tidy"}}, wrong: []string{"services.web.env_file[0]", "compose.yaml:10:31: jobs.tidy.env_file[0]"}},
		{opt: LoadOptions{Only: []string{"tidy"}, NoDeps: true}, wrong: []string{"compose.yaml:10:31: jobs.tidy.env_file[0]"}},
		{opt: LoadOptions{Only: []string{"nightly"}}, wrong: []string{"services.nightly.env_file[0]"}},
		{opt: LoadOptions{Only: []string{"hooked"}}, wrong: []string{"services.hooked.pre_start[0].env_file[0]"}},
		{opt: LoadOptions{Only: []string{"labelled"}, NoDeps: true}, wrong: []string{"services.labelled.label_file"}},
		{opt: LoadOptions{Only: []string{"labelled"}}, wrong: []string{"services.labelled.label_file", "services.web.env_file[0]"}},
		{opt: LoadOptions{Only: []string{"held"}}, wrong: []string{token, "compose.yaml:11:24: configs.conf.file: there is no file"}},
		{opt: LoadOptions{Only: []string{"built"}}, wrong: []string{token}},
		{opt: LoadOptions{Looking: true, Building: true}, wrong: []string{token}},
		{opt: LoadOptions{Looking: true, Building: true, Only: []string{"built"}}, wrong: []string{token}},
		{opt: LoadOptions{Looking: true, Building: true, Only: []string{"held"}}},
	} {
		if len(c.wrong) > 0 {
			said := mistakes(t, one(withUnread), c.opt)
			for _, want := range c.wrong {
				assert.Check(t, strings.Contains(said, want), "%v: %s", c.opt.Only, said)
			}
			assert.Check(t, is.Equal(strings.Count(said, "\n"), len(c.wrong)-1), said)
			continue
		}
		p := mustLoad(t, one(withUnread), c.opt)
		for _, s := range p.Templates() {
			assert.Check(t, (s.Digest.Hash != "") == (s.Name == "db"), "%v: %s %q", c.opt.Only, s.Name, s.Digest.Hash)
		}
		text, err := Canonical(p, "json")
		assert.NilError(t, err)
		assert.Assert(t, !strings.Contains(string(text), "env_file"))
	}

	files := maps.Clone(one(withUnread))
	files["web.env"] = "A=1"
	p := mustLoad(t, files, LoadOptions{Only: []string{"web"}})
	assert.Equal(t, *service(t, p, "web").Body.Environment["A"], "1")
	known := slices.DeleteFunc(p.Templates(), func(s Service) bool { return s.Digest.Hash == "" })
	assert.Equal(t, len(known), 2)
}

// What is odd about a project is told where it is made, and not each time that it is looked at. What docker compose warns of, it
// warns of each time.
func TestWhoOnlyLooksIsNotWarned(t *testing.T) {
	files := one(`
version: "3"
x-hyper-lite: {revisions: 0}
services:
  web: {image: x, protocol: httpsTerm, ssl_cert: cert.pem, container_port: 80, hosts: [elsewhere.example.com], autorestart: ALWAYS, deploy: {update_config: {failure_action: rollback}}}
  other: {image: "x:${NOTHING}", networks: {default: {aliases: [web-lb]}}}
  nightly: {image: x, cron: "@daily", restart: "on-failure:3"}
jobs:
  idle: {image: x, triggers: {manual: false}}
  after: {image: x, depends_on: [idle], triggers: {manual: true}}
`)
	cert, key := pemPair(t)
	files["cert.pem"] = cert + key
	dir := write(t, files)
	_, all, err := Load(t.Context(), LoadOptions{WorkDir: dir})
	assert.NilError(t, err)
	assert.Equal(t, len(all), 9, strings.Join(all, "\n"))
	_, some, err := Load(t.Context(), LoadOptions{WorkDir: dir, Looking: true})
	assert.NilError(t, err)
	assert.Equal(t, len(some), 2, strings.Join(some, "\n"))
	assert.Assert(t, is.Contains(some[0], "`version` is obsolete"))
	assert.Assert(t, is.Contains(some[1], "NOTHING"))
}
