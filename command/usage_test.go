package command

import (
	"strings"
	"testing"

	"gotest.tools/v3/assert"
	is "gotest.tools/v3/assert/cmp"
)

// What is typed wrongly is told before anything is asked of the engine, with exit code 2 and with what to type instead.
func TestWrongUsage(t *testing.T) {
	s := newShell(t, shop+"jobs: {tidy: {image: shop:1, triggers: {manual: true}}}\n")
	for typed, want := range map[string]string{
		"--progress plain":  "error: no command given\n hint: `hyper-lite --help` lists them\n",
		"upp":               "error: unknown command \"upp\"\n hint: did you mean `up`? `hyper-lite --help` lists them\n",
		"servce ls":         "did you mean `service`?",
		"service lss":       "error: unknown command \"service lss\"\n hint: did you mean `ls`? `hyper-lite service --help` lists them\n",
		"cron nxt":          "did you mean `next`?",
		"lb confg":          "did you mean `config`?",
		"frobnicate":        "hint: `hyper-lite --help` lists them",
		"publish":           "error: there is no command \"publish\" here",
		"up --detatch":      "error: unknown flag --detatch\n hint: did you mean `--detach`? `hyper-lite up --help` lists them\n",
		"logs --taill 3":    "did you mean `--tail`?",
		"up --frobnicate":   "error: unknown flag --frobnicate\n hint: `hyper-lite up --help` lists them\n",
		"ps -Z":             "unknown flag -Z",
		"--progres tty ps":  "did you mean `--progress`?",
		"-f":                "error: flag -f needs a value\n hint: `hyper-lite --help` shows what it takes\n",
		"up --timeout":      "error: flag --timeout needs a value\n hint: `hyper-lite up --help` shows what it takes\n",
		"ls x":              "error: ls takes no argument: \"x\"\n hint: `hyper-lite ls --help` shows what it takes\n",
		"config web -o":     "flag -o needs a value",
		"rollback -1":       "unknown flag -1",
		"up --detach=maybe": "error: --detach: \"maybe\" is not allowed: it takes true or false\n hint: `hyper-lite up --help` shows what it takes\n",
		"logs -f=7":         "error: -f: \"7\" is not allowed: it takes true or false",

		// numbers, times and words
		"exec --index x web ls":                  "error: --index: \"x\" is not allowed: it takes a whole number\n hint: `hyper-lite exec --help` shows what it takes\n",
		"exec --index 99999999999999999999 db a": "--index: \"99999999999999999999\" is not allowed",
		"exec --index 0 web ls":                  "--index: replicas are numbered from 1",
		"port --index -3 web 80":                 "--index: replicas are numbered from 1",
		"cron next tidy -n x":                    "-n: \"x\" is not allowed: it takes a whole number",
		"cron next tidy -n 0":                    "--number: 0 is not allowed",
		"up --scale web=x":                       "error: \"web=x\" is no scale\n hint: it takes SERVICE=NUMBER, as in web=3, up to 10000\n",
		"up --scale web":                         "is no scale",
		"up -d --scale web=-2":                   "is no scale",
		"plan --scale web=1.5":                   "is no scale",
		"scale web=10001":                        "is no scale",
		"scale =3":                               "is no scale",
		"scale web=99999999999999999999":         "is no scale",
		"service scale web":                      "is no scale",
		"up -t -5":                               "error: --timeout: \"-5\" is no time: it takes seconds (30) or a duration (1m30s)\n hint: `hyper-lite up --help`",
		"stop -t x":                              "is no time",
		"down -t 1y":                             "is no time",
		"restart -t=-1":                          "is no time",
		"start --wait-timeout -1":                "--wait-timeout: \"-1\" is no time",
		"logs --tail x":                          "error: --tail: \"x\" is no number of lines: it takes 0 and more, or all\n hint: ",
		"logs --since x":                         "--since: \"x\" is no time: it takes a time (2026-01-02T13:23:37Z) or a duration (42m)\n hint: ",
		"logs --until soon":                      "--until: \"soon\" is no time",
		"events --since x":                       "--since: \"x\" is no time",
		"cron next tidy --after x":               "--after: \"x\" is no time",
		"port web x":                             "\"x\" is no port",
		"port --protocol tcq web 80":             "did you mean `tcp`?",
		"build --memory x":                       "is no size",
		"--progress loud ps":                     "error: --progress: \"loud\" is not allowed\n hint: allowed: auto, tty, plain, json, quiet\n",
		"--progress plian ps":                    "did you mean `plain`?",
		"--ansi maybe ps":                        "--ansi: \"maybe\" is not allowed\n hint: allowed: auto, never, always",
		"--parallel -2 ps":                       "--parallel: \"-2\" is no number of steps: it takes 1 and more, or -1 for no limit\n hint: ",
		"--parallel 0 ps":                        "is no number of steps",
		"up --pull sometimes":                    "hint: allowed: always, missing, never, policy",
		"pull --policy nope":                     "hint: allowed: missing, always",
		"down --rmi som":                         "hint: allowed: all, local",
		"ps --format xml":                        "error: --format: \"xml\" is not allowed\n hint: it takes table, json, or a Go template such as '{{.Name}}'\n",
		"ps --format {{.Nmae}}":                  "--format: there is no field \"Nmae\"\n hint: ",
		"ps --format {{":                         "--format: template: ",
		"config --format toml":                   "hint: allowed: yaml, json",
		"plan --format xml":                      "hint: allowed: text, json",
		"version -f xml":                         "hint: allowed: pretty, json",
		"ls --format x":                          "hint: allowed: table, json",
		"ps --filter x":                          "hint: it takes status=STATE",
		"ps --status gone":                       "hint: allowed: created, running",
		"-p Bad! ps":                             "error: --project-name: \"Bad!\" is no name of a project\n hint: ",
		"completion csh":                         "did you mean `zsh`?",

		// what excludes each other
		"-H a --context b ps":                 "--host and --context name an engine both: give one of them\n hint: ",
		"up --force-recreate --no-recreate":   "--force-recreate and --no-recreate exclude each other\n hint: `hyper-lite up --help` shows what it takes\n",
		"create --build --no-build":           "exclude each other",
		"up -V --no-recreate":                 "exclude each other",
		"up -d --abort-on-container-exit":     "exclude each other",
		"up -d --watch":                       "exclude each other",
		"run --service-ports -p 80:80 web":    "exclude each other",
		"--compatibility ps":                  "hint: leave --compatibility",
		"up --menu":                           "--menu: there is no menu of keys here\n hint: ",
		"run -v rel web":                      "--volume: \"rel\": it takes SOURCE:TARGET, of which TARGET is an absolute path in the container\n hint: ",
		"run -v :x web":                       "--volume: \":x\": it takes SOURCE:TARGET",
		"run -e =x web":                       "--env: \"=x\": it takes NAME=VALUE, or the NAME of a variable here",
		"run --publish x web":                 "--publish: \"x\": ",
		"run -l x web":                        "--label: \"x\": it takes NAME=VALUE",
		"run --env-from-file nowhere.env web": "--env-from-file: \"nowhere.env\": ",

		// what is missing
		"scale":                  "scale needs a number\n hint: as in `hyper-lite scale web=3`",
		"run":                    "run needs a service\n hint: as in ",
		"exec web":               "exec needs a service and a command\n hint: as in ",
		"cp a":                   "cp needs two places\n hint: as in ",
		"cp a b":                 "cp needs a service at one side\n hint: as in ",
		"port":                   "port needs a service",
		"attach":                 "attach needs one service\n hint: as in ",
		"wait":                   "wait needs a service\n hint: as in ",
		"export web db":          "export needs one service\n hint: as in ",
		"commit":                 "commit needs a service",
		"service inspect":        "service inspect needs a service\n hint: as in ",
		"service rolling-update": "needs an image and a service\n hint: as in ",
		"cron run":               "cron run needs a job\n hint: as in ",
		"cron rm":                "cron rm needs a job\n hint: as in ",
		"rollback x":             "\"x\" is no revision\n hint: ",
		"completion":             "completion needs a shell\n hint: one of bash, fish, powershell, zsh",
	} {
		r := s.run(strings.Fields(typed)...)
		assert.Check(t, is.Equal(r.code, 2), "%s: %s", typed, r.err)
		assert.Check(t, strings.HasPrefix(r.err, "error: ") && strings.Contains(r.err, "\n hint: "), "%s: %s", typed, r.err)
		assert.Check(t, is.Contains(r.err, want), typed)
		assert.Check(t, is.Equal(r.out, ""), typed)
	}
	assert.Check(t, is.Len(s.engine.done, 0))
	assert.Check(t, is.Len(s.engine.replicas, 0))
}

// A service or job that nobody knows is told with the one that was probably meant, and nothing is done to the others that
// were named.
func TestUnknownServices(t *testing.T) {
	s := newShell(t, shop+"jobs: {tidy: {image: shop:1, triggers: {manual: true}}}\n")
	assert.Equal(t, s.run("up", "-d").code, 0)
	s.engine.done = nil
	for _, typed := range []string{
		"up -d", "create", "down", "stop", "start", "restart", "restart --rolling", "kill", "rm -fs", "pause", "unpause", "pull", "build", "push",
		"ps", "logs", "top", "images", "volumes", "stats", "events", "watch", "config", "config --hash", "plan", "wait", "up --dry-run",
		"up -d --force-recreate", "service inspect", "service redeploy", "service start", "service stop", "service restart",
		"service rolling-update --image shop:2",
	} {
		r := s.run(append(strings.Fields(typed), strings.Fields("wbe db")[:map[bool]int{true: 1, false: 2}[typed == "config --hash"]]...)...)
		assert.Check(t, is.Equal(r.code, 1), "%s: %s", typed, r.err)
		assert.Check(t, is.Equal(r.err, "error: no such service: wbe\n hint: did you mean `web`?\n"), typed)
	}
	for _, typed := range []string{
		"up -d --scale wbe=2", "up --exit-code-from wbe", "up --attach wbe", "up --no-attach wbe", "scale db=2 wbe=3", "plan --scale wbe=2",
		"exec wbe ls", "run wbe ls", "attach wbe", "port wbe 80", "cp wbe:/a .", "export wbe", "commit wbe", "service scale wbe=2",
	} {
		r := s.run(strings.Fields(typed)...)
		assert.Check(t, is.Equal(r.code, 1), "%s: %s", typed, r.err)
		assert.Check(t, is.Contains(r.err, "error: no such service: wbe\n hint: did you mean `web`?\n"), typed)
	}
	for _, verb := range []string{"run", "next", "inspect", "pause", "resume", "logs", "history"} {
		r := s.run("cron", verb, "tdiy")
		assert.Check(t, is.Equal(r.code, 1), "%s: %s", verb, r.err)
		assert.Check(t, is.Contains(r.err, "error: no such job: tdiy\n hint: did you mean `tidy`?\n"), verb)
	}
	r := s.run("up", "-d", "entirely-different")
	assert.Equal(t, r.err, "error: no such service: entirely-different\n")
	assert.Check(t, is.Len(s.engine.done, 0))
}

// More replicas than one name, or than a range of ports, are refused with the place in the file, wherever their number
// comes from, and nothing is made.
func TestNumbersThatCannotBe(t *testing.T) {
	s := newShell(t, "name: shop\nservices:\n  one:\n    image: x\n    container_name: alone\n  few:\n    image: x\n    ports: ['8000-8001:80']\n")
	assert.Equal(t, s.run("up", "-d", "--scale", "few=2").code, 0)
	s.engine.done = nil
	for typed, want := range map[string]string{
		"up -d --scale one=2": "compose.yaml:5:21: services.one.container_name: cannot be the name of 2 replicas\n hint: take container_name out, or use one replica\n",
		"scale one=3":         "services.one.container_name: cannot be the name of 3 replicas",
		"up -d --scale few=3": "compose.yaml:8:13: services.few.ports[0]: 8000-8001 are 2 host ports, and the service has 3 replicas: each takes one of its own\n hint: widen the range, or leave the host port out\n",
		"service scale few=4": "services.few.ports[0]: 8000-8001 are 2 host ports, and the service has 4 replicas",
	} {
		r := s.run(strings.Fields(typed)...)
		assert.Check(t, is.Equal(r.code, 1), typed)
		assert.Check(t, is.Contains(r.err, want), typed)
	}
	assert.Check(t, is.Len(s.engine.done, 0))
	assert.Check(t, is.Len(s.engine.replicas, 3))
}
