//go:build engine

package tests

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/cron"
)

// Jobs are registered with a few calls, however many they are, and show as no containers of services.
func TestManyJobsTakeFewCalls(t *testing.T) {
	t.Parallel()
	p, between := newRecorded(t, thousandJobs(200))
	made, said := p.recorded(between, "up", "-d")
	assert.Equal(t, strings.Count(said.err, "  registered\n"), 1+200, said.err)
	shapes := made.mutating().shapes()
	assert.Equal(t, shapes["POST /containers/create"], 2, "the sidecar and the registration: %v", shapes)
	assert.Equal(t, shapes["PUT /containers/*/archive"], 1, shapes)
	assert.Assert(t, len(made.mutating()) <= 15, made.mutating())
	assert.Equal(t, len(p.registrations()), 1)
	assert.Equal(t, p.must("ps", "-a", "--format", "{{.Service}}").out, "sidecar\n")

	made, _ = p.recorded(between, "up", "-d")
	assert.Equal(t, len(made.mutating()), 0, made.mutating())

	file := strings.Replace(thousandJobs(200), `command: [exit, "0"]`, `command: [exit, "1"]`, 1)
	p.write("compose.yaml", strings.Replace(file, "  job7:", "  other:", 1))
	before := p.registered("job100")
	made, said = p.recorded(between, "up", "-d")
	for _, line := range []string{"job job0 ", "(spec hash ", "job other ", "job job7 ", "deregistered", "the files have no job job7"} {
		assert.Assert(t, is.Contains(said.err, line))
	}
	assert.Equal(t, made.mutating().shapes()["POST /containers/create"], 1, made.mutating())
	assert.Assert(t, len(made.mutating()) <= 10, made.mutating())
	assert.DeepEqual(t, p.registered("job100").Registered, before.Registered)
	p.must("down")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
}

// Who names one job leaves the others as they are registered, with their secrets; and nobody sees these outside.
func TestUpOfOneJobLeavesTheOthers(t *testing.T) {
	t.Parallel()
	file := func(version int) string {
		return fmt.Sprintf(`
services:
  one: {image: hyper-lite-demo, command: [exit, "%[1]d"], cron: {schedule: "@every 2s"}}
  two:
    image: hyper-lite-demo
    command: [exit, "0"]
    environment: {V: "%[1]d"}
    secrets: [{source: word, mode: 0400, uid: "12"}]
    networks: [default, side]
    volumes: [data:/data]
    cron: {schedule: "@every 2s", keep: 10}
secrets: {word: {file: word}}
networks: {side: {}}
volumes: {data: {}}
`, version)
	}
	p := newProject(t, file(1))
	p.write("word", "sesame-1")
	p.must("up", "-d")
	two := p.registered("two")
	volume := slices.ContainsFunc(p.registrations()[0].Mounts, func(m container.MountPoint) bool { return m.Name == p.name+"_data" })
	assert.Assert(t, volume, "the volume of a job would be pruned")
	p.write("word", "sesame-2")
	p.write("compose.yaml", file(2))
	p.must("up", "-d", "one")
	p.comes("one", "schedule failed (exited 2)")
	assert.DeepEqual(t, p.registered("two").Registered, two.Registered)
	began := time.Now()
	fresh := func() cron.Record {
		var record cron.Record
		eventually(t, 90*time.Second, func() error {
			for _, r := range p.jobHistory("two") {
				if r.Finished != nil && r.Scheduled.After(began) {
					record = r
					return nil
				}
			}
			return fmt.Errorf("no run since %s", began)
		})
		return record
	}
	r := fresh()
	assert.Equal(t, r.Reason, "")
	secret, _ := p.file(strings.TrimPrefix(r.Run, p.name+"-"), "/run/secrets/word")
	assert.Equal(t, secret, held{"sesame-1", 12, 0, 0o400})
	run, err := p.docker.ContainerInspect(t.Context(), r.Run)
	assert.NilError(t, err)
	assert.Assert(t, slices.Contains(run.Config.Env, "V=1"))
	assert.Equal(t, len(run.NetworkSettings.Networks), 2)
	assert.Equal(t, run.Mounts[0].Name, p.name+"_data")
	assert.Assert(t, run.Config.Labels["hyper-lite.jobs"] == "")
	stat, err := p.docker.ContainerStatPath(t.Context(), p.registrations()[0].ID, "/hyper-lite-jobs")
	assert.NilError(t, err)
	assert.Equal(t, stat.Mode.Perm(), os.FileMode(0o700))
	archive, _, err := p.docker.CopyFromContainer(t.Context(), p.registrations()[0].ID, "/hyper-lite-jobs")
	assert.NilError(t, err)
	defer archive.Close()
	files := 0
	for each := tar.NewReader(archive); ; files++ {
		header, err := each.Next()
		if err == io.EOF {
			break
		}
		assert.NilError(t, err)
		assert.Assert(t, header.Mode&0o077 == 0 && header.Uid == 0, "%+v", header)
	}
	assert.Assert(t, files >= 2)

	p.must("up", "-d")
	began = time.Now()
	r = fresh()
	secret, _ = p.file(strings.TrimPrefix(r.Run, p.name+"-"), "/run/secrets/word")
	assert.Equal(t, secret.content, "sesame-2")
	p.must("down", "one")
	assert.Equal(t, p.registered("two").Generation, 2)
	assert.Equal(t, len(p.runs("one")), 0)
	p.must("down", "-v")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
}

// Somebody removes what registers the jobs, as `docker container prune` does: they fire on. What a command removes is not
// made again.
func TestJobsOutliveAPrune(t *testing.T) {
	t.Parallel()
	p := newProject(t, `
services:
  often: {image: hyper-lite-demo, command: [exit, "0"], configs: [{source: word, target: /word}], cron: {schedule: "@every 2s", history: 1000, concurrency: allow}}
configs: {word: {content: sesame}}
`)
	p.must("up", "-d")
	p.over("often", 1, 40*time.Second)
	was := p.registered("often")
	assert.NilError(t, p.docker.ContainerRemove(t.Context(), was.By.ID, container.RemoveOptions{RemoveVolumes: true}))
	eventually(t, 30*time.Second, func() error {
		if n := len(p.registrations()); n != 1 {
			return fmt.Errorf("%d registrations", n)
		}
		return nil
	})
	again := p.registered("often")
	assert.Assert(t, again.By.ID != was.By.ID)
	assert.DeepEqual(t, again.Registered, was.Registered)
	records := p.over("often", len(p.jobHistory("often"))+3, 40*time.Second)
	everyInstant(t, records, 2*time.Second)
	last := records[len(records)-1]
	for _, r := range records {
		if r.Status == cron.Succeeded {
			last = r
		}
	}
	config, _ := p.file(strings.TrimPrefix(last.Run, p.name+"-"), "/word")
	assert.Equal(t, config.content, "sesame")
	assert.Assert(t, is.Contains(p.logOf(p.name+"-hyper-lite-sidecar"), "was removed, by no command of ours: it was made again"))
	assert.Assert(t, is.Contains(p.must("up", "-d").out, "nothing to change"))

	p.write("compose.yaml", "services:\n  web: {image: hyper-lite-demo, autoheal: true}\n")
	p.must("up", "-d")
	meanwhile(t, 4*time.Second, func() error {
		if n := len(p.registrations()); n != 0 {
			return fmt.Errorf("%d registrations", n)
		}
		return nil
	})
	p.must("down")
	assert.Equal(t, len(p.leftovers()), 0, "%v", p.leftovers())
}
