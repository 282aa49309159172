package compose

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// richFiles use much of what a file can say.
func richFiles(t *testing.T) map[string]string {
	t.Helper()
	chain, key := pemPair(t)
	return map[string]string{
		"compose.yaml": richFile,
		"base.yaml":    "services: {base: {image: base, labels: {from: base}, environment: {BASE: 'a$$b'}, drain: 7s}}\n",
		"web.env":      "FROM_FILE=one two\nQUOTED='a \"b\" $C'\nUNSET\n",
		"hook.env":     "HOOK=1\n",
		"labels":       "from.file=yes\n",
		"token.txt":    "hush\n",
		"conf.txt":     "listen 80\n",
		"pair.pem":     chain + key,
	}
}

const richFile = `name: shop
x-hyper-lite: {drain: 30s, revisions: 5, balancer: {image: "traefik:v3.6.12", options: ["--accesslog=true"]}, sidecar: {memory: 64m, cpus: 0.5}}
x-common: &common
  labels: {shared: "100%", dollar: "a$$b$${C}", number: 3, yes: true}
services:
  web:
    <<: *common
    image: "nginx:${TAG:-1}"
    replicas: ${N:-3}
    protocol: httpsTerm
    ssl_cert: pair.pem
    hosts: [a.example, "*.b.example"]
    path_prefix: /v1
    session_affinity: "true"
    ports: ["8443:80"]
    health_check: {fall: "${F:-4}", interval: 2s}
    healthcheck: {test: "curl -f http://localhost/$$PATH || exit 1", interval: 1m30s, timeout: 500ms, start_period: 3s, retries: 4}
    env_file: [web.env, {path: missing.env, required: false}]
    label_file: labels
    environment:
      PLAIN: x
      EMPTY: ""
      UNSET:
      DOLLARS: "$$$$ $${HOME} $$(date)"
      YAML: "no: [yes, 'null'] # ~"
      MULTI: "line\n\tline\r\n\"quoted\" \\ \u0001\u007f\u2028 😀 ü"
      NUMBER: 1e3
      FLOAT: 0.10
      BOOL: true
      LARGE: 9007199254740993
    command: ["echo", "$$HOME", "", "a b"]
    entrypoint: []
    secrets: [token, {source: variable, target: /run/x, mode: 0400, uid: "1"}]
    configs: [conf, {source: inline, target: /etc/inline}, {source: fromenv, target: /etc/env}]
    depends_on: {db: {condition: service_healthy, restart: true}, migrate: {condition: service_completed_successfully}}
    networks: {default: {aliases: [www]}, back: {priority: 10}}
    deploy:
      update_config: {parallelism: 2, delay: 3s, order: start-first, failure_action: rollback, monitor: 4s, max_failure_ratio: 0.3}
      resources: {limits: {cpus: "0.25", memory: 50M, pids: 100}, reservations: {memory: 20M}}
    ulimits: {nofile: {soft: 1024, hard: 2048}, nproc: 65535}
    sysctls: {net.core.somaxconn: 1024}
    extra_hosts: ["host.docker.internal:host-gateway", "six:[::1]"]
    tmpfs: [/tmp:size=64m, /run]
    shm_size: 64m
    cap_add: [NET_ADMIN]
    dns: [1.1.1.1]
    logging: {driver: json-file, options: {max-size: "1m", max-file: "3"}}
    stop_grace_period: 1m30s
    stop_signal: SIGTERM
    init: true
    read_only: true
    user: "1000:1000"
    working_dir: /srv/$$x
    pre_start: [{image: hook, command: "echo $$0", env_file: hook.env, environment: {H: "$$1"}, secrets: [token]}]
    post_start: [{command: ["sh", "-c", "echo $$1"], user: root, environment: {A: "1"}}]
    pre_stop: [{command: "sleep 1"}]
    volumes:
      - data:/data
      - ./site:/site:ro
      - {type: tmpfs, target: /cache, tmpfs: {size: 1048576, mode: 0777}}
      - {type: volume, target: /anonymous}
      - {type: bind, source: ./other, target: /other, bind: {create_host_path: false, propagation: rslave}}
    blkio_config: {weight: 300, device_read_bps: [{path: /dev/sda, rate: 12mb}]}
    devices: ["/dev/null:/dev/null:rwm"]
    security_opt: [no-new-privileges:true]
    oom_score_adj: -5
    mem_swappiness: 10
    platform: linux/amd64
    develop: {watch: [{path: ./src, action: sync, target: /src}]}
  migrate: {image: "nginx:1", restart: "no", entrypoint: "sh -c", command: "echo $$done; exit 0", network_mode: none}
  db:
    image: postgres
    expose: ["5432"]
    volumes: ["data:/var/lib"]
    size: s4
    restart: unless-stopped
    healthcheck: {test: ["CMD", "pg_isready"], start_interval: 1s}
    networks: {back: {ipv4_address: 172.30.0.9}}
  built:
    build: {context: ., dockerfile: Dockerfile.x, args: {A: "1", B: "$$b"}, target: prod, labels: {x: "y"}, secrets: [token]}
    extends: {file: base.yaml, service: base}
    ports: ["127.0.0.1:9000-9001:9000-9001", "53:53/udp", "7000"]
    attach: false
    pull_policy: build
    cpus: 0.5
    mem_limit: 128m
  tcp: {image: redis, protocol: tcp, service_port: 6379, container_port: 6379, sequential_deployment: true}
  debug: {image: x, profiles: [debug], environment: {D: "1"}}
  off: {image: x, profiles: [never]}
  nightly: {image: x, cron: {schedule: "@daily", retries: "${T:-2}", timezone: Europe/Berlin}}
  none: {image: x, replicas: 0, scale: 0}
jobs:
  report: {image: x, env_file: hook.env, triggers: {schedule: ["0 3 * * *"]}, timeout: 1h}
networks:
  default: {driver_opts: {com.docker.network.bridge.name: "hl$$0"}}
  back: {internal: true, ipam: {config: [{subnet: 172.30.0.0/24}]}, labels: {a: "b"}}
volumes: {data: {labels: {x: "y"}, driver_opts: {o: "size=1m"}}, outside: {external: true, name: there}}
secrets: {token: {file: token.txt}, variable: {environment: TOKENISH}}
configs: {conf: {file: conf.txt}, inline: {content: "a=$$b\nc=${TAG:-1}\n"}, fromenv: {environment: TAGGED}}
`

// recorded is what would be remembered of a project beside its text.
func recorded(p Project) RestoreOptions {
	opt := RestoreOptions{Name: "revision 3", Dir: p.Dir, Files: p.Files, Disabled: p.Disabled, Services: map[string]Recorded{}}
	for _, s := range p.Services {
		opt.Services[s.Name] = Recorded{Replicas: s.Replicas, Digest: s.Digest}
	}
	return opt
}

// asJSON is a project's text.
func asJSON(t *testing.T, p Project) []byte {
	t.Helper()
	text, err := Canonical(p, "json")
	assert.NilError(t, err)
	var compact json.RawMessage
	assert.NilError(t, json.Unmarshal(text, &compact))
	text, err = json.MarshalIndent(map[string]json.RawMessage{"project": compact}, "", "  ") // as a state file holds it
	assert.NilError(t, err)
	var held struct{ Project json.RawMessage }
	assert.NilError(t, json.Unmarshal(text, &held))
	return held.Project
}

// same compares what is decided by of two projects.
func same(t *testing.T, got, want Project) {
	t.Helper()
	options := cmp.Options{
		cmpopts.EquateEmpty(),
		cmpopts.IgnoreFields(Project{}, "Model", "raw", "omitted"),
		cmpopts.IgnoreFields(types.ContainerSpec{}, "EnvFiles", "LabelFiles"), // what was read of them is there
		cmpopts.IgnoreFields(types.ServiceConfig{}, "Extensions"),             // our keys: what they mean is there
		cmpopts.IgnoreUnexported(types.SecretConfig{}, types.ConfigObjConfig{}),
	}
	assert.Assert(t, is.DeepEqual(got, want, options))
}

func TestRestore(t *testing.T) {
	env := []string{"TOKENISH=hush", "TAGGED=v1", "T=3"}
	for name, c := range map[string]struct {
		files map[string]string
		opt   LoadOptions
	}{
		"rich":   {richFiles(t), LoadOptions{Env: env, Profiles: []string{"debug"}}},
		"scaled": {richFiles(t), LoadOptions{Env: env, Scale: map[string]int{"web": 5, "tcp": 2, "none": 1}}},
		"shop":   {canonicalFiles(), LoadOptions{Env: []string{"TOKEN=hush", "N=4"}}},
		"small":  {one("services: {web: {image: x}}"), LoadOptions{}},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustLoad(t, c.files, c.opt)
			text := asJSON(t, p)
			assert.Assert(t, !strings.Contains(string(text), "hush"))
			opt := recorded(p)
			opt.Env = append(c.opt.Env, "UNSET=set now", "N=9", "TAG=9", "COMPOSE_PROFILES=never", "COMPOSE_PROJECT_NAME=other", "COMPOSE_FILE=gone.yaml")
			for _, gone := range []string{"compose.yaml", "base.yaml", "web.env", "hook.env", "labels"} {
				if err := os.Remove(filepath.Join(p.Dir, gone)); !os.IsNotExist(err) {
					assert.NilError(t, err)
				}
			}
			again, warnings, err := Restore(t.Context(), text, opt)
			assert.NilError(t, err)
			assert.Equal(t, len(warnings), 0, "%v", warnings)
			same(t, again, p)
			assert.Equal(t, string(asJSON(t, again)), string(text))
		})
	}
}

// What the text leaves out is what it is today, and that is told where it makes another container.
func TestRestoreSaysWhatIsOnlyKnownOfToday(t *testing.T) {
	p := mustLoad(t, richFiles(t), LoadOptions{Env: []string{"TOKENISH=hush", "TAGGED=v1"}})
	text, opt := asJSON(t, p), recorded(p)
	assert.NilError(t, os.WriteFile(filepath.Join(p.Dir, "token.txt"), []byte("other"), 0o600))
	assert.NilError(t, os.WriteFile(filepath.Join(p.Dir, ".env"), []byte("TOKENISH=hush\nTAGGED=v2\n"), 0o600)) // as env files have it
	again, warnings, err := Restore(t.Context(), text, opt)
	assert.NilError(t, err)
	assert.DeepEqual(t, warnings, []string{
		"service web is not as it was in revision 3: configs.fromenv, secrets.token, of which only today's is known",
	})
	assert.Equal(t, service(t, again, "db").Digest.Hash, service(t, p, "db").Digest.Hash)

	// What it cannot do without is an error that says so.
	assert.NilError(t, os.Remove(filepath.Join(p.Dir, ".env")))
	assert.NilError(t, os.Remove(filepath.Join(p.Dir, "token.txt")))
	_, _, err = Restore(t.Context(), text, opt)
	var mistakes FieldErrors
	assert.Assert(t, errors.As(err, &mistakes), "%v", err)
	for _, says := range []string{
		"revision 3:", "secrets.variable.environment: the variable TOKENISH is not set",
		"configs.fromenv.environment: the variable TAGGED is not set", "there is no file " + p.Dir + "/token.txt",
	} {
		assert.Assert(t, is.Contains(err.Error(), says))
	}
}

func TestRestoredServicesAreWhatWasRecordedOfThem(t *testing.T) {
	p := mustLoad(t, one("services: {web: {image: x}, old: {image: y, profiles: [old]}}"), LoadOptions{})
	text, opt := asJSON(t, p), recorded(p)
	opt.Files = []string{"/elsewhere/compose.yaml"}
	opt.Services["web"] = Recorded{Replicas: 7, ImageID: "sha256:1"}
	again, warnings, err := Restore(t.Context(), text, opt)
	assert.NilError(t, err)
	assert.Equal(t, len(warnings), 0, "%v", warnings)
	web := service(t, again, "web")
	assert.Equal(t, web.Replicas, 7)
	assert.Equal(t, web.ImageID, "sha256:1")
	assert.Equal(t, web.Digest.Hash, service(t, p, "web").Digest.Hash, "the image's ID is no part of the digest")
	assert.Equal(t, web.Body.CustomLabels[filesLabel], "/elsewhere/compose.yaml")
	assert.DeepEqual(t, again.Disabled, []string{"old"})
	assert.Equal(t, again.Dir, p.Dir)

	_, _, err = Restore(t.Context(), []byte(`{"services": `), opt)
	assert.ErrorContains(t, err, "read revision 3")
}
