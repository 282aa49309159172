package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
)

// Usage is what a container uses of its host.
type Usage struct {
	CPU         float64 // percent of one processor, over the last second
	Memory      int64   // bytes, without what the kernel could take back at once
	MemoryLimit int64   // bytes; the host's memory where the container has no limit
	Received    int64   // bytes, over its networks
	Sent        int64
	Read        int64 // bytes, from block devices
	Written     int64
	Processes   int64 // threads included
}

// Usage measures one container, which takes the engine a second or two. A container that is gone or does not run
// uses nothing.
func (e *Engine) Usage(ctx context.Context, id string) (Usage, error) {
	answer, err := e.client.ContainerStats(ctx, id, false)
	if errdefs.IsNotFound(err) {
		return Usage{}, nil
	}
	if err != nil {
		return Usage{}, fmt.Errorf("measure container %.12s: %w", id, err)
	}
	defer answer.Body.Close()
	var measured container.StatsResponse
	err = json.NewDecoder(answer.Body).Decode(&measured)
	if errors.Is(err, io.EOF) { // it went while it was measured
		return Usage{}, nil
	}
	if err != nil {
		return Usage{}, fmt.Errorf("measure container %.12s: %w", id, err)
	}
	return usageOf(measured, answer.OSType), nil
}

func usageOf(s container.StatsResponse, system string) Usage {
	u := Usage{
		CPU: cpuOf(s), Memory: int64(s.MemoryStats.Usage - reclaimable(s.MemoryStats)), MemoryLimit: int64(s.MemoryStats.Limit),
		Processes: int64(s.PidsStats.Current),
	}
	if system == "windows" {
		u.Memory, u.MemoryLimit = int64(s.MemoryStats.PrivateWorkingSet), 0
		u.Read, u.Written = int64(s.StorageStats.ReadSizeBytes), int64(s.StorageStats.WriteSizeBytes)
	}
	for _, n := range s.Networks {
		u.Received += int64(n.RxBytes)
		u.Sent += int64(n.TxBytes)
	}
	for _, b := range s.BlkioStats.IoServiceBytesRecursive {
		switch strings.ToLower(b.Op) {
		case "read":
			u.Read += int64(b.Value)
		case "write":
			u.Written += int64(b.Value)
		}
	}
	return u
}

// cpuOf is the share of the host's processor time between two measurements, times the number of processors.
func cpuOf(s container.StatsResponse) float64 {
	used := float64(s.CPUStats.CPUUsage.TotalUsage) - float64(s.PreCPUStats.CPUUsage.TotalUsage)
	passed := float64(s.CPUStats.SystemUsage) - float64(s.PreCPUStats.SystemUsage)
	processors := float64(s.CPUStats.OnlineCPUs)
	if processors == 0 {
		processors = float64(len(s.CPUStats.CPUUsage.PercpuUsage))
	}
	if used <= 0 || passed <= 0 {
		return 0
	}
	return used / passed * processors * 100
}

// reclaimable is the cache that the kernel could take back: cgroup 1 and 2 name it differently.
func reclaimable(m container.MemoryStats) uint64 {
	for _, name := range []string{"total_inactive_file", "inactive_file"} {
		if bytes, ok := m.Stats[name]; ok && bytes < m.Usage {
			return bytes
		}
	}
	return 0
}
