// Package lb is the balancer: it turns routes and health into Traefik's files (a pure function), probes the
// replicas, and proves through Traefik's API that what was written is live. It also holds the sidecar, which
// is the only writer of those files, and the commands' side of the conversation with it.
//
// It changes no container but where a service's policy says so: it replaces replicas that stay unhealthy, by the
// steps that plan decides, and removes stopped ones. It knows no Docker type, and prints nothing.
package lb
