package command

import (
	"errors"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

func TestLinesComeInAnyOrder(t *testing.T) {
	for typed, want := range map[string]string{
		"up":                            "up --",
		"up -d":                         "up -d --",
		"up web -d":                     "up -d -- web",
		"up web -d db --wait":           "up -d --wait -- web db",
		"-f a.yaml up":                  "-f=a.yaml up --",
		"up -f a.yaml -f b.yaml":        "-f=a.yaml -f=b.yaml up --",
		"-f=a.yaml --file=b.yaml up":    "-f=a.yaml -f=b.yaml up --",
		"up --file a -f b":              "--file=a --file=b up --",
		"up -d --detach web":            "up -d -d -- web",
		"-fa.yaml up":                   "-f=a.yaml up --",
		"-f - up":                       "-f=- up --",
		"logs -f":                       "logs -f --",
		"-f a.yaml logs -f web":         "-f=a.yaml logs -f -- web",
		"logs web -fn5":                 "logs -f -n=5 -- web",
		"logs -fn 5 web":                "logs -f -n=5 -- web",
		"logs -ft --tail=3":             "logs -f -t --tail=3 --",
		"-p shop down -v":               "-p=shop down -v --",
		"down -v -p shop":               "-p=shop down -v --",
		"down -vt 3":                    "down -v -t=3 --",
		"ps -aq":                        "ps -a -q --",
		"ps -a=false":                   "ps -a=false --",
		"ps --all=false":                "ps --all=false --",
		"ps -- -x --all":                "ps -- -x --all",
		"up -- web -d":                  "up -- web -d",
		"up --parallel -1":              "--parallel=-1 up --",
		"scale web=3 db=1 --no-deps":    "scale --no-deps -- web=3 db=1",
		"lb":                            "lb --",
		"lb config --progress plain":    "--progress=plain lb config --",
		"service --ansi never ls -q":    "--ansi=never service ls -q --",
		"service inspect web":           "service inspect -- web",
		"logs config":                   "logs -- config",
		"up --pull always --build":      "up --pull=always --build --",
		"ps --format {{.Name}}":         "ps --format={{.Name}} --",
		"--env-file x --profile a ps":   "--env-file=x --profile=a ps --",
		"-H tcp://h:1 ps":               "-H=tcp://h:1 ps --",
		"up -t=5":                       "up -t=5 --",
		"up -":                          "up -- -",
		"--version":                     "--version",
		"-v":                            "-v",
		"config --format json web -o x": "config --format=json -o=x -- web",
		"exec web ls -l --color":        "exec -- web ls -l --color",
		"exec -it web sh -c x":          "exec -i -t -- web sh -c x",
		"exec -T web -- ls":             "exec -T -- web ls",
		"exec web -p -- ls --":          "exec -- web -p -- ls --",
		"-p shop run -p 80:80 web -p":   "-p=shop run -p=80:80 -- web -p",
		"run --rm web":                  "run --rm -- web",
		"run -- web -x":                 "run -- web -x",
	} {
		p := &program{}
		p.app = p.tree()
		line, err := readLine(p.app, strings.Fields(typed))
		assert.NilError(t, err, typed)
		assert.Equal(t, strings.Join(line.argv("")[1:], " "), want, typed)
	}
}

func TestWrongLinesSayWhatWasMeant(t *testing.T) {
	for typed, want := range map[string]string{
		"upp":                  "unknown command \"upp\" | did you mean `up`? `hyper-lite --help` lists them",
		"conf":                 "unknown command \"conf\" | did you mean `config`? `hyper-lite --help` lists them",
		"frobnicate":           "unknown command \"frobnicate\" | `hyper-lite --help` lists them",
		"sidecar":              "unknown command \"sidecar\" | `hyper-lite --help` lists them",
		"service lss":          "unknown command \"service lss\" | did you mean `ls`? `hyper-lite service --help` lists them",
		"lb cofnig":            "unknown command \"lb cofnig\" | did you mean `config`? `hyper-lite lb --help` lists them",
		"up --detahc":          "unknown flag --detahc | did you mean `--detach`? `hyper-lite up --help` lists them",
		"up --project-nmae x":  "unknown flag --project-nmae | did you mean `--project-name`? `hyper-lite up --help` lists them",
		"up -d -z":             "unknown flag -z | `hyper-lite up --help` lists them",
		"up -dz":               "unknown flag -z | `hyper-lite up --help` lists them",
		"-d up":                "unknown flag -d | `hyper-lite --help` lists them",
		"up -v":                "unknown flag -v | `hyper-lite up --help` lists them",
		"up -detach":           "unknown flag -detach | did you mean `--detach`? `hyper-lite up --help` lists them",
		"up --d":               "unknown flag --d | `hyper-lite up --help` lists them",
		"up -f":                "flag -f needs a value | `hyper-lite up --help` shows what it takes",
		"up --scale":           "flag --scale needs a value | `hyper-lite up --help` shows what it takes",
		"-f a.yaml publish x":  "there is no command \"publish\" here | " + elsewhere["publish"],
		"schema x":             "schema takes no argument: \"x\" | `hyper-lite schema --help` shows what it takes",
		"service ls web":       "service ls takes no argument: \"web\" | `hyper-lite service ls --help` shows what it takes",
		"version -- x":         "version takes no argument: \"x\" | `hyper-lite version --help` shows what it takes",
		"logs --tial 5 --help": "unknown flag --tial | did you mean `--tail`? `hyper-lite logs --help` lists them",
	} {
		p := &program{}
		p.app = p.tree()
		_, err := readLine(p.app, strings.Fields(typed))
		usage, ok := errors.AsType[*usageError](err)
		assert.Assert(t, ok, "%s: %v", typed, err)
		assert.Equal(t, usage.msg+" | "+usage.hint, want, typed)
	}
}

func TestVerbsThatAreElsewhereAreNotHere(t *testing.T) {
	p := &program{}
	p.app = p.tree()
	for verb, instead := range elsewhere {
		assert.Assert(t, named(p.app.Commands, verb) == nil, verb)
		for typed := range strings.SplitSeq(instead, "`") {
			fields := strings.Fields(typed)
			if len(fields) < 2 || fields[0] != programName {
				continue
			}
			_, err := readLine(p.app, fields[1:]) // what is told to type is there
			assert.NilError(t, err, instead)
		}
	}
}

func TestHelpComesBeforeAnythingElse(t *testing.T) {
	s := newShell(t, "")
	for _, typed := range []string{"--help", "-h", "help", "up --help", "up -h web", "help up", "lb config --help", "service --help", "service"} {
		r := s.run(strings.Fields(typed)...)
		assert.Equal(t, r.code, 0, typed)
		parts := strings.Split(r.out, "\n\n") // what it is, how it is typed, examples
		assert.Assert(t, strings.HasPrefix(parts[0], "hyper-lite") && strings.Contains(parts[0], ": "), "%s: %s", typed, r.out)
		assert.Assert(t, strings.HasPrefix(parts[1], "Usage: hyper-lite "), "%s: %s", typed, r.out)
		assert.Assert(t, strings.HasPrefix(parts[2], "Examples:\n  hyper-lite "), "%s: %s", typed, r.out)
		assert.Equal(t, r.err, "", typed)
	}
	assert.Equal(t, s.run("service").out, s.run("service", "-h").out)
	assert.Equal(t, len(s.engine.calls), 0)
}
