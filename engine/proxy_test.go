package engine

import (
	"path/filepath"
	"testing"

	"gotest.tools/v3/assert"
)

func TestProxiesOfTheDockerConfiguration(t *testing.T) {
	folder := clearEnvironment(t)
	write(t, filepath.Join(folder, "config.json"), `{"proxies":{"default":{"httpProxy":"http://proxy:3128","noProxy":"localhost"}}}`)
	e := &Engine{endpoint: endpoint{host: "unix:///var/run/docker.sock"}}
	proxies, err := e.proxies()
	assert.NilError(t, err)
	assert.DeepEqual(t, withProxies([]string{"A=1", "NO_PROXY=mine", "no_proxy"}, proxies), []string{
		"A=1", "NO_PROXY=mine", "no_proxy", "HTTP_PROXY=http://proxy:3128", "http_proxy=http://proxy:3128",
	})
}
