package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"

	"hyper-lite/compose"
	"hyper-lite/plan"
)

// The variables of a job are no file of the project's, and what they leave open is said once.
func TestCronCreateReadsItsOwnVariables(t *testing.T) {
	s := newShell(t, shopJobs)
	assert.NilError(t, os.WriteFile(filepath.Join(s.dir, ".env"), []byte("COMPOSE_PROJECT_NAME=other\n"), 0o600))
	file := filepath.Join(s.dir, "vars")
	assert.NilError(t, os.WriteFile(file, []byte("COMPOSE_PROJECT_NAME=wrong\nA=$NOBODY\n"), 0o600))
	r := s.run("cron", "create", "--name", "tidy", "--hour", "2", "--restart", "on-failure:2", "--env-file", file, "shop:1")
	assert.Equal(t, r, result{
		0, "tidy is made; project other has no sidecar that runs: the next `hyper-lite up` registers it\n",
		"warning: The \"NOBODY\" variable is not set. Defaulting to a blank string.\n",
	})
	assert.Assert(t, is.Contains(s.run("cron", "inspect", "tidy").out, `"retries": 2`))
}

func TestCronCreate(t *testing.T) {
	s := newShell(t, shopJobs)
	s.env["FROM_HERE"] = "pa$$word"
	file := filepath.Join(s.dir, "vars")
	assert.NilError(t, os.WriteFile(file, []byte("A=1\nB=2\n"), 0o600))
	labels := filepath.Join(s.dir, "labels")
	assert.NilError(t, os.WriteFile(labels, []byte("# some\nteam=shop\n"), 0o600))
	r := s.run("cron", "create", "--name", "tidy", "--minute", "30", "--hour", "2", "--week", "MON-FRI", "--size", "s3", "-e", "B=x", "-e", "FROM_HERE",
		"-e", "UNSET", "--env-file", file, "--label-file", labels, "-l", "x=y", "-w", "/work", "-h", "tidyhost", "--stop-signal", "SIGINT", "-v", "./data:/data",
		"-v", "cache:/cache:ro", "--link", "db:store", "--expose", "80", "--entrypoint", "sh -c", "--restart", "no", "--timezone", "Europe/Berlin",
		"--timeout", "5m", "--retries", "2", "--mail", "all", "--notify", "https://example.com/hook",
		"shop:1", "./tidy", "--all", "-v", "$HOME")
	assert.Equal(t, r, result{0, "tidy is made; project shop has no sidecar that runs: the next `hyper-lite up` registers it\n", ""})

	assert.Equal(t, s.run("cron", "ls", "--format", "{{.Name}}|{{.Schedule}}|{{.Words}}|{{.Made}}").out, ""+
		"nightly|30 2 * * *|every day at 02:30|false\n"+
		"past|0 0 1 1 * 2020|at 00:00 on day 1 in January in 2020|false\n"+
		"report|0 6 * * mon-fri; @every 90m|at 06:00 on Monday to Friday; every 1h30m|false\n"+
		"restore||by hand|false\n"+
		"tidy|30 2 * * MON-FRI|at 02:30 on Monday to Friday|true\n")
	i := &invocation{program: &program{env: s.env}, settings: settings{directory: s.dir}}
	project, _, err := loadWithJobs(t.Context(), i.loadOptions())
	assert.NilError(t, err)
	var tidy compose.Job
	for _, j := range project.Jobs {
		if j.Name == "tidy" {
			tidy = j
		}
	}
	b := tidy.Body
	value := func(name string) string { return *b.Environment[name] }
	assert.Equal(t, value("A")+value("B")+value("FROM_HERE"), "1xpa$$word")
	assert.Equal(t, len(b.Environment), 3)
	assert.DeepEqual(t, []string(b.Command), []string{"./tidy", "--all", "-v", "$HOME"})
	assert.DeepEqual(t, []string(b.Entrypoint), []string{"sh", "-c"})
	assert.Equal(t, b.Labels["team"]+b.Labels["x"], "shopy")
	assert.Equal(t, b.WorkingDir+b.Hostname+b.StopSignal, "/worktidyhostSIGINT")
	here, err := os.Getwd()
	assert.NilError(t, err)
	assert.Equal(t, b.Volumes[0].Source, filepath.Join(here, "data"))
	assert.Assert(t, b.Volumes[1].ReadOnly && tidy.Volumes["cache"].Name == "shop_cache")
	assert.DeepEqual(t, []string(b.Links), []string{"db:store"})
	assert.Equal(t, tidy.Retries, 2)
	assert.Equal(t, tidy.Timeout.String(), "5m0s")
	assert.DeepEqual(t, tidy.Notify, &compose.Notify{Policy: "all", Webhook: "https://example.com/hook"})

	// the others see it, and config prints the files
	run := s.run("cron", "run", "tidy")
	assert.Equal(t, run.code, 0, run.err)
	assert.Assert(t, is.Contains(run.out, "shop-tidy-"))
	assert.Assert(t, !strings.Contains(s.run("config").out, "tidy"))
	var out lockedBuffer
	p := &program{IO: IO{In: strings.NewReader(""), Out: &out, Err: &out}, env: s.env}
	assert.Equal(t, p.run(t.Context(), []string{completionVerb, "--project-directory", s.dir, "cron", "rm", ""}), 0)
	assert.Equal(t, out.String(), "tidy\n")

	assert.Equal(t, s.run("cron", "create", "--name", "tidy", "--hour", "3", "x").err,
		"error: there is a job tidy already\n hint: `hyper-lite cron rm tidy` takes it away\n")
	r = s.run("cron", "rm", "tidy")
	assert.Equal(t, r.out, "tidy is taken away; it was not registered\n")
	assert.Assert(t, is.Contains(r.err, "goes on to its end: job tidy was taken away"))
	assert.Equal(t, s.run("cron", "ls", "-q").out, "nightly\npast\nreport\nrestore\n")
	assert.Equal(t, s.run("cron", "history", "tidy", "--format", "{{.Status}}").out, "running\n")
}

func TestCronCreateRefuses(t *testing.T) {
	s := newShell(t, shopJobs)
	for typed, want := range map[string]string{
		"--hour 3":                                               "cron create needs an image",
		"--hour 3 x":                                             "cron create needs --name",
		"--name a x":                                             "cron create needs a schedule",
		"--name a/b --hour 3 x":                                  `--name: "a/b" is not allowed`,
		"--name web --hour 3 x":                                  "the files have a service web already",
		"--name nightly --hour 3 x":                              "the files have a job nightly already",
		"--name a --hour 25 x":                                   "25",
		"--name a --dom 30 --month 2 x":                          "never",
		"--name a --hour 3 --schedule @daily x":                  "--schedule and --hour exclude each other",
		"--name a --hour 3 --container-name b x":                 "--container-name is not supported",
		"--name a --hour 3 --mailto me x":                        "no mail is sent from here",
		"--name a --hour 3 --access-key k x":                     "--access-key is not supported",
		"--name a --hour 3 --sg web x":                           "--sg is not supported",
		"--name a --hour 3 -p 80:80 x":                           "--publish is not supported",
		"--name a --hour 3 -P x":                                 "--publish-all is not supported",
		"--name a --hour 3 --noauto-volume x":                    "--noauto-volume is not supported",
		"--name a --hour 3 --restart always x":                   "a run would never end",
		"--name a --hour 3 --restart on-failure x":               "would repeat a run that fails for ever",
		"--name a --hour 3 --restart on-failure:x x":             "is not allowed",
		"--name a --hour 3 --restart no:3 x":                     "is not allowed",
		"--name a --hour 3 --restart :3 x":                       "is not allowed",
		"--name a --hour 3 --restart no:3 --retries 1 x":         "exclude each other",
		"--name a --hour 3 --restart sometimes x":                "is not allowed",
		"--name a --hour 3 --restart on-failure:2 --retries 1 x": "exclude each other",
		"--name a --hour 3 --size xl x":                          "size",
		"--name a --hour 3 --mail all x":                         "no mail is sent from here",
		"--name a --hour 3 --link nobody x":                      "nobody",
		"--name a --hour 3 --timezone Mars/Crater x":             "IANA time zone",
		"--name a --hour 3 --env-file /nowhere x":                "/nowhere",
	} {
		r := s.run(append([]string{"cron", "create"}, strings.Fields(typed)...)...)
		assert.Assert(t, r.code != 0 && r.out == "", "%s: %+v", typed, r)
		assert.Assert(t, is.Contains(r.err, want), typed)
	}
	assert.Equal(t, s.run("cron", "ls", "-q").out, "nightly\npast\nreport\nrestore\n")
	for typed, want := range map[string]string{
		"nightly": "error: job nightly stands in the files\n hint: take it out there: the next `hyper-lite up` removes it\n",
		"web":     "error: no such job: web\n hint: web is a service\n",
		"tidy":    "error: no job tidy was made by `cron create`\n",
	} {
		assert.Equal(t, s.run("cron", "rm", typed), result{1, "", want})
	}
}

// Files that have a job of the same name by now say so, and cron rm is the way out. What cannot be read is left out of what
// only looks.
func TestCronCreateAndTheFiles(t *testing.T) {
	s := newShell(t, shopJobs)
	assert.Equal(t, s.run("cron", "create", "--name", "tidy", "--hour", "3", "x").code, 0)
	registered, err := plan.Make(compose.Project{Name: "shop", Jobs: []compose.Job{{Service: compose.Service{Name: "tidy", Digest: compose.Digest{Hash: "v1:aaaa"}}}}}, plan.Observed{}, plan.Options{ImagesReady: true})
	assert.NilError(t, err)
	assert.NilError(t, s.engine.Do(t.Context(), registered.Nodes[0].Step))
	s.write(shopJobs + "  tidy: {image: shop:2, triggers: {manual: true}}\n")
	r := s.run("up", "-d")
	assert.Equal(t, r.code, 1)
	assert.Assert(t, is.Contains(r.err, "job tidy was made by `cron create`, and the files have a job of that name\n hint: `hyper-lite cron rm tidy`"))
	assert.Equal(t, s.run("cron", "rm", "tidy").out, "tidy is taken away; it was not registered\n") // what is registered is the files'
	assert.Equal(t, s.run("cron", "ls", "-q").out, "nightly\npast\nreport\nrestore\ntidy\n")

	s.write(shopJobs)
	assert.Equal(t, s.run("cron", "create", "--name", "tidy", "--hour", "3", "x").code, 0)
	r = s.run("cron", "rm", "tidy")
	assert.Assert(t, is.Contains(r.out, "tidy is taken away, and fires no more\n"), r.err)
	assert.Equal(t, len(s.engine.replicas), 0)

	assert.NilError(t, os.WriteFile(filepath.Join(s.dir, ".hyper-lite", "shop", "state.json"), []byte("{"), 0o600))
	r = s.run("cron", "ls", "-q")
	assert.Assert(t, r.code == 0 && strings.Contains(r.err, "jobs made by `cron create` are left out"), r.err)
	assert.Equal(t, s.run("cron", "create", "--name", "more", "--hour", "3", "x").code, 1)
}
