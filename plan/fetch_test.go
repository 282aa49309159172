package plan_test

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// imageShop has a service of each kind that pull, build and push tell apart.
func imageShop() compose.Project {
	of := func(name, image, policy string, built bool, needs ...string) compose.Service {
		s := service(name, 1, "v1:"+name)
		s.Body.Image, s.Body.PullPolicy = image, policy
		if built {
			s.Body.Build = &types.BuildConfig{Context: "/" + name}
		}
		for _, n := range needs {
			s.DependsOn = append(s.DependsOn, compose.Dependency{Service: n})
		}
		return s
	}
	app := of("app", "reg/app:1", "", true, "db")
	app.Body.Build.Tags = []string{"reg/app:latest"}
	want := shop(
		of("db", "postgres:15", "", false), app, of("local", "shop-local", "", true), of("never", "kept:1", "never", false),
		of("missing", "m:1", "missing", false), of("twin", "postgres:15", "", false), of("both", "postgres:15", "", true),
	)
	want.Jobs = []compose.Job{{Service: of("tidy", "job:1", "", false)}}
	return want
}

// steps is what a plan does, one word a step: "?" marks those whose failure is a warning.
func steps(t *testing.T, p plan.Plan, err error) string {
	t.Helper()
	assert.NilError(t, err)
	var words []string
	for _, n := range p.Nodes {
		word := n.Step.Verb() + " " + strings.TrimPrefix(n.Step.Subject(), "image ")
		if n.Optional {
			word += "?"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

func TestPullAll(t *testing.T) {
	want := imageShop()
	nothing := plan.Observed{}
	all := plan.Observed{Images: map[string]plan.Image{"postgres:15": {}, "m:1": {}, "reg/app:1": {}, "job:1": {}}}
	pull := func(have plan.Observed, opt plan.ImageOptions) string {
		p, err := plan.PullAll(want, have, opt)
		return steps(t, p, err)
	}
	assert.Equal(t, pull(nothing, plan.ImageOptions{Buildable: true}), "pull postgres:15, pull reg/app:1?, pull m:1, pull job:1")
	assert.Equal(t, pull(all, plan.ImageOptions{Buildable: true}), "pull postgres:15, pull reg/app:1?, pull job:1")
	assert.Equal(t, pull(all, plan.ImageOptions{Buildable: true, Policy: "always"}), "pull postgres:15, pull reg/app:1?, pull kept:1, pull m:1, pull job:1")
	assert.Equal(t, pull(all, plan.ImageOptions{Buildable: true, Policy: "missing"}), "pull kept:1")
	assert.Equal(t, pull(nothing, plan.ImageOptions{}), "pull postgres:15, pull m:1, pull job:1")
	assert.Equal(t, pull(nothing, plan.ImageOptions{Ignore: true, Services: []string{"twin", "missing"}}), "pull m:1?, pull postgres:15?")
	assert.Equal(t, pull(nothing, plan.ImageOptions{Buildable: true, Services: []string{"app"}}), "pull reg/app:1?")
	assert.Equal(t, pull(nothing, plan.ImageOptions{Buildable: true, Services: []string{"app"}, Dependencies: true}), "pull postgres:15, pull reg/app:1?")
	assert.Equal(t, pull(nothing, plan.ImageOptions{Buildable: true, Services: []string{"both"}}), "pull postgres:15?")
	_, err := plan.PullAll(want, nothing, plan.ImageOptions{Services: []string{"nosuch"}})
	assert.ErrorContains(t, err, "nosuch")
}

func TestBuildAllAndPushAll(t *testing.T) {
	want := imageShop()
	build := func(opt plan.ImageOptions) string {
		p, err := plan.BuildAll(want, opt)
		return steps(t, p, err)
	}
	assert.Equal(t, build(plan.ImageOptions{}), "build reg/app:1, build shop-local, build postgres:15")
	assert.Equal(t, build(plan.ImageOptions{Services: []string{"local", "db"}}), "build shop-local")
	assert.Equal(t, build(plan.ImageOptions{Services: []string{"db"}}), "")
	assert.Equal(t, build(plan.ImageOptions{Services: []string{"app", "local"}, Push: true}),
		"build reg/app:1, push reg/app:1, push reg/app:latest, build shop-local")
	p, err := plan.BuildAll(want, plan.ImageOptions{Services: []string{"app"}, Push: true, Build: plan.Build{Pull: true, NoCache: true, Builder: "b", Memory: 5, Check: true}})
	assert.NilError(t, err)
	step := p.Nodes[0].Step.(plan.Build)
	assert.Assert(t, step.Pull && step.NoCache && step.Check && step.Builder == "b" && step.Memory == 5)
	assert.DeepEqual(t, p.Nodes[2].After, []int{1})

	push := func(opt plan.ImageOptions) string {
		p, err := plan.PushAll(want, plan.Observed{Images: map[string]plan.Image{"reg/app:1": {}}}, opt)
		return steps(t, p, err)
	}
	assert.Equal(t, push(plan.ImageOptions{}), "push reg/app:1, push reg/app:latest, push postgres:15")
	assert.Equal(t, push(plan.ImageOptions{Services: []string{"app"}, Ignore: true}), "push reg/app:1?, push reg/app:latest?")
	assert.Equal(t, push(plan.ImageOptions{There: true}), "push reg/app:1")
}
