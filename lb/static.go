package lb

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"hyper-lite/compose"
)

// shutdownGrace is how long Traefik lets open requests finish when it is stopped.
const shutdownGrace = 10 * time.Second

// reserved are the static options that the sidecar's proof stands on: who changes them changes what the
// sidecar believes to be live.
var reserved = []string{"configfile", "api", "api.basepath", "entrypoints." + controlEntryPoint, "ping", "providers.file", "providers.providersthrottleduration"}

// staticOptions are Traefik's static configuration as command-line options. The user's come last, so that
// they win over ours where Traefik knows an option once.
//
// No accept grace: nobody in front of Traefik could be told to send elsewhere, it would only delay a stop.
func staticOptions(routes []compose.Route, extra []string) ([]string, error) {
	options := []string{
		"--global.checkNewVersion=false",
		"--global.sendAnonymousUsage=false",
		"--log.level=INFO",
		"--api=true",
		"--api.dashboard=false",
		"--ping=true",
		"--ping.entryPoint=" + controlEntryPoint,
		"--metrics.prometheus=true",
		"--metrics.prometheus.manualRouting=true",
		"--metrics.prometheus.addEntryPointsLabels=false",
		"--metrics.prometheus.addServicesLabels=false",
		"--providers.file.directory=" + path.Join(Folder, dynamic),
		"--providers.file.watch=false",
		"--providers.providersThrottleDuration=50ms",
		fmt.Sprintf("--entryPoints.%s.address=:%d", controlEntryPoint, controlPort),
	}
	ports := map[int]bool{}
	for _, r := range routes {
		ports[r.ServicePort] = true
	}
	for _, port := range slices.Sorted(maps.Keys(ports)) {
		if port == controlPort {
			return nil, fmt.Errorf("service_port %d: the balancer keeps this port for itself; take another", port)
		}
		name := "--entryPoints." + entryPoint(port)
		options = append(options,
			fmt.Sprintf("%s.address=:%d", name, port),
			name+".transport.respondingTimeouts.readTimeout=0s", // Traefik's 60s would cut a slow upload
			name+".transport.respondingTimeouts.writeTimeout=0s",
			name+".transport.respondingTimeouts.idleTimeout=180s",
			name+".transport.lifeCycle.graceTimeOut="+shutdownGrace.String(),
		)
	}
	for _, option := range extra {
		if err := checkOption(option); err != nil {
			return nil, err
		}
	}
	return append(options, extra...), nil
}

func checkOption(option string) error {
	name, ok := strings.CutPrefix(option, "--")
	if !ok || name == "" {
		return fmt.Errorf("balancer option %q: want --name=value", option)
	}
	name, _, _ = strings.Cut(strings.ToLower(name), "=")
	for _, r := range reserved {
		if name == r || (strings.HasPrefix(name, r+".") && r != "api") {
			return fmt.Errorf("balancer option %s: hyper-lite sets this itself, to know what is live", option)
		}
	}
	return nil
}
