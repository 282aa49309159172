//go:build engine

package tests

import (
	"fmt"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

// A hook has a user, a folder and variables of its own; a secret may be empty, and may come from .env.
func TestCompatHooksAndGrantsInDetail(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, `
services:
  none: {image: redis:7, scale: 0}
  zero: {image: redis:7, deploy: {replicas: 0}}
  web:
    image: redis:7
    entrypoint: [sleep, infinity]
    init: true
    stop_grace_period: 0s
    env_file: [{path: raw.env, format: raw}]
    environment: {OF: the service}
    networks: {back: {link_local_ips: [169.254.7.7], driver_opts: {com.example.key: value}}}
    extra_hosts: ["gateway=host-gateway"]
    volumes: ["kept:/kept"]
    secrets: [empty, full]
    configs: [{source: written, target: /etc/written, uid: "100", mode: 0400}]
    post_start:
    - command: [sh, -c, "echo $$(id -un),$$(pwd),$$MORE,$$OF >/tmp/hook"]
      user: nobody
      working_dir: /usr
      environment: [MORE=1$$2]
    pre_stop: [{command: [sh, -c, "echo stopping >/kept/hook"]}]
  after: {image: redis:7, profiles: [after], entrypoint: [sleep, infinity], init: true, stop_grace_period: 0s, volumes: ["kept:/kept"]}
secrets: {empty: {environment: EMPTY}, full: {environment: FULL}}
configs: {written: {content: "a ${FULL} $$b\n"}}
networks: {back: {}}
volumes: {kept: {}}
`)
	p.write(".env", "EMPTY=\nFULL=of dotenv\n")
	p.write("raw.env", "RAW=\"a $b\" # c\n")
	p.must("up", "-d")
	assert.Equal(t, len(p.containers("none"))+len(p.containers("zero")), 0)
	for script, want := range map[string]string{
		"cat /tmp/hook":                                     "nobody,/usr,1$2,the service",
		"cat /run/secrets/full":                             "of dotenv",
		"stat -c '%s %a' /run/secrets/empty":                "0 444",
		"cat /etc/written":                                  "a of dotenv $b",
		"stat -c '%u %g %a' /etc/written":                   "100 0 400",
		`echo "$RAW"`:                                       `"a $b" # c`,
		"grep -c 169.254.7.7 /proc/net/fib_trie":            "2",
		"test -n \"$(getent hosts gateway)\" && echo known": "known",
	} {
		assert.Equal(t, p.shell("web-1", script), want, script)
	}
	at := p.inspect("web-1").NetworkSettings.Networks[p.name+"_back"]
	assert.DeepEqual(t, at.IPAMConfig.LinkLocalIPs, []string{"169.254.7.7"})
	assert.Equal(t, at.DriverOpts["com.example.key"], "value")

	p.must("stop")
	p.must("up", "-d", "--no-deps", "after")
	eventually(t, 30*time.Second, func() error {
		if said := p.shell("after-1", "cat /kept/hook"); said != "stopping" {
			return fmt.Errorf("the hook wrote %q", said)
		}
		return nil
	})
}
