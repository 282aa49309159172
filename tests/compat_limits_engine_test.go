//go:build engine

package tests

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
)

func TestCompatWhatAContainerMayDoIsWhatTheFileSays(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, `
x-shell: &shell
  image: redis:7
  entrypoint: [sleep, infinity]
  init: true
  stop_grace_period: 0s
services:
  web:
    <<: *shell
    ulimits: {nproc: 4096, nofile: {soft: 1000, hard: 2000}, core: 0, msgqueue: {soft: 0, hard: 4096}}
    sysctls: {net.core.somaxconn: 777, net.ipv4.ip_unprivileged_port_start: "81"}
    cap_drop: [ALL]
    cap_add: [NET_BIND_SERVICE, CHOWN]
    security_opt: ["no-new-privileges:true", "seccomp=unconfined"]
    devices: ["/dev/zero:/dev/nought:r", /dev/full]
    device_cgroup_rules: ["c 1:11 rm"]
    oom_score_adj: 321
    runtime: ${RUNTIME}
  listed:
    <<: *shell
    sysctls: [net.core.somaxconn=555]
    security_opt: ["seccomp:./profile.json"]
  privileged: {<<: *shell, privileged: true, profiles: [free]}
`)
	p.env = append(p.env, "RUNTIME=runc")
	p.write("profile.json", `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}`)
	p.must("up", "-d")
	for script, want := range map[string]string{
		"grep -E 'open files|core file|msgqueue' /proc/1/limits | awk '{print $(NF-2), $(NF-1)}'": "0 0\n1000 2000\n0 4096",
		"grep 'Max processes' /proc/1/limits | awk '{print $3, $4}'":                              "4096 4096",
		"cat /proc/sys/net/core/somaxconn /proc/sys/net/ipv4/ip_unprivileged_port_start":          "777\n81",
		"grep CapBnd /proc/1/status | cut -f2":                                                    fmt.Sprintf("%016x", 1<<0|1<<10),
		"grep -E '^(NoNewPrivs|Seccomp):' /proc/1/status | cut -f2":                               "1\n0",
		"head -c 2 /dev/nought | od -An -tx1 | tr -d ' '":                                         "0000",
		"test -c /dev/full && echo there":                                                         "there",
		"cat /proc/1/oom_score_adj":                                                               "321",
	} {
		assert.Equal(t, p.shell("web-1", script), want, script)
	}
	host := p.inspect("web-1").HostConfig
	assert.Equal(t, host.Runtime, "runc")
	assert.DeepEqual(t, host.Devices, []container.DeviceMapping{
		{PathOnHost: "/dev/zero", PathInContainer: "/dev/nought", CgroupPermissions: "r"},
		{PathOnHost: "/dev/full", PathInContainer: "/dev/full", CgroupPermissions: "rwm"},
	})
	assert.DeepEqual(t, host.DeviceCgroupRules, []string{"c 1:11 rm"})
	assert.Equal(t, p.shell("listed-1", "cat /proc/sys/net/core/somaxconn; mkdir /tmp/x 2>/dev/null || echo refused"), "555\nrefused")

	// An engine that is a guest itself may not be allowed to give everything away.
	if r := p.run("up", "-d", "privileged"); r.code == 0 {
		assert.Assert(t, p.inspect("privileged-1").HostConfig.Privileged)
	} else {
		says(t, r.err, "privileged-1")
	}
	p.at("RUNTIME=nothing-of-that-name", func() {
		before := p.id("web-1")
		says(t, p.exits(3, "up", "-d", "web").err, "nothing-of-that-name")
		assert.Equal(t, p.id("web-1"), before)
		assert.Equal(t, len(p.running("web")), 1)
	})
}

func TestCompatHowMuchAContainerGetsIsWhatTheFileSays(t *testing.T) {
	t.Parallel()
	disk := wholeDisk(t)
	p := newProject(t, `
services:
  old:
    image: hyper-lite-demo
    cpu_shares: 73
    cpuset: "0"
    cpu_period: 100000
    cpu_quota: 50000
    mem_limit: 64m
    mem_reservation: 32m
    memswap_limit: 96m
    mem_swappiness: 10
    oom_kill_disable: true
    pids_limit: -1
    cgroup_parent: /${COMPOSE_PROJECT_NAME}
    blkio_config:
      weight: 300
      weight_device: [{path: "${DISK}", weight: 400}]
      device_read_bps: [{path: "${DISK}", rate: 12mb}]
      device_read_iops: [{path: "${DISK}", rate: 120}]
      device_write_bps: [{path: "${DISK}", rate: 1024k}]
      device_write_iops: [{path: "${DISK}", rate: 30}]
  new:
    image: hyper-lite-demo
    deploy:
      mode: replicated
      replicas: 2
      labels: {of: the service}
      placement: {constraints: [node.role == manager]}
      resources:
        limits: {cpus: "0.5", memory: 48M, pids: 50}
        reservations: {cpus: "0.25", memory: 16M}
      restart_policy: {condition: on-failure, delay: 5s, max_attempts: 3, window: 10s}
  devices:
    image: hyper-lite-demo
    gpus: [{driver: nvidia, count: 2}]
    deploy:
      resources:
        reservations: {devices: [{capabilities: [tpu], device_ids: ["0", "3"], options: {mode: fast}}]}
`)
	p.env = append(p.env, "DISK="+disk)
	made := p.must("up", "--no-start")
	const mebibyte = 1 << 20
	old := p.inspect("old-1").HostConfig
	assert.Equal(t, old.CPUShares, int64(73))
	assert.Equal(t, old.CpusetCpus, "0")
	assert.Equal(t, old.CPUPeriod, int64(100000))
	assert.Equal(t, old.CPUQuota, int64(50000))
	assert.Equal(t, old.Memory, int64(64*mebibyte))
	assert.Equal(t, old.MemoryReservation, int64(32*mebibyte))
	assert.Equal(t, old.MemorySwap, int64(96*mebibyte))
	assert.Assert(t, old.MemorySwappiness != nil && *old.MemorySwappiness == 10)
	assert.Assert(t, old.OomKillDisable != nil && *old.OomKillDisable)
	assert.Assert(t, old.PidsLimit == nil || *old.PidsLimit <= 0, "it has no limit")
	assert.Equal(t, old.CgroupParent, "/"+p.name)
	if old.BlkioWeight == 0 { // the engine leaves out what its kernel cannot do, and says so
		says(t, made.err, "does not support Block I/O weight")
	} else {
		assert.Equal(t, old.BlkioWeight, uint16(300))
		assert.Equal(t, old.BlkioWeightDevice[0].String(), disk+":400")
	}
	assert.Equal(t, old.BlkioDeviceReadBps[0].String(), disk+":12582912")
	assert.Equal(t, old.BlkioDeviceReadIOps[0].String(), disk+":120")
	assert.Equal(t, old.BlkioDeviceWriteBps[0].String(), disk+":1048576")
	assert.Equal(t, old.BlkioDeviceWriteIOps[0].String(), disk+":30")

	assert.Equal(t, len(p.containers("new")), 2)
	limits := p.inspect("new-2").HostConfig
	assert.Equal(t, limits.NanoCPUs, int64(5e8))
	assert.Equal(t, limits.Memory, int64(48*mebibyte))
	assert.Equal(t, limits.MemoryReservation, int64(16*mebibyte))
	assert.Equal(t, *limits.PidsLimit, int64(50))
	assert.Equal(t, limits.RestartPolicy, container.RestartPolicy{Name: "on-failure", MaximumRetryCount: 3})
	_, labelled := p.inspect("new-1").Config.Labels["of"]
	assert.Assert(t, !labelled, "deploy.labels are no labels of containers")

	asked := p.inspect("devices-1").HostConfig.DeviceRequests
	assert.Equal(t, len(asked), 2)
	for _, request := range asked {
		if request.Driver == "nvidia" {
			assert.Equal(t, request.Count, 2)
			assert.DeepEqual(t, request.Capabilities, [][]string{{"gpu"}})
			continue
		}
		assert.DeepEqual(t, request.DeviceIDs, []string{"0", "3"})
		assert.DeepEqual(t, request.Capabilities, [][]string{{"tpu"}})
		assert.DeepEqual(t, request.Options, map[string]string{"mode": "fast"})
	}
	says(t, p.exits(1, "start", "devices").err, "devices-1") // no driver of that name is here
	p.must("start", "old")
	assert.Equal(t, len(p.running("old")), 1)
}

// wholeDisk is a block device of this machine.
func wholeDisk(t *testing.T) string {
	t.Helper()
	entries, err := os.ReadDir("/sys/block")
	assert.NilError(t, err)
	for _, e := range entries {
		if _, err := os.Stat("/dev/" + e.Name()); err == nil && !strings.HasPrefix(e.Name(), "ram") {
			return "/dev/" + e.Name()
		}
	}
	t.Fatal("no block device to limit")
	return ""
}

// What this engine has no word for is refused with the API that has it, before anything is made.
func TestCompatKeysOfNewerEnginesAreToldBeforeAnythingIsMade(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  first: {image: hyper-lite-demo}
  web:
    image: hyper-lite-demo
    depends_on: [first]
    annotations: {com.example.note: hello}
    devices: ["vendor.example/device=all"]
    healthcheck: {test: [CMD, /demo, exit, "0"], start_period: 10s, start_interval: 1s}
`)
	if knows("1.44") {
		p.must("up", "--no-start")
		web := p.inspect("web-1")
		assert.Equal(t, web.HostConfig.Annotations["com.example.note"], "hello")
		assert.DeepEqual(t, web.HostConfig.DeviceRequests[0].DeviceIDs, []string{"vendor.example/device=all"})
		assert.Equal(t, web.Config.Healthcheck.StartInterval.String(), "1s")
		return
	}
	for _, verb := range []string{"plan", "up -d"} {
		says(t, p.exits(1, strings.Fields(verb)...).err,
			"services.web.annotations: needs an engine with API 1.43",
			"services.web.devices: CDI device vendor.example/device=all needs an engine with API 1.44",
			"services.web.healthcheck.start_interval: needs an engine with API 1.44")
		assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	}
	for _, keys := range []string{
		"deploy: {resources: {reservations: {generic_resources: [{discrete_resource_spec: {kind: gpu, value: 2}}]}}}",
		"credential_spec: {config: spec}",
	} {
		p.write("compose.yaml", "services: {web: {image: hyper-lite-demo, "+keys+"}}\n")
		says(t, p.exits(1, "up", "-d").err, "Swarm")
		assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	}
}

// Which storage can be limited only the engine knows: what it says of that is told, and what runs stays.
func TestCompatStorageIsLimitedWhereTheEngineCan(t *testing.T) {
	t.Parallel()
	const file = "services: {web: {image: hyper-lite-demo, stop_grace_period: 0s%s}}\n"
	p := newProject(t, fmt.Sprintf(file, ""))
	p.must("up", "-d")
	before := p.id("web-1")
	p.write("compose.yaml", fmt.Sprintf(file, ", storage_opt: {size: 1G}"))
	says(t, p.must("plan").out, "web.1", "storage_opt added")
	if r := p.run("up", "-d"); r.code == 0 {
		assert.DeepEqual(t, p.inspect("web-1").HostConfig.StorageOpt, map[string]string{"size": "1G"})
		return
	} else {
		assert.Equal(t, r.code, 3)
		says(t, r.err, "web.1", "storage-opt")
	}
	assert.Equal(t, p.id("web-1"), before)
	assert.DeepEqual(t, p.running("web"), []string{p.name + "-web-1"})
}
