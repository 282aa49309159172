package plan_test

import (
	"slices"
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/plan"
)

// elsewhere is a host where shop runs beside what other files made under its name: another one of its folder, and one
// of another folder.
func elsewhere(t *testing.T) *host {
	h := running(t, shop(service("blog", 2, "v1:aaaa"), service("old", 1, "v1:aaaa"), service("tests", 1, "v1:aaaa"), service("web", 1, "v1:aaaa")))
	for i, r := range h.replicas {
		switch r.Service {
		case "blog":
			h.replicas[i].Elsewhere, h.replicas[i].Files = plan.OtherFolder, []string{"/blog/compose.yaml", "/blog/more.yaml"}
		case "tests":
			h.replicas[i].Elsewhere, h.replicas[i].Files = plan.OtherFile, []string{"/shop/tests.yaml"}
		}
	}
	return h
}

const (
	ofBlog = "containers shop-blog-1, shop-blog-2 are of another folder, /blog/compose.yaml, /blog/more.yaml, whose project is " +
		"called shop, too: they stay as they are; give one of the two another name (name: in the file, or -p)"
	ofOld   = "orphan containers shop-old-1: their services are not in the files (--remove-orphans removes them)"
	ofTests = "containers shop-tests-1 are of another file, /shop/tests.yaml: that is not read now (-f reads it, too; --remove-orphans removes them)"
)

// removed are the services whose containers a plan removes.
func removed(p plan.Plan) []string {
	var services []string
	for _, n := range p.Nodes {
		if step, ok := n.Step.(plan.Remove); ok {
			services = append(services, step.Ref.Service)
		}
	}
	slices.Sort(services)
	return services
}

func TestOrphansAreToldFromTheContainersOfOtherFiles(t *testing.T) {
	want := shop(service("web", 1, "v1:aaaa"))
	p := must(t, want, elsewhere(t), plan.Options{})
	assert.DeepEqual(t, p.Warnings, []string{ofBlog, ofOld, ofTests})
	assert.Equal(t, len(p.Nodes), 0, "%s", p)
	assert.Equal(t, len(must(t, want, elsewhere(t), plan.Options{IgnoreOrphans: true}).Warnings), 0)

	p = must(t, want, elsewhere(t), plan.Options{RemoveOrphans: true})
	assert.DeepEqual(t, removed(p), []string{"old", "tests"})
	assert.DeepEqual(t, p.Warnings, []string{ofBlog})

	// What the files have is theirs, wherever it was made.
	both := shop(service("blog", 2, "v1:aaaa"), service("old", 1, "v1:aaaa"), service("tests", 1, "v1:aaaa"), service("web", 1, "v1:aaaa"))
	p = must(t, both, elsewhere(t), plan.Options{RemoveOrphans: true})
	assert.Equal(t, len(p.Nodes)+len(p.Warnings), 0, "%s", p)
}

func TestDownLeavesWhatIsOfAnotherFolder(t *testing.T) {
	want := shop(service("web", 1, "v1:aaaa"))
	down := func(opt plan.DownOptions) plan.Plan { return plan.Down("shop", elsewhere(t).observe(), opt) }
	p := down(plan.DownOptions{Want: &want})
	assert.DeepEqual(t, removed(p), []string{"web"})
	assert.DeepEqual(t, p.Warnings, []string{
		ofBlog, "orphan containers shop-old-1 stay, and so do their networks (--remove-orphans removes them)",
		"containers shop-tests-1 of another file, /shop/tests.yaml, stay, and so do their networks (--remove-orphans removes them)",
	})
	p = down(plan.DownOptions{Want: &want, RemoveOrphans: true})
	assert.DeepEqual(t, removed(p), []string{"old", "tests", "web"})
	assert.DeepEqual(t, p.Warnings, []string{ofBlog})
	p = down(plan.DownOptions{}) // by its name alone, the whole project goes
	assert.DeepEqual(t, removed(p), []string{"blog", "blog", "old", "tests", "web"})
}

func TestKillReachesOrphansOfTheFolderOnly(t *testing.T) {
	want := shop(service("web", 1, "v1:aaaa"))
	killed := func(opt plan.SignalOptions) []string {
		var services []string
		for _, n := range plan.KillAll("shop", &want, elsewhere(t).observe(), opt).Nodes {
			services = append(services, n.Step.(plan.Kill).Ref.Service)
		}
		return services
	}
	assert.DeepEqual(t, killed(plan.SignalOptions{}), []string{"web"})
	assert.DeepEqual(t, killed(plan.SignalOptions{Orphans: true}), []string{"old", "tests", "web"})
	assert.DeepEqual(t, killed(plan.SignalOptions{Services: []string{"blog"}}), []string{"blog", "blog"})
}
