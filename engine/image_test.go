package engine

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// having is an engine that says the same of every image.
func having(t *testing.T, image string) *Engine {
	t.Helper()
	clearEnvironment(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Api-Version", "1.41")
		if strings.Contains(r.URL.Path, "/images/") {
			fmt.Fprint(w, image)
		}
	}))
	t.Cleanup(server.Close)
	e, err := Open(t.Context(), Options{Host: "tcp://" + server.Listener.Addr().String()})
	assert.NilError(t, err)
	t.Cleanup(func() { assert.NilError(t, e.Close()) })
	return e
}

// A service, a job and their hooks: whatever is made for a platform, its image is asked for what it is for, and no other one.
func TestPlatformsAreThoseOfHooksToo(t *testing.T) {
	e := having(t, `{"Os":"linux","Architecture":"arm","Variant":"v7"}`)
	of := func(image string, hooks ...compose.Service) compose.Service {
		var s compose.Service
		s.Body.Image, s.Body.Platform = image, "linux/arm64"
		for _, hook := range hooks {
			s.PreStart = append(s.PreStart, compose.Hook{Service: hook})
		}
		return s
	}
	anywhere := of("anywhere")
	anywhere.Body.Platform = ""
	project := compose.Project{
		Services: []compose.Service{of("web", of("of-web")), anywhere},
		Jobs:     []compose.Job{{Service: of("nightly", of("of-nightly"))}},
	}
	references, err := e.references(project)
	assert.NilError(t, err)
	assert.DeepEqual(t, references, []string{"anywhere", "nightly", "of-nightly", "of-web", "web"})
	found := map[string]plan.Image{}
	for _, name := range references {
		found[name] = plan.Image{ID: "sha256:" + name}
	}
	assert.NilError(t, e.addPlatforms(t.Context(), project, found))
	for _, name := range references {
		assert.Equal(t, found[name].Platform == "linux/arm/v7", name != "anywhere", name)
	}
}
