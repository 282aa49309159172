//go:build engine

package tests

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/volume"
	"gotest.tools/v3/assert"
)

func TestCompatMountsAreThoseOfTheFile(t *testing.T) {
	t.Parallel()
	needs(t, "redis:7")
	p := newProject(t, `
services:
  web:
    image: redis:7
    entrypoint: [sleep, infinity]
    init: true
    stop_grace_period: 0s
    read_only: true
    shm_size: 48m
    tmpfs: [/scratch, "/cache:size=2m,mode=1770,uid=100"]
    volumes:
    - ./made/by/the/engine:/made
    - ./readable:/readable:ro
    - {type: bind, source: ./readable, target: /private, bind: {propagation: private, create_host_path: false}}
    - {type: bind, source: "./a:colon", target: /colon, bind: {create_host_path: false}}
    - {type: bind, source: ./readable/note, target: /note, read_only: true}
    - {type: tmpfs, target: /small, tmpfs: {size: 1m, mode: 0o700}}
    - {type: volume, target: /anonymous, consistency: delegated}
    - {type: bind, source: ./readable, target: /labelled, bind: {selinux: z}}
    - ram:/ram
    - {type: volume, source: folder, target: /folder, read_only: true}
    - {type: volume, source: outer, target: /outer, volume: {nocopy: true}}
    - {type: volume, source: copied, target: /usr/share/keyrings}
    - {type: volume, source: bare, target: /etc/apt, volume: {nocopy: true}}
volumes:
  ram:
    driver: local
    driver_opts: {type: tmpfs, device: tmpfs, o: "size=3m,uid=100"}
    labels: {kind: memory}
  folder:
    driver_opts: {type: none, o: bind, device: "${FOLDER}"}
  outer: {external: true, name: "${OUTER}"}
  copied: {name: "${COMPOSE_PROJECT_NAME}-by-another-name"}
  bare: {}
`)
	outer := p.name + "-outer"
	p.env = append(p.env, "OUTER="+outer, "FOLDER="+filepath.Join(p.dir, "readable"))
	_, err := docker.VolumeCreate(t.Context(), volume.CreateOptions{Name: outer})
	assert.NilError(t, err)
	t.Cleanup(func() { p.ok(docker.VolumeRemove(context.Background(), outer, false)) })
	t.Cleanup(p.remove)
	p.write("readable/note", "from the host")
	p.write("a:colon/note", "behind a colon")
	p.must("up", "-d")

	for script, want := range map[string]string{
		"cat /readable/note /private/note /note /folder/note /labelled/note": strings.Repeat("from the host", 5),
		"cat /colon/note": "behind a colon",
		"touch /made/x /scratch/x /cache/x /small/x /anonymous/x /ram/x /outer/x && echo written": "written",
		"for f in /x /readable/x /note /folder/x; do touch $f 2>/dev/null || echo $f; done":       "/x\n/readable/x\n/note\n/folder/x",
		"stat -f -c %T /ram /scratch /cache /small":                                               "tmpfs\ntmpfs\ntmpfs\ntmpfs",
		"df --output=size -k /ram /cache /small /dev/shm | tail -n +2 | tr -d ' '":                "3072\n2048\n1024\n49152",
		"stat -c '%a %u' /cache /small /ram":                                                      "1770 100\n700 0\n1777 100",
		"test -n \"$(ls /usr/share/keyrings)\" && test -z \"$(ls /etc/apt)\" && echo copied":      "copied",
	} {
		assert.Equal(t, p.shell("web-1", script), want, script)
	}
	assert.Assert(t, p.inspect("web-1").HostConfig.ReadonlyRootfs)
	propagation := map[string]mount.Propagation{}
	for _, m := range p.inspect("web-1").Mounts {
		propagation[m.Destination] = m.Propagation
	}
	assert.Equal(t, propagation["/private"], mount.PropagationPrivate)
	is, err := os.Stat(filepath.Join(p.dir, "made/by/the/engine/x"))
	assert.NilError(t, err)
	assert.Assert(t, is.Mode().IsRegular())
	ram, err := docker.VolumeInspect(t.Context(), p.name+"_ram")
	assert.NilError(t, err)
	assert.Equal(t, ram.Labels["kind"], "memory")
	assert.DeepEqual(t, ram.Options, map[string]string{"type": "tmpfs", "device": "tmpfs", "o": "size=3m,uid=100"})
	_, err = docker.VolumeInspect(t.Context(), p.name+"-by-another-name")
	assert.NilError(t, err)
	says(t, p.must("up", "-d").out, "nothing to change")
}

// A folder that is missing is made only where the file allows it.
func TestCompatAMissingFolderIsNotMadeWhereTheFileForbidsIt(t *testing.T) {
	t.Parallel()
	const file = `
services:
  web:
    image: hyper-lite-demo
    environment: {V: "${V:-1}"}
    volumes: [{type: bind, source: ./missing, target: /data, bind: {create_host_path: "${CREATE}"}}]
`
	p := newProject(t, file)
	p.env = append(p.env, "CREATE=true")
	p.must("up", "-d")
	before := p.id("web-1")
	assert.NilError(t, os.Remove(filepath.Join(p.dir, "missing")))
	p.at("CREATE=false", func() {
		says(t, p.exits(3, "up", "-d").err, "bind source path does not exist", "missing")
		_, err := os.Stat(filepath.Join(p.dir, "missing"))
		assert.Assert(t, os.IsNotExist(err), "%v", err)
		assert.DeepEqual(t, p.running("web"), []string{p.name + "-web-1"})
		assert.Equal(t, p.id("web-1"), before, "what runs is left alone")
	})
}

func TestCompatMountsThatTheEngineCannotMakeAreToldBeforeAnythingIsMade(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  first: {image: hyper-lite-demo}
  web:
    image: hyper-lite-demo
    depends_on: [first]
    volumes:
    - {type: volume, source: data, target: /sub, volume: {subpath: inner}}
    - {type: image, source: traefik:v3.6.12, target: /of-traefik}
    - {type: bind, source: ., target: /recursive, read_only: true, bind: {recursive: readonly, propagation: rprivate, create_host_path: false}}
volumes: {data: {}}
`)
	if knows("1.48") { // a folder that is not in the volume is the engine's to tell of
		says(t, p.exits(1, "up", "-d").err, "inner")
		return
	}
	says(t, p.exits(1, "up", "-d").err, "services.web.volumes: /sub: volume.subpath needs an engine with API 1.45",
		"services.web.volumes: /of-traefik: type image needs an engine with API 1.48",
		"services.web.volumes: /recursive: bind.recursive: readonly needs an engine with API 1.44")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	for kind, why := range map[string]string{"npipe": "Windows", "cluster": "Swarm"} {
		p.write("compose.yaml", "services: {web: {image: hyper-lite-demo, volumes: [{type: "+kind+", source: data, target: /data}]}}\nvolumes: {data: {}}\n")
		says(t, p.exits(1, "up", "-d").err, "type "+kind, why)
		assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	}
	for _, section := range []string{"configs", "secrets"} {
		p.write("compose.yaml", "services: {web: {image: hyper-lite-demo, "+section+": [one]}}\n"+section+": {one: {external: true}}\n")
		says(t, p.exits(1, "up", "-d").err, section+".one", "external", "cluster")
		assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
	}
}
