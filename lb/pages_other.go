//go:build !linux

package lb

// dropPages does nothing: the sidecar always runs on Linux.
func dropPages() int { return 0 }
