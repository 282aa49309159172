package command

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/assert"

	"hyper-lite/engine"
	"hyper-lite/plan"
)

// up is a shell in which the shop runs.
func upShop(t *testing.T, file string) *shell {
	t.Helper()
	s := newShell(t, file)
	r := s.run("up", "-d")
	assert.Equal(t, r.code, 0, r.err)
	s.engine.done = nil
	return s
}

func TestExecPassesEverythingOn(t *testing.T) {
	s := upShop(t, shop)
	s.env["HERE"] = "yes"
	s.engine.procs.exits, s.engine.procs.speaks = 7, "said\n"
	r := s.run("exec", "-e", "A=1", "-e", "HERE", "-e", "GONE", "-u", "nobody", "-w", "/tmp", "--privileged", "web", "ls", "-l", "--color")
	assert.Equal(t, r.code, 7, r.err)
	assert.Equal(t, r.out, "said\n")
	assert.Equal(t, r.err, "")
	assert.DeepEqual(t, s.engine.procs.execs, []string{
		`shop-web-1: [ls -l --color] env=[A=1 HERE=yes GONE] user="nobody" dir="/tmp" privileged=true detached=false tty=false stdin=true`,
	})
	for typed, want := range map[string]string{
		"exec --index 2 -T -i=false web id": `shop-web-2: [id] env=[] user="" dir="" privileged=false detached=false tty=false stdin=false`,
		"exec -d db sleep 5":                `shop-db-1: [sleep 5] env=[] user="" dir="" privileged=false detached=true tty=false stdin=false`,
		"exec -it -d db sh":                 `shop-db-1: [sh] env=[] user="" dir="" privileged=false detached=true tty=true stdin=false`,
	} {
		s.engine.procs.execs = nil
		s.run(strings.Fields(typed)...)
		assert.DeepEqual(t, s.engine.procs.execs, []string{want})
	}
}

func TestExecInTheOldReplicaWhileItIsReplaced(t *testing.T) {
	s := upShop(t, shop)
	next := s.engine.replicas[0]
	for _, r := range s.engine.replicas {
		if r.Name == "shop-web-1" {
			next = r
		}
	}
	next.ID, next.Name, next.Generation, next.State = strings.Repeat("f", 64), "shop-web-1-g2", 2, plan.Created
	s.engine.replicas = append(s.engine.replicas, next)
	s.run("exec", "web", "id")
	assert.Assert(t, strings.HasPrefix(s.engine.procs.execs[0], "shop-web-1:"), "%v", s.engine.procs.execs)
}

// A one-off is entered where no replica is up, and never in the place of one that is paused.
func TestExecInAOneOff(t *testing.T) {
	s := upShop(t, shop)
	assert.Equal(t, s.run("run", "-d", "--name", "once", "db", "work").code, 0)
	s.engine.state("once", plan.Running)
	s.engine.state("shop-db-1", plan.Paused)
	assert.Equal(t, s.run("exec", "db", "id"), result{1, "", "error: shop-db-1 is paused: no command begins in it\n hint: `hyper-lite unpause db` lets it go on\n"})
	s.engine.state("shop-db-1", plan.Exited)
	s.engine.procs.execs = nil
	assert.Equal(t, s.run("exec", "db", "id").code, 0)
	assert.Assert(t, strings.HasPrefix(s.engine.procs.execs[0], "once:"), "%v", s.engine.procs.execs)
}

func TestProcessesThatCannotBeReached(t *testing.T) {
	s := upShop(t, shop)
	s.engine.state("shop-db-1", plan.Exited)
	for typed, want := range map[string]string{
		"exec web":                       "exec needs a service and a command",
		"exec wbe sh":                    "no such service: wbe",
		"exec db sh":                     `service "db" is not running`,
		"exec --index 3 web sh":          `service "web" has no replica 3 that runs`,
		"exec --index 0 web sh":          "replicas are numbered from 1",
		"exec -t web sh":                 "the standard input is no terminal",
		"exec -t -T web sh":              "contradict",
		"attach":                         "attach needs one service",
		"attach --detach-keys ctrl- web": "are no keys",
		"attach db":                      `service "db" is not running`,
		"run":                            "run needs a service",
		"run wbe":                        "no such service: wbe",
		"run -p 80:80 -P web":            "exclude each other",
		"run --pull sometimes web":       "is not allowed",
		"run -l x web":                   `--label: "x"`,
		"run -p x web":                   `--publish: "x"`,
		"run --env-from-file none web":   "--env-from-file",
		"wait":                           "wait needs a service",
		"port":                           "port needs a service, and may have a port",
		"port web 80 81":                 "port needs a service, and may have a port",
		"port web http":                  `"http" is no port`,
		"port web 80":                    "is not published",
		"cp a b":                         "cp needs a service",
		"cp web:/a db:/b":                "cp does not copy between services",
		"cp --index 9 web:/a b":          `service "web" has no replica 9`,
		"kill wbe":                       "no such service: wbe",
		"pause wbe":                      "no such service: wbe",
		"rm wbe":                         "no such service: wbe",
		"create --pull x":                "is not allowed",
	} {
		r := s.run(strings.Fields(typed)...)
		assert.Assert(t, r.code != 0, typed)
		assert.Assert(t, strings.Contains(r.err, want), "%s: %s", typed, r.err)
		assert.Assert(t, len(s.engine.done) == 0, "%s: %v", typed, s.engine.done)
	}
}

func TestRunStartsWhatIsNeededThenOneContainerMore(t *testing.T) {
	s := newShell(t, shop)
	s.engine.procs.exits, s.engine.procs.speaks = 3, "migrated\n"
	r := s.run("run", "--rm", "-T", "--name", "once", "web", "migrate", "--all")
	assert.Equal(t, r.code, 3, r.err)
	assert.Equal(t, r.out, "migrated\n")
	assert.DeepEqual(t, s.engine.done, []string{
		"create network shop_default", "create db.1@1", "start db.1@1", "create web.1@1", "start web.1@1",
	})
	assert.DeepEqual(t, s.engine.procs.execs, []string{"wait once removed", `attach once tty=false stdin=true keys=""`})
	made := s.engine.replicas[1]
	assert.Equal(t, made.Name, "once")
	assert.Assert(t, made.OneOff)

	s.engine.done = nil
	r = s.run("run", "-d", "--no-deps", "web", "work")
	assert.Equal(t, r.code, 0, r.err)
	assert.DeepEqual(t, s.engine.done, []string{"create web.1@1", "start web.1@1"})
	last := s.engine.replicas[2]
	assert.Assert(t, strings.HasPrefix(last.Name, "shop-web-run-") && len(last.Name) == len("shop-web-run-")+12, last.Name)
	assert.Equal(t, r.out, last.ID+"\n")

	r = s.run("run", "--name", "once", "web")
	assert.Equal(t, r.code, 1)
	assert.Assert(t, strings.Contains(r.err, "container name once is taken by"), r.err)

	s.engine.done = nil
	r = s.run("--parallel", "1", "up", "-d")
	assert.Equal(t, r.code, 0, r.err)
	assert.DeepEqual(t, s.engine.done, []string{"create web.1@1", "start web.1@1", "create web.2@1", "start web.2@1"}) // one-offs are no replicas
	r = s.run("--dry-run", "run", "web", "ls")
	assert.Equal(t, r.code, 0)
	assert.Assert(t, strings.Contains(r.out, "run-"), r.out)
}

func TestRunIsLeftByItsKeysAndEndedByCtrlC(t *testing.T) {
	s := upShop(t, shop)
	s.engine.procs.detach = true
	r := s.run("run", "--name", "once", "web")
	assert.Equal(t, r.code, 0)
	assert.Assert(t, strings.Contains(r.err, "detached: once goes on"), r.err)

	s.engine.procs.detach, s.engine.procs.exits = false, 130
	s.engine.procs.holds = make(chan struct{})
	ctx, interrupt := context.WithCancel(t.Context())
	done := make(chan result)
	go func() { done <- s.runContext(ctx, "run", "-T", "--name", "twice", "web") }()
	<-s.engine.following
	interrupt()
	assert.Equal(t, <-s.engine.killed, "SIGINT")
	close(s.engine.procs.holds)
	r = <-done
	assert.Equal(t, r.code, 130)
	assert.Equal(t, strings.Contains(r.err, "error"), false, r.err)
}

func TestAttachJoinsWhatRuns(t *testing.T) {
	s := upShop(t, shop)
	s.engine.procs.process = engine.Process{Stdin: true}
	s.engine.procs.exits = 4
	r := s.run("attach", "--index", "2", "--detach-keys", "ctrl-x,x", "web")
	assert.Equal(t, r.code, 4, r.err)
	r = s.run("attach", "--no-stdin", "--sig-proxy=false", "web")
	assert.Equal(t, r.code, 4, r.err)
	assert.DeepEqual(t, s.engine.procs.execs, []string{
		"wait shop-web-2 not-running", `attach shop-web-2 tty=false stdin=true keys="ctrl-x,x"`,
		"wait shop-web-1 not-running", `attach shop-web-1 tty=false stdin=false keys=""`,
	})
	s.engine.procs.process = engine.Process{Stdin: true, TTY: true}
	r = s.run("attach", "web")
	assert.Equal(t, r.code, 2)
	assert.Assert(t, strings.Contains(r.err, "--no-stdin"), r.err)
}

func TestSignalsReachWhatRuns(t *testing.T) {
	s := upShop(t, shop)
	steps := func(typed string) []string {
		s.engine.done = nil
		r := s.run(append([]string{"--parallel", "1"}, strings.Fields(typed)...)...)
		assert.Equal(t, r.code, 0, r.err)
		return s.engine.done
	}
	assert.DeepEqual(t, steps("pause web"), []string{"pause web.1@1", "pause web.2@1"})
	assert.Equal(t, len(steps("pause web")), 0)
	assert.DeepEqual(t, steps("unpause"), []string{"unpause web.1@1", "unpause web.2@1"})
	assert.DeepEqual(t, steps("kill -s SIGHUP db"), []string{"kill db.1@1"})
	assert.DeepEqual(t, steps("kill"), []string{"kill web.1@1", "kill web.2@1"})
	assert.Equal(t, s.run("kill").out, "no container to kill\n")
	r := s.run("rm", "web")
	assert.Equal(t, r.code, 1)
	assert.Assert(t, strings.Contains(r.err, "going to remove shop-web-1, shop-web-2") && strings.Contains(r.err, "--force"), r.err)
	assert.DeepEqual(t, steps("rm -f web"), []string{"remove web.1@1", "remove web.2@1"})
	assert.DeepEqual(t, slices.Sorted(slices.Values(steps("up -d web"))), []string{"create web.1@1", "create web.2@1", "start db.1@1", "start web.1@1", "start web.2@1"})
	assert.DeepEqual(t, steps("rm -fsv db"), []string{"stop db.1@1", "remove db.1@1"})
	assert.DeepEqual(t, steps("create --scale web=3"), []string{"create db.1@1", "create web.3@1"})
}

func TestWaitPassesTheCodeOn(t *testing.T) {
	s := upShop(t, shop)
	s.engine.procs.exits = 5
	r := s.run("wait", "db")
	assert.Equal(t, r.code, 5)
	assert.Equal(t, r.out, "container \"shop-db-1\" exited with status code 5\n")
	r = s.run("wait", "--down-project", "db")
	assert.Equal(t, r.code, 5)
	assert.Equal(t, len(s.engine.replicas), 0)
	r = s.run("wait", "db")
	assert.Equal(t, r.code, 1)
}

func TestTopIsOneTable(t *testing.T) {
	s := upShop(t, shop)
	r := s.run("top")
	assert.Equal(t, r.code, 0, r.err)
	assert.Equal(t, r.out, `SERVICE  #   PID  UID   CMD
db       1   7    -     postgres
web      1   8    root  web serve
web      1   9    root  web work
web      2   8    root  web serve
web      2   9    root  web work
`)
}

func TestCopiesGoBothWays(t *testing.T) {
	s := upShop(t, shop)
	r := s.run("cp", "-a", "./x", "db:/y")
	assert.Equal(t, r.code, 0, r.err)
	r = s.run("cp", "-L", "--index", "2", "web:/y", "x")
	assert.Equal(t, r.code, 0, r.err)
	r = s.run("cp", "web:/y", "-")
	assert.Equal(t, r.out, "tar of /y")
	assert.DeepEqual(t, s.engine.procs.copies, []string{
		"./x to shop-db-1:/y {Follow:false Owners:true}",
		"shop-web-2:/y to x {Follow:true Owners:false}",
		"shop-web-1:/y to - {Follow:false Owners:false}",
	})
	s.engine.procs.copies = nil
	var out, bad bytes.Buffer
	p := &program{
		IO: IO{In: strings.NewReader("an archive"), Out: &out, Err: &bad}, env: map[string]string{},
		openEngine: func(context.Context, engine.Options) (Engine, error) { return s.engine, nil },
	}
	assert.Equal(t, p.run(t.Context(), []string{"--project-directory", s.dir, "--parallel", "1", "cp", "-", "web:/y"}), 0)
	assert.DeepEqual(t, s.engine.procs.copies, []string{ // the one input reaches every replica
		`"an archive" to shop-web-1:/y {Follow:false Owners:false}`,
		`"an archive" to shop-web-2:/y {Follow:false Owners:false}`,
	})
}

func TestPortOfABalancedServiceIsTheBalancers(t *testing.T) {
	s := newShell(t, "name: shop\nservices: {web: {image: a, replicas: 2, ports: ['8080:80']}}\n")
	running := func(name, service string, ports ...plan.Port) plan.Replica {
		return plan.Replica{
			Ref: plan.Ref{Service: service, Slot: 1, Generation: 1}, Role: "replica", ID: name, Name: name, State: plan.Running, Ports: ports,
		}
	}
	balancer := running("b", "balancer", plan.Port{HostIP: "0.0.0.0", Host: 8080, Container: 8080, Protocol: "tcp"})
	balancer.Role = "balancer"
	s.engine.replicas = []plan.Replica{
		running("shop-web-1", "web", plan.Port{HostIP: "::1", Host: 32000, Container: 9090, Protocol: "udp"}), balancer,
	}
	for typed, want := range map[string]string{
		"port web 80": "0.0.0.0:8080\n", "port --protocol udp --index 1 web 9090": "[::1]:32000\n",
	} {
		assert.Equal(t, s.run(strings.Fields(typed)...).out, want)
	}
	r := s.run("port", "web", "9090")
	assert.Assert(t, strings.Contains(r.err, "published: 80/tcp, 9090/udp"), r.err)
}

func TestRunTakesVariablesFromFiles(t *testing.T) {
	s := newShell(t, shop)
	file := filepath.Join(s.dir, "vars")
	assert.NilError(t, os.WriteFile(file, []byte("A=file\nB=file\n"), 0o600))
	var made plan.Create
	s.engine.doing = func(step plan.Step) {
		if c, ok := step.(plan.Create); ok {
			made = c
		}
	}
	s.env["C"] = "here"
	r := s.run("run", "--no-deps", "-e", "A=typed", "-e", "C", "-e", "NONE", "--env-from-file", file, "--entrypoint", "sh -c", "-l", "x=y",
		"-v", "/a:/b:ro", "-v", "loose:/c", "-p", "8080:80", "--cap-add", "NET_ADMIN", "-u", "1", "-w", "/w", "--use-aliases", "web")
	assert.Equal(t, r.code, 0, r.err)
	b := made.Service.Body
	assert.Equal(t, *b.Environment["A"], "typed")
	assert.Equal(t, *b.Environment["B"], "file")
	assert.Equal(t, *b.Environment["C"], "here")
	_, there := b.Environment["NONE"]
	assert.Assert(t, !there)
	assert.DeepEqual(t, []string(b.Entrypoint), []string{"sh", "-c"})
	assert.Assert(t, b.Command != nil && len(b.Command) == 0)
	assert.Equal(t, b.Labels["x"], "y")
	assert.Equal(t, len(b.Volumes), 2)
	assert.Equal(t, b.Ports[0].Published, "8080")
	assert.DeepEqual(t, b.CapAdd, []string{"NET_ADMIN"})
	assert.Equal(t, b.User+b.WorkingDir, "1/w")
	assert.DeepEqual(t, b.Networks["default"].Aliases, []string{"web"})
	assert.Assert(t, len(b.CustomLabels["com.docker.compose.slug"]) == 64)
}

func TestUpEndsWithItsContainers(t *testing.T) {
	for typed, want := range map[string]int{
		"up --abort-on-container-exit":              4,
		"up --abort-on-container-failure":           4,
		"up --exit-code-from web --no-attach web":   7,
		"up --attach web":                           0, // db ends, and does not count
		"up":                                        0,
		"up --attach db --abort-on-container-exit":  4,
		"up --menu=false --no-attach db --no-color": 0,
	} {
		s := newShell(t, shop)
		s.engine.procs.ends = map[string]int{"shop-db-1": 4}
		s.engine.block["shop-web-1"], s.engine.block["shop-web-2"] = make(chan struct{}), make(chan struct{})
		if want == 0 {
			s.engine.block = map[string]chan struct{}{}
		}
		s.engine.procs.stopCode = 7
		r := s.run(strings.Fields(typed)...)
		assert.Equal(t, r.code, want, "%s: %s%s", typed, r.out, r.err)
		if want != 0 {
			assert.Assert(t, strings.Contains(r.err, "stopping, since db-1 exited with code 4"), "%s: %s", typed, r.err)
			assert.Assert(t, slices.Contains(s.engine.done, "stop web.2@1"), "%v", s.engine.done)
		}
	}
}

func TestUpShowsTheLogsThatWereAskedFor(t *testing.T) {
	file := shop + "    attach: true\n  quiet: {image: q, attach: false}\n"
	for typed, want := range map[string]string{
		"up":                                     "db web",
		"up web":                                 "web",
		"up --attach-dependencies web":           "db web",
		"up --no-attach web":                     "db",
		"up --attach quiet --attach db":          "db quiet",
		"up --attach web --timestamps":           "web",
		"up --attach-dependencies --no-deps web": "web",
	} {
		s := newShell(t, file)
		s.engine.logs = map[string]string{"shop-db-1": "x\n", "shop-web-1": "x\n", "shop-quiet-1": "x\n"}
		r := s.run(append(strings.Fields(typed), "-t", "1")...)
		assert.Equal(t, r.code, 0, r.err)
		var shown []string
		for _, name := range []string{"db", "quiet", "web"} {
			if strings.Contains(r.out, name+"-1") {
				shown = append(shown, name)
			}
		}
		assert.Equal(t, strings.Join(shown, " "), want, typed)
		assert.Equal(t, s.engine.readings[0].Timestamps, strings.Contains(typed, "--timestamps"))
	}
	s := newShell(t, shop)
	for typed, want := range map[string]string{
		"up -d --abort-on-container-exit":                           "--detach and --abort-on-container-exit exclude each other",
		"up --wait --attach web":                                    "--wait and --attach exclude each other",
		"up --no-start --exit-code-from web":                        "--no-start and --exit-code-from exclude each other",
		"up --abort-on-container-exit --abort-on-container-failure": "exclude each other",
		"up --attach web --attach-dependencies":                     "exclude each other",
		"up --menu":                                                 "there is no menu",
		"up --exit-code-from wbe":                                   "no such service: wbe",
		"up --attach web db":                                        "service web is not among those that are brought up",
		"up --always-recreate-deps --no-recreate":                   "exclude each other",
		"up -V --no-recreate":                                       "exclude each other",
	} {
		r := s.run(strings.Fields(typed)...)
		assert.Assert(t, r.code != 0 && strings.Contains(r.err, want), "%s: %s", typed, r.err)
		assert.Equal(t, len(s.engine.done), 0, typed)
	}
}
