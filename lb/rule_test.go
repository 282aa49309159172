package lb

import (
	"cmp"
	"slices"
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
)

// The more a rule says the sooner it is asked, however the services are called.
func TestRulesAreAskedInOrder(t *testing.T) {
	type entry struct {
		text     string
		priority int
	}
	var all []entry
	for _, r := range []compose.Route{
		{Service: "rest"},
		{Service: "path", PathPrefix: "/a"},
		{Service: "longer-path", PathPrefix: "/a/very/long/path/indeed/which/has/many/letters"},
		{Service: "wild", Hosts: []string{"*.example.com"}},
		{Service: "wild-path", Hosts: []string{"*.example.com"}, PathPrefix: "/a"},
		{Service: "longer-wild", Hosts: []string{"*.shop.example.com"}},
		{Service: "exact", Hosts: []string{"a.b"}},
		{Service: "exact-path", Hosts: []string{"a.b"}, PathPrefix: "/a"},
	} {
		rules, err := httpRules(r)
		assert.NilError(t, err)
		for _, rule := range rules {
			if rule.Suffix == "-lb" {
				assert.Assert(t, rule.Priority == internal)
				continue
			}
			all = append(all, entry{r.Service, rule.Priority})
		}
	}
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Compare(a.priority, b.priority) })
	var order []string
	for i, e := range all {
		order = append(order, e.text)
		assert.Assert(t, e.priority < internal)
		assert.Assert(t, i == 0 || all[i-1].priority < e.priority, "%s and %s weigh the same", e.text, all[max(i-1, 0)].text)
	}
	assert.DeepEqual(t, order, []string{"rest", "path", "longer-path", "wild", "wild-path", "longer-wild", "exact", "exact-path"})
}
