package engine

import (
	"path/filepath"
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/compose"
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

func TestTheBalancerGetsNoProxies(t *testing.T) {
	folder := clearEnvironment(t)
	write(t, filepath.Join(folder, "config.json"), `{"proxies":{"default":{"httpProxy":"http://proxy:3128"}}}`)
	e := &Engine{endpoint: endpoint{host: "unix:///var/run/docker.sock"}}
	for role, want := range map[compose.Role]int{compose.RoleReplica: 3, compose.RoleRun: 3, compose.RoleBalancer: 1, compose.RoleSidecar: 1} {
		environment, err := e.proxied(compose.Service{Role: role}, []string{"A=1"})
		assert.NilError(t, err)
		assert.Equal(t, len(environment), want, "%s: %v", role, environment)
	}
}
