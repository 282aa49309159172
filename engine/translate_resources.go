package engine

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/docker/docker/api/types/blkiodev"
	"github.com/docker/docker/api/types/container"
)

// resourceKeys say how much of the host the container may use. deploy.resources wins over the older keys.
var resourceKeys = []key{
	plain("cpus", func(t *translation) { t.host.NanoCPUs = nanoCPUs(float64(t.body.CPUS)) }),
	plain("cpu_count", func(t *translation) { t.host.CPUCount = t.body.CPUCount }),
	plain("cpu_percent", func(t *translation) { t.host.CPUPercent = int64(t.body.CPUPercent) }),
	plain("cpu_period", func(t *translation) { t.host.CPUPeriod = t.body.CPUPeriod }),
	plain("cpu_quota", func(t *translation) { t.host.CPUQuota = t.body.CPUQuota }),
	plain("cpu_rt_period", func(t *translation) { t.host.CPURealtimePeriod = t.body.CPURTPeriod }),
	plain("cpu_rt_runtime", func(t *translation) { t.host.CPURealtimeRuntime = t.body.CPURTRuntime }),
	plain("cpu_shares", func(t *translation) { t.host.CPUShares = t.body.CPUShares }),
	plain("cpuset", func(t *translation) { t.host.CpusetCpus = t.body.CPUSet }),
	plain("mem_limit", func(t *translation) { t.host.Memory = int64(t.body.MemLimit) }),
	plain("mem_reservation", func(t *translation) { t.host.MemoryReservation = int64(t.body.MemReservation) }),
	plain("memswap_limit", func(t *translation) { t.host.MemorySwap = int64(t.body.MemSwapLimit) }),
	plain("mem_swappiness", func(t *translation) {
		if swappiness := int64(t.body.MemSwappiness); swappiness != 0 {
			t.host.MemorySwappiness = &swappiness
		}
	}),
	plain("oom_kill_disable", func(t *translation) {
		if t.body.OomKillDisable {
			t.host.OomKillDisable = &t.body.OomKillDisable
		}
	}),
	plain("oom_score_adj", func(t *translation) { t.host.OomScoreAdj = int(t.body.OomScoreAdj) }),
	plain("pids_limit", func(t *translation) {
		if t.body.PidsLimit != 0 {
			t.host.PidsLimit = &t.body.PidsLimit
		}
	}),
	plain("ulimits", func(t *translation) { t.host.Ulimits = ulimits(t.body.Ulimits) }),
	{name: "blkio_config", set: func(b *types.ServiceConfig) bool { return b.BlkioConfig != nil }, apply: (*translation).blkio},
	{name: "deploy.resources", set: func(b *types.ServiceConfig) bool { return b.Deploy != nil }, apply: (*translation).deployed},
}

func nanoCPUs(cpus float64) int64 { return int64(math.Round(cpus * 1e9)) }

func ulimits(limits map[string]*types.UlimitsConfig) []*container.Ulimit {
	var all []*container.Ulimit
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		limit := limits[name]
		soft, hard := limit.Soft, limit.Hard
		if limit.Single != 0 {
			soft, hard = limit.Single, limit.Single
		}
		all = append(all, &container.Ulimit{Name: name, Soft: int64(soft), Hard: int64(hard)})
	}
	return all
}

func (t *translation) blkio() error {
	config := t.body.BlkioConfig
	t.host.BlkioWeight = config.Weight
	for _, d := range config.WeightDevice {
		t.host.BlkioWeightDevice = append(t.host.BlkioWeightDevice, &blkiodev.WeightDevice{Path: d.Path, Weight: d.Weight})
	}
	t.host.BlkioDeviceReadBps = throttles(config.DeviceReadBps)
	t.host.BlkioDeviceWriteBps = throttles(config.DeviceWriteBps)
	t.host.BlkioDeviceReadIOps = throttles(config.DeviceReadIOps)
	t.host.BlkioDeviceWriteIOps = throttles(config.DeviceWriteIOps)
	return nil
}

func throttles(devices []types.ThrottleDevice) []*blkiodev.ThrottleDevice {
	var all []*blkiodev.ThrottleDevice
	for _, d := range devices {
		all = append(all, &blkiodev.ThrottleDevice{Path: d.Path, Rate: uint64(d.Rate)})
	}
	return all
}

// deployed limits are written over those of the older keys. Reserving CPUs is a matter of a cluster's
// scheduler; on one host there is nothing to reserve from, so that it changes nothing.
func (t *translation) deployed() error {
	if limits := t.body.Deploy.Resources.Limits; limits != nil {
		t.host.NanoCPUs = cmp.Or(nanoCPUs(float64(limits.NanoCPUs)), t.host.NanoCPUs)
		t.host.Memory = cmp.Or(int64(limits.MemoryBytes), t.host.Memory)
		if limits.Pids != 0 {
			t.host.PidsLimit = &limits.Pids
		}
		if len(limits.GenericResources) > 0 {
			return errors.New("limits.generic_resources needs a Swarm")
		}
	}
	if reserved := t.body.Deploy.Resources.Reservations; reserved != nil {
		t.host.MemoryReservation = cmp.Or(int64(reserved.MemoryBytes), t.host.MemoryReservation)
		if len(reserved.GenericResources) > 0 {
			return errors.New("reservations.generic_resources needs a Swarm")
		}
		for _, device := range reserved.Devices {
			t.host.DeviceRequests = append(t.host.DeviceRequests, deviceRequest(device))
		}
	}
	return nil
}

// deviceKeys say which devices of the host the container sees.
var deviceKeys = []key{
	{name: "devices", apply: (*translation).devices},
	plain("device_cgroup_rules", func(t *translation) { t.host.DeviceCgroupRules = t.body.DeviceCgroupRules }),
	plain("gpus", func(t *translation) {
		for _, gpu := range t.body.Gpus {
			if !slices.Contains(gpu.Capabilities, "gpu") {
				gpu.Capabilities = append(slices.Clone(gpu.Capabilities), "gpu")
			}
			t.host.DeviceRequests = append(t.host.DeviceRequests, deviceRequest(gpu))
		}
	}),
}

// deviceRequest asks for all devices where neither a count nor IDs are given.
func deviceRequest(device types.DeviceRequest) container.DeviceRequest {
	count := int(device.Count)
	if count == 0 && len(device.IDs) == 0 {
		count = -1
	}
	return container.DeviceRequest{
		Driver:       device.Driver,
		Count:        count,
		DeviceIDs:    device.IDs,
		Capabilities: [][]string{device.Capabilities},
		Options:      device.Options,
	}
}

func (t *translation) devices() error {
	var cdi []string
	for _, d := range t.body.Devices {
		// "vendor.com/class=name" is a CDI device: no path of the host.
		if !strings.HasPrefix(d.Source, "/") && strings.Contains(d.Source, "=") {
			cdi = append(cdi, d.Source)
			continue
		}
		t.host.Devices = append(t.host.Devices, container.DeviceMapping{
			PathOnHost:        d.Source,
			PathInContainer:   cmp.Or(d.Target, d.Source),
			CgroupPermissions: cmp.Or(d.Permissions, "rwm"),
		})
	}
	if len(cdi) == 0 {
		return nil
	}
	if err := t.needs("1.44"); err != nil {
		return fmt.Errorf("CDI device %s %w", cdi[0], err)
	}
	t.host.DeviceRequests = append(t.host.DeviceRequests, container.DeviceRequest{Driver: "cdi", DeviceIDs: cdi})
	return nil
}
