package command

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

func (f *fakeEngine) APIVersion() string { return "1.41" }

func TestWhatTheEngineCannotMakeIsToldBeforeAnythingChanges(t *testing.T) {
	s := newShell(t, `name: shop
services:
  db: {image: postgres:15}
  web: {image: shop:1, replicas: 2, depends_on: [db], umask: "022"}
  other: {image: shop:1, use_api_socket: true}
networks:
  default: {enable_ipv4: false}
`)
	for _, typed := range []string{"up -d", "plan", "up --dry-run", "scale web=3 other=1", "--progress quiet up -d"} {
		r := s.run(strings.Fields(typed)...)
		assert.Equal(t, r.code, 1, typed)
		assert.Equal(t, strings.Count(r.err, "error: services.web.umask: "), 1, "%s: %s", typed, r.err)
		assert.Assert(t, is.Contains(r.err, "error: services.other.use_api_socket: "), typed)
		if !strings.Contains(typed, "scale") { // which finds no network missing before services are wanted
			assert.Assert(t, is.Contains(r.err, "error: networks.default.enable_ipv4: needs an engine with API 1.47"), typed)
		}
		assert.Equal(t, r.out, "", typed)
		assert.Equal(t, len(s.engine.done), 0, typed)
	}
	r := newShell(t, "name: shop\nservices:\n  db: {image: postgres:15}\n  web: {image: shop:1, umask: \"022\"}\n").run("up", "-d", "db")
	assert.Equal(t, r.code, 0, r.err) // the others are not asked for
}
