package compose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

const digestBase = `
services:
  web:
    image: x
    command: [a]
    environment: {V: "1", W: "2"}
    labels: {l: "1"}
    volumes: [data:/data]
    networks: [back]
    configs: [conf]
    secrets: [token]
    protocol: http
    healthcheck: {test: [CMD, a], interval: 5s}
    deploy: {replicas: 2, resources: {limits: {memory: 64m}}}
  other: {image: y}
volumes: {data: {}}
networks: {back: {}}
configs: {conf: {content: "c"}}
secrets: {token: {file: ./token}}
`

func digestOf(t *testing.T, text string, files map[string]string) Digest {
	t.Helper()
	all := map[string]string{"compose.yaml": text, "token": "t"}
	for k, v := range files {
		all[k] = v
	}
	return service(t, mustLoad(t, all, LoadOptions{ProjectName: "p"}), "web").Digest
}

// Each change of the file is one row; changed names the fields that tell of it, "" that no new container is needed.
func TestEachFieldCounts(t *testing.T) {
	base := digestOf(t, digestBase, nil)
	assert.Assert(t, strings.HasPrefix(base.Hash, "v1:") && len(base.Hash) == 3+64)
	cases := map[string]struct{ old, replacement, changed string }{
		"image":              {"image: x", "image: z", "image"},
		"command":            {"command: [a]", "command: [b]", "command"},
		"command cleared":    {"command: [a]", "command: []", "command"},
		"variable":           {`V: "1"`, `V: "9"`, "environment.V"},
		"variable gone":      {`V: "1", `, ``, "environment.V"},
		"variable added":     {`V: "1"`, `V: "1", X: "1"`, "environment.X"},
		"label":              {`l: "1"`, `l: "2"`, "labels.l"},
		"volume's target":    {"data:/data", "data:/other", "volumes./data volumes./other"},
		"volume's mode":      {"data:/data", "data:/data:ro", "volumes./data"},
		"volume's name":      {"volumes: {data: {}}", "volumes: {data: {name: n}}", "volumes./data"},
		"network's name":     {"networks: {back: {}}", "networks: {back: {name: n}}", "networks.n networks.p_back"},
		"network alias":      {"networks: [back]", "networks: {back: {aliases: [a]}}", "networks.p_back"},
		"config's content":   {`content: "c"`, `content: "d"`, "configs.conf"},
		"config's target":    {"configs: [conf]", "configs: [{source: conf, target: /c}]", "configs.conf"},
		"secret's mode":      {"secrets: [token]", "secrets: [{source: token, mode: 0400}]", "secrets.token"},
		"memory":             {"memory: 64m", "memory: 65m", "deploy.resources"},
		"restart policy":     {"replicas: 2,", "replicas: 2, restart_policy: {condition: any},", "deploy.restart_policy"},
		"health check":       {"interval: 5s", "interval: 6s", "healthcheck"},
		"restart":            {"command: [a]", "command: [a]\n    restart: always", "restart"},
		"user":               {"command: [a]", "command: [a]\n    user: me", "user"},
		"stop_grace_period":  {"command: [a]", "command: [a]\n    stop_grace_period: 3s", "stop_grace_period"},
		"cap_add":            {"command: [a]", "command: [a]\n    cap_add: [SYS_ADMIN]", "cap_add"},
		"own port":           {"command: [a]", "command: [a]\n    ports: ['80']", "ports"},
		"pre_start":          {"command: [a]", "command: [a]\n    pre_start: [{command: a}]", "pre_start"},
		"size":               {"replicas: 2, resources: {limits: {memory: 64m}}}", "replicas: 2}\n    size: s2", "deploy.resources"},
		"replicas":           {"replicas: 2", "replicas: 3", ""},
		"update_config":      {"replicas: 2", "replicas: 2, update_config: {parallelism: 2}", ""},
		"rollback_config":    {"replicas: 2", "replicas: 2, rollback_config: {parallelism: 2}", ""},
		"depends_on":         {"command: [a]", "command: [a]\n    depends_on: [other]", ""},
		"build":              {"command: [a]", "command: [a]\n    build: .", ""},
		"pull_policy":        {"command: [a]", "command: [a]\n    pull_policy: always", ""},
		"profiles":           {"{image: y}", "{image: y, profiles: [dev]}", ""},
		"develop":            {"command: [a]", "command: [a]\n    develop: {watch: [{path: ., action: rebuild}]}", ""},
		"post_start":         {"command: [a]", "command: [a]\n    post_start: [{command: a}]", ""},
		"pre_stop":           {"command: [a]", "command: [a]\n    pre_stop: [{command: a}]", ""},
		"attach":             {"command: [a]", "command: [a]\n    attach: false", ""},
		"protocol":           {"protocol: http", "protocol: https", ""},
		"hosts":              {"protocol: http", "protocol: http\n    hosts: a.b", ""},
		"probe":              {"protocol: http", "protocol: http\n    health-check: {fall: 9}", ""},
		"balanced port":      {"protocol: http", "protocol: http\n    ports: ['8080:80']", ""},
		"drain":              {"protocol: http", "protocol: http\n    drain: 9s", ""},
		"other extension":    {"protocol: http", "protocol: http\n    x-note: hi", ""},
		"the volume's key":   {"[data:/data]", "[disk:/data]", ""},
		"the network's key":  {"networks: [back]", "networks: [b]", ""},
		"the config's place": {`content: "c"`, "file: ./c.txt", ""},
		"an env file":        {`environment: {V: "1", W: "2"}`, `env_file: v.env`, ""},
		"the secret's file":  {"./token", "./renamed", ""},
	}
	also := map[string][2]string{
		"the volume's key":  {"volumes: {data: {}}", "volumes: {disk: {name: p_data}}"},
		"the network's key": {"networks: {back: {}}", "networks: {b: {name: p_back}}"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			assert.Assert(t, strings.Contains(digestBase, c.old))
			text := strings.Replace(digestBase, c.old, c.replacement, 1)
			if more, ok := also[name]; ok {
				text = strings.Replace(text, more[0], more[1], 1)
			}
			changed := digestOf(t, text, map[string]string{"c.txt": "c", "v.env": "V=1\nW=2\n", "renamed": "t"})
			assert.Equal(t, strings.Join(differences(base, changed), " "), c.changed)
			assert.Equal(t, changed.Hash == base.Hash, c.changed == "")
		})
	}
}

func differences(a, b Digest) []string {
	names := map[string]bool{}
	for n := range a.Fields {
		names[n] = true
	}
	for n := range b.Fields {
		names[n] = true
	}
	var changed []string
	for n := range names {
		if a.Fields[n] != b.Fields[n] {
			changed = append(changed, n)
		}
	}
	return sorted(changed)
}

func TestDigestCountsWhatASecretHolds(t *testing.T) {
	a := digestOf(t, digestBase, nil)
	assert.Equal(t, a.Hash, digestOf(t, digestBase, nil).Hash) // another folder, the same content
	b := digestOf(t, digestBase, map[string]string{"token": "other"})
	assert.DeepEqual(t, differences(a, b), []string{"secrets.token"})
}

func TestFieldsAreSalted(t *testing.T) {
	text := "services: {a: {image: x, environment: {P: secret}}, b: {image: x, environment: {P: secret}}}"
	p := mustLoad(t, one(text), LoadOptions{})
	a, b := service(t, p, "a").Digest, service(t, p, "b").Digest
	assert.Equal(t, a.Hash, b.Hash)
	assert.Assert(t, a.Fields["environment.P"] != b.Fields["environment.P"])
}

func TestDigestOfAMissingFile(t *testing.T) {
	dir := write(t, map[string]string{"compose.yaml": digestBase, "token": "t"})
	p, _, err := Load(t.Context(), LoadOptions{WorkDir: dir})
	assert.NilError(t, err)
	assert.NilError(t, os.Remove(filepath.Join(dir, "token")))
	_, err = DigestOf(service(t, p, "web"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, "read secrets.token")
}

// The digests of these services in the words of the contract's version 1. A container that runs carries the digest that
// an older hyper-lite gave it: where this test fails, every user's containers would be made anew by an upgrade, though
// nothing in their files changed.
//
// So do not write the new digests here. First find out which field moved (DigestOf's Fields tell): a key that is new to
// Compose's types must be left out while it is not set, and a new default must not be written into what is digested. Only
// where the containers themselves are made otherwise than before, and so must be replaced, a new version is right: then
// write "v2:" in DigestOf, say in CHANGELOG that the next `up` makes containers anew and why, and refresh this table.
func TestDigestsStayAsTheyAre(t *testing.T) {
	text, err := os.ReadFile("testdata/digests.yaml")
	assert.NilError(t, err)
	p := mustLoad(t, map[string]string{"compose.yaml": string(text), "digests.env": "FROM=file\n"},
		LoadOptions{ProjectName: "shop", Env: []string{"SET=set", "TOKEN=t"}})
	want := map[string]string{
		"hooked": "v1:f31543270bfdf71de7c7e6175dcb1873d34f149483a894907d5225776c41f666",
		"job":    "v1:e5b34e93fc7f78bc985a57bf37faf1f0504c3e50353a6a7be4eeb1f053d8098e",
		"mounts": "v1:3e59c4263ce8290ec036d8176752f853a9b6a62a0e5470f51e517779678923a6",
		"plain":  "v1:cf4afd405887d189aaec5136281e0e5bd78f42312aac6936a135cada5f19f0c7",
		"ports":  "v1:384b587a5bebcdd455db6d4d2790e29ce8d46b362ee38044095ec08129fea9d5",
		"routed": "v1:06c1bdd1d31c94eca11926fd461a76e8a226c2b3159e0462b9861b8db1ff4db5",
		"words":  "v1:1cf257c1c43dbab366d5dfe4cffb39a41caba5948284457ed927e5a62c162f06",
	}
	got := map[string]string{}
	for _, s := range p.Templates() {
		got[s.Name] = s.Digest.Hash
	}
	assert.DeepEqual(t, got, want)
	// the fields are compared with those in the labels of containers, one by one, so that a plan can say what changed
	assert.DeepEqual(t, service(t, p, "plain").Digest.Fields, map[string]string{"image": "3b66d71b", "networks.shop_default": "8380eb52"})
}
