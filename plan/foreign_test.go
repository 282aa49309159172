package plan_test

import (
	"errors"
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/plan"
)

// composeMade is a host where docker compose runs project shop, with names of its first version and of today's.
func composeMade() *host {
	h := newHost("shop")
	h.foreign = []plan.Foreign{
		{Name: "shop_web_1", Project: "shop", Service: "web"},
		{Name: "shop-db-1", Project: "shop", Service: "db", Running: true},
		{Name: "shop_web_run_1", Project: "shop"}, // a one-off of its own
		{Name: "blog-web-1", Project: "blog", Service: "web", Running: true},
	}
	return h
}

const composeHint = "docker compose made it: `docker compose -p shop down` in its folder (volumes stay), then `hyper-lite up`; " +
	"or give this project another name with -p"

func TestNothingIsMadeBesideTheContainersOfDockerCompose(t *testing.T) {
	h := composeMade()
	want := shop(service("db", 1, "v1:aaaa"), service("web", 2, "v1:aaaa"))
	_, err := plan.Make(want, h.observe(), plan.Options{})
	assert.Error(t, err, "container name shop-db-1 is taken by a container of project shop\n"+
		"service web is taken by container shop_web_1 of project shop")
	conflict, ok := errors.AsType[*plan.ConflictError](err)
	assert.Assert(t, ok)
	assert.Equal(t, conflict.Hint, composeHint)

	// what it does not have may be made beside it, and that is said; a one-off needs no place
	p, err := plan.Make(shop(service("cache", 1, "v1:aaaa")), h.observe(), plan.Options{RemoveOrphans: true})
	assert.NilError(t, err)
	assert.DeepEqual(t, p.Warnings, []string{plan.ComposedText("shop", []string{"shop-db-1", "shop_web_1"})})
	p, err = plan.Make(shop(service("cache", 1, "v1:aaaa")), h.observe(), plan.Options{IgnoreOrphans: true})
	assert.NilError(t, err)
	assert.Equal(t, len(p.Warnings), 0)
}

func TestEveryVerbLeavesTheContainersOfDockerComposeAloneAndSaysSo(t *testing.T) {
	have := composeMade().observe()
	want := shop(service("db", 1, "v1:aaaa"), service("web", 2, "v1:aaaa"))
	life, sign := plan.LifecycleOptions{}, plan.SignalOptions{}
	for name, make := range map[string]func() (plan.Plan, error){
		"down": func() (plan.Plan, error) {
			return plan.Down("shop", have, plan.DownOptions{Want: &want, RemoveOrphans: true}), nil
		},
		"stop":    func() (plan.Plan, error) { return plan.StopAll("shop", &want, have, life) },
		"start":   func() (plan.Plan, error) { return plan.StartAll("shop", nil, have, life) },
		"restart": func() (plan.Plan, error) { return plan.RestartAll("shop", nil, have, life) },
		"kill":    func() (plan.Plan, error) { return plan.KillAll("shop", &want, have, sign), nil },
		"pause":   func() (plan.Plan, error) { return plan.PauseAll("shop", &want, have, sign), nil },
		"rm":      func() (plan.Plan, error) { return plan.RemoveAll("shop", &want, have, plan.SignalOptions{Stop: true}) },
	} {
		p, err := make()
		assert.NilError(t, err, name)
		assert.Assert(t, p.Empty(), "%s: %s", name, p)
		assert.DeepEqual(t, p.Warnings, []string{plan.ComposedText("shop", []string{"shop-db-1", "shop_web_1"})})
	}
}
