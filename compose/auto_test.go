package compose

import (
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"
)

func TestAutoheal(t *testing.T) {
	const check = "healthcheck: {test: [CMD, /ok]}, "
	for text, want := range map[string]time.Duration{
		"protocol: http, container_port: 80":                                               0,
		"protocol: http, container_port: 80, autoheal: true":                               time.Minute,
		check + "protocol: http, container_port: 80":                                       time.Minute,
		check + "protocol: http, container_port: 80, autoheal: false":                      0,
		check + "protocol: http, container_port: 80, autoheal: {after: 90s}":               90 * time.Second,
		check + "protocol: http, container_port: 80, autoheal: {}":                         time.Minute,
		check + "protocol: http, container_port: 80, x-hyper-lite: {autoheal: {after: 5}}": 5 * time.Second,
		"protocol: http, container_port: 80, health-check: {path: /}":                      time.Minute,
		"protocol: http, container_port: 80, healthcheck: {disable: true}":                 0,
		check + "restart: unless-stopped":                                                  0,
		check + "autoheal: on":                                                             time.Minute,
		check + "protocol: http, container_port: 80, post_start: [{command: [x]}]":         0,
		"autoheal: true": time.Minute,
		check + "protocol: http, container_port: 80, restart: on-failure":                        0,
		check + "protocol: http, container_port: 80, restart: on-failure, autoheal: {after: 2s}": 2 * time.Second,
	} {
		p := mustLoad(t, one("services: {web: {image: x, "+text+"}}"), LoadOptions{})
		assert.Equal(t, service(t, p, "web").Autoheal, want, text)
	}
	shared := one("services:\n  web: {image: x, " + check + "protocol: http, container_port: 80}\n  other: {image: x, network_mode: 'service:web'}\n")
	assert.Equal(t, service(t, mustLoad(t, shared, LoadOptions{}), "web").Autoheal, time.Duration(0), "others are bound to the very container")
}

// None of the three needs a new container by itself; autorestart does what restart does.
func TestAutorestartIsRestart(t *testing.T) {
	for said, want := range map[string]string{
		"OFF": "no", "off": "no", "no": "no", "false": "no", "ON_FAILURE": "on-failure", "on-failure": "on-failure", "ALWAYS": "always", "always": "always",
	} {
		p, warnings, err := Load(t.Context(), LoadOptions{WorkDir: write(t, one("services: {web: {image: x, autorestart: "+said+"}}"))})
		assert.NilError(t, err, said)
		web := service(t, p, "web")
		assert.Equal(t, web.Body.Restart, want, said)
		assert.Equal(t, web.OneShot, want != "always", said)
		assert.Assert(t, strings.Contains(strings.Join(warnings, "\n"), "service web: autorestart is Docker Cloud's word"), warnings)
		plain := mustLoad(t, one("services: {web: {image: x, restart: '"+want+"'}}"), LoadOptions{})
		assert.Equal(t, service(t, plain, "web").Digest.Hash, web.Digest.Hash)
	}
	p := mustLoad(t, one("services: {web: {image: x, restart: 'on-failure:3', autorestart: ON_FAILURE}}"), LoadOptions{})
	assert.Equal(t, service(t, p, "web").Body.Restart, "on-failure:3")
}

func TestAutodestroy(t *testing.T) {
	plain := mustLoad(t, one("services: {web: {image: x}}"), LoadOptions{})
	for said, want := range map[string]Autodestroy{
		"OFF": DestroyNever, "no": DestroyNever, "ON_SUCCESS": DestroyOnSuccess, "on-success": DestroyOnSuccess, "ALWAYS": DestroyAlways, "Always": DestroyAlways,
	} {
		p := mustLoad(t, one("services: {web: {image: x, autodestroy: "+said+"}}"), LoadOptions{})
		assert.Equal(t, service(t, p, "web").Autodestroy, want, said)
		assert.Equal(t, service(t, p, "web").Digest.Hash, service(t, plain, "web").Digest.Hash)
	}
}
