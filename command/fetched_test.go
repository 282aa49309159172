package command

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gotest.tools/v3/assert"

	"hyper-lite/state"
)

const agedShop = `
name: shop
services:
  web: {image: "shop:1", pull_policy: daily}
  db: {image: "postgres:15", pull_policy: missing}
`

// The state remembers when an image was fetched from here; one that was not yet, or too long ago, is fetched again.
func TestAPullPolicyByAge(t *testing.T) {
	s := newShell(t, agedShop)
	fetches := func(args ...string) string {
		t.Helper()
		done := s.run(args...)
		assert.Equal(t, done.code, 0, done.err)
		for line := range strings.Lines(done.out + done.err) {
			if strings.Contains(line, "shop:1") && strings.Contains(line, "pull") {
				return line
			}
		}
		return ""
	}
	remembered := func() map[string]time.Time {
		t.Helper()
		record, err := fetchedRecordOf(s.history())
		assert.NilError(t, err)
		return record
	}
	age := func(by time.Duration) {
		t.Helper()
		store, err := state.Open(s.dir, "shop")
		assert.NilError(t, err)
		assert.NilError(t, store.Update(func(d *state.Document) error {
			return d.Remember(fetchedRecordName, fetchedRecord{"shop:1": time.Now().Add(-by), "gone:1": time.Now()})
		}))
	}

	assert.Assert(t, strings.Contains(fetches("plan"), "it was not fetched from here yet"))
	assert.Equal(t, len(remembered()), 0, "looking leaves no trace")
	assert.Assert(t, fetches("up", "-d") != "")
	assert.Assert(t, time.Since(remembered()["shop:1"]) < time.Minute)
	assert.Equal(t, len(remembered()), 1, "only of those that anybody asks for")
	assert.Equal(t, fetches("up", "-d"), "")

	age(23 * time.Hour)
	assert.Equal(t, fetches("plan"), "")
	age(25 * time.Hour)
	assert.Assert(t, strings.Contains(fetches("plan"), "fetched 25h0m0s ago"))
	assert.Equal(t, fetches("plan", "--pull", "missing"), "")
	assert.Assert(t, fetches("pull") != "")
	assert.Equal(t, len(remembered()), 1)
	assert.Equal(t, fetches("plan"), "")
	age(-time.Hour)
	assert.Assert(t, fetches("plan") != "", "a clock that was set back tells nothing")

	s.engine.fail["pull image shop:1"] = errors.New("no route to host")
	away := s.run("up", "-d")
	assert.Equal(t, away.code, 0, away.err)
	assert.Assert(t, strings.Contains(away.err, "warning: no route to host; the image that is there is used"), away.err)
	assert.Assert(t, fetches("plan") != "", "what failed is tried again")
}

// What a run by hand, or a hook, is made of grows old as what up makes; each is fetched by whoever comes first.
func TestAPullPolicyByAgeOfRunsAndHooks(t *testing.T) {
	s := newShell(t, `
name: shop
services:
  web: {image: "shop:1", pull_policy: daily}
  api: {image: "api:1", pull_policy: weekly, pre_start: [{image: "hook:1", command: [x]}]}
jobs: {tidy: {image: "tool:1", pull_policy: every_1h, triggers: {manual: true}}}
`)
	pulled := func(args ...string) []string {
		t.Helper()
		before := len(s.engine.done)
		done := s.run(args...)
		assert.Equal(t, done.code, 0, done.err)
		var images []string
		for _, step := range s.engine.done[before:] {
			if image, ok := strings.CutPrefix(step, "pull image "); ok {
				images = append(images, image)
			}
		}
		slices.Sort(images)
		return images
	}
	for _, args := range [][]string{{"run", "-d", "web"}, {"cron", "run", "tidy"}} {
		fresh := map[string]string{"run": "shop:1", "cron": "tool:1"}[args[0]]
		assert.Assert(t, strings.Contains(s.run(append([]string{"--dry-run"}, args...)...).out, "it was not fetched from here yet"))
		assert.DeepEqual(t, pulled(args...), []string{fresh})
		assert.DeepEqual(t, pulled(args...), []string(nil))
	}
	assert.DeepEqual(t, pulled("run", "-d", "api"), []string{"api:1"}) // it runs no hook
	assert.DeepEqual(t, pulled("up", "-d"), []string{"hook:1"})
	assert.DeepEqual(t, pulled("up", "-d"), []string(nil))
}
