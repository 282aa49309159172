package engine

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/client"
	"gotest.tools/v3/assert"
)

// An engine elsewhere may have another processor: an executable for this one would only crash there.
func TestAnExecutableFitsTheEnginesProcessor(t *testing.T) {
	executable, err := os.Executable()
	assert.NilError(t, err)
	for arch, want := range map[string]string{runtime.GOARCH: "", "": "", "mips": "the engine's host is mips and this hyper-lite is for " + runtime.GOARCH} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			assert.Check(t, json.NewEncoder(w).Encode(types.Version{Arch: arch}))
		}))
		docker, err := client.NewClientWithOpts(client.WithHost(strings.Replace(server.URL, "http", "tcp", 1)), client.WithVersion("1.41"))
		assert.NilError(t, err)
		err = (&Engine{client: docker}).fits(t.Context(), executable)
		server.Close()
		if want == "" {
			assert.NilError(t, err)
			continue
		}
		assert.ErrorContains(t, err, want)
	}
	assert.ErrorContains(t, (&Engine{}).fits(t.Context(), "import_test.go"), "read executable import_test.go")
}
