// Package lb is the balancer: it turns routes and health into Traefik's files (a pure function), probes the
// replicas, and proves through Traefik's API that what was written is live. It also holds the sidecar, which
// is the only writer of those files, and the commands' side of the conversation with it.
//
// It never starts, stops or changes a container (but for the signal that makes Traefik read its files), knows
// no Docker type, and prints nothing.
package lb
