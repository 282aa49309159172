package engine

import (
	"maps"
	"slices"
	"strings"

	"hyper-lite/compose"
)

// proxies are the proxy variables that the docker CLI's configuration gives to every container and build
// on this engine.
func (e *Engine) proxies() (map[string]*string, error) {
	e.proxy.Do(func() {
		file, err := configuration()
		if err != nil {
			e.proxyErr = err
			return
		}
		e.proxyVariables = file.ParseProxyConfig(e.endpoint.host, nil)
	})
	return e.proxyVariables, e.proxyErr
}

// proxied is the environment of a service's containers with the proxies in it. The balancer and the sidecar get
// none: they speak to the project's own containers, and Traefik would ask a proxy for them.
func (e *Engine) proxied(service compose.Service, environment []string) ([]string, error) {
	if r := role(service); r == compose.RoleBalancer || r == compose.RoleSidecar {
		return environment, nil
	}
	proxies, err := e.proxies()
	return withProxies(environment, proxies), err
}

// withProxies adds the variables that are not there yet.
func withProxies(environment []string, proxies map[string]*string) []string {
	for _, name := range slices.Sorted(maps.Keys(proxies)) {
		there := slices.ContainsFunc(environment, func(entry string) bool {
			return entry == name || strings.HasPrefix(entry, name+"=")
		})
		if !there && proxies[name] != nil {
			environment = append(environment, name+"="+*proxies[name])
		}
	}
	return environment
}
